//! One certificate with its key, read from PEM text, and what is to be known of it.

use std::fmt;
use std::sync::Arc;

use base::time::Timestamp;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Bytes of a certificate's chain, or of a key, as text.
pub(crate) const TEXT_BYTES_MAX: usize = 256 << 10;

/// A certificate that fits its key.
#[derive(Clone)]
pub struct Certificate {
    pub(crate) key: Arc<CertifiedKey>,
    names: Vec<String>,
    serial: String,
    begins: Timestamp,
    ends: Timestamp,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unfit {
    /// There is none.
    #[error("there is no certificate in it (it begins with -----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// There is no key.
    #[error("there is no private key in it (it begins with -----BEGIN PRIVATE KEY-----)")]
    NoKey,
    /// It is longer than any.
    #[error("it is too long for a certificate or a key")]
    TooLong,
    /// It can't be understood.
    #[error("the certificate can't be read: {0}")]
    Unreadable(String),
    /// The key is of another certificate, or of a kind that is not known.
    #[error("certificate and key don't belong together, or the key is of a kind that can't be used: {0}")]
    Mismatch(String),
    /// It names no host.
    #[error("the certificate names no host (it has no subject alternative names)")]
    NoNames,
}

impl Certificate {
    /// Reads a chain, the host's own certificate first, and its key.
    ///
    /// # Errors
    /// Says what is wrong with it. Whether it is in time is not asked here.
    pub fn read(chain: &str, key: &str) -> Result<Certificate, Unfit> {
        if chain.len() > TEXT_BYTES_MAX || key.len() > TEXT_BYTES_MAX {
            return Err(Unfit::TooLong);
        }
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| Unfit::Unreadable(error.to_string()))?;
        let own = chain.first().ok_or(Unfit::NoCertificate)?.clone();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| Unfit::NoKey)?;
        let (_, parsed) =
            X509Certificate::from_der(&own).map_err(|error| Unfit::Unreadable(error.to_string()))?;
        let names = names(&parsed);
        if names.is_empty() {
            return Err(Unfit::NoNames);
        }
        let moment = |time: x509_parser::time::ASN1Time| Timestamp(time.timestamp().saturating_mul(1000));
        let (begins, ends) = (moment(parsed.validity().not_before), moment(parsed.validity().not_after));
        let (serial, identity) = (parsed.raw_serial_as_string(), identity(&parsed));
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(|error| Unfit::Mismatch(error.to_string()))?;
        Ok(Certificate { key: Arc::new(key), names, serial, begins, ends, identity })
    }

    /// The hosts that it names, in small letters; `*.example.com` for all below one.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether it is good for a host's name.
    pub fn covers(&self, name: &str) -> bool {
        let star = name.split_once('.').map(|(_, above)| format!("*.{above}"));
        self.names.iter().any(|own| own.eq_ignore_ascii_case(name) || Some(own) == star.as_ref())
    }

    /// Its serial number, in hexadecimal.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// From when on it is good.
    pub fn begins(&self) -> Timestamp {
        self.begins
    }

    /// Until when it is good.
    pub fn ends(&self) -> Timestamp {
        self.ends
    }

    /// What its issuer knows it by (RFC 9773): the issuer's key, and the serial number.
    pub fn identity(&self) -> Option<(&[u8], &[u8])> {
        self.identity.as_ref().map(|(issuer, serial)| (issuer.as_slice(), serial.as_slice()))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate {} of {} until {}", self.serial, self.names.join(" "), self.ends)
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return Vec::new() };
    let named = alternatives.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => match **bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(a, b, c, d).to_string()),
            ref bytes => <[u8; 16]>::try_from(bytes).ok().map(|b| std::net::Ipv6Addr::from(b).to_string()),
        },
        _ => None,
    });
    named.collect()
}

fn identity(certificate: &X509Certificate<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let issuer =
        certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(issuer) => issuer.key_identifier.as_ref(),
            _ => None,
        })?;
    Some((issuer.0.to_vec(), certificate.raw_serial().to_vec()))
}
