//! Which addresses of the internet may be fetched from, as a pure decision about one address.
//!
//! A provider's address comes from a settings page, a discovery document or even from whoever wants to sign in; none of
//! them may make the server talk to its own neighbours. Ranges: IANA's special-purpose registries (RFC 6890 and later).
//!
//! Invariant: nothing is resolved or opened here; whoever connects asks about the very address that it connects to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// In the internet: may be fetched from.
    Public,
    /// This machine itself: only where the settings open it.
    Loopback,
    /// Never fetched from; why.
    Closed(&'static str),
}

/// Ranges of IPv4 that are not the internet: the first address, the bits that count, what it is.
const CLOSED_V4: [([u8; 4], u32, &str); 15] = [
    ([0, 0, 0, 0], 8, "this network"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "shared by a carrier's customers"),
    ([169, 254, 0, 0], 16, "link-local, where clouds keep their metadata"),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 0, 0], 24, "of protocols"),
    ([192, 0, 2, 0], 24, "for documentation"),
    ([192, 88, 99, 0], 24, "a relay's"),
    ([192, 168, 0, 0], 16, "private"),
    ([198, 18, 0, 0], 15, "for benchmarks"),
    ([198, 51, 100, 0], 24, "for documentation"),
    ([203, 0, 113, 0], 24, "for documentation"),
    ([168, 63, 129, 16], 32, "a cloud's own"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "reserved"),
];

/// Ranges inside the internet's part of IPv6 (`2000::/3`) that are not the internet.
const CLOSED_V6: [([u16; 3], u32, &str); 3] = [
    ([0x2001, 0, 0], 23, "of protocols"),
    ([0x2001, 0xdb8, 0], 32, "for documentation"),
    ([0x3fff, 0, 0], 20, "for documentation"),
];

/// Where an address lies.
pub fn zone(address: IpAddr) -> Zone {
    match address {
        IpAddr::V4(address) => zone_v4(address),
        IpAddr::V6(address) => zone_v6(address),
    }
}

fn zone_v4(address: Ipv4Addr) -> Zone {
    if address.is_loopback() {
        return Zone::Loopback;
    }
    let bits = u32::from(address);
    let holds = |(first, count, _): &&([u8; 4], u32, &str)| {
        let first = u32::from(Ipv4Addr::from(*first));
        (bits ^ first).leading_zeros() >= *count
    };
    CLOSED_V4.iter().find(holds).map_or(Zone::Public, |(_, _, what)| Zone::Closed(what))
}

fn zone_v6(address: Ipv6Addr) -> Zone {
    if address == Ipv6Addr::LOCALHOST {
        return Zone::Loopback;
    }
    if let Some(inner) = carried(address) {
        return zone_v4(inner);
    }
    let bits = u128::from(address);
    let holds = |first: [u16; 3], count: u32| {
        let first = u128::from(Ipv6Addr::new(first[0], first[1], first[2], 0, 0, 0, 0, 0));
        (bits ^ first).leading_zeros() >= count
    };
    if !holds([0x2000, 0, 0], 3) {
        return Zone::Closed("private, link-local, multicast or reserved");
    }
    let closed = CLOSED_V6.iter().find(|(first, count, _)| holds(*first, *count));
    closed.map_or(Zone::Public, |(_, _, what)| Zone::Closed(what))
}

/// The address of IPv4 to which one of IPv6 leads: mapped, compatible, translated (RFC 6052) or by 6to4 (RFC 3056).
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, 0, 0, 0, 0) => of(g, h),
        (0x2002, ..) => of(b, c),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Zone {
        zone(text.parse().unwrap_or_else(|_| panic!("{text} is no address")))
    }

    #[test]
    fn the_internet_is_open() {
        for text in ["1.1.1.1", "142.250.206.206", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"]
        {
            assert_eq!(of(text), Zone::Public, "{text}");
        }
    }

    #[test]
    fn this_machine_is_told_apart_in_every_form() {
        for text in
            ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::"]
        {
            assert_eq!(of(text), Zone::Loopback, "{text}");
        }
    }

    #[test]
    fn what_is_not_the_internet_is_closed() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "100::1",
            "::ffff:10.0.0.1",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:a9fe:a9fe::",
            "4000::1",
        ] {
            assert!(matches!(of(text), Zone::Closed(_)), "{text}: {:?}", of(text));
        }
    }
}
