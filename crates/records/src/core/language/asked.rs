//! `@request.*`: what is known of the request.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};
use store::query::{Column, Compare, Expr, Join, Source, Value};

use super::constant;
use super::operand::{Many, Nothing, Operand, column, compare};
use super::path::{Hop, Modifier, Place, holds_several, lower, split_modifier};
use super::resolve::{Base, Resolver, as_value, inside, is_number, unknown_name};
use super::token::{Sign, Wrong};
use crate::core::field::{Field, FieldKind};
use crate::request::Context;

impl<'a> Resolver<'a> {
    /// A name that begins with `@request`.
    pub(super) fn request(&mut self, base: &Base<'a>, parts: &[&str], at: usize) -> Result<Operand, Wrong> {
        let request = self.scope.request;
        match parts {
            [_, "context"] => Ok(Operand::constant(constant::text(context(request.context)))),
            [_, "method"] => Ok(Operand::constant(constant::text(&request.method))),
            [_, "auth", rest @ ..] if !rest.is_empty() => self.of_account(base, rest, at),
            [_, "query", rest @ ..] if !rest.is_empty() => plain(base, &request.query, rest, at),
            [_, "headers", rest @ ..] if !rest.is_empty() => plain(base, &request.headers, rest, at),
            [_, "body", rest @ ..] if !rest.is_empty() => self.of_body(base, rest, at),
            _ => {
                let advice =
                    "; known are @request.context, .method, .auth.*, .query.*, .headers.* and .body.*";
                Err(Wrong { advice: advice.to_owned(), ..unknown_name(&parts.join("."), at) })
            }
        }
    }

    /// `@request.auth.*`; nothing where nobody has signed in.
    fn of_account(&mut self, base: &Base<'a>, parts: &[&str], at: usize) -> Result<Operand, Wrong> {
        let Some(account) = self.account() else {
            split_modifier(parts.last().copied().unwrap_or_default(), at)?;
            let is_question = parts.last().is_some_and(|last| last.ends_with(":isset"));
            return Ok(Operand::constant(if is_question { Value::Bool(false) } else { Value::Null }));
        };
        let collection = self.find(&account.collection.id).unwrap_or(&account.collection);
        match parts {
            ["collectionId"] => return Ok(Operand::constant(constant::text(&collection.id))),
            ["collectionName"] => return Ok(Operand::constant(constant::text(&collection.name))),
            [one] if one.ends_with(":isset") => {
                let (name, _) = split_modifier(one, at)?;
                return Ok(Operand::constant(Value::Bool(collection.field(name).is_some())));
            }
            _ => {}
        }
        let mut path = self.path(base, Place::Account, collection, "a".to_owned(), at);
        path.is_lenient = true;
        self.follow(base, path, parts)
    }

    /// `@request.body.*`.
    fn of_body(&mut self, base: &Base<'a>, parts: &[&str], at: usize) -> Result<Operand, Wrong> {
        let body = &self.scope.request.body;
        let (name, modifier) = split_modifier(parts[0], at)?;
        let sent = body.get(name);
        match (base.collection.field(name), modifier, parts) {
            (Some(field), None, [_, rest @ ..]) if !rest.is_empty() => match &field.kind {
                FieldKind::Relation { collection, .. } => {
                    self.of_body_relation(base, field, collection, sent, rest, at)
                }
                _ => plain(base, body, parts, at),
            },
            (Some(field), Some(Modifier::Each), [_]) => self.of_body_each(base, field, sent, at),
            (Some(field), Some(Modifier::Length), [_]) => {
                several(field, at)?;
                let count = i64::try_from(items(sent).len()).unwrap_or(i64::MAX);
                Ok(Operand::constant(Value::Int(count)))
            }
            (Some(_), Some(Modifier::Lower), [_]) => {
                let written = sent.map_or(Value::Null, constant::of_json);
                let written = if written == Value::Null { constant::text("") } else { written };
                Ok(Operand::new(lower(Expr::Value(written)), constant::Affinity::Nothing))
            }
            (Some(field), Some(Modifier::Changed), [_]) => self.changed(base, field, sent, at),
            _ => plain(base, body, parts, at),
        }
    }

