//! By what a request is found again: its id, and the trace that it is a part of.
//!
//! A log line that is written while a request is answered carries both: the program's log asks for them (`Trace::show`).
//! A span of `tracing` would do the same; it was measured to cost as much CPU again as all else that a visit does.
//!
//! Ids of ours are a word that is drawn once per process and a number that counts: no system call per request, and the
//! ids of one run of the program begin alike. An id that somebody in front of us has given is kept, so that one word
//! leads through all logs; it is a name, not a proof of anything.
//!
//! Invariant: what is taken from a request is plain: nobody writes into the log by a header.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use base::chance;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries a request's id, there and back.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that carries the trace (W3C Trace Context, 3.2).
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// Longest id that is kept, in bytes.
const LENGTH_MAX: usize = 64;
/// Characters of the word that a process draws.
const WORD_LENGTH: usize = 8;
/// Digits of the largest number that counts.
const DIGITS_MAX: usize = 20;

tokio::task_local! {
    static CURRENT: Trace;
}

/// The id of one request, `[A-Za-z0-9._-]{1,64}`, and the trace that it is a part of. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Trace {
    id: HeaderValue,
    parent: Option<HeaderValue>,
}

impl Trace {
    /// The id that a request brings, else a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Trace {
        let sent = only(headers, &REQUEST_ID).filter(|id| is_plain(id.as_bytes()));
        Trace { id: sent.cloned().unwrap_or_else(make), parent: only(headers, &TRACE_PARENT).cloned() }
    }

    /// Shows the trace of the request that is being answered here and now, if one is.
    pub fn show(with: impl FnOnce(&Trace)) {
        // an error says that no request is being answered
        let _ = CURRENT.try_with(with);
    }

    /// The request's id.
    pub fn id(&self) -> &str {
        self.id.to_str().expect("an id is plain ASCII: it was looked at when it was made")
    }

    /// The trace of which the request is a part, and the caller's place in it: 32 and 16 hexadecimal digits of a valid
    /// `traceparent`.
    pub fn parent(&self) -> Option<(&str, &str)> {
        parent(self.parent.as_ref()?.to_str().ok()?)
    }

    /// The id as the value of a header.
    pub fn value(&self) -> HeaderValue {
        self.id.clone()
    }

    /// Lets all that is logged by a future stand under this trace.
    pub(crate) fn follow<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// The same for what is done at once.
    pub(crate) fn cover<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }
}

fn make() -> HeaderValue {
    static WORD: LazyLock<String> = LazyLock::new(|| chance::word(WORD_LENGTH));
    static COUNT: AtomicU64 = AtomicU64::new(1);
    // written by hand: `format!` costs more than all else here
    let mut id = [0; WORD_LENGTH + 1 + DIGITS_MAX];
    id[..WORD_LENGTH].copy_from_slice(WORD.as_bytes());
    id[WORD_LENGTH] = b'-';
    let (mut rest, mut begin) = (COUNT.fetch_add(1, Ordering::Relaxed), id.len());
    loop {
        begin -= 1;
        id[begin] = b'0' + u8::try_from(rest % 10).expect("it is below ten");
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let digits = id.len() - begin;
    id.copy_within(begin.., WORD_LENGTH + 1);
    HeaderValue::from_bytes(&id[..=WORD_LENGTH + digits]).expect("letters, digits and a dash make a header")
}

/// The value of a header that is there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut sent = headers.get_all(name).iter();
    sent.next().filter(|_| sent.next().is_none())
}

fn is_plain(id: &[u8]) -> bool {
    (1..=LENGTH_MAX).contains(&id.len())
        && id.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn parent(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.split('-');
    let (version, trace, caller, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // a later version may have more parts (W3C Trace Context, 3.2.4)
    let is_whole = version != "00" || parts.next().is_none();
    let is_valid = is_hex(version, 2)
        && version != "ff"
        && is_hex(flags, 2)
        && [(trace, 32), (caller, 16)].iter().all(|(id, length)| is_hex(id, *length) && has_digit(id));
    (is_whole && is_valid).then_some((trace, caller))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// An id of zeros only is none.
fn has_digit(id: &str) -> bool {
    id.bytes().any(|b| b != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_plain_id_is_kept_and_any_other_replaced() {
        let long = "a".repeat(65);
        for sent in ["a", "0af7651916cd43dd8448eb211c80319c", "A.b_c-9", &long[1..]] {
            assert_eq!(Trace::of(&headers(REQUEST_ID, &[sent])).id(), sent);
        }
        for sent in [&[][..], &[""], &["a b"], &["a\"b"], &["온돌"], &[&long], &["a", "a"]] {
            let id = Trace::of(&headers(REQUEST_ID, sent));
            assert!(!sent.contains(&id.id()) && is_plain(id.id().as_bytes()), "{sent:?} {id:?}");
        }
    }

    #[test]
    fn no_two_ids_of_ours_are_the_same() {
        assert_ne!(make(), make());
    }

    #[test]
    fn a_valid_trace_is_taken_along_and_any_other_is_none() {
        let (trace, caller) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        for sent in [format!("00-{trace}-{caller}-01"), format!("cc-{trace}-{caller}-01-more")] {
            assert_eq!(Trace::of(&headers(TRACE_PARENT, &[&sent])).parent(), Some((trace, caller)), "{sent}");
        }
        let zeros = "0".repeat(32);
        for sent in [
            String::new(),
            format!("00-{trace}-{caller}"),
            format!("00-{trace}-{caller}-01-more"),
            format!("ff-{trace}-{caller}-01"),
            format!("00-{}-{caller}-01", trace.to_uppercase()),
            format!("00-{zeros}-{caller}-01"),
            format!("00-{trace}-{}-01", &zeros[16..]),
            format!("00-{trace}-{caller}-0"),
        ] {
            assert_eq!(Trace::of(&headers(TRACE_PARENT, &[&sent])).parent(), None, "{sent}");
        }
        let twice = format!("00-{trace}-{caller}-01");
        assert_eq!(Trace::of(&headers(TRACE_PARENT, &[&twice, &twice])).parent(), None);
    }
}
