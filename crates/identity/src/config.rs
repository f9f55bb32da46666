//! The settings and limits of identity, each with its default.

use std::collections::BTreeMap;
use std::time::Duration;

use base::unit::{Bytes, Span};
use serde::Deserialize;

use crate::fetch::Limits;
use crate::issuer::Client;
use crate::passkey::RelyingParty;
use crate::provider::OnService;
use crate::session::Turns;

/// Limits of sign-in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Bytes of a request to sign in.
    pub body_bytes_max: Bytes,
    /// Longest life of a token that a superuser makes for somebody else.
    pub impersonation_time_max: Span,
    /// Proven tokens that are kept at hand.
    pub cached_tokens_max: usize,
    /// How long a proven token is kept at hand without being proved again.
    pub cached_token_time_max: Span,
    /// Longest life of a session, however often it is renewed; a collection whose tokens live longer has those.
    pub session_time_max: Span,
    /// How long a session is taken for granted after its record was looked at.
    pub session_renew_after: Span,
    /// A session that is used is noted as seen once in this time.
    pub session_seen_every: Span,
    /// Sessions of one account; of more the one that was not seen for longest ends.
    pub sessions_per_account_max: usize,
    /// How long after a sign-in nobody is asked anew who it is, before a page changes how the account signs in.
    pub sign_in_fresh_for: Span,
    /// How long an invitation may be accepted.
    pub invitation_time: Span,
    /// How long the link of a sign-up may be followed.
    pub sign_up_time: Span,
    /// How long a key signs tokens; then the next one does.
    pub token_key_time: Span,
    /// How long before it signs a key is made known to all web servers.
    pub token_key_notice: Span,
    /// Keys that are looked at; of more the oldest prove nothing.
    pub token_keys_max: u64,
    /// A key that is not known is looked for at most once in this time.
    pub token_keys_look_every: Span,
    /// Between two questions to a database server for the newest place of its change log.
    pub feed_ask_every: Span,
    /// When the change log was not heard for so long, whoever must be certain of a session has it looked at.
    pub feed_stale_after: Span,
    /// Wrong tries of one mailed code; then it is void.
    pub code_tries_max: u32,
    /// Mails that may be asked for to one address in `address_window`.
    pub mails_per_address_max: u32,
    /// Wrong passwords for one name from one network in that time; then none is looked at from there.
    pub wrong_passwords_per_name_max: u32,
    /// The same for all names together.
    pub wrong_passwords_per_network_max: u32,
    /// Mails that tell one address of changes in that time.
    pub notices_per_address_max: u32,
    /// Wrong codes that may be tried for one address in `address_window`.
    pub wrong_words_per_address_max: u32,
    /// The time in which those are counted.
    pub address_window: Span,
    /// Mails that may wait; further ones are refused as busy.
    pub mails_waiting_max: u64,
    /// Mails that one web server gives away at once.
    pub mails_at_once: usize,
    /// Tries of one mail; then it is kept as failed.
    pub mail_tries_max: u32,
    /// The wait after the first try; each further one is three times as long.
    pub mail_wait_first: Span,
    /// The longest wait between two tries.
    pub mail_wait_max: Span,
    /// How long a web server has for a mail that it took; then another one may take it.
    pub mail_held_max: Span,
    /// Between two looks for mails that others left behind, or whose wait is over.
    pub mail_poll_every: Span,
    /// How long it is kept that a mail was sent.
    pub mails_sent_kept: Span,
    /// How long it is kept that a mail could not be sent.
    pub mails_failed_kept: Span,
    /// Places of one account that are known; the one that was not seen for longest is forgotten first.
    pub origins_max: usize,
    /// How long a place is known without being seen again.
    pub origins_kept: Span,
    /// Refused sign-ins of one name that are written into the audit list in `address_window`.
    pub audit_refusals_per_account_max: u32,
    /// The same from one network.
    pub audit_refusals_per_network_max: u32,
    /// How long the audit list says what happened.
    pub audit_kept: Span,
    /// Lines of the audit list; of more the oldest go.
    pub audit_lines_max: u64,
    /// Between two clearings of what has expired.
    pub sweep_every: Span,
    /// Passkeys of one account.
    pub passkeys_max: u64,
    /// The site that passkeys are for, as the service says of itself; without it there are none.
    #[serde(skip)]
    pub relying_party: Option<RelyingParty>,
    /// Bytes of what a provider answers; more is an error.
    pub answer_bytes_max: Bytes,
    /// How long a provider may take to answer.
    pub answer_time_max: Span,
    /// For development: providers may be on this machine, without encryption.
    pub may_ask_loopback: bool,
    /// How long a code of ours is good that a client gets.
    pub code_time: Span,
    /// How long an access token is.
    pub access_token_time: Span,
    /// How long an ID token is.
    pub id_token_time: Span,
    /// How long a refresh token is that is not used.
    pub refresh_time: Span,
    /// Longest life of what a client has while the person is away, however often it is renewed.
    pub refresh_time_max: Span,
    /// How long a client without a secret may show a refresh token once more, to whom the answer got lost.
    pub refresh_again: Span,
    /// Clients that one web server tells at once that a session has ended.
    pub logouts_at_once: usize,
    /// Tries to tell one client; then it is kept as failed.
    pub logout_tries_max: u32,
    /// The wait after the first try; each further one is three times as long.
    pub logout_wait_first: Span,
    /// The longest wait between two tries.
    pub logout_wait_max: Span,
    /// How long a web server has to tell a client; then another one may.
    pub logout_held_max: Span,
    /// Between two looks for clients that others left untold, or whose wait is over.
    pub logout_poll_every: Span,
    /// How long the token is good that says so.
    pub logout_token_time: Span,
    /// The tools of the service file that let people sign in here, by name: `[client.NAME]`.
    #[serde(skip)]
    pub clients: BTreeMap<String, Client>,
    /// The service's own address, as people reach it; empty where it is not known.
    #[serde(skip)]
    pub url: String,
    /// The providers of the service file, by name: `[sign-in.NAME]`.
    #[serde(skip)]
    pub providers: BTreeMap<String, OnService>,
}

