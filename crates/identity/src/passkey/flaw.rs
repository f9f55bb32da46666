//! Why a passkey is not taken: one sentence each, which may be shown.
//!
//! Invariant: no sentence holds anything that was sent.

use thiserror::Error;

/// What is wrong with what an authenticator or a browser said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Flaw {
    /// The credential has not the form of one.
    #[error("the credential is not one in the JSON form of WebAuthn")]
    Form,
    /// Its two ids differ.
    #[error("the credential's id and rawId differ")]
    TwoIds,
    /// Its id is empty, or longer than 1023 bytes.
    #[error("the credential's id is empty or longer than 1023 bytes")]
    IdLength,
    /// What the browser collected is no JSON object, or says something twice.
    #[error("clientDataJSON is no JSON object, or names something twice")]
    ClientData,
    /// It is of the other ceremony.
    #[error("clientDataJSON is of another ceremony")]
    Type,
    /// It answers another challenge.
    #[error("the challenge is another one")]
    Challenge,
    /// It comes from another site.
    #[error("the page is at another address than this service says of itself")]
    Origin,
    /// It comes from a page inside another site's.
    #[error("the page was shown inside a page of another site")]
    CrossOrigin,
    /// The attestation object can't be read.
    #[error("the attestation object can't be read")]
    Attestation,
    /// The authenticator's own signature is wrong.
    #[error("the attestation's signature is wrong")]
    AttestationSignature,
    /// The authenticator's data can't be read to the end.
    #[error("the authenticator data is too short, too long or not as its flags say")]
    AuthenticatorData,
    /// It is for another site.
    #[error("the passkey is for another site")]
    RelyingParty,
    /// Nobody was there.
    #[error("the authenticator saw nobody (user presence)")]
    Presence,
    /// Nobody unlocked it.
    #[error(
        "the authenticator did not verify the person (user verification); unlock it by a PIN, finger or face"
    )]
    Verification,
    /// It says to be backed up and not to be able to.
    #[error("the authenticator says that the passkey is backed up and can not be")]
    Backup,
    /// It was made as another kind.
    #[error("the passkey can be backed up and could not when it was made, or the other way round")]
    BackupChanged,
    /// The key can't be read, or is none.
    #[error("the public key is none that can be used")]
    Key,
    /// The key is of an algorithm that was not offered.
    #[error("the public key is of an algorithm that was not offered")]
    Algorithm,
    /// It signed something else, or another key did.
    #[error("the signature is wrong")]
    Signature,
    /// It is of another account, or says of none.
    #[error("the passkey does not say that it is of the account that it was made for")]
    UserHandle,
    /// It has signed more often before.
    #[error("the passkey's counter went back, as if there were two of it; delete it and add a new one")]
    Counter,
    /// Nobody has it.
    #[error("this service does not know the passkey")]
    Unknown,
}
