//! What a proxy in front of us says before a connection's first byte: who its client is (the PROXY protocol, versions 1 and 2).
//!
//! Pure, but for `read`, which takes exactly the header's bytes from the socket and none of what follows.
//!
//! Invariant: it is asked of connections of trusted proxies only, and of those always: who may leave it out could be somebody
//! else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// The signature of version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of a version 1 header, its end included (the specification's longest).
const LINE_BYTES_MAX: usize = 107;
/// Bytes of a version 2 header behind its first 16. Addresses take 36; the rest are TLVs, which are passed over.
const REST_BYTES_MAX: usize = 2048;

/// Who a connection's client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A client with an address.
    Client(IpAddr),
    /// The proxy itself (its own checks), or a client whose address it doesn't know.
    Proxy,
}

/// Why a header is none.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Wrong {
    #[error("no PROXY header")]
    None,
    #[error("the PROXY header is longer than it may be")]
    TooLong,
    #[error("the PROXY header is malformed")]
    Malformed,
    #[error("the PROXY header is of a version that is not known")]
    Version,
    #[error("the connection ended within the PROXY header")]
    Ended,
}

/// Reads a header. It begins with 16 bytes: no header is shorter, but for `PROXY UNKNOWN`, which is 15.
pub(crate) async fn read(socket: &mut (impl AsyncRead + Unpin)) -> Result<Origin, Wrong> {
    let mut start = [0; 12];
    socket.read_exact(&mut start).await.map_err(|_| Wrong::Ended)?;
    if start == SIGNATURE {
        let mut head = [0; 4];
        socket.read_exact(&mut head).await.map_err(|_| Wrong::Ended)?;
        let mut rest = vec![0; rest_length(head)?];
        socket.read_exact(&mut rest).await.map_err(|_| Wrong::Ended)?;
        return second(head, &rest);
    }
    if !start.starts_with(b"PROXY ") {
        return Err(Wrong::None);
    }
    let mut line = start.to_vec();
    // byte after byte: what follows the line belongs to the client
    while !line.ends_with(b"\r\n") {
        if line.len() == LINE_BYTES_MAX {
            return Err(Wrong::TooLong);
        }
        line.push(socket.read_u8().await.map_err(|_| Wrong::Ended)?);
    }
    first(&line)
}

/// A line of version 1, its end included: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n`.
pub(crate) fn first(line: &[u8]) -> Result<Origin, Wrong> {
    let line = line.strip_suffix(b"\r\n").ok_or(Wrong::Malformed)?;
    let text = std::str::from_utf8(line).map_err(|_| Wrong::Malformed)?;
    let text = text.strip_prefix("PROXY ").ok_or(Wrong::None)?;
    if text == "UNKNOWN" || text.starts_with("UNKNOWN ") {
        // what follows is to be ignored, but it must be one line
        return if text.contains(['\r', '\n', '\0']) { Err(Wrong::Malformed) } else { Ok(Origin::Proxy) };
    }
    let parts: Vec<&str> = text.split(' ').collect();
    let [family, source, target, source_port, target_port] = parts[..] else { return Err(Wrong::Malformed) };
    if !is_port(source_port) || !is_port(target_port) {
        return Err(Wrong::Malformed);
    }
    let client: IpAddr = match family {
        "TCP4" => pair::<Ipv4Addr>(source, target)?.into(),
        "TCP6" => pair::<Ipv6Addr>(source, target)?.into(),
        _ => return Err(Wrong::Malformed),
    };
    Ok(Origin::Client(client))
}

fn pair<A: std::str::FromStr>(source: &str, target: &str) -> Result<A, Wrong> {
    let source = source.parse().map_err(|_| Wrong::Malformed)?;
    target.parse::<A>().map_err(|_| Wrong::Malformed)?;
    Ok(source)
}

/// A number up to 65535 with no zeros before it.
fn is_port(text: &str) -> bool {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_plain && text.parse::<u16>().is_ok()
}

/// How many bytes follow the 16 of a version 2 header, of which these are the last four.
pub(crate) fn rest_length(head: [u8; 4]) -> Result<usize, Wrong> {
    if head[0] >> 4 != 2 {
        return Err(Wrong::Version);
    }
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if length > REST_BYTES_MAX { Err(Wrong::TooLong) } else { Ok(length) }
}

