//! Handing a copy of the data to another host, from the port after the database's own.
//!
//! Who asks proves itself to the database: it signs in there as a replica, and holds a lock by the name of the slip that it
//! brings here. What `mariadb-backup` writes goes into the connection, which is encrypted where hosts have papers.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use trust::Door;

use crate::error::Error;
use crate::mariadb::link::Link;
use crate::mariadb::settings::REPLICATOR;
use crate::mariadb::{Config, program};
use crate::place::Place;

/// How a slip's lock is called.
pub(super) const LOCK: &str = "ondol_copy_";
/// How long a slip is.
pub(super) const SLIP_LENGTH: usize = 32;
/// How long a slip may take to come.
const SLIP_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a copy may come no further.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// What of it is carried at once.
const CARRIED_BYTES_MAX: usize = 64 << 10;
/// Before another try to listen.
const REST: Duration = Duration::from_millis(500);

/// Who hands copies out.
pub(super) struct Lender {
    pub(super) config: Arc<Config>,
    pub(super) place: Place,
    pub(super) turn: Arc<Mutex<()>>,
}

/// Where copies are handed out.
pub(super) fn port(of: u16) -> u16 {
    of.wrapping_add(1)
}

impl Lender {
    /// For ever: one after another.
    pub(super) async fn serve(self) {
        let host = self.config.listen.first().map_or("*", String::as_str);
        let host = if host == "*" { "0.0.0.0" } else { host };
        loop {
            let Ok(listener) = TcpListener::bind((host, port(self.config.port))).await else {
                sleep(REST).await;
                continue;
            };
            while let Ok((stream, _)) = listener.accept().await {
                // the one who asked sees that it came to nothing, and asks again
                let _ = self.lend(stream).await;
            }
        }
    }

    async fn lend(&self, stream: TcpStream) -> Result<(), Error> {
        let Some(papers) = &self.config.papers else { return self.lend_on(stream).await };
        let door =
            Door::among(papers).map_err(|error| Error::Settings { what: base::error::chain(&error) })?;
        let received = timeout(SLIP_TIME_MAX, door.receive(stream)).await.map_err(|_| Error::NotAllowed)?;
        self.lend_on(received.map_err(failed)?).await
    }

    async fn lend_on<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S) -> Result<(), Error> {
        let mut slip = [0; SLIP_LENGTH];
        let read = timeout(SLIP_TIME_MAX, stream.read_exact(&mut slip)).await;
        read.map_err(|_| Error::NotAllowed)?.map_err(failed)?;
        let slip = std::str::from_utf8(&slip).map_err(|_| Error::NotAllowed)?;
        if !slip.bytes().all(|byte| byte.is_ascii_alphanumeric()) || !self.is_good(slip).await? {
            return Err(Error::NotAllowed);
        }
        let _turn = self.turn.lock().await;
        let limit = self.config.limits.disk_time_max;
        let bytes = self.place.look("measuring the data", limit, |place| Ok(measured(&place.data()))).await?;
        stream.write_all(format!("{bytes}\n").as_bytes()).await.map_err(failed)?;
        let (mut ours, theirs) = UnixStream::pair().map_err(failed)?;
        let theirs = theirs.into_std().and_then(|theirs| theirs.set_nonblocking(false).map(|()| theirs));
        let backup = program(&self.config, &self.place, "mariadb-backup")
            .arg(format!("--defaults-file={}", self.config.folder.join("backup.cnf").display()))
            .args(["--backup", "--stream=xbstream"])
            .arg(format!("--target-dir={}", self.config.folder.join("tmp").display()))
            .writing(OwnedFd::from(theirs.map_err(failed)?));
        let carry = async {
            carry(&mut ours, &mut stream).await.map_err(failed)?;
            stream.shutdown().await.map_err(failed)
        };
        // who copies and has gone ends the backup too
        tokio::try_join!(async { backup.run(None, String::new(), |_| {}).await.map(drop) }, carry).map(drop)
    }

    /// Whether a replica that signed in holds it.
    async fn is_good(&self, slip: &str) -> Result<bool, Error> {
        let limit = self.config.limits.answer_time_max;
        let mut link = Link::open(&self.config, limit).await?;
        let text = format!(
            "SELECT COUNT(*) AS n FROM information_schema.processlist \
             WHERE id = IS_USED_LOCK('{LOCK}{slip}') AND user = '{REPLICATOR}'"
        );
        Ok(link.cell("say who holds a slip", &text, limit).await? == "1")
    }
}

/// Carries a copy from one to the other, up to its end. One that comes no further for [`SILENCE_MAX`] has broken off: whoever has
/// vanished does not say so.
pub(super) async fn carry(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<()> {
    let mut bytes = vec![0; CARRIED_BYTES_MAX];
    loop {
        let read = timeout(SILENCE_MAX, from.read(&mut bytes)).await??;
        if read == 0 {
            return Ok(());
        }
        timeout(SILENCE_MAX, to.write_all(&bytes[..read])).await??;
    }
}

fn failed(source: std::io::Error) -> Error {
    Error::Start { program: "a copy".to_owned(), source }
}

/// How much lies in a folder and below it, without logs that are not copied.
pub(super) fn measured(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_log =
            name.starts_with("binlog.") || name.starts_with("relay.") || name.starts_with("ib_logfile");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => measured(&entry.path()),
            Ok(kind) if kind.is_file() && !is_log => entry.metadata().map_or(0, |file| file.len()),
            _ => 0,
        }
    });
    sizes.sum()
}
