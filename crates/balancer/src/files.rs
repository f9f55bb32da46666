//! Files under named roots: found, judged by what the request says, and sent.
//!
//! Invariant: nothing is opened that lies outside of its root, whatever a path or a link in it says: the system itself
//! looks, while it opens. Names that begin with a dot are not there, but for `.well-known`.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use axum::response::Response;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use web::Problem;

use crate::coding::{self, Coding};
use crate::condition::{Facts, Verdict, judge};
use crate::core::routes::decode;
use crate::reading::{PIECE, Reading, read, turns};

/// What a folder shows.
const INDEX: &str = "index.html";

/// A folder of files.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// To look for files and to read them.
    turns: Arc<Semaphore>,
}

/// Which file, and what of it.
pub(crate) struct Wish {
    pub(crate) root: Arc<Root>,
    /// Its path below the root, as [`below`] gives it.
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    /// Whether what was compressed in advance beside it may be sent.
    pub(crate) takes_variants: bool,
}

/// What comes of a wish.
pub(crate) enum Found {
    /// The file, as an answer.
    File(Response),
    /// A folder that was asked for without `/` at its end.
    Folder,
    Nothing,
}

/// A file that is open.
struct Open {
    file: File,
    facts: Facts,
    coding: Option<Coding>,
}

impl Root {
    pub(crate) fn new(name: &str, path: &Path) -> Root {
        Root { name: name.to_owned(), path: path.to_owned(), turns: turns() }
    }

