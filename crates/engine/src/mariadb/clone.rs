//! A whole copy of another host's server, in place of what is here.

use std::fs::DirBuilder;
use std::io::Write;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

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
        let (address, port) = (upstream.address.clone(), lend::port(upstream.port));
        let lent = self.place.look("asking for a copy", WORD_TIME_MAX, move |_| ask(&address, port, &slip));
        let (stream, all) = lent.await?;
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

    async fn receive(
        &self,
        stream: TcpStream,
        all: u64,
        progress: &watch::Sender<Progress>,
    ) -> Result<(), Error> {
        let limit = self.config.limits.disk_time_max;
        let turn = self.place.turn("a clone", limit).await?;
        let data = self.place.data().display().to_string();
        let extract = self.program("mbstream").args(["-x", "-C", &data]).reading(OwnedFd::from(stream));
        let mut extracting = std::pin::pin!(extract.run(Some(turn), String::new(), |_| {}));
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

/// Shows the slip; the connection out of which the copy comes, and how large it is about.
fn ask(address: &str, port: u16, slip: &str) -> Result<(TcpStream, u64), Error> {
    let silent = |error: std::io::Error| Error::Silent { why: error.to_string(), is_starting: false };
    let mut addresses = (address, port).to_socket_addrs().map_err(silent)?;
    let address = addresses.next().ok_or_else(|| silent(std::io::Error::other("no such host")))?;
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).map_err(silent)?;
    stream.set_read_timeout(Some(WORD_TIME_MAX)).map_err(silent)?;
    stream.write_all(slip.as_bytes()).map_err(silent)?;
    // not a byte of what follows
    let mut word = Vec::new();
    while word.last() != Some(&b'\n') && word.len() < WORD_BYTES_MAX {
        let mut byte = [0];
        std::io::Read::read_exact(&mut stream, &mut byte).map_err(silent)?;
        word.push(byte[0]);
    }
    let word = String::from_utf8_lossy(&word).trim().to_owned();
    let all = word.parse().map_err(|_| Error::Unread { what: "the first word of a copy", said: word })?;
    // a primary that vanishes is found out by the database's own stream, or by a person who looks at the progress
    stream.set_read_timeout(None).map_err(silent)?;
    Ok((stream, all))
}

/// From where a copy goes on.
fn position(place: &Place) -> Result<String, Error> {
    let path = ENDS[0].map(|name| place.data().join(name)).into_iter().find(|path| path.exists());
    let path = path.ok_or(Error::Unread { what: "the place of a copy", said: String::new() })?;
    let text = std::fs::read_to_string(&path).map_err(Error::disk(&path))?;
    // the file, the place in it, the GTID
    Ok(text.split_whitespace().nth(2).unwrap_or_default().to_owned())
}
