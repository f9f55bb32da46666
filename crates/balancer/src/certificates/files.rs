//! Certificates that the team brings: files in PEM, as every issuer gives them.

use std::path::Path;
use std::time::SystemTime;

use web::tls::Certificate;

use super::Fault;
use super::config::Files;

/// What tells that a file has changed: its time and its length.
pub(super) type Marks = Vec<Option<(SystemTime, u64)>>;

/// Bytes of one file.
const FILE_BYTES_MAX: u64 = 256 << 10;

/// Reads all of them.
pub(super) fn read(files: &[Files]) -> Result<Vec<Certificate>, Fault> {
    files.iter().map(read_one).collect()
}

/// Reads one.
pub(super) fn read_one(files: &Files) -> Result<Certificate, Fault> {
    let (chain, key) = (text(&files.certificate)?, text(&files.key)?);
    Certificate::read(&chain, &key).map_err(|unfit| {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        match files.certificate == files.key {
            true => Fault(format!("{certificate}: {unfit}")),
            false => Fault(format!("{certificate} with {key}: {unfit}")),
        }
    })
}

fn text(path: &Path) -> Result<String, Fault> {
    let fault = |what: String| Fault(format!("cannot read {}: {what}", path.display()));
    let meta = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?;
    if meta.len() > FILE_BYTES_MAX {
        return Err(fault("it is too long for a certificate or a key".into()));
    }
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => {
            fault("it is not text in PEM; `openssl x509 -inform der -in FILE` makes text of it".into())
        }
        _ => fault(error.to_string()),
    })
}

/// How the files are at this moment. What can't be seen has no mark.
pub(super) fn marks(files: &[Files]) -> Marks {
    let mark = |path: &Path| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    };
    files.iter().flat_map(|files| [mark(&files.certificate), mark(&files.key)]).collect()
}
