//! What a file is, by its first bytes and its name.
//!
//! Invariant: pure. What could run in a browser is never shown in place.

/// Bytes that are looked at.
pub(super) const LOOK: usize = 4096;

/// The media type of a file that begins with these bytes.
pub(super) fn of(name: &str, begin: &[u8]) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    // those that look like plain text or archives
    match extension {
        "svg" => return "image/svg+xml",
        "css" => return "text/css",
        "js" | "mjs" => return "text/javascript",
        "xlsx" => return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "docx" => return "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "pptx" => return "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        _ => {}
    }
    match infer::get(begin) {
        Some(kind) => kind.mime_type(),
        None if !is_text(begin) => "application/octet-stream",
        None => match extension {
            "json" => "application/json",
            "csv" => "text/csv; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        },
    }
}

/// UTF-8, perhaps cut off in the middle of a character, without control bytes that texts do not have.
fn is_text(begin: &[u8]) -> bool {
    let is_control = |b: &u8| *b < 0x20 && !matches!(b, b'\n' | b'\r' | b'\t' | 0x0c | 0x1b);
    let is_utf8 = match std::str::from_utf8(begin) {
        Ok(_) => true,
        Err(fault) => fault.error_len().is_none(),
    };
    is_utf8 && !begin.iter().any(is_control)
}

/// Pictures, sounds, films and documents that browsers show by themselves.
pub(super) fn is_shown_in_place(kind: &str) -> bool {
    is_picture(kind)
        || kind.starts_with("video/")
        || kind.starts_with("audio/")
        || matches!(kind, "image/bmp" | "image/vnd.microsoft.icon" | "image/avif" | "application/pdf")
}

/// Pictures of which small ones are made.
pub(super) fn is_picture(kind: &str) -> bool {
    matches!(kind, "image/png" | "image/jpeg" | "image/gif" | "image/webp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_bytes_and_what_could_run_is_never_shown_in_place() {
        for (name, begin, kind, is_shown) in [
            ("a.png", &b"\x89PNG\r\n\x1a\n"[..], "image/png", true),
            ("a.png", b"<html><script>", "text/html", false),
            ("a.svg", b"<svg onload=alert(1)>", "image/svg+xml", false),
            ("a.txt", "온돌".as_bytes(), "text/plain; charset=utf-8", false),
            ("a.txt", &"온돌".as_bytes()[..4], "text/plain; charset=utf-8", false),
            ("a", b"\x00\x01\x02", "application/octet-stream", false),
            ("a.json", b"{}", "application/json", false),
            ("a.pdf", b"%PDF-1.7", "application/pdf", true),
        ] {
            let found = of(name, begin);
            assert_eq!((found, is_shown_in_place(found)), (kind, is_shown), "{name}");
        }
    }
}