/// A header of version 2: the four bytes behind its signature, and the rest.
pub(crate) fn second(head: [u8; 4], rest: &[u8]) -> Result<Origin, Wrong> {
    match head[0] & 0x0f {
        // LOCAL: the proxy's own connection; whatever follows is to be ignored
        0 => return Ok(Origin::Proxy),
        1 => {}
        _ => return Err(Wrong::Malformed),
    }
    let client: IpAddr = match head[1] {
        // unspecified: the address is not known
        0x00 => return Ok(Origin::Proxy),
        0x11 => {
            let bytes: [u8; 4] =
                *rest.get(..12).and_then(|block| block.first_chunk()).ok_or(Wrong::Malformed)?;
            IpAddr::from(bytes)
        }
        0x21 => {
            let bytes: [u8; 16] =
                *rest.get(..36).and_then(|block| block.first_chunk()).ok_or(Wrong::Malformed)?;
            IpAddr::from(bytes)
        }
        // datagrams, and sockets of Unix, are no way to us
        _ => return Err(Wrong::Malformed),
    };
    Ok(Origin::Client(client.to_canonical()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(address: &str) -> Result<Origin, Wrong> {
        Ok(Origin::Client(address.parse().unwrap()))
    }

    async fn told(bytes: &[u8]) -> (Result<Origin, Wrong>, Vec<u8>) {
        let mut rest = bytes;
        let origin = read(&mut rest).await;
        (origin, rest.to_vec())
    }

    #[tokio::test]
    async fn a_line_says_who_the_client_is_and_nothing_behind_it_is_taken() {
        let (origin, rest) = told(b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET / HTTP/1.1\r\n").await;
        assert_eq!((origin, &rest[..]), (client("192.0.2.1"), &b"GET / HTTP/1.1\r\n"[..]));
        let (origin, rest) = told(b"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n\x16\x03").await;
        assert_eq!((origin, &rest[..]), (client("2001:db8::1"), &b"\x16\x03"[..]));
        assert_eq!(told(b"PROXY UNKNOWN\r\n").await.0, Ok(Origin::Proxy));
        assert_eq!(told(b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n").await.0, Ok(Origin::Proxy));
    }

    #[tokio::test]
    async fn what_is_not_exactly_a_header_is_none() {
        for (bytes, wrong) in [
            (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], Wrong::None),
            (b"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n", Wrong::None),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", Wrong::Malformed),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", Wrong::Malformed),
            (b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n", Wrong::Malformed),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", Wrong::Malformed),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n", Wrong::Malformed),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", Wrong::Malformed),
            (b"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n", Wrong::Malformed),
            (b"PROXY TCP4 ::1 192.0.2.2 1 2\r\n", Wrong::Malformed),
            (b"PROXY TCP6 192.0.2.1 ::1 1 2\r\n", Wrong::Malformed),
            (b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", Wrong::Malformed),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\nGET / HTTP/1.1\r\n", Wrong::Malformed),
            (b"PROXY UNKNOWN \r \n x\r\n", Wrong::Malformed),
            (b"PROXY TCP4 192.0.2.1", Wrong::Ended),
            (b"PROXY", Wrong::Ended),
            (b"", Wrong::Ended),
            (&[b"PROXY UNKNOWN ".as_slice(), &[b'a'; 200]].concat(), Wrong::TooLong),
        ] {
            assert_eq!(told(bytes).await.0, Err(wrong), "{}", bytes.escape_ascii());
        }
    }

    fn binary(head: [u8; 4], rest: &[u8]) -> Vec<u8> {
        [&SIGNATURE[..], &head, rest].concat()
    }

    #[tokio::test]
    async fn version_2_says_it_in_binary() {
        let four = [192, 0, 2, 1, 198, 51, 100, 1, 0, 1, 1, 187];
        let (origin, rest) = told(&[binary([0x21, 0x11, 0, 12], &four), b"GET".to_vec()].concat()).await;
        assert_eq!((origin, &rest[..]), (client("192.0.2.1"), &b"GET"[..]));
        // a TLV behind the addresses
        let long = [&four[..], &[0x04, 0, 1, 0]].concat();
        let (origin, rest) = told(&[binary([0x21, 0x11, 0, 16], &long), b"GET".to_vec()].concat()).await;
        assert_eq!((origin, &rest[..]), (client("192.0.2.1"), &b"GET"[..]));
        let mut six = [0; 36];
        six[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        assert_eq!(told(&binary([0x21, 0x21, 0, 36], &six)).await.0, client("2001:db8::7"));
        assert_eq!(told(&binary([0x20, 0x00, 0, 0], &[])).await.0, Ok(Origin::Proxy), "its own checks");
        assert_eq!(told(&binary([0x21, 0x00, 0, 0], &[])).await.0, Ok(Origin::Proxy));
        for (head, wrong) in [
            ([0x11, 0x11, 0, 12], Wrong::Version),
            ([0x31, 0x11, 0, 12], Wrong::Version),
            ([0x22, 0x11, 0, 12], Wrong::Malformed),
            ([0x21, 0x12, 0, 12], Wrong::Malformed),
            ([0x21, 0x31, 0, 12], Wrong::Malformed),
            ([0x21, 0x21, 0, 12], Wrong::Malformed),
            ([0x21, 0x11, 0, 13], Wrong::Ended),
            ([0x21, 0x11, 0xff, 0xff], Wrong::TooLong),
        ] {
            assert_eq!(told(&binary(head, &four)).await.0, Err(wrong), "{head:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_take_more_than_a_header(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0..3) {
            let begun: &[u8] = match kind { 0 => b"PROXY TCP4 ", 1 => &SIGNATURE, _ => b"" };
            let all = [begun, &bytes].concat();
            let mut rest = &all[..];
            let _ = futures_util::FutureExt::now_or_never(read(&mut rest)).expect("there is nothing to wait for");
            prop_assert!(all.len() - rest.len() <= 16 + REST_BYTES_MAX);
        }

        #[test]
        fn a_header_that_is_well_says_what_went_into_it(source in any::<[u8; 4]>(), ports in any::<(u16, u16)>(), after in "[ -~]{0,20}") {
            let source = Ipv4Addr::from(source);
            let line = format!("PROXY TCP4 {source} 192.0.2.2 {} {}\r\n{after}", ports.0, ports.1);
            let mut rest = line.as_bytes();
            let origin = futures_util::FutureExt::now_or_never(read(&mut rest)).expect("at once");
            prop_assert_eq!(origin, Ok(Origin::Client(source.into())));
            prop_assert_eq!(rest, after.as_bytes());
        }
    }
}
