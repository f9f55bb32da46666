//! What hostile requests are made of: names, values, signs and junk, put together by chance.
//!
//! Most of it is sound, so that it gets past the first look and reaches what lies behind.

use std::fmt::Write as _;

use crate::writer::Chance;

const NAMES: [&str; 28] = [
    "title",
    "visible",
    "secret",
    "id",
    "created",
    "owner",
    "owner.email",
    "owner.password",
    "owner.tokenKey",
    "owner.hall_via_owner.title",
    "hall_via_owner.title",
    "data",
    "data.a.0.b",
    "data.'",
    "tags",
    "tags:each",
    "tags:length",
    "title:lower",
    "title:isset",
    "secret:lower",
    "@request.auth.id",
    "@request.auth.email",
    "@request.query.filter",
    "@request.headers.host",
    "@collection.vault.text",
    "@collection.hall.secret",
    "@collection.users.tokenKey",
    "gone",
];
/// What a guest may well ask for.
const SOUND_NAMES: [&str; 12] = [
    "title",
    "visible",
    "id",
    "created",
    "owner",
    "data",
    "data.a.0.b",
    "tags",
    "tags:each",
    "tags:length",
    "title:lower",
    "owner.id",
];
const SOUND_SIGNS: [&str; 8] = ["=", "!=", ">", "<=", "~", "!~", "?=", "?!~"];
const VALUES: [&str; 20] = [
    "'a'",
    "\"가\"",
    "''",
    "1",
    "-1.5",
    "1e309",
    "99999999999999999999",
    "true",
    "null",
    "@now",
    "@todayStart",
    "'%'",
    "'_'",
    "'\\''",
    "'\\\\'",
    "'seventeen%'",
    "'2020-01-01'",
    "geoDistance(1, 2, 3, 4)",
    "strftime('%Y', created)",
    "strftime('%', '')",
];
const SIGNS: [&str; 17] =
    ["=", "!=", ">", ">=", "<", "<=", "~", "!~", "?=", "?!=", "?>", "?~", "?!~", "==", "&&", "||", "<>"];
const JUNK: [&str; 22] = [
    "(",
    ")",
    "((((((((",
    "'",
    "\"",
    "\\",
    ";",
    "--",
    "/*",
    "*/",
    "// x\n",
    "\0",
    "\n",
    "\u{7f}",
    "🙂",
    "ㄱ",
    "%",
    "%00",
    "' OR 1=1 --",
    "UNION SELECT",
    "{:x}",
    "\u{202e}",
];

/// One of several.
pub(crate) fn pick<'a>(chance: &mut Chance, from: &[&'a str]) -> &'a str {
    from[chance.below(from.len() as u64) as usize]
}

/// A name, or something made of one.
pub(crate) fn word(chance: &mut Chance) -> String {
    let names = if chance.below(6) == 0 { &NAMES[..] } else { &SOUND_NAMES[..] };
    match chance.below(12) {
        0 => format!("{}{}", pick(chance, &JUNK), pick(chance, names)),
        1 => format!("-{}", pick(chance, names)),
        2 => format!("{}:excerpt({})", pick(chance, names), pick(chance, &VALUES)),
        _ => pick(chance, names).to_owned(),
    }
}

/// An expression that is sound about half of the time.
pub(crate) fn expression(chance: &mut Chance) -> String {
    let mut text = String::new();
    for round in 0..=chance.below(4) {
        let join = if round == 0 { "" } else { pick(chance, &[" && ", " || "]) };
        let is_sound = chance.below(6) > 0;
        let (names, signs) =
            if is_sound { (&SOUND_NAMES[..], &SOUND_SIGNS[..]) } else { (&NAMES[..], &SIGNS[..]) };
        let (left, sign) = (pick(chance, names), pick(chance, signs));
        let right = if chance.below(4) == 0 { pick(chance, names) } else { pick(chance, &VALUES) };
        let _ = write!(text, "{join}{left} {sign} {right}");
    }
    for _ in 0..chance.below(6).saturating_sub(4) * 2 {
        let at = chance.below(text.len() as u64 + 1) as usize;
        let at = (at..).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        text.insert_str(at, pick(chance, &JUNK));
    }
    text
}

/// Some JSON, with the keys that a record may have.
pub(crate) fn json(chance: &mut Chance, depth: u64) -> String {
    let leaf = if depth == 0 && chance.below(8) > 0 { 0 } else { chance.below(6 + depth * 3) };
    match leaf {
        0 | 1 => {
            let pairs = (0..chance.below(5)).map(|_| {
                let key = pick(
                    chance,
                    &[
                        "title",
                        "visible",
                        "data",
                        "tags",
                        "tags+",
                        "+tags",
                        "picture",
                        "picture-",
                        "owner",
                        "id",
                        "requests",
                        "method",
                        "url",
                        "body",
                        "identity",
                        "password",
                        "clientId",
                        "subscriptions",
                        "collectionId",
                    ],
                );
                format!("\"{key}\": {}", json(chance, depth + 1))
            });
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        2 => format!(
            "[{}]",
            (0..chance.below(4)).map(|_| json(chance, depth + 1)).collect::<Vec<_>>().join(", ")
        ),
        3 => pick(chance, &["1", "-0", "1e400", "0.1", "99999999999999999999999", "true", "null"]).to_owned(),
        _ => format!(
            "\"{}\"",
            pick(
                chance,
                &[
                    "가",
                    "a",
                    "",
                    "\\u0000",
                    "\\ud800",
                    "POST",
                    "/api/collections/hall/records",
                    "*",
                    "hall/*",
                    "vault/*",
                    "hall/*?options=%7B%22query%22%3A%7B%22filter%22%3A%22((%22%7D%7D",
                    "../..",
                    "' OR 1=1",
                    "2020-01-01"
                ]
            )
        ),
    }
}

/// A text as it stands in a query.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
