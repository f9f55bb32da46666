//! The `fields` parameter: which keys of a reply are sent, with `:excerpt(max, withEllipsis)`.

use serde_json::{Map, Value};

mod excerpt;

use excerpt::Excerpt;

/// Names in one parameter, at most.
const FIELDS_MAX: usize = 500;

/// A parsed `fields` parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Pick {
    /// Names with their dots, and how their value is shortened.
    fields: Vec<(String, Option<Excerpt>)>,
}

/// What of a name is left on the way down.
type Left<'a> = (&'a str, Option<&'a Excerpt>);

impl Pick {
    /// Reads the parameter; `None` for an empty one. The error is a sentence for the client.
    pub fn parse(text: &str) -> Result<Option<Pick>, String> {
        let mut fields = Vec::new();
        for part in split(text)? {
            if fields.len() == FIELDS_MAX {
                return Err(format!("fields names more than {FIELDS_MAX} keys"));
            }
            let (name, modifier) = match part.split_once(':') {
                Some((name, modifier)) => (name, Some(Excerpt::parse(modifier)?)),
                None => (part, None),
            };
            // of a name that comes twice, the last counts
            fields.retain(|(known, _)| known != name);
            fields.push((name.to_owned(), modifier));
        }
        Ok(if fields.is_empty() { None } else { Some(Pick { fields }) })
    }

    /// Keeps only what was asked for, in a record or a list of them (nested keys by `a.b`, any by `*`).
    pub fn apply(&self, value: &mut Value) {
        let left: Vec<Left<'_>> =
            self.fields.iter().map(|(name, excerpt)| (name.as_str(), excerpt.as_ref())).collect();
        pick(value, &left);
    }
}

fn pick(value: &mut Value, fields: &[Left<'_>]) {
    match value {
        Value::Object(map) => pick_map(map, fields),
        // a list of anything but objects is sent whole
        Value::Array(all) if all.first().is_some_and(Value::is_object) => {
            all.iter_mut().for_each(|one| pick(one, fields));
        }
        _ => {}
    }
}

fn pick_map(map: &mut Map<String, Value>, fields: &[Left<'_>]) {
    let any = fields.iter().find(|(name, _)| *name == "*").map(|(_, excerpt)| *excerpt);
    map.retain(|key, value| {
        let mut below: Vec<Left<'_>> = Vec::new();
        for (name, excerpt) in fields {
            match name.strip_prefix(key) {
                Some("") => {
                    shorten(value, *excerpt);
                    return true;
                }
                Some(rest) => below.extend(rest.strip_prefix('.').map(|rest| (rest, *excerpt))),
                None => {}
            }
        }
        match any {
            _ if !below.is_empty() => pick(value, &below),
            Some(excerpt) => shorten(value, excerpt),
            None => return false,
        }
        true
    });
}

fn shorten(value: &mut Value, excerpt: Option<&Excerpt>) {
    if let (Value::String(text), Some(excerpt)) = (value, excerpt) {
        *text = excerpt.of(text);
    }
}

/// Splits at commas outside parentheses.
fn split(text: &str) -> Result<impl Iterator<Item = &str>, String> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    if depth > 0 {
        return Err("fields has a \"(\" that is never closed".to_owned());
    }
    Ok(parts.into_iter().filter(|part| !part.is_empty()))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(data: &str, fields: &str, expected: Expect) {
        let mut value: Value = serde_json::from_str(data).unwrap();
        let seen = match Pick::parse(fields) {
            Ok(pick) => {
                pick.iter().for_each(|pick| pick.apply(&mut value));
                value.to_string()
            }
            Err(fault) => fault,
        };
        expected.assert_eq(&seen);
    }

    const ABC: &str = r#"{"a":1,"b":2,"c":"test"}"#;
    const REL: &str = r#"{"id":"1","title":"<b>lorem</b>","rel":{"id":"2","title":"<p>rel_title</p>","sub":{"id":"3","t":"x"}}}"#;

    #[test]
    fn keys_that_are_not_named_go() {
        check(ABC, "", expect![[r#"{"a":1,"b":2,"c":"test"}"#]]);
        check(ABC, " , ", expect![[r#"{"a":1,"b":2,"c":"test"}"#]]);
        check(ABC, "missing", expect!["{}"]);
        check(ABC, "a,  c  ,missing", expect![[r#"{"a":1,"c":"test"}"#]]);
        check(r#""test""#, "a", expect![[r#""test""#]]);
        check(r#"["a","b"]"#, "a", expect![[r#"["a","b"]"#]]);
        check(r#"[{"a":1,"b":1},{"b":2}]"#, "a", expect![[r#"[{"a":1},{}]"#]]);
    }

    #[test]
    fn names_go_down_through_objects_and_lists() {
        let data = r#"{"a":1,"l":[{"A":[1],"D":{"DA":1,"DB":2}},{"A":2}],"m":[{"C":1,"D":[{"DA":1},{"DB":2}]}],"ab":1}"#;
        check(
            data,
            "a,l.A,l.D,m.D.DA",
            expect![[r#"{"a":1,"l":[{"A":[1],"D":{"DA":1,"DB":2}},{"A":2}],"m":[{"D":[{"DA":1},{}]}]}"#]],
        );
        check(
            REL,
            "rel,rel.id",
            expect![[r#"{"rel":{"id":"2","title":"<p>rel_title</p>","sub":{"id":"3","t":"x"}}}"#]],
        );
        check(
            REL,
            "rel.id,rel",
            expect![[r#"{"rel":{"id":"2","title":"<p>rel_title</p>","sub":{"id":"3","t":"x"}}}"#]],
        );
        check(REL, "id.x", expect![[r#"{"id":"1"}"#]]);
    }

    #[test]
    fn a_star_keeps_what_is_not_named() {
        check(
            REL,
            "*",
            expect![[
                r#"{"id":"1","title":"<b>lorem</b>","rel":{"id":"2","title":"<p>rel_title</p>","sub":{"id":"3","t":"x"}}}"#
            ]],
        );
        check(REL, "*,rel.id", expect![[r#"{"id":"1","title":"<b>lorem</b>","rel":{"id":"2"}}"#]]);
        check(
            REL,
            "id,rel.*",
            expect![[r#"{"id":"1","rel":{"id":"2","title":"<p>rel_title</p>","sub":{"id":"3","t":"x"}}}"#]],
        );
        check(
            REL,
            "id,rel.*,rel.sub.id",
            expect![[r#"{"id":"1","rel":{"id":"2","title":"<p>rel_title</p>","sub":{"id":"3"}}}"#]],
        );
    }

    #[test]
    fn excerpts_shorten_texts() {
        check(
            REL,
            "*:excerpt(2),rel.title:excerpt(3, true)",
            expect![[r#"{"id":"1","title":"lo","rel":{"title":"rel..."}}"#]],
        );
        check(ABC, "a:excerpt(1),c:excerpt(1,0)", expect![[r#"{"a":1,"c":"t"}"#]]);
    }

    #[test]
    fn faults_are_told() {
        for fields in [
            "*:excerpt",
            "a:excerpt(0)",
            "a:excerpt(x)",
            "a:excerpt(1,2,3)",
            "a:nope(1)",
            "a:",
            "a:excerpt(1",
        ] {
            assert!(Pick::parse(fields).is_err(), "{fields}");
        }
        assert!(Pick::parse(&(0..501).map(|n| format!("f{n}")).collect::<Vec<_>>().join(",")).is_err());
    }
}
