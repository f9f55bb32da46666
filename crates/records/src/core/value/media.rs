//! What kind of file some bytes are, by the bytes themselves: what a client says of its file is not believed.

/// A file's media type and the extension that goes with it (empty when there is none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// The media type.
    pub media_type: &'static str,
    /// The extension, without a dot.
    pub extension: &'static str,
}

/// Kinds of text: they have no first bytes to know them by, so that here the name's ending decides among them.
const TEXTS: [(&str, &str); 9] = [
    ("json", "application/json"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("htm", "text/html"),
    ("css", "text/css"),
    ("js", "text/javascript"),
    ("md", "text/markdown"),
    ("xml", "text/xml"),
    ("ics", "text/calendar"),
];

/// The kind of a file from its first bytes (some thousands, or all of it) and, among kinds of text, its name.
pub fn media(head: &[u8], name: &str) -> Media {
    if let Some(kind) = infer::get(head).filter(|kind| !kind.mime_type().starts_with("text/")) {
        return Media { media_type: kind.mime_type(), extension: kind.extension() };
    }
    let Some(text) = text(head) else {
        return Media { media_type: "application/octet-stream", extension: "" };
    };
    if text.contains("<svg") {
        return Media { media_type: "image/svg+xml", extension: "svg" };
    }
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let known = TEXTS.iter().find(|(extension, _)| *extension == ending);
    known.map_or(Media { media_type: "text/plain", extension: "txt" }, |&(extension, media_type)| Media {
        media_type,
        extension,
    })
}

/// The bytes as text, when they are that; a letter that is cut at the end doesn't count.
fn text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(fault) if fault.error_len().is_none() => {
            std::str::from_utf8(&head[..fault.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_tell_what_they_are_and_names_only_among_texts() {
        for (head, name, expected) in [
            (&b"\x89PNG\r\n\x1a\n"[..], "a.txt", "image/png"),
            (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "a.png", "image/svg+xml"),
            ("이름,나이\n".as_bytes(), "a.CSV", "text/csv"),
            (&"온돌".as_bytes()[..4], "notes", "text/plain"),
            (b"\x00\x01\x02\xff", "a.csv", "application/octet-stream"),
            (b"<html><body>", "a.html", "text/html"),
        ] {
            assert_eq!(media(head, name).media_type, expected, "{name}");
        }
    }
}
