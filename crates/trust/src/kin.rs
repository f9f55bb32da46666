//! The hosts of one service know each other by a secret that all of them have.
//!
//! An authority's key is reckoned from the secret, so that each host has it without anybody carrying files about; each host
//! makes a key of its own at every start, and has the authority sign it. Whoever has not the secret can neither be taken for
//! a host nor talk with one. Another secret voids everything that was signed before.
//!
//! The certificates don't end. What they could be stolen with is the machine that the secret lies on too; and hosts whose
//! clocks are wrong must still be able to agree.
//!
//! An authority's public key is shown to everybody who connects, and so is something to try guesses of the secret against.
//! Each guess costs [`ROUNDS`]; a secret of chance can't be guessed at all.
//!
//! P-256 and not Ed25519: PostgreSQL binds passwords to the line by a digest of the certificate, which Ed25519 has none of.

use std::fmt;
use std::num::NonZeroU32;

use p256::SecretKey;
use p256::pkcs8::EncodePrivateKey;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use ring::pbkdf2;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::error::Error;

/// Rounds of PBKDF2 (RFC 8018) with HMAC-SHA-256 that make a key of the secret.
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).expect("it is not 0");
/// What the key is for, in what it is reckoned from: another use would get another key.
const PURPOSE: &[u8] = b"ondol hosts 1 ";
/// How the authority is called in certificates.
const NAME: &str = "Ondol hosts";

/// All that have one secret.
pub struct Kin {
    issuer: Issuer<'static, KeyPair>,
    authority_pem: String,
}

/// What one of them shows, and what it believes by; each a text (PEM). They end in files that only their users may read.
#[derive(Clone)]
pub struct Papers {
    /// The certificate of the authority.
    pub authority: String,
    /// The holder's own certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Kin {
    /// Those of one service that have this secret. It takes some tenths of a second, so that guessing takes long.
    ///
    /// # Errors
    /// [`Error::NoSecret`].
    pub fn of(secret: &str, service: &str) -> Result<Kin, Error> {
        if secret.is_empty() {
            return Err(Error::NoSecret);
        }
        let key = authority_key(secret, service)?;
        let mut params = params(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, NAME);
        let authority_pem = params.self_signed(&key)?.pem();
        Ok(Kin { issuer: Issuer::new(params, key), authority_pem })
    }

    /// Papers for a host, by the name that the others reach it by; or for somebody who only asks.
    ///
    /// # Errors
    /// [`Error::Name`].
    pub fn papers(&self, host: Option<&str>) -> Result<Papers, Error> {
        let names = host.map(str::to_owned);
        if let Some(name) = names.iter().find(|name| ServerName::try_from(name.as_str()).is_err()) {
            return Err(Error::Name { name: name.clone() });
        }
        let mut params = params(names.into_iter().collect())?;
        params.distinguished_name.push(DnType::CommonName, host.unwrap_or("asks"));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // hosts serve each other and ask each other
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Papers { authority: self.authority_pem.clone(), certificate, key: key.serialize_pem() })
    }
}

impl fmt::Debug for Kin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kin(…)")
    }
}

impl fmt::Debug for Papers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Papers(…)")
    }
}

/// What all certificates have in common.
fn params(names: Vec<String>) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    // before any clock, and the end that has no meaning (RFC 5280, 4.1.2.5)
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(9999, 12, 31);
    Ok(params)
}

/// The same key for the same secret, on whichever host.
fn authority_key(secret: &str, service: &str) -> Result<KeyPair, Error> {
    let salt = [PURPOSE, service.as_bytes()].concat();
    let mut seed = [0_u8; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, secret.as_bytes(), &mut seed);
    // one in four thousand million numbers is no key; the next one is
    let key = loop {
        match SecretKey::from_slice(&seed) {
            Ok(key) => break key,
            Err(_) => {
                pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, NonZeroU32::MIN, &salt, &seed.clone(), &mut seed)
            }
        }
    };
    let der = key.to_pkcs8_der().map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
    Ok(KeyPair::try_from(der.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_secret_is_the_same_authority_on_every_host() {
        let key = |secret, service| authority_key(secret, service).unwrap().public_key_pem();
        let seoul = key("warm floor", "popong.com");
        assert_eq!(seoul, key("warm floor", "popong.com"));
        assert_ne!(seoul, key("warm floot", "popong.com"));
        assert_ne!(seoul, key("warm floor", "popong.net"));
    }

    #[test]
    fn without_a_secret_there_are_no_kin() {
        assert!(matches!(Kin::of("", "popong.com"), Err(Error::NoSecret)));
    }

    #[test]
    fn papers_are_for_a_name_or_an_address() {
        let kin = Kin::of("warm floor", "").unwrap();
        for host in [None, Some("10.0.0.21"), Some("fd00::1"), Some("db1.popong.net")] {
            let papers = kin.papers(host).unwrap();
            assert!(papers.key.contains("PRIVATE KEY"), "{host:?}");
        }
        assert!(matches!(kin.papers(Some("a b")), Err(Error::Name { .. })));
        assert!(!format!("{kin:?} {:?}", kin.papers(None).unwrap()).contains("KEY"));
    }
}
