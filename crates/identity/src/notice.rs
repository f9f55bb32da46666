//! Mails that nobody asked for: an account is told when how it signs in was changed, and its old address when it has another.
//!
//! Such a mail is written in the transaction of what it tells of, by whoever writes the audit list. It goes to an address that
//! is known to be the account's, and not to one that is being made at this moment.

use std::time::Duration;

use base::chance;
use records::audit::{Entry, Event, Seen, Witness};
use records::core::change::FLOWS;
use records::core::value::Values;
use records::{Error, Principal};
use serde_json::{Map, Value};
use store::Tx;

use crate::mailed::undo;
use crate::post::{Job, Kind, queue};
use crate::service::{Identity, Weak};
use crate::tally::{Tally, What};
use crate::{flow, own};

/// An account that is younger is being made: what it gets meanwhile is no news.
const NEW_FOR: Duration = Duration::from_secs(60);
/// Characters of a name in a mail.
const NAME_LENGTH_MAX: usize = 100;

/// Tells people by mail, as long as the room is there.
pub(crate) struct Teller(pub(crate) Weak);

impl Witness for Teller {
    fn see<'a>(&'a self, tx: &'a mut Tx, entry: &'a Entry) -> Seen<'a> {
        Box::pin(async move {
            match self.0.upgrade() {
                Some(identity) => tell(tx, &identity, entry).await,
                None => Ok(()),
            }
        })
    }
}

/// Writes the mail about a line down, if there is one.
async fn tell(tx: &mut Tx, identity: &Identity, entry: &Entry) -> Result<(), Error> {
    if identity.post().is_none() || what(entry).is_none() {
        return Ok(());
    }
    let Some(account) = find(tx, identity, entry).await? else { return Ok(()) };
    let values = identity.records().values(&account.collection, &account.row);
    let now = identity.records().clock().now();
    if now < own::date(&values, "created").after(NEW_FOR) {
        return Ok(());
    }
    let Some(to) = address(entry, &values) else { return Ok(()) };
    let tally = Tally::of(identity, What::Notices, &account.collection, &to);
    if tally.check(tx, identity).await?.is_err() {
        return Ok(());
    }
    tally.count(tx, identity).await?;
    let mut about = Map::from_iter([("alertInfo".to_owned(), info(entry, &now.to_string()).into())]);
    let kind = match entry.event() {
        Event::AddressChanged if entry.is_own() => {
            let undo = begin_undo(tx, identity, &account, &to).await?;
            about.insert("undo".into(), undo.into());
            Kind::EmailChanged
        }
        Event::AddressChanged => Kind::OldAddress,
        _ => Kind::Notice,
    };
    let (collection, id) = (account.collection.id.clone(), account.row.id.clone());
    queue(tx, identity, &Job { kind, collection, account: id, to, about }).await
}

async fn find(tx: &mut Tx, identity: &Identity, entry: &Entry) -> Result<Option<Principal>, Error> {
    let whose = entry.account();
    let Some(collection) = identity.records().catalog().find(&whose.collection).cloned() else {
        return Ok(None);
    };
    let row = tx.get(&collection.table(), &whose.record).await?;
    Ok(row.map(|row| Principal { collection, row: row.into() }))
}

/// Whom to tell: the address that the account had, or has; none that nobody has proved.
fn address(entry: &Entry, account: &Values) -> Option<String> {
    let (to, is_proved) = match entry.event() {
        Event::AddressChanged => {
            let was = entry.detail("was").and_then(Value::as_str).unwrap_or_default();
            (was, entry.detail("wasVerified") == Some(&Value::Bool(true)))
        }
        _ => (account.text("email"), account.flag("verified")),
    };
    (is_proved && !to.is_empty()).then(|| to.to_owned())
}

/// Keeps what an undoing needs to know; the name under which it lies.
async fn begin_undo(
    tx: &mut Tx,
    identity: &Identity,
    account: &Principal,
    was: &str,
) -> Result<String, Error> {
    let name = chance::word(base::id::LENGTH * 2);
    let data = undo::Undo {
        collection: account.collection.id.clone(),
        account: account.row.id.clone(),
        was: was.to_owned(),
        since: identity.records().clock().now().0,
    };
    let flows = own::collection(identity.records(), FLOWS)?;
    let data = serde_json::to_string(&data).expect("texts become JSON");
    let row = flow::row(identity.records(), undo::FLOW, &name, &data, undo::TIME_MAX_MS);
    identity.records().insert_own(tx, &flows, row).await?;
    Ok(name)
}

/// What happened, in Korean and English; `None` for what is told to nobody.
fn what(entry: &Entry) -> Option<(&'static str, &'static str)> {
    let way = entry.detail("way").and_then(Value::as_str).unwrap_or_default();
    Some(match (entry.event(), way) {
        (Event::FactorAdded, "passkey") => ("패스키 추가", "a passkey was added"),
        (Event::FactorRemoved, "passkey") => ("패스키 삭제", "a passkey was removed"),
        (Event::FactorAdded, "totp") => ("인증 앱 등록", "an authenticator was added"),
        (Event::FactorRemoved, "totp") => ("인증 앱 해제", "an authenticator was removed"),
        (Event::PasskeyDoubled, _) => {
            ("패스키가 복제되었을 수 있어 거부됨", "a passkey was refused, since there may be two of it")
        }
        (Event::PasswordChanged, _) => ("비밀번호 변경", "the password was set"),
        (Event::Linked, _) => ("다른 서비스 계정 연결", "another service was linked"),
        (Event::Unlinked, _) => ("다른 서비스 계정 연결 해제", "another service was unlinked"),
        (Event::AddressChanged, _) => ("주소 변경", "the address was changed"),
        _ => return None,
    })
}

/// The line of a mail: when, what, which one, from where.
fn info(entry: &Entry, now: &str) -> String {
    let (korean, english) = what(entry).unwrap_or_default();
    let name = ["provider", "name"].into_iter().find_map(|name| entry.detail(name)?.as_str());
    let name: String =
        name.unwrap_or_default().chars().filter(|c| !c.is_control()).take(NAME_LENGTH_MAX).collect();
    let network = entry.network().map(|network| network.to_string()).unwrap_or_default();
    let parts = [now, korean, english, &name, &network];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use records::audit::Whose;
    use serde_json::json;

    use super::*;

    fn entry(event: Event) -> Entry {
        Entry::new(event, Whose { collection: "c".into(), record: "r".into() })
    }

    #[test]
    fn a_mail_says_when_what_which_and_from_where() {
        let from: std::net::IpAddr = [203, 0, 113, 9].into();
        let added = entry(Event::FactorAdded).from(from).with("way", "passkey").with("name", "my\r\nphone");
        assert_eq!(info(&added, "now"), "now · 패스키 추가 · a passkey was added · myphone · 203.0.113.0");
    }

    #[test]
    fn only_a_proved_address_is_told() {
        let values = |verified: bool| {
            let values = json!({ "email": "new@b.example", "verified": verified });
            Values(values.as_object().cloned().expect("an object"))
        };
        let linked = entry(Event::Linked);
        assert_eq!(address(&linked, &values(true)).as_deref(), Some("new@b.example"));
        assert_eq!(address(&linked, &values(false)), None);
        let changed = |proved: bool| {
            entry(Event::AddressChanged).with("was", "old@b.example").with("wasVerified", proved)
        };
        assert_eq!(address(&changed(true), &values(true)).as_deref(), Some("old@b.example"));
        assert_eq!(address(&changed(false), &values(true)), None);
        assert!(what(&entry(Event::SignIn)).is_none() && what(&entry(Event::SessionEnded)).is_none());
    }
}
