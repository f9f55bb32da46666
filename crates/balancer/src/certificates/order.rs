//! One order: the account, the proof that a name is ours, the certificate.

use std::path::Path;
use std::time::Duration;

use base::error::chain;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error,
    Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::pki_types::Der;
use web::tls::Certificate;

use super::Fault;
use super::client::Client;
use super::config::Config;
use super::core::Window;
use super::hook::{self, Ask};
use super::shelf::Shelf;

/// Where the account is kept; one for each issuer.
const ACCOUNT: &str = "account";
/// Where answers to challenges are kept, by their tokens.
pub(super) const TOKEN: &str = "token";
/// The turn to make an account.
const ACCOUNT_TURN_MAX: Duration = Duration::from_secs(60);

/// A certificate as it is kept.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Pair {
    pub(super) chain: String,
    pub(super) key: String,
}

/// Why an order came to nothing.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) fault: Fault,
    /// Whether the issuer says that this was too often.
    pub(super) is_limited: bool,
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Failed {
        Failed { fault, is_limited: false }
    }
}

/// What orders need.
pub(super) struct Orders<'a> {
    config: &'a Config,
    shelf: &'a dyn Shelf,
    account: Account,
}

impl<'a> Orders<'a> {
    /// Opens the account at the issuer, or makes one.
    pub(super) async fn open(config: &'a Config, shelf: &'a dyn Shelf) -> Result<Orders<'a>, Failed> {
        let client = Client::new(config.roots.as_deref(), config.request_time_max.0)?;
        let builder = || Account::builder_with_http(Box::new(client.clone()));
        let name = format!("{ACCOUNT} {}", config.directory);
        if let Some(kept) = shelf.read(&name).await? {
            let kept: AccountCredentials = serde_json::from_str(&kept)
                .map_err(|error| Fault(format!("the account that is kept can't be read: {error}")))?;
            let account =
                builder().from_credentials(kept).await.map_err(|error| said("open the account", &error))?;
            return Ok(Orders { config, shelf, account });
        }
        let turn = format!("turn {name}");
        if !shelf.claim(&turn, ACCOUNT_TURN_MAX).await? {
            return Err(Fault("another host makes the account at this moment".into()).into());
        }
        let contact = format!("mailto:{}", config.email);
        let new =
            NewAccount { contact: &[&contact], terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = match builder().create(&new, config.directory.clone(), None).await {
            Ok(made) => made,
            Err(error) => {
                // the next try has no need to wait for this turn's end
                shelf.forget(&turn).await?;
                return Err(said("make an account", &error));
            }
        };
        let text =
            serde_json::to_string(&credentials).map_err(|error| Fault(format!("the account: {error}")))?;
        shelf.write(&name, &text).await?;
        tracing::info!(directory = config.directory, "made an account at the certificates' issuer");
        Ok(Orders { config, shelf, account })
    }

    /// Orders a certificate for a name. What was put somewhere as a proof is taken away again.
    pub(super) async fn order(&self, name: &str, before: Option<&Certificate>) -> Result<Pair, Failed> {
        let mut proofs = Vec::new();
        let ordered =
            match tokio::time::timeout(self.config.order_time_max.0, self.get(name, before, &mut proofs))
                .await
            {
                Ok(ordered) => ordered,
                Err(_) => Err(Fault(format!(
                    "the order took longer than {} s",
                    self.config.order_time_max.0.as_secs()
                ))
                .into()),
            };
        for proof in proofs {
            self.take_away(proof).await;
        }
        if let Err(failed) = &ordered
            && failed.fault.0.contains("accountDoesNotExist")
        {
            // the issuer has forgotten us; the next try makes another
            self.shelf.forget(&format!("{ACCOUNT} {}", self.config.directory)).await?;
        }
        ordered
    }

    async fn get(
        &self,
        name: &str,
        before: Option<&Certificate>,
        proofs: &mut Vec<Proof<'a>>,
    ) -> Result<Pair, Failed> {
        let identifiers = [Identifier::Dns(name.to_owned())];
        let mut order = match self.account.new_order(&self.asked(&identifiers, before)).await {
            // an issuer without ARI, or one that has replaced that certificate already
            Err(_) if before.is_some() => self.account.new_order(&NewOrder::new(&identifiers)).await,
            ordered => ordered,
        }
        .map_err(|error| said("order", &error))?;
        self.prove(name, &mut order, proofs).await?;
        let polls = RetryPolicy::new().timeout(self.config.order_time_max.0);
        match order.poll_ready(&polls).await {
            Ok(OrderStatus::Invalid) => return Err(self.reason(&mut order).await),
            Ok(_) => {}
            Err(error) => {
                let failed = said("prove the name", &error);
                return Err(match error {
                    Error::Api(_) => self.reason(&mut order).await,
                    _ => failed,
                });
            }
        }
        let key = order.finalize().await.map_err(|error| said("finish the order", &error))?;
        let chain =
            order.poll_certificate(&polls).await.map_err(|error| said("take the certificate", &error))?;
        Ok(Pair { chain, key })
    }

