//! Codes and tokens are given out: a family begins with a code, takes its first turn when that is brought back, and each
//! further one with a refresh token.
//!
//! Invariant: whoever brings something twice that is good once ends the whole family.

use base::chance;
use base::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use records::{Error, Principal};
use sha2::{Digest, Sha256};
use store::Tx;

use super::client::Client;
use super::denial::Denial;
use super::family::{self, Family};
use super::grant::Grant;
use super::logout;
use super::request::Request;
use super::scope::Scopes;
use super::turn::{Turn, judge};
use super::word::Word;
use crate::service::Identity;
use crate::session::Proven;

/// Fewest and most letters of a verifier (RFC 7636, 4.1).
const VERIFIER_LENGTH: std::ops::RangeInclusive<usize> = 43..=128;

/// What is brought to get the first tokens.
#[derive(Clone, Debug)]
pub(crate) struct Brought {
    pub(crate) code: String,
    pub(crate) redirect: String,
    pub(crate) verifier: String,
}

/// What is brought to get further ones.
#[derive(Clone, Debug)]
pub(crate) struct Renewal {
    pub(crate) token: String,
    /// What is asked for of what was agreed on; `None` for all of it.
    pub(crate) scopes: Option<Scopes>,
    /// When the request arrived.
    pub(crate) arrived: Timestamp,
}

/// A family that may be given tokens, and whose it is.
pub(crate) type Served = (Family, Principal);

const UNKNOWN_CODE: Denial = Denial::grant("The code is none of ours, was used before, or is too old.");
const UNKNOWN_TOKEN: Denial =
    Denial::grant("The refresh token is none of ours, was used before, or is too old.");
const GONE: Denial = Denial::grant("The person has signed out, or takes back what they agreed to.");

impl Identity {
    /// A code for what a person has agreed to.
    pub(crate) async fn begin_family(
        &self,
        client: &Client,
        request: &Request,
        proven: &Proven,
        grant: Grant,
    ) -> Result<String, Error> {
        let now = self.records().clock().now();
        let account = &proven.principal;
        let mark = family::mark(self, account).ok_or_else(|| {
            Error::refused(
                base::error::Kind::Internal,
                "the account has no token key, or its collection no secret",
            )
        })?;
        let begun = Family {
            id: chance::word(base::id::LENGTH),
            client: client.id.clone(),
            collection: account.collection.id.clone(),
            account: account.row.id.clone(),
            session: proven.claims.sid.clone(),
            grant: grant.id,
            mark,
            scopes: request.scopes,
            redirect: request.redirect.clone(),
            challenge: request.challenge.clone(),
            nonce: request.nonce.clone().unwrap_or_default(),
            turn: 0,
            turned: now,
            signed_in: proven.start.at,
            methods: proven.start.methods.clone(),
            ends: now.after(self.config().code_time.0),
            lasts: now.after(self.config().refresh_time_max.0),
        };
        let code = Word { family: begun.id.clone(), turn: 0 }.write(&self.word_key()?);
        let inside = self.clone();
        let written = self
            .records()
            .store()
            .write(move |tx| Box::pin(async move { family::insert(tx, &inside, &begun).await }));
        written.await?;
        Ok(code)
    }

    /// The family of a code that is brought back, once.
    pub(crate) async fn first_tokens(
        &self,
        client: &Client,
        brought: Brought,
    ) -> Result<Result<Served, Denial>, Error> {
        let word = Word::read(&brought.code, &self.word_key()?).filter(|word| word.turn == 0);
        let Some(word) = word else { return Ok(Err(UNKNOWN_CODE)) };
        let (inside, client) = (self.clone(), client.clone());
        let done = self.records().store().write(move |tx| {
            Box::pin(async move {
                let served = first_turn(tx, &inside, &client, &word.family, &brought).await?;
                end_if_denied(tx, &inside, &word.family, served).await
            })
        });
        done.await
    }

    /// The family of a refresh token, which is good once.
    pub(crate) async fn further_tokens(
        &self,
        client: &Client,
        renewal: Renewal,
    ) -> Result<Result<Served, Denial>, Error> {
        let word = Word::read(&renewal.token, &self.word_key()?).filter(|word| word.turn > 0);
        let Some(word) = word else { return Ok(Err(UNKNOWN_TOKEN)) };
        let (inside, client) = (self.clone(), client.clone());
        let done = self.records().store().write(move |tx| {
            Box::pin(async move {
                let served = next_turn(tx, &inside, &client, &word, &renewal).await?;
                end_if_denied(tx, &inside, &word.family, served).await
            })
        });
        done.await
    }

    /// The family of a client's own refresh token, if it is the newest and good.
    pub(crate) async fn newest(&self, client: &Client, token: &str) -> Result<Option<Family>, Error> {
        let Some(word) = Word::read(token, &self.word_key()?).filter(|word| word.turn > 0) else {
            return Ok(None);
        };
        let mut conn = self.records().store().reader().await?;
        let found = family::get(&mut conn, self, &word.family).await?;
        let now = self.records().clock().now();
        let is_good =
            |f: &Family| f.client == client.id && f.is_offline() && f.turn == word.turn && now < f.ends;
        let Some(found) = found.filter(is_good) else { return Ok(None) };
        Ok(family::account(&mut conn, self, &found).await?.map(|_| found))
    }