impl Config {
    /// How keys of tokens follow one another.
    pub(crate) fn turns(&self) -> Turns {
        Turns { life: self.token_key_time.0, notice: self.token_key_notice.0 }
    }

    /// The limits of asking providers.
    pub(crate) fn fetch_limits(&self) -> Limits {
        Limits {
            body_bytes_max: self.answer_bytes_max.0,
            time_max: self.answer_time_max.0,
            may_ask_loopback: self.may_ask_loopback,
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        let seconds = |s| Span(Duration::from_secs(s));
        Config {
            body_bytes_max: Bytes(64 << 10),
            impersonation_time_max: seconds(10 * 365 * 86_400),
            cached_tokens_max: 10_000,
            cached_token_time_max: seconds(60),
            session_time_max: seconds(365 * 86_400),
            session_renew_after: seconds(600),
            session_seen_every: seconds(600),
            sessions_per_account_max: 100,
            sign_in_fresh_for: seconds(300),
            invitation_time: seconds(7 * 86_400),
            sign_up_time: seconds(3600),
            token_key_time: seconds(30 * 86_400),
            token_key_notice: seconds(3600),
            token_keys_max: 200,
            token_keys_look_every: seconds(1),
            feed_ask_every: seconds(2),
            feed_stale_after: seconds(10),
            code_tries_max: 5,
            mails_per_address_max: 10,
            wrong_passwords_per_name_max: 20,
            wrong_passwords_per_network_max: 1000,
            notices_per_address_max: 20,
            wrong_words_per_address_max: 10,
            address_window: seconds(3600),
            mails_waiting_max: 10_000,
            mails_at_once: 4,
            mail_tries_max: 10,
            mail_wait_first: seconds(10),
            mail_wait_max: seconds(2 * 3600),
            mail_held_max: seconds(120),
            mail_poll_every: seconds(10),
            mails_sent_kept: seconds(86_400),
            mails_failed_kept: seconds(30 * 86_400),
            origins_max: 5,
            origins_kept: seconds(180 * 86_400),
            audit_refusals_per_account_max: 10,
            audit_refusals_per_network_max: 100,
            audit_kept: seconds(365 * 86_400),
            audit_lines_max: 200_000,
            sweep_every: seconds(600),
            passkeys_max: 20,
            relying_party: None,
            answer_bytes_max: Bytes(1 << 20),
            answer_time_max: seconds(10),
            may_ask_loopback: false,
            code_time: seconds(60),
            access_token_time: seconds(600),
            id_token_time: seconds(3600),
            refresh_time: seconds(30 * 86_400),
            refresh_time_max: seconds(365 * 86_400),
            refresh_again: seconds(30),
            logouts_at_once: 8,
            logout_tries_max: 8,
            logout_wait_first: seconds(5),
            logout_wait_max: seconds(3600),
            logout_held_max: seconds(60),
            logout_poll_every: seconds(10),
            logout_token_time: seconds(120),
            clients: BTreeMap::new(),
            url: String::new(),
            providers: BTreeMap::new(),
        }
    }
}

impl Config {
    /// The wait after a mail's try of this number, from 1.
    pub(crate) fn mail_wait(&self, tries: u64) -> Duration {
        wait(self.mail_wait_first, self.mail_wait_max, tries)
    }

    /// The same of telling a client that a session has ended.
    pub(crate) fn logout_wait(&self, tries: u64) -> Duration {
        wait(self.logout_wait_first, self.logout_wait_max, tries)
    }
}

fn wait(first: Span, longest: Span, tries: u64) -> Duration {
    let growth = 3u32.saturating_pow(u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX));
    first.0.saturating_mul(growth).min(longest.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest() {
        let config = Config::default();
        let waits: Vec<u64> = (1..=8).map(|tries| config.mail_wait(tries).as_secs()).collect();
        assert_eq!(waits, [10, 30, 90, 270, 810, 2430, 7200, 7200]);
        assert_eq!(config.mail_wait(u64::MAX), config.mail_wait_max.0);
    }
}
