//! Why a client gets nothing: a word of the protocol (RFC 6749, 5.2; OpenID Connect Core, 3.1.2.6) and a sentence.
//!
//! Invariant: no sentence holds anything that was sent, nor a secret.

/// Why a client gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    /// The protocol's word: `invalid_grant`.
    pub(crate) error: &'static str,
    /// One sentence for whoever looks after the client.
    pub(crate) why: &'static str,
}

impl Denial {
    pub(crate) const fn new(error: &'static str, why: &'static str) -> Denial {
        Denial { error, why }
    }

    /// The request is wrong in itself.
    pub(crate) const fn request(why: &'static str) -> Denial {
        Denial::new("invalid_request", why)
    }

    /// The code or the token is none, or not any more.
    pub(crate) const fn grant(why: &'static str) -> Denial {
        Denial::new("invalid_grant", why)
    }

    /// It is not certain which client asks.
    pub(crate) const fn client(why: &'static str) -> Denial {
        Denial::new("invalid_client", why)
    }
}
