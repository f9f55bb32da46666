//! A second reader of HTTP/1.1 requests (RFC 9112), stricter than any server: what it can't read in one way only is bad.

/// A request as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What stands behind the last whole request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing.
    Clean,
    /// The beginning of a request.
    Partial,
    /// What is no request, or two.
    Bad(&'static str),
}

impl Read {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads all requests.
pub(crate) fn read(mut bytes: &[u8]) -> (Vec<Read>, Rest) {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        match one(bytes) {
            Ok((read, rest)) => {
                all.push(read);
                bytes = rest;
            }
            Err(rest) => return (all, rest),
        }
    }
    (all, Rest::Clean)
}

fn one(bytes: &[u8]) -> Result<(Read, &[u8]), Rest> {
    let end = find(bytes, b"\r\n\r\n").ok_or(Rest::Partial)?;
    let (head, rest) = (&bytes[..end], &bytes[end + 4..]);
    let mut lines = split(head);
    let (method, path) = first_line(lines.next().unwrap_or_default())?;
    let headers = lines.map(header).collect::<Result<Vec<_>, Rest>>()?;
    let of = |name: &str| -> Vec<&str> {
        headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    };
    if of("host").len() != 1 {
        return Err(Rest::Bad("not one host"));
    }
    let (body, rest) = match (&of("content-length")[..], &of("transfer-encoding")[..]) {
        ([], []) => (Vec::new(), rest),
        ([length], []) => {
            let is_number = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
            let length = Some(length).filter(|_| is_number).and_then(|length| length.parse::<usize>().ok());
            let length = length.ok_or(Rest::Bad("a length that is none"))?;
            let body = rest.get(..length).ok_or(Rest::Partial)?;
            (body.to_vec(), &rest[length..])
        }
        ([], ["chunked"]) => chunks(rest)?,
        _ => return Err(Rest::Bad("two ways to frame it")),
    };
    Ok((Read { method, path, headers, body }, rest))
}

fn first_line(line: &[u8]) -> Result<(String, String), Rest> {
    let text = std::str::from_utf8(line).map_err(|_| Rest::Bad("a first line that is no text"))?;
    let parts: Vec<&str> = text.split(' ').collect();
    let [method, path, "HTTP/1.1"] = parts[..] else { return Err(Rest::Bad("no first line")) };
    let is_path = (path.starts_with('/') || path == "*" && method == "OPTIONS")
        && path.bytes().all(|b| (b'!'..=b'~').contains(&b) && b != b'#');
    match !method.is_empty() && method.bytes().all(is_token) && is_path {
        true => Ok((method.to_owned(), path.to_owned())),
        false => Err(Rest::Bad("no method or path")),
    }
}

fn header(line: &[u8]) -> Result<(String, String), Rest> {
    let colon = line.iter().position(|b| *b == b':').ok_or(Rest::Bad("a header without a colon"))?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    // `_` and `.` are read as `-` by some
    if name.is_empty() || !name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') {
        return Err(Rest::Bad("a header's name"));
    }
    if value.iter().any(|b| *b < b' ' && *b != b'\t' || *b == 0x7f) {
        return Err(Rest::Bad("a header's value"));
    }
    Ok((String::from_utf8_lossy(name).to_ascii_lowercase(), String::from_utf8_lossy(value).into_owned()))
}

fn chunks(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), Rest> {
    let mut body = Vec::new();
    loop {
        let end = find(rest, b"\r\n").ok_or(Rest::Partial)?;
        let digits = &rest[..end];
        if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(Rest::Bad("a chunk's size"));
        }
        let text = std::str::from_utf8(digits).map_err(|_| Rest::Bad("a chunk's size"))?;
        let size = usize::from_str_radix(text, 16).map_err(|_| Rest::Bad("a chunk's size"))?;
        rest = &rest[end + 2..];
        let data = rest.get(..size).ok_or(Rest::Partial)?;
        body.extend_from_slice(data);
        match rest.get(size..size + 2).ok_or(Rest::Partial)? {
            b"\r\n" => rest = &rest[size + 2..],
            // nothing of ours has trailers
            _ => return Err(Rest::Bad("a chunk's end")),
        }
        if size == 0 {
            return Ok((body, rest));
        }
    }
}

fn split(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(head);
    std::iter::from_fn(move || {
        let head = rest?;
        let end = find(head, b"\r\n");
        rest = end.map(|end| &head[end + 2..]);
        Some(&head[..end.unwrap_or(head.len())])
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

#[test]
fn the_strict_reader_reads_what_is_plain_and_nothing_else() {
    let plain = b"POST /a HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: t\r\n\r\n";
    let (all, rest) = read(plain);
    assert_eq!((all.len(), rest), (2, Rest::Clean));
    assert_eq!((all[0].body.as_slice(), all[1].path.as_str()), (&b"abc"[..], "/b"));
    for bad in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: t\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nA_B: c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nA: b\nC: d\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n",
    ] {
        assert!(matches!(read(bad.as_bytes()), (_, Rest::Bad(_))), "{bad:?}");
    }
    assert_eq!(read(b"GET / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab").1, Rest::Partial);
}
