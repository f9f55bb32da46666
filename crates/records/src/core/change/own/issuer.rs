//! What the provider of sign-in for the team's other tools keeps: those tools, what people agreed to, and what came of it.
//!
//! No code and no token lies in any of it: a family's are made of its id and of what the house alone knows. A tool's secret is
//! kept as a password is.

use super::{Repeats, add_index, date, flag, json, make, number, of_account, text};
use crate::core::collection::Collection;
use crate::core::field::{Field, FieldKind};
use crate::core::pattern::Pattern;

/// Tools of the team's that let people sign in here.
pub const CLIENTS: &str = "_clients";
/// What a person agreed that a tool may know.
pub const GRANTS: &str = "_grants";
/// What came of one sign-in to a tool: its code, and the tokens that follow one another.
pub const FAMILIES: &str = "_families";
/// Tools that are to be told when a session ends, and how far that is.
pub const LOGOUTS: &str = "_logouts";

/// Fewest characters of a tool's secret.
const SECRET_LENGTH_MIN: u64 = 16;

/// All of them.
pub(super) fn collections(now: &str) -> [Collection; 4] {
    [clients(now), grants(now), families(now), logouts(now)]
}

/// Written by superusers.
fn clients(now: &str) -> Collection {
    let secret = FieldKind::Password { min: SECRET_LENGTH_MIN, max: 0, pattern: Pattern::default(), cost: 0 };
    let who = [text("label").required(), Field::new("secret", secret).system().hidden(), flag("public")];
    let places = [json("redirects"), json("afterLogout"), text("backChannel")];
    let about = [text("accounts"), text("scopes"), flag("trusted"), text("groups")];
    let old = [text("algorithm"), flag("withoutPkce")];
    make(CLIENTS, &[&who[..], &places, &about, &old].concat(), now)
}

/// Made by agreeing; who takes one back ends what the tool has.
fn grants(now: &str) -> Collection {
    let mut grants = of_account(GRANTS, &[text("client").required(), text("scopes")], now);
    grants.rules.delete = grants.rules.view.clone();
    add_index(&mut grants, Repeats::No, &["collectionRef", "recordRef", "client"]);
    grants
}

/// How often its tokens were renewed is a number: of two who renew at once, one does.
fn families(now: &str) -> Collection {
    let whose = [text("client").required(), text("session"), text("grant"), text("mark").hidden()];
    let asked =
        [text("scopes"), text("redirect").hidden(), text("challenge").hidden(), text("nonce").hidden()];
    let course =
        [number("turn"), number("turned"), date("signedIn"), json("methods"), date("ends"), date("lasts")];
    let mut families = of_account(FAMILIES, &[&whose[..], &asked, &course].concat(), now);
    families.rules.delete = families.rules.view.clone();
    add_index(&mut families, Repeats::Yes, &["ends"]);
    families
}

/// It stays when the account goes: the tools are to be told of that too.
fn logouts(now: &str) -> Collection {
    let whose = [text("session").required(), text("client").required(), text("subject").required()];
    let course = [text("state"), number("tries"), date("due"), text("reason")];
    let mut logouts = make(LOGOUTS, &[&whose[..], &course].concat(), now);
    add_index(&mut logouts, Repeats::No, &["session", "client"]);
    add_index(&mut logouts, Repeats::Yes, &["state", "due"]);
    logouts
}