    fn asked<'i>(&self, identifiers: &'i [Identifier], before: Option<&Certificate>) -> NewOrder<'i> {
        let new = NewOrder::new(identifiers);
        match before.and_then(identity) {
            Some(identity) => new.replaces(identity),
            None => new,
        }
    }

    /// Puts the proofs where the issuer looks, and tells it so.
    async fn prove(
        &self,
        name: &str,
        order: &mut instant_acme::Order,
        proofs: &mut Vec<Proof<'a>>,
    ) -> Result<(), Failed> {
        let kind = match self.config.dns_hook {
            Some(_) => ChallengeType::Dns01,
            None => ChallengeType::Http01,
        };
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization =
                authorization.map_err(|error| said("read what is to be proved", &error))?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let Some(mut challenge) = authorization.challenge(kind.clone()) else {
                return Err(
                    Fault(format!("the issuer does not take this way to prove {name}: {kind:?}")).into()
                );
            };
            let answer = challenge.key_authorization();
            let proof = match &self.config.dns_hook {
                Some(hook) => Proof::Record {
                    hook,
                    name: format!("_acme-challenge.{}", name.trim_start_matches("*.")),
                    value: answer.dns_value(),
                },
                None => Proof::Token(challenge.token.clone()),
            };
            // taken away even when it could not be put there whole
            proofs.push(proof);
            match proofs.last().expect("it was just put there") {
                Proof::Token(token) => self.shelf.write(&format!("{TOKEN} {token}"), answer.as_str()).await?,
                Proof::Record { hook, name, value } => {
                    hook::run(hook, Ask::Set, name, value, self.config.hook_time_max.0).await?;
                }
            }
            challenge.set_ready().await.map_err(|error| said("tell the issuer", &error))?;
        }
        Ok(())
    }

    /// Why the issuer does not believe us, in its words.
    async fn reason(&self, order: &mut instant_acme::Order) -> Failed {
        let mut reasons = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            let Ok(state) = authorization.refresh().await else { continue };
            let problems = state.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
            reasons.extend(problems.map(ToString::to_string));
        }
        if reasons.is_empty() {
            reasons.push("the issuer gives no reason".to_owned());
        }
        Fault(format!("the issuer could not see that the name is ours: {}", reasons.join("; "))).into()
    }

    async fn take_away(&self, proof: Proof<'_>) {
        let taken = match &proof {
            Proof::Token(token) => self.shelf.forget(&format!("{TOKEN} {token}")).await,
            Proof::Record { hook, name, value } => {
                hook::run(hook, Ask::Unset, name, value, self.config.hook_time_max.0).await
            }
        };
        if let Err(fault) = taken {
            tracing::warn!(%fault, "a proof that is no longer needed stays where it was put");
        }
    }

    /// When the issuer suggests to renew a certificate; `None` when it has no opinion.
    pub(super) async fn window(&self, certificate: &Certificate) -> Result<Option<Window>, Failed> {
        let Some(identity) = identity(certificate) else { return Ok(None) };
        match self.account.renewal_info(&identity).await {
            Ok((info, _)) => {
                let window = info.suggested_window;
                Ok(Some(Window {
                    serial: certificate.serial().to_owned(),
                    start: window.start.unix_timestamp().saturating_mul(1000),
                    end: window.end.unix_timestamp().saturating_mul(1000),
                }))
            }
            Err(Error::Unsupported(_)) => Ok(None),
            Err(error) => Err(said("ask when to renew", &error)),
        }
    }
}

/// What was put somewhere as a proof.
enum Proof<'a> {
    Token(String),
    Record { hook: &'a Path, name: String, value: String },
}

/// How an issuer knows a certificate of its own.
fn identity(certificate: &Certificate) -> Option<CertificateIdentifier<'static>> {
    let (issuer, serial) = certificate.identity()?;
    Some(CertificateIdentifier::new(Der::from_slice(issuer), Der::from_slice(serial)).into_owned())
}

fn said(what: &str, error: &Error) -> Failed {
    let is_limited = match error {
        Error::Api(problem) => problem.r#type.as_deref().is_some_and(|kind| kind.ends_with(":rateLimited")),
        _ => false,
    };
    Failed { fault: Fault(format!("cannot {what}: {}", chain(error))), is_limited }
}

#[cfg(test)]
mod tests {
    use base::time::Clock;

    use super::super::Folder;
    use super::*;

    #[tokio::test]
    async fn an_account_that_could_not_be_made_leaves_the_turn_to_the_next_try() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Folder::open(dir.path().into(), Clock::System).unwrap();
        // nobody answers at this port
        let config = Config { directory: "https://127.0.0.1:1/dir".into(), ..Config::default() };
        for _ in 0..2 {
            let failed = Orders::open(&config, &shelf).await.err().expect("no issuer is there");
            assert!(failed.fault.0.starts_with("cannot make an account"), "{}", failed.fault);
        }
    }
}
