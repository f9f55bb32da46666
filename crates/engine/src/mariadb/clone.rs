//! A whole copy of another host's server, in place of what is here.

use std::fs::DirBuilder;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::mariadb::lend::{self, LOCK, SLIP_LENGTH};
use crate::mariadb::link::Link;
use crate::mariadb::note::Note;
use crate::mariadb::{MariaDb, audit, gtid, init};
use crate::observation::{Observation, Role, Unfinished};
use crate::order::{Progress, Upstream};
use crate::place::Place;

/// How often it is looked how much has come.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long the other host's first word may take: it may be busy with another copy.
const WORD_TIME_MAX: Duration = Duration::from_secs(60);
/// The longest first word.
const WORD_BYTES_MAX: usize = 32;
/// What a copy that came whole has at its end.
const ENDS: [[&str; 2]; 2] = [
    ["xtrabackup_binlog_info", "mariadb_backup_binlog_info"],
    ["xtrabackup_checkpoints", "mariadb_backup_checkpoints"],
];

/// A connection out of which a copy comes.
trait Lent: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Lent for S {}

impl MariaDb {
    /// Copies another host's server here. What is here is taken away first, as soon as it is certain that the other one is
    /// reached, is known by `system_id`, and hands its data out. If it breaks off it can be asked for again.
    ///
    /// # Errors
    /// [`Error::Foreign`], [`Error::Running`], [`Error::Occupied`], [`Error::Silent`] when the other host is not reached, and
    /// those of the disk and of the programs.
    pub async fn clone_of(
        &self,
        upstream: &Upstream,
        system_id: &str,
        progress: watch::Sender<Progress>,
    ) -> Result<(), Error> {
        let limits = self.config.limits;
        self.place.rest("a clone", limits.disk_time_max).await?;
        match self.is_ready_to_work().await {
            Ok(()) | Err(Error::Unfinished { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut other = Link::reach(&self.config, upstream, limits.answer_time_max).await?;
        let (reigns, _) = self.reigns_of(&mut other).await?;
        if reigns[0].word != system_id {
            return Err(Error::Foreign { found: reigns[0].word.clone(), expected: system_id.to_owned() });
        }
        let slip = base::chance::word(SLIP_LENGTH);
        let held = format!("SELECT GET_LOCK('{LOCK}{slip}', 1)");
        other.cell("hold a slip", &held, limits.answer_time_max + Duration::from_secs(1)).await?;
        let (stream, all) = self.ask_for_copy(upstream, &slip).await?;
        let is_there = matches!(self.observe().await?, Observation::Stopped(_));
        let (config, most) = (self.config.clone(), self.config.audit_bytes_max.0);
        let name = format!("clone-{}", base::moment::Moment::now().since_start().as_secs());
        let room = move |place: &Place| {
            init::make(place, &config)?;
            if is_there {
                audit::keep(place, &name, most)?;
            }
            place.begin(Unfinished::Clone)?;
            place.wipe()?;
            let data = place.data();
            DirBuilder::new().mode(0o700).create(&data).map_err(Error::disk(&data))?;
            place.account.own(&data)
        };
        self.place.change("making room for a clone", limits.init_time_max, room).await?;
        self.receive(stream, all, &progress).await?;
        drop(other);
        self.check_whole().await?;
        let data = format!("--target-dir={}", self.place.data().display());
        let prepare = self.program("mariadb-backup").args(["--no-defaults", "--prepare", &data]);
        let turn = self.place.turn("a clone", limits.disk_time_max).await?;
        prepare.run(Some(turn), String::new(), |_| {}).await?;
        progress.send_replace(Progress { done: all, all });
        let (system_id, timeline) = (system_id.to_owned(), reigns.last().map_or(1, |reign| reign.timeline));
        let finish = move |place: &Place| {
            let from = position(place)?;
            let position = gtid::sequence(&from)?;
            place.write(&place.folder.join("copied"), &from)?;
            let role = Role::Replica;
            Note { system_id, timeline, position, role, is_clean: true, is_whole: false }.write(place)?;
            place.finish()
        };
        self.place.change("finishing a clone", limits.disk_time_max, finish).await
    }

    /// Shows the slip; the connection out of which the copy comes, and how large it is about.
    async fn ask_for_copy(&self, upstream: &Upstream, slip: &str) -> Result<(Box<dyn Lent>, u64), Error> {
        let silent = |error: std::io::Error| Error::Silent { why: error.to_string(), is_starting: false };
        let asked = async {
            let address = (upstream.address.as_str(), lend::port(upstream.port));
            let stream = TcpStream::connect(address).await.map_err(silent)?;
            let mut stream: Box<dyn Lent> = match self.config.tls()? {
                Some(tls) => Box::new(tls.encrypt(&upstream.address, stream).await.map_err(silent)?),
                None => Box::new(stream),
            };
            stream.write_all(slip.as_bytes()).await.map_err(silent)?;
            // not a byte of what follows
            let mut word = Vec::new();
            while word.last() != Some(&b'\n') && word.len() < WORD_BYTES_MAX {
                word.push(stream.read_u8().await.map_err(silent)?);
            }
            let word = String::from_utf8_lossy(&word).trim().to_owned();
            let all =
                word.parse().map_err(|_| Error::Unread { what: "the first word of a copy", said: word })?;
            Ok((stream, all))
        };
        let what = || Error::Slow { what: "asking for a copy".to_owned(), limit: WORD_TIME_MAX };
        timeout(WORD_TIME_MAX, asked).await.map_err(|_| what())?
    }

    async fn receive(
        &self,
        mut stream: Box<dyn Lent>,
        all: u64,
        progress: &watch::Sender<Progress>,
    ) -> Result<(), Error> {
        let limit = self.config.limits.disk_time_max;
        let turn = self.place.turn("a clone", limit).await?;
        let data = self.place.data().display().to_string();
        let failed = |source| Error::Start { program: "a copy".to_owned(), source };
        let (mut ours, theirs) = UnixStream::pair().map_err(failed)?;
        let theirs = theirs.into_std().and_then(|theirs| theirs.set_nonblocking(false).map(|()| theirs));
        let extract = self.program("mbstream").args(["-x", "-C", &data]);
        let extract = extract.reading(OwnedFd::from(theirs.map_err(failed)?));
        // one that breaks off ends like one that is whole, and is found to lack its end
        let carry = async move {
            let _ = lend::carry(&mut stream, &mut ours).await;
            drop(ours);
        };
        let extract = async {
            let (said, ()) = tokio::join!(extract.run(Some(turn), String::new(), |_| {}), carry);
            said
        };
        let mut extracting = std::pin::pin!(extract);
        loop {
            tokio::select! {
                done = &mut extracting => return done.map(drop),
                () = sleep(LOOK_EVERY) => {
                    let measure = |place: &Place| Ok(lend::measured(&place.data()));
                    if let Ok(done) = self.place.look("measuring a copy", limit, measure).await {
                        progress.send_replace(Progress { done: done.min(all), all });
                    }
                }
            }
        }
    }

    /// A stream that broke off between two files ends like one that is whole; but what comes last is not there.
    async fn check_whole(&self) -> Result<(), Error> {
        let look = |place: &Place| {
            let has = |names: &[&str; 2]| names.iter().any(|name| place.data().join(name).exists());
            Ok(ENDS.iter().all(has))
        };
        if self.place.look("looking at a copy", self.config.limits.disk_time_max, look).await? {
            return Ok(());
        }
        let said = "the other host broke off; its log says why".to_owned();
        Err(Error::Program { program: "mbstream".to_owned(), said })
    }
}

/// From where a copy goes on.
fn position(place: &Place) -> Result<String, Error> {
    let path = ENDS[0].map(|name| place.data().join(name)).into_iter().find(|path| path.exists());
    let path = path.ok_or(Error::Unread { what: "the place of a copy", said: String::new() })?;
    let text = std::fs::read_to_string(&path).map_err(Error::disk(&path))?;
    // the file, the place in it, the GTID
    Ok(text.split_whitespace().nth(2).unwrap_or_default().to_owned())
}
