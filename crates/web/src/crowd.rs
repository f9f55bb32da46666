//! How many connections each address has open, so that one alone can't take all places.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};

/// The addresses with open connections. One of IPv6 counts by its first 64 bits: whoever has one of those has them all.
#[derive(Debug, Default)]
pub struct Crowd {
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One place of an address; given back when dropped.
#[derive(Debug)]
pub struct Member {
    crowd: Arc<Crowd>,
    address: IpAddr,
}

impl Crowd {
    /// Lets one more in, a connection or a request; `None` when its address has so many already.
    pub fn join(self: &Arc<Crowd>, address: IpAddr, most: usize) -> Option<Member> {
        let address = network(address);
        let mut open = self.open.lock().expect("nobody panics while holding it");
        let count = open.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Member { crowd: self.clone(), address })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut open = self.crowd.open.lock().expect("nobody panics while holding it");
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// What an address counts as.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_so_many_and_others_have_theirs() {
        let crowd = Arc::new(Crowd::default());
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let held: Vec<_> = (1..=2).map(|host| crowd.join(address(&format!("2001:db8::{host}")), 2)).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(crowd.join(address("2001:db8::3"), 2).is_none());
        assert!(crowd.join(address("2001:db8:0:1::3"), 2).is_some());
        drop(held);
        assert!(crowd.join(address("2001:db8::3"), 2).is_some());
        assert!(crowd.open.lock().unwrap().is_empty(), "nothing is kept of who has left");
    }
}
