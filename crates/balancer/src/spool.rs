//! A large upload, taken in whole before a backend is asked for: a client on a slow line holds no web server up.
//!
//! It lies in a file without a name: when the process ends, however it does, the file is gone. A disk that stands still keeps
//! few threads, and nobody for long: others need those threads, and a client wants an answer.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use web::Problem;

use crate::config::Config;
use crate::error::Error;
use crate::reading::{PIECE, Reading, turns};

/// Bytes of the disk that are counted as one.
const BLOCK: u64 = 64 << 10;

/// Pieces that are being written at once; further ones wait.
const WRITES_MAX: usize = 16;

/// Bytes that are written and read at once of as many uploads as this takes little memory for; the others' pieces are of `PIECE`.
/// Each piece is handed to a thread and back: on a machine that has no time, each of those waits for its turn.
const LARGE_PIECE: usize = 256 << 10;
const LARGE_PIECES_MAX: usize = 256;

/// What all uploads share of the disk.
#[derive(Debug)]
pub(crate) struct Disk {
    /// Blocks that are left.
    room: Arc<Semaphore>,
    /// Writes that may begin.
    writes: Arc<Semaphore>,
    /// Reads that may begin.
    reads: Arc<Semaphore>,
    /// Uploads that may have large pieces.
    large: Arc<Semaphore>,
}

impl Disk {
    pub(crate) fn new(config: &Config) -> Disk {
        let blocks = usize::try_from(config.uploads_bytes_max.0 / BLOCK).unwrap_or(usize::MAX);
        let room = Arc::new(Semaphore::new(blocks.min(Semaphore::MAX_PERMITS)));
        let large = Arc::new(Semaphore::new(LARGE_PIECES_MAX));
        Disk { room, writes: Arc::new(Semaphore::new(WRITES_MAX)), reads: turns(), large }
    }
}

/// Takes a body in. One that is small, or of known length and without room on the disk, is given back as it is.
pub(crate) async fn take_in(mut body: Body, config: &Config, disk: &Disk) -> Result<Body, Problem> {
    let (small, most) = (config.spool_bytes_max.0, config.upload_bytes_max.0);
    let length = body.size_hint().exact();
    if body.is_end_stream() || length.is_some_and(|length| length <= small) {
        return Ok(body);
    }
    if body.size_hint().lower() > most {
        return Err(Problem::too_large("The request", most));
    }
    let mut permit = match length {
        Some(length) => match take(&disk.room, blocks(length)) {
            Some(permit) => Some(permit),
            None => return Ok(body),
        },
        None => None,
    };
    let large = disk.large.clone().try_acquire_owned().ok();
    let piece_max = if large.is_some() { LARGE_PIECE } else { PIECE };
    let (mut file, mut piece, mut total) = (None, BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| web::body::refusal(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        total += data.len() as u64;
        if total > most {
            return Err(Problem::too_large("The request", most));
        }
        piece.extend_from_slice(&data);
        if piece.len() < piece_max || total <= small {
            continue;
        }
        grow(&mut permit, total, disk)?;
        file = Some(write(file, piece.split().freeze(), config, disk).await?);
    }
    if file.is_none() && total <= small {
        return Ok(Body::from(piece.freeze()));
    }
    grow(&mut permit, total, disk)?;
    let mut file = write(file, piece.freeze(), config, disk).await?;
    file.seek(SeekFrom::Start(0)).map_err(|error| kept(&error))?;
    let room = permit.into_iter().chain(large).collect();
    Ok(Body::new(Reading::new(file, total, &disk.reads).with_room(room, piece_max)))
}

/// Takes room for so many bytes, as far as there is none yet.
fn grow(permit: &mut Option<OwnedSemaphorePermit>, total: u64, disk: &Disk) -> Result<(), Error> {
    while permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) < blocks(total) as usize {
        let more = take(&disk.room, 1).ok_or(Error::Disk)?;
        match permit {
            Some(permit) => permit.merge(more),
            None => *permit = Some(more),
        }
    }
    Ok(())
}

fn blocks(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(BLOCK)).unwrap_or(u32::MAX)
}

fn take(room: &Arc<Semaphore>, blocks: u32) -> Option<OwnedSemaphorePermit> {
    room.clone().try_acquire_many_owned(blocks).ok()
}

/// Writes a piece behind the others; the first one makes the file.
async fn write(file: Option<File>, piece: Bytes, config: &Config, disk: &Disk) -> Result<File, Problem> {
    let (dir, writes) = (config.uploads_dir.clone(), disk.writes.clone());
    let written = async {
        let turn = writes.acquire_owned().await.map_err(io::Error::other)?;
        let written = spawn_blocking(move || {
            // held until the disk has it, also when nobody waits for that any more
            let _turn = turn;
            put(file, &piece, &dir)
        });
        written.await.map_err(io::Error::other)?
    };
    match timeout(config.upload_stall_max.0, written).await {
        Ok(written) => written.map_err(|error| kept(&error)),
        Err(_) => Err(Error::Stalled(config.upload_stall_max.0).into()),
    }
}

