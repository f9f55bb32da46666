//! What can go wrong before anything is sent.

/// A failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hosts' secret is empty.
    #[error("the hosts have no secret to know each other by")]
    NoSecret,
    /// A name that no certificate can be made for, or that none can have.
    #[error("`{name}` is neither a host's name nor its address")]
    Name {
        /// The name.
        name: String,
    },
    /// A certificate could not be made.
    #[error("make a certificate")]
    Make(#[from] rcgen::Error),
    /// What should be certificates is none.
    #[error("there is no certificate in it; it is to be a text that has -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// The certificates or the key are of a kind that is not known.
    #[error("use the certificates")]
    Unusable(#[from] tokio_rustls::rustls::Error),
}
