//! An encrypted line to a server that has shown who it is; and the other end of one, among kin.

use std::fmt;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier, crypto};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::error::Error;
use crate::kin::Papers;

/// An encrypted line.
pub type Line<S> = TlsStream<S>;

/// The other end of an encrypted line.
pub type Received<S> = tokio_rustls::server::TlsStream<S>;

/// Whom to believe, and what to show. Clones are the same one.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    /// Who vouches, as text; `None`: those whom browsers believe.
    authority: Option<String>,
    papers: Option<Papers>,
}

impl Tls {
    /// Whoever is vouched for by those whom browsers believe, as they were when the program was built.
    pub fn public() -> Tls {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let config = begun().with_root_certificates(roots).with_no_client_auth();
        Tls { connector: TlsConnector::from(Arc::new(config)), authority: None, papers: None }
    }

    /// Whoever is vouched for by these certificates, a text (PEM).
    ///
    /// # Errors
    /// [`Error::NoCertificate`], [`Error::Unusable`].
    pub fn vouched_by(authority: &str) -> Result<Tls, Error> {
        let config = begun().with_root_certificates(roots(authority)?).with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Tls { connector, authority: Some(authority.to_owned()), papers: None })
    }

    /// Those of one kin, showing these papers.
    ///
    /// # Errors
    /// [`Error::NoCertificate`], [`Error::Unusable`].
    pub fn among(papers: &Papers) -> Result<Tls, Error> {
        let chain = certificates(&papers.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(papers.key.as_bytes()).map_err(|_| Error::NoCertificate)?;
        let config =
            begun().with_root_certificates(roots(&papers.authority)?).with_client_auth_cert(chain, key)?;
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Tls { connector, authority: Some(papers.authority.clone()), papers: Some(papers.clone()) })
    }

    /// Encrypts a connection, once the other end has shown that it is `host`.
    ///
    /// # Errors
    /// Those of the connection, and of a host that is somebody else.
    pub async fn encrypt<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        stream: S,
    ) -> io::Result<Line<S>> {
        let name = name(host).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.connector.connect(name, stream).await
    }

    /// Who vouches, as text (PEM), for a driver that encrypts by itself; `None`: those whom browsers believe.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// What is shown, for a driver that encrypts by itself.
    pub fn papers(&self) -> Option<&Papers> {
        self.papers.as_ref()
    }
}

/// The other end of lines among kin: whoever comes has to show papers too.
#[derive(Clone)]
pub struct Door(TlsAcceptor);

impl Door {
    /// Showing these papers, and open to whom the same authority vouches for.
    ///
    /// # Errors
    /// [`Error::NoCertificate`], [`Error::Unusable`].
    pub fn among(papers: &Papers) -> Result<Door, Error> {
        let provider = Arc::new(crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots(&papers.authority)?),
            Arc::clone(&provider),
        );
        let verifier = verifier.build().map_err(|_| Error::NoCertificate)?;
        let chain = certificates(&papers.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(papers.key.as_bytes()).map_err(|_| Error::NoCertificate)?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has ciphers for TLS 1.2 and 1.3")
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)?;
        Ok(Door(TlsAcceptor::from(Arc::new(config))))
    }

    /// Encrypts a connection, once the other end has shown papers of the same kin.
    ///
    /// # Errors
    /// Those of the connection, and of a stranger.
    pub async fn receive<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<Received<S>> {
        self.0.accept(stream).await
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door(among kin)")
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (&self.authority, &self.papers) {
            (_, Some(_)) => "Tls(among kin)",
            (Some(_), None) => "Tls(vouched by an authority)",
            (None, None) => "Tls(public)",
        })
    }
}

/// A host's name as certificates have it.
fn name(host: &str) -> Result<ServerName<'static>, Error> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned()).map_err(|_| Error::Name { name: host.to_owned() })
}

fn begun() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has ciphers for TLS 1.2 and 1.3")
}

fn roots(authority: &str) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authority)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Error::NoCertificate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_certificate_vouches_for_nobody() {
        for text in ["", "warm floor", "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"] {
            assert!(Tls::vouched_by(text).is_err(), "{text}");
        }
    }
}
