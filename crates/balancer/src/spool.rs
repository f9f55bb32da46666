//! A large upload, taken in whole before a backend is asked for: a client on a slow line holds no web server up.
//!
//! It lies in a file without a name: when the process ends, however it does, the file is gone.

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
use web::Problem;

use crate::config::Config;
use crate::error::Error;
use crate::reading::{PIECE, Reading};

/// Bytes of the disk that are counted as one.
const BLOCK: u64 = 64 << 10;

/// The room on disk for all uploads.
pub(crate) fn room(config: &Config) -> Arc<Semaphore> {
    let blocks = usize::try_from(config.uploads_bytes_max.0 / BLOCK).unwrap_or(usize::MAX);
    Arc::new(Semaphore::new(blocks.min(Semaphore::MAX_PERMITS)))
}

/// Takes a body in. One that is small, or of known length and without room on the disk, is given back as it is.
pub(crate) async fn take_in(mut body: Body, config: &Config, room: &Arc<Semaphore>) -> Result<Body, Problem> {
    let (small, most) = (config.spool_bytes_max.0, config.upload_bytes_max.0);
    let length = body.size_hint().exact();
    if body.is_end_stream() || length.is_some_and(|length| length <= small) {
        return Ok(body);
    }
    if body.size_hint().lower() > most {
        return Err(Problem::too_large("The request", most));
    }
    let mut permit = match length {
        Some(length) => match take(room, blocks(length)) {
            Some(permit) => Some(permit),
            None => return Ok(body),
        },
        None => None,
    };
    let (mut file, mut piece, mut total) = (None, BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| web::body::refusal(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        total += data.len() as u64;
        if total > most {
            return Err(Problem::too_large("The request", most));
        }
        piece.extend_from_slice(&data);
        if piece.len() < PIECE || total <= small {
            continue;
        }
        while permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) < blocks(total) as usize {
            let more = take(room, 1).ok_or(Error::Disk)?;
            match &mut permit {
                Some(permit) => permit.merge(more),
                None => permit = Some(more),
            }
        }
        file = Some(write(file, piece.split().freeze(), &config.uploads_dir).await?);
    }
    if file.is_none() && total <= small.max(PIECE as u64) {
        return Ok(Body::from(piece.freeze()));
    }
    let mut file = write(file, piece.freeze(), &config.uploads_dir).await?;
    file.seek(SeekFrom::Start(0)).map_err(|error| kept(&error))?;
    Ok(Body::new(Reading::new(file, total).with_room(permit)))
}

fn blocks(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(BLOCK)).unwrap_or(u32::MAX)
}

fn take(room: &Arc<Semaphore>, blocks: u32) -> Option<OwnedSemaphorePermit> {
    room.clone().try_acquire_many_owned(blocks).ok()
}

/// Writes a piece behind the others; the first one makes the file.
async fn write(file: Option<File>, piece: Bytes, dir: &Path) -> Result<File, Problem> {
    let dir = dir.to_owned();
    let written = spawn_blocking(move || {
        let mut file = match file {
            Some(file) => file,
            None if dir.as_os_str().is_empty() => tempfile::tempfile()?,
            None => tempfile::tempfile_in(dir)?,
        };
        file.write_all(&piece)?;
        Ok::<File, io::Error>(file)
    });
    written.await.map_err(|error| Problem::internal(&error))?.map_err(|error| kept(&error))
}

fn kept(error: &io::Error) -> Problem {
    Error::Kept(error.to_string()).into()
}

#[cfg(test)]
mod tests {
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
        let room = room(&config);
        let body = take_in(unknown(50, 5000), &config, &room).await.expect("taken in");
        assert_eq!((body.size_hint().exact(), room.available_permits()), (Some(250_000), 0));
        let whole = web::body::read(body, 1 << 20).await.expect("read");
        assert!(whole.len() == 250_000 && whole.iter().all(|b| *b == b'x'));
        assert_eq!(room.available_permits(), 4);
        let small = take_in(unknown(3, 3), &config, &room).await.expect("taken in");
        assert_eq!((small.size_hint().exact(), room.available_permits()), (Some(9), 4));
    }

    #[tokio::test]
    async fn what_is_too_large_is_refused_and_what_finds_no_room_goes_on_as_it_comes_or_later() {
        let tight = config(10, 200_000, BLOCK);
        let room = room(&tight);
        let refused = take_in(unknown(50, 5000), &tight, &room).await.expect_err("refused");
        assert_eq!(refused.status.as_u16(), 503);
        let known = take_in(Body::from(vec![b'x'; 190_000]), &tight, &room).await.expect("as it comes");
        assert_eq!((known.size_hint().exact(), room.available_permits()), (Some(190_000), 1));
        let large = take_in(Body::from(vec![b'x'; 200_001]), &tight, &room).await.expect_err("refused");
        assert_eq!(large.status.as_u16(), 413);
        let wide = config(10, 200_000, 100 * BLOCK);
        let large = take_in(unknown(50, 5000), &wide, &super::room(&wide)).await.expect_err("refused");
        assert_eq!(large.status.as_u16(), 413);
    }
}