    /// Opens what lies below it.
    #[cfg(target_os = "linux")]
    fn open(&self, below: &str) -> io::Result<File> {
        use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
        use rustix::io::Errno;
        // a pipe in the way is not waited for
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let root = File::open(&self.path)?;
        let below = if below.is_empty() { "." } else { below };
        for _ in 0..OPEN_TRIES {
            match openat2(&root, below, flags, Mode::empty(), resolve) {
                Ok(file) => return Ok(file.into()),
                // something was moved meanwhile
                Err(Errno::AGAIN) => {}
                Err(Errno::NOSYS) => return self.open_by_name(below),
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    #[cfg(not(target_os = "linux"))]
    fn open(&self, below: &str) -> io::Result<File> {
        self.open_by_name(below)
    }

    /// The same where the system does not look by itself: as it stands now.
    fn open_by_name(&self, below: &str) -> io::Result<File> {
        let (root, path) = (self.path.canonicalize()?, self.path.join(below).canonicalize()?);
        match path.starts_with(root) {
            true => File::open(path),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// How often a file is opened again that was moved meanwhile.
#[cfg(target_os = "linux")]
const OPEN_TRIES: usize = 8;

/// A path as a client sends it, below a folder of a root; `None` for what is never there.
pub(crate) fn below(folder: &str, path: &str) -> Option<String> {
    let path = String::from_utf8(decode(path.as_bytes())).ok()?;
    plain(folder, &path)
}

/// The same of a path that is written as it is.
pub(crate) fn plain(folder: &str, path: &str) -> Option<String> {
    let is_fine = |part: &str| {
        (!part.starts_with('.') || part == ".well-known") && !part.is_empty() && !part.contains(['\\', '\0'])
    };
    let mut parts = path.split('/');
    let last = parts.next_back().unwrap_or_default();
    if !parts.all(is_fine) || !(last.is_empty() || is_fine(last)) {
        return None;
    }
    Some(match folder.is_empty() {
        true => path.to_owned(),
        false => format!("{folder}/{path}"),
    })
}

/// Finds a file and answers with it.
pub(crate) async fn find(wish: Wish) -> Result<Found, Problem> {
    let turn = wish.root.turns.clone().acquire_owned().await.map_err(|error| Problem::internal(&error))?;
    let found = spawn_blocking(move || {
        let _turn = turn;
        look(&wish)
    });
    found.await.map_err(|error| Problem::internal(&error))?
}

fn look(wish: &Wish) -> Result<Found, Problem> {
    let is_folder = wish.path.is_empty() || wish.path.ends_with('/');
    let path = if is_folder { format!("{}{INDEX}", wish.path) } else { wish.path.clone() };
    let plain = match open(&wish.root, &path, None) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::IsADirectory && !is_folder => return Ok(Found::Folder),
        Err(error) => return absent(&error),
    };
    let kind = mime_guess::from_path(&path).first_or_octet_stream().to_string();
    let varies = wish.takes_variants && coding::is_text(&kind);
    let offers = match varies && !wish.headers.contains_key(header::RANGE) {
        true => coding::accepted(&wish.headers, &coding::IN_ADVANCE),
        false => Vec::new(),
    };
    let variant = |coding: Coding| open(&wish.root, &format!("{path}{}", coding.ending()), Some(coding)).ok();
    let found = offers.into_iter().find_map(variant).unwrap_or(plain);
    answer(wish, found, &kind, varies).map_or_else(|error| absent(&error), |answer| Ok(Found::File(answer)))
}

/// Not there, or not for us: to a client that is the same.
fn absent(error: &io::Error) -> Result<Found, Problem> {
    use io::ErrorKind::{
        CrossesDevices, InvalidFilename, IsADirectory, NotADirectory, NotFound, PermissionDenied,
    };
    match error.kind() {
        NotFound | NotADirectory | IsADirectory | InvalidFilename | CrossesDevices => Ok(Found::Nothing),
        PermissionDenied => {
            tracing::warn!(%error, "a file may not be read");
            Ok(Found::Nothing)
        }
        // a link that leads round in a ring
        _ if error.raw_os_error() == Some(LOOP) => Ok(Found::Nothing),
        _ => Err(Problem::internal(error)),
    }
}

/// `ELOOP`.
const LOOP: i32 = 40;

fn open(root: &Root, path: &str, coding: Option<Coding>) -> io::Result<Open> {
    let file = root.open(path)?;
    let about = file.metadata()?;
    if about.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !about.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let since = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mark = coding.map_or("", Coding::ending);
    let etag = format!("\"{:x}-{:x}{mark}\"", since.as_nanos(), about.len());
    Ok(Open { file, facts: Facts { etag, modified: since.as_secs(), size: about.len() }, coding })
}

fn answer(wish: &Wish, open: Open, kind: &str, varies: bool) -> io::Result<Response> {
    let Open { mut file, facts, coding } = open;
    let verdict = judge(&wish.method, &wish.headers, &facts, date);
    let (status, part) = match verdict {
        Verdict::Whole => (StatusCode::OK, Some(0..facts.size)),
        Verdict::Part(part) => (StatusCode::PARTIAL_CONTENT, Some(part)),
        Verdict::Same => (StatusCode::NOT_MODIFIED, None),
        Verdict::Unmet => (StatusCode::PRECONDITION_FAILED, None),
        Verdict::Beyond => (StatusCode::RANGE_NOT_SATISFIABLE, None),
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    set(headers, header::ETAG, &facts.etag);
    set(
        headers,
        header::LAST_MODIFIED,
        &httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(facts.modified)),
    );
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if varies {
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if status == StatusCode::RANGE_NOT_SATISFIABLE {
        set(headers, header::CONTENT_RANGE, &format!("bytes */{}", facts.size));
    }
    let Some(part) = part else { return Ok(response) };
    let is_text = kind.starts_with("text/") && !kind.contains("charset");
    set(
        headers,
        header::CONTENT_TYPE,
        &if is_text { format!("{kind}; charset=utf-8") } else { kind.to_owned() },
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    if status == StatusCode::PARTIAL_CONTENT {
        set(headers, header::CONTENT_RANGE, &format!("bytes {}-{}/{}", part.start, part.end - 1, facts.size));
    }
    let length = part.end - part.start;
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if wish.method == Method::HEAD || length == 0 {
        return Ok(response);
    }
    if part.start > 0 {
        file.seek(SeekFrom::Start(part.start))?;
    }
    *response.body_mut() = match usize::try_from(length) {
        Ok(length) if length <= PIECE => Body::from(read(&mut file, length)?),
        _ => Body::new(Reading::new(file, length, &wish.root.turns)),
    };
    Ok(response)
}

fn date(text: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(text).ok()?;
    time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_its_folder_or_is_none() {
        for (path, found) in [
            ("a.css", "css/a.css"),
            ("", "css/"),
            ("a/b/", "css/a/b/"),
            ("a%20b", "css/a b"),
            (".well-known/x", "css/.well-known/x"),
            ("%ed%95%9c", "css/한"),
        ] {
            assert_eq!(below("css", path).as_deref(), Some(found), "{path}");
        }
        for path in [
            "../a",
            "a/../b",
            "%2e%2e/a",
            "a%2f..%2fb",
            ".env",
            "a/.git/b",
            "a//b",
            "/a",
            "a%00",
            "a\\b",
            "%ff",
        ] {
            assert_eq!(below("css", path), None, "{path}");
        }
    }

    fn ask(root: &Path, path: &str) -> Option<StatusCode> {
        let wish = Wish {
            root: Arc::new(Root::new("r", root)),
            path: path.to_owned(),
            method: Method::GET,
            headers: HeaderMap::new(),
            takes_variants: false,
        };
        match look(&wish).expect("no fault") {
            Found::File(answer) => Some(answer.status()),
            Found::Folder | Found::Nothing => None,
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_to_files_of_the_root_and_nowhere_else() {
        use std::os::unix::fs::symlink;
        let (outside, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        std::fs::write(root.path().join("a"), "a").unwrap();
        std::fs::create_dir(root.path().join("d")).unwrap();
        symlink("../a", root.path().join("d/inside")).unwrap();
        symlink(outside.path().join("secret"), root.path().join("file")).unwrap();
        symlink(outside.path(), root.path().join("folder")).unwrap();
        symlink("ring", root.path().join("ring")).unwrap();
        assert_eq!(ask(root.path(), "a"), Some(StatusCode::OK));
        assert_eq!(ask(root.path(), "d/inside"), Some(StatusCode::OK));
        for path in ["file", "folder/secret", "ring", "none", "a/b", "d", "d/"] {
            assert_eq!(ask(root.path(), path), None, "{path}");
        }
        let by_name = Root::new("r", root.path());
        assert!(by_name.open_by_name("a").is_ok() && by_name.open_by_name("file").is_err());
    }
}
