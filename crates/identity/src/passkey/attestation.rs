//! The attestation object, in which a new passkey comes (WebAuthn level 3, 6.5.4). Who built the authenticator is not asked, so
//! every format counts as `none`; only a passkey that vouches for itself (`packed`, without certificates) is held to its word.

use minicbor::Decoder;
use minicbor::data::Type;

use super::flaw::Flaw;

/// An attestation object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attestation<'a> {
    /// What the authenticator says.
    pub(crate) data: &'a [u8],
    /// The passkey's own signature over that: algorithm and signature.
    pub(crate) own: Option<(i64, &'a [u8])>,
}

/// The statement of one.
#[derive(Clone, Copy, Debug, Default)]
struct Statement<'a> {
    algorithm: Option<i64>,
    signature: Option<&'a [u8]>,
    has_more: bool,
}

impl<'a> Attestation<'a> {
    /// Reads the object: a map of three, each once, and nothing behind it.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Attestation<'a>, Flaw> {
        Attestation::read(bytes).ok_or(Flaw::Attestation)
    }

    fn read(bytes: &'a [u8]) -> Option<Attestation<'a>> {
        let mut decoder = Decoder::new(bytes);
        decoder.map().ok()?.filter(|count| *count == 3)?;
        let (mut format, mut statement, mut data) = (None, None, None);
        for _ in 0..3 {
            let is_new = match decoder.str().ok()? {
                "fmt" => format.replace(decoder.str().ok()?).is_none(),
                "attStmt" => statement.replace(Statement::read(&mut decoder)?).is_none(),
                "authData" => data.replace(decoder.bytes().ok()?).is_none(),
                _ => false,
            };
            is_new.then_some(())?;
        }
        (decoder.position() == bytes.len()).then_some(())?;
        let (format, statement) = (format?, statement?);
        let own = match format {
            "packed" if !statement.has_more => Some((statement.algorithm?, statement.signature?)),
            _ => None,
        };
        Some(Attestation { data: data?, own })
    }
}

impl<'a> Statement<'a> {
    /// Reads a map by texts; of what formats write into it only a signature and its algorithm are looked at.
    fn read(decoder: &mut Decoder<'a>) -> Option<Statement<'a>> {
        let mut statement = Statement::default();
        for _ in 0..decoder.map().ok()?? {
            match (decoder.str().ok()?, decoder.datatype().ok()?) {
                ("sig", Type::Bytes) => statement.signature = Some(decoder.bytes().ok()?),
                ("alg", _) => statement.algorithm = Some(decoder.i64().ok()?),
                _ => {
                    statement.has_more = true;
                    decoder.skip().ok()?;
                }
            }
        }
        Some(statement)
    }
}