    /// Ends the family of a client's own token, of whatever kind; nothing happens where it is none.
    pub(crate) async fn give_back(&self, client: &Client, token: &str) -> Result<(), Error> {
        let id = match Word::read(token, &self.word_key()?) {
            Some(word) => word.family,
            None => match self.good(token).await? {
                Some(good) => good.family.id,
                None => return Ok(()),
            },
        };
        let (inside, client) = (self.clone(), client.id.clone());
        let done = self.records().store().write(move |tx| {
            Box::pin(async move {
                match family::get(tx, &inside, &id).await? {
                    Some(found) if found.client == client => family::delete(tx, &inside, &id).await,
                    _ => Ok(()),
                }
            })
        });
        done.await
    }

    /// What the house alone knows, for codes and refresh tokens.
    pub(crate) fn word_key(&self) -> Result<[u8; 32], Error> {
        self.house_key(b"ondol/issuer")
    }
}

/// What comes of something that was brought.
enum Outcome {
    Served(Box<Served>),
    /// Refused, and the family stays as it is.
    Refused(Denial),
    /// Refused, and the family ends.
    Ended(Denial),
}

async fn end_if_denied(
    tx: &mut Tx,
    identity: &Identity,
    id: &str,
    outcome: Outcome,
) -> Result<Result<Served, Denial>, Error> {
    Ok(match outcome {
        Outcome::Served(served) => Ok(*served),
        Outcome::Refused(denial) => Err(denial),
        Outcome::Ended(denial) => {
            family::delete(tx, identity, id).await?;
            Err(denial)
        }
    })
}

async fn first_turn(
    tx: &mut Tx,
    identity: &Identity,
    client: &Client,
    id: &str,
    brought: &Brought,
) -> Result<Outcome, Error> {
    let Some(found) = family::get(tx, identity, id).await? else { return Ok(Outcome::Refused(UNKNOWN_CODE)) };
    if found.client != client.id {
        return Ok(Outcome::Refused(UNKNOWN_CODE));
    }
    if found.turn > 0 {
        tracing::warn!(client = client.id, account = found.account, "a code came twice: its tokens are void");
        return Ok(Outcome::Ended(UNKNOWN_CODE));
    }
    let now = identity.records().clock().now();
    if now >= found.ends {
        return Ok(Outcome::Ended(UNKNOWN_CODE));
    }
    if found.redirect != brought.redirect {
        return Ok(Outcome::Ended(Denial::grant("redirect_uri is another one than the code was sent to.")));
    }
    if !proves(&brought.verifier, &found.challenge) {
        return Ok(Outcome::Ended(Denial::grant("code_verifier does not fit.")));
    }
    let account = family::account(tx, identity, &found).await?;
    let lives = family::session_lives(tx, identity, &found.session).await?;
    let Some(account) = account.filter(|_| lives) else { return Ok(Outcome::Ended(GONE)) };
    let next = Family { turn: 1, turned: now, ends: ends(identity, &found, now), ..found };
    family::update(tx, identity, &next).await?;
    logout::note(tx, identity, client, &next).await?;
    Ok(Outcome::Served(Box::new((next, account))))
}

async fn next_turn(
    tx: &mut Tx,
    identity: &Identity,
    client: &Client,
    word: &Word,
    renewal: &Renewal,
) -> Result<Outcome, Error> {
    let found = family::get(tx, identity, &word.family).await?;
    let Some(found) = found.filter(|found| found.client == client.id && found.is_offline()) else {
        return Ok(Outcome::Refused(UNKNOWN_TOKEN));
    };
    let now = identity.records().clock().now();
    if now >= found.ends {
        return Ok(Outcome::Ended(UNKNOWN_TOKEN));
    }
    if renewal.scopes.is_some_and(|scopes| !scopes.is_within(found.scopes)) {
        return Ok(Outcome::Refused(Denial::new("invalid_scope", "scope holds more than was agreed on.")));
    }
    let Some(account) = family::account(tx, identity, &found).await? else { return Ok(Outcome::Ended(GONE)) };
    let again =
        if client.is_public() { identity.config().refresh_again.0 } else { std::time::Duration::ZERO };
    let next = match judge(word.turn, found.turn, found.turned, renewal.arrived, again) {
        Turn::Again => found,
        Turn::Next => {
            let next =
                Family { turn: found.turn + 1, turned: now, ends: ends(identity, &found, now), ..found };
            family::update(tx, identity, &next).await?;
            next
        }
        Turn::Reused => {
            let (client, account) = (&client.id, &found.account);
            tracing::warn!(client, account, "a refresh token was used twice: its family is void");
            return Ok(Outcome::Ended(UNKNOWN_TOKEN));
        }
    };
    Ok(Outcome::Served(Box::new((next, account))))
}

/// Until when a family is good that takes a turn now.
fn ends(identity: &Identity, family: &Family, now: Timestamp) -> Timestamp {
    let config = identity.config();
    match family.is_offline() {
        true => now.after(config.refresh_time.0).min(family.lasts),
        false => now.after(config.access_token_time.0),
    }
}

/// Whether a verifier is the one of a challenge (S256). Where there was no challenge, none may come: else whoever takes the
/// challenge away from a request would not be noticed (RFC 9700, 4.8.2).
fn proves(verifier: &str, challenge: &str) -> bool {
    if challenge.is_empty() {
        return verifier.is_empty();
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    VERIFIER_LENGTH.contains(&verifier.len())
        && verifier.bytes().all(is_letter)
        && BASE64.encode(Sha256::digest(verifier)) == challenge
}

#[cfg(test)]
mod tests {
    use super::proves;

    #[test]
    fn a_verifier_fits_its_challenge_only() {
        // the example of RFC 7636, appendix B
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(proves(verifier, challenge));
        assert!(
            !proves(challenge, challenge) && !proves("", challenge) && !proves(&verifier[1..], challenge)
        );
    }
}
