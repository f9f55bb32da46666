//! Chance from a seed: the same every time.

/// A source of numbers (splitmix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).expect("below a usize")
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// Breaks a text a little: something out, twice, exchanged or put in.
    pub(crate) fn broken(&mut self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..=self.below(3) {
            let at = self.below(chars.len() + 1);
            match self.below(4) {
                0 if at < chars.len() => drop(chars.remove(at)),
                1 if at < chars.len() => {
                    let other = self.below(chars.len());
                    chars.swap(at, other);
                }
                2 => {
                    let end = (at + self.below(8)).min(chars.len());
                    let again = chars[at.min(end)..end].to_vec();
                    chars.splice(at..at, again);
                }
                _ => {
                    let odd = [
                        '\'', '"', '\\', '\0', '%', '(', ')', '@', '.', ':', '\u{202e}', '가', '\n', ';',
                        '-', '/', '*', '&',
                    ];
                    chars.insert(at.min(chars.len()), odd[self.below(odd.len())]);
                }
            }
        }
        chars.into_iter().collect()
    }
}
