//! Random bytes and words from the operating system.

/// The alphabet of ids and tokens: the 36 characters that clients expect.
pub const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// `N` random bytes. Panics when the operating system has none: nothing could go on safely.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that asks the operating system for chance"
)]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A random word of `length` characters of [`ALPHABET`], evenly distributed.
pub fn word(length: usize) -> String {
    let mut word = String::with_capacity(length);
    while word.len() < length {
        for byte in bytes::<32>() {
            // 252 is the largest multiple of 36 in a byte: what is above would favour the first letters
            if byte < 252 && word.len() < length {
                word.push(char::from(ALPHABET[usize::from(byte % 36)]));
            }
        }
    }
    word
}
