//! Which of several servers has a key: the one that draws the highest lot for it. When a server comes or goes, only the
//! keys that it has move (rendezvous hashing; Thaler and Ravishankar, 1998).

/// The server for `key` among those that `may` be used.
pub(crate) fn choose(addresses: &[impl AsRef<str>], key: &str, may: impl Fn(usize) -> bool) -> Option<usize> {
    let key = u64::from(crc32fast::hash(key.as_bytes()));
    let lot =
        |index: usize| mix(key << 32 | u64::from(crc32fast::hash(addresses[index].as_ref().as_bytes())));
    (0..addresses.len()).filter(|index| may(*index)).max_by_key(|index| lot(*index))
}

/// Spreads each bit over all others (the finalizer of `SplitMix64`; Steele, Lea and Flood, 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::choose;

    const ADDRESSES: [&str; 3] = ["10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11211"];

    fn keys() -> impl Iterator<Item = String> {
        (0..3_000).map(|n| format!("bills:{n:015}"))
    }

    #[test]
    fn each_server_has_a_fair_share() {
        let mut shares = [0; 3];
        keys().for_each(|key| shares[choose(&ADDRESSES, &key, |_| true).unwrap()] += 1);
        assert!(shares.iter().all(|share| (900..1_100).contains(share)), "{shares:?}");
    }

    #[test]
    fn only_the_keys_of_a_server_that_goes_move() {
        let mut moved = [0; 3];
        for key in keys() {
            let before = choose(&ADDRESSES, &key, |_| true).unwrap();
            let after = choose(&ADDRESSES, &key, |index| index != 1).unwrap();
            assert!(before == 1 || before == after);
            moved[after] += usize::from(before == 1);
        }
        assert!(moved[0] > 400 && moved[2] > 400, "{moved:?}");
    }

    #[test]
    fn without_any_server_there_is_no_choice() {
        assert_eq!(choose(&ADDRESSES, "a", |_| false), None);
    }
}