    /// A relation that the request sets, followed further.
    fn of_body_relation(
        &mut self,
        base: &Base<'a>,
        field: &'a Field,
        target: &str,
        sent: Option<&Json>,
        rest: &[&str],
        at: usize,
    ) -> Result<Operand, Wrong> {
        let Some(target) = self.find(target) else {
            return Err(Wrong::new(format!("the collection of {:?} is gone, named", field.name), at, ""));
        };
        let mut known = HashSet::new();
        let sent = items(sent);
        let sent = sent.iter().filter_map(Json::as_str).filter(|id| !id.is_empty());
        let ids: Vec<String> = sent.filter(|id| known.insert(*id)).map(str::to_owned).collect();
        let mut path = self.path(base, Place::Row(base.alias), target, "b".to_owned(), at);
        path.is_lenient = true;
        path.is_many = field.is_many();
        // without ids the way is walked all the same, so that a faulty rule is found when it is saved
        let is_nothing = ids.is_empty();
        self.hop(base, &mut path, Hop::Ids(ids), target, &field.name)?;
        let found = self.follow(base, path, rest)?;
        Ok(if is_nothing { Operand::constant(Value::Null) } else { found })
    }

    fn of_body_each(
        &mut self,
        base: &Base<'a>,
        field: &Field,
        sent: Option<&Json>,
        at: usize,
    ) -> Result<Operand, Wrong> {
        several(field, at)?;
        let list = || Source::Each(Expr::Value(constant::text(&Json::Array(items(sent)).to_string())));
        let join = |alias| Join { alias, source: list(), on: Expr::And(Vec::new()) };
        let key = format!("{}be/{}", base.space, field.name);
        let alias = match self.shared(&key) {
            Some(alias) => alias,
            None => {
                let alias = self.fresh();
                self.share(&key, alias, vec![join(alias)], at)?;
                alias
            }
        };
        let mut operand = Operand::new(column(alias, Column::Element), constant::Affinity::Nothing);
        operand.nothing = Nothing::Never;
        if field.is_many() {
            let all = self.fresh();
            operand.many = Some(Many::new(vec![join(all)], column(all, Column::Element)));
        }
        Ok(operand)
    }

    /// Whether the request sets a field to something else.
    fn changed(
        &mut self,
        base: &Base<'a>,
        field: &'a Field,
        sent: Option<&Json>,
        at: usize,
    ) -> Result<Operand, Wrong> {
        let mut changed = Expr::Value(Value::Bool(false));
        let stored = self.name(base, &field.name, at)?;
        if let Some(sent) = sent {
            let sent = Operand::constant(typed(sent, Some(field)));
            let differs = Sign { compare: Compare::Ne, any: true };
            changed = as_value(compare(&sent, differs, &stored, &mut || self.fresh()));
        }
        let operand = Operand::new(changed, constant::Affinity::Nothing);
        Ok(Operand { nothing: Nothing::Itself, is_loose: true, ..operand })
    }
}

/// A value that is in the request as it is.
fn plain(base: &Base<'_>, root: &Map<String, Json>, parts: &[&str], at: usize) -> Result<Operand, Wrong> {
    let (last, modifier) = split_modifier(parts[parts.len() - 1], at)?;
    let mut steps = parts.to_vec();
    steps[parts.len() - 1] = last;
    let found = root.get(steps[0]).and_then(|json| inside(json, &steps[1..]));
    let value = found.map_or(Value::Null, |json| typed(json, base.collection.field(last)));
    match modifier {
        None => Ok(Operand::constant(value)),
        Some(Modifier::IsSet) => Ok(Operand::constant(Value::Bool(found.is_some()))),
        Some(Modifier::Lower) => Ok(Operand::new(lower(Expr::Value(value)), constant::Affinity::Nothing)),
        Some(_) => {
            let advice = "; :changed, :each and :length need a field of the collection";
            Err(Wrong::new(format!("a wrong modifier behind {last:?}"), at, advice))
        }
    }
}

/// A sent value; forms send numbers as texts.
fn typed(sent: &Json, field: Option<&Field>) -> Value {
    match sent {
        Json::String(text) if is_number(field) => {
            text.parse().map_or_else(|_| constant::text(text), Value::Real)
        }
        other => constant::of_json(other),
    }
}

fn items(sent: Option<&Json>) -> Vec<Json> {
    match sent {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(all)) => all.clone(),
        Some(one) => vec![one.clone()],
    }
}

fn several(field: &Field, at: usize) -> Result<(), Wrong> {
    if holds_several(field) {
        return Ok(());
    }
    Err(Wrong::new(format!("{:?} holds no list, as is needed for :each and :length,", field.name), at, ""))
}

fn context(context: Context) -> &'static str {
    match context {
        Context::Default => "default",
        Context::Realtime => "realtime",
        Context::ProtectedFile => "protectedFile",
        Context::Password => "password",
        Context::OAuth2 => "oauth2",
        Context::Otp => "otp",
    }
}
