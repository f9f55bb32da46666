//! Which of the hosts of the file this machine is.

use std::net::{IpAddr, ToSocketAddrs, UdpSocket};

use super::core::{Host, Site, Topology};
use crate::failure::Failure;

/// How a host is found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named<'a> {
    /// By its own addresses.
    ByItself,
    /// By `--as`.
    As(&'a str),
}

impl<'a> Named<'a> {
    /// As the command line says.
    pub(crate) fn of(told: Option<&'a str>) -> Named<'a> {
        told.map_or(Named::ByItself, Named::As)
    }
}

/// This machine's site and host.
pub(crate) fn find<'t>(topology: &'t Topology, named: Named<'_>) -> Result<(&'t Site, &'t Host), Failure> {
    let all = || {
        let names: Vec<&str> = topology.hosts().map(|(_, host)| host.address.as_str()).collect();
        names.join(", ")
    };
    if let Named::As(word) = named {
        return topology.find(word).ok_or_else(|| {
            Failure::usage(format!("--as {word} is no host of the file; there are {}", all()))
        });
    }
    let own: Vec<(&Site, &Host)> = topology.hosts().filter(|(_, host)| is_own(&host.address)).collect();
    match own.as_slice() {
        [one] => Ok(*one),
        [] => Err(Failure::usage(format!(
            "none of the file's hosts has an address of this machine; there are {}: say which one this is with --as",
            all()
        ))),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, host)| host.address.as_str()).collect();
            Err(Failure::usage(format!(
                "{} are all addresses of this machine: say which one this is with --as",
                names.join(" and ")
            )))
        }
    }
}

/// Only an address of this machine can be bound to.
pub(crate) fn is_own(address: &str) -> bool {
    let found: Vec<IpAddr> = match (address, 0).to_socket_addrs() {
        Ok(found) => found.map(|address| address.ip()).collect(),
        Err(_) => return false,
    };
    found.into_iter().any(|ip| UdpSocket::bind((ip, 0)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::super::core::{Confirm, Reads, Role, Without};
    use super::*;

    fn topology(addresses: &[&str]) -> Topology {
        let site = |address: &&str| Site {
            name: format!("site-{address}"),
            hosts: vec![Host { address: (*address).to_owned(), roles: vec![Role::Database] }],
        };
        Topology {
            sites: addresses.iter().map(site).collect(),
            confirm: Confirm::Here,
            without: Without::Block,
            reads: Reads::Wait,
        }
    }

    #[test]
    fn a_machine_finds_itself_by_its_own_address_and_can_be_told() {
        let of = topology(&["192.0.2.1", "127.0.0.1"]);
        assert_eq!(find(&of, Named::ByItself).expect("itself").1.address, "127.0.0.1");
        assert_eq!(find(&of, Named::As("192.0.2.1")).expect("told").1.address, "192.0.2.1");
        assert_eq!(find(&of, Named::As("site-192.0.2.1")).expect("told").1.address, "192.0.2.1");
    }

    #[test]
    fn a_machine_that_is_none_or_several_of_them_asks() {
        let said = |of: &[&str]| find(&topology(of), Named::ByItself).expect_err("unclear").lines[0].clone();
        assert!(said(&["192.0.2.1"]).contains("--as"));
        assert!(said(&["127.0.0.1", "127.0.0.2"]).contains("127.0.0.1 and 127.0.0.2"));
    }
}