fn put(file: Option<File>, piece: &[u8], dir: &Path) -> io::Result<File> {
    let mut file = match file {
        Some(file) => file,
        None if dir.as_os_str().is_empty() => tempfile::tempfile()?,
        None => tempfile::tempfile_in(dir)?,
    };
    file.write_all(piece)?;
    Ok(file)
}

fn kept(error: &io::Error) -> Problem {
    Error::Kept(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base::unit;
    use futures_util::stream;

    use super::*;

    fn config(small: u64, most: u64, all: u64) -> Config {
        Config {
            spool_bytes_max: unit::Bytes(small),
            upload_bytes_max: unit::Bytes(most),
            uploads_bytes_max: unit::Bytes(all),
            ..Config::default()
        }
    }

    fn unknown(pieces: usize, length: usize) -> Body {
        let piece = Bytes::from(vec![b'x'; length]);
        Body::from_stream(stream::iter((0..pieces).map(move |_| Ok::<_, io::Error>(piece.clone()))))
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_has_one_when_it_is_whole_and_gives_its_room_back() {
        let config = config(10, 1 << 20, 4 * BLOCK);
        let disk = Disk::new(&config);
        let body = take_in(unknown(50, 5000), &config, &disk).await.expect("taken in");
        assert_eq!((body.size_hint().exact(), disk.room.available_permits()), (Some(250_000), 0));
        let whole = web::body::read(body, 1 << 20).await.expect("read");
        assert!(whole.len() == 250_000 && whole.iter().all(|b| *b == b'x'));
        assert_eq!(disk.room.available_permits(), 4);
        let small = take_in(unknown(3, 3), &config, &disk).await.expect("taken in");
        assert_eq!((small.size_hint().exact(), disk.room.available_permits()), (Some(9), 4));
    }

    #[tokio::test]
    async fn what_is_too_large_is_refused_and_what_finds_no_room_goes_on_as_it_comes_or_later() {
        let tight = config(10, 200_000, BLOCK);
        let disk = Disk::new(&tight);
        let refused = take_in(unknown(30, 5000), &tight, &disk).await.expect_err("refused");
        assert_eq!(refused.status.as_u16(), 503);
        let known = take_in(Body::from(vec![b'x'; 190_000]), &tight, &disk).await.expect("as it comes");
        assert_eq!((known.size_hint().exact(), disk.room.available_permits()), (Some(190_000), 1));
        let large = take_in(Body::from(vec![b'x'; 200_001]), &tight, &disk).await.expect_err("refused");
        assert_eq!(large.status.as_u16(), 413);
        let wide = config(10, 200_000, 100 * BLOCK);
        let large = take_in(unknown(50, 5000), &wide, &Disk::new(&wide)).await.expect_err("refused");
        assert_eq!(large.status.as_u16(), 413);
    }

    #[test]
    fn while_the_disk_stands_still_an_upload_is_answered_and_other_work_has_its_threads() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(WRITES_MAX + 1)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let config = Config {
                upload_stall_max: unit::Span(Duration::from_millis(50)),
                ..config(10, 1 << 20, 1 << 20)
            };
            let disk = Disk::new(&config);
            // so many writes have begun, and do not end
            let (stands, still) = std::sync::mpsc::channel::<()>();
            let still = Arc::new(std::sync::Mutex::new(still));
            let stuck: Vec<_> = (0..WRITES_MAX)
                .map(|_| {
                    let turn = disk.writes.clone().try_acquire_owned().expect("one of so many");
                    let still = still.clone();
                    spawn_blocking(move || {
                        let _turn = turn;
                        // it ends with its sender
                        let _ = still.lock().map(|still| still.recv());
                    })
                })
                .collect();
            for _ in 0..3 {
                let refused = take_in(unknown(50, 5000), &config, &disk).await.expect_err("refused");
                assert_eq!((refused.status.as_u16(), refused.retry_after), (503, Some(1)));
            }
            assert_eq!(disk.room.available_permits(), 16, "what was refused takes no room");
            spawn_blocking(|| ()).await.expect("a thread is left for others");
            drop(stands);
            for work in stuck {
                work.await.expect("it ends");
            }
            let body = take_in(unknown(50, 5000), &config, &disk).await.expect("taken in again");
            assert_eq!(body.size_hint().exact(), Some(250_000));
        });
    }
}
