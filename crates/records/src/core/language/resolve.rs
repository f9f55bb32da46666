//! From names to operands: the joins of one query, and who shares them.

use std::cell::OnceCell;

use serde_json::{Map, Value as Json};
use store::query::{Alias, Expr, Join, MAIN, Scalar, Value};

use super::Scope;
use super::constant;
use super::moment;
use super::operand::Operand;
use super::path::{Hop, Path, Place};
use super::token::{Literal, Wrong};
use crate::core::collection::Collection;
use crate::core::field::{Field, FieldKind};
use crate::request::Principal;

/// What plain names refer to.
#[derive(Clone, Debug)]
pub(super) struct Base<'a> {
    pub(super) collection: &'a Collection,
    pub(super) alias: Alias,
    /// Joins are shared within a space: that of the query, and one for each list rule.
    pub(super) space: u32,
    pub(super) sees_hidden: bool,
}

/// Resolves names, and keeps the joins that they need.
pub(super) struct Resolver<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) joins: Vec<Join>,
    shared: Vec<(String, Alias)>,
    last_alias: u32,
    last_space: u32,
    /// Collections that a client's filter has come to and whose list rule still has to be added.
    unguarded: Vec<(&'a Collection, Alias)>,
    guarded: Vec<Alias>,
    /// The same of rows that stand for all rows of a side, whose list rule belongs beside them.
    pub(super) unguarded_of_all: Vec<(&'a Collection, Alias)>,
    account_body: OnceCell<Map<String, Json>>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(scope: Scope<'a>) -> Resolver<'a> {
        Resolver {
            scope,
            joins: Vec::new(),
            shared: Vec::new(),
            last_alias: MAIN.0,
            last_space: 0,
            unguarded: Vec::new(),
            guarded: Vec::new(),
            unguarded_of_all: Vec::new(),
            account_body: OnceCell::new(),
        }
    }

    /// The row asked about.
    pub(super) fn main(&self, sees_hidden: bool) -> Base<'a> {
        Base { collection: self.scope.collection, alias: MAIN, space: 0, sees_hidden }
    }

    /// A joined row of which the list rule must hold, and the rule; none when all have been given.
    pub(super) fn next_list_rule(&mut self) -> Option<(Base<'a>, &'a str)> {
        let (collection, alias) = self.unguarded.pop()?;
        Some(self.list_rule(collection, alias))
    }

    /// The list rule of a row, and what its names refer to.
    pub(super) fn list_rule(&mut self, collection: &'a Collection, alias: Alias) -> (Base<'a>, &'a str) {
        self.last_space += 1;
        let base = Base { collection, alias, space: self.last_space, sees_hidden: true };
        (base, collection.rules.list.as_deref().unwrap_or_default())
    }

    /// A collection by name or id.
    pub(super) fn find(&self, name_or_id: &str) -> Option<&'a Collection> {
        let asked = self.scope.collection;
        if asked.name == name_or_id || asked.id == name_or_id {
            return Some(asked);
        }
        self.scope.catalog.find(name_or_id).map(|found| &**found)
    }

    /// An unused name for a source.
    pub(super) fn fresh(&mut self) -> Alias {
        self.last_alias += 1;
        Alias(self.last_alias)
    }

    /// The source at the end of a way that has been taken before.
    pub(super) fn shared(&self, key: &str) -> Option<Alias> {
        self.shared.iter().find(|(known, _)| known == key).map(|(_, alias)| *alias)
    }

    pub(super) fn share(
        &mut self,
        key: &str,
        alias: Alias,
        joins: Vec<Join>,
        at: usize,
    ) -> Result<(), Wrong> {
        let most = self.scope.limits.joins_max;
        if self.joins.len() + joins.len() > most {
            let advice = "; ask for fewer relations";
            return Err(Wrong::new(format!("more than {most} joined sources are needed"), at, advice));
        }
        self.joins.extend(joins);
        self.shared.push((key.to_owned(), alias));
        Ok(())
    }

    /// Notes that a row of a collection is looked at for a client, who must be allowed to list it.
    pub(super) fn guard_list(
        &mut self,
        base: &Base<'a>,
        collection: &'a Collection,
        alias: Alias,
        (part, at): (&str, usize),
    ) -> Result<(), Wrong> {
        if base.sees_hidden || self.guarded.contains(&alias) {
            return Ok(());
        }
        match collection.rules.list.as_deref() {
            None => {
                return Err(Wrong::new(format!("only superusers may list what {part:?} leads to,"), at, ""));
            }
            Some("") => {}
            Some(_) => self.unguarded.push((collection, alias)),
        }
        self.guarded.push(alias);
        Ok(())
    }

    /// Notes the same of a row that stands for all rows of a side. That there is a list rule was seen before.
    pub(super) fn guard_list_of_all(&mut self, base: &Base<'a>, collection: &'a Collection, alias: Alias) {
        let has_rule = collection.rules.list.as_deref().is_some_and(|rule| !rule.is_empty());
        if has_rule && !base.sees_hidden {
            self.unguarded_of_all.push((collection, alias));
        }
    }

    /// A value as written, or what a name stands for.
    pub(super) fn literal(
        &mut self,
        base: &Base<'a>,
        literal: &Literal<'_>,
        at: usize,
    ) -> Result<Operand, Wrong> {
        match literal {
            Literal::Text(text) => Ok(Operand::constant(constant::text(text))),
            Literal::Number(number) => Ok(Operand::constant(Value::Real(*number))),
            Literal::Name(name) => self.name(base, name, at),
        }
    }

    pub(super) fn name(&mut self, base: &Base<'a>, name: &str, at: usize) -> Result<Operand, Wrong> {
        if name.starts_with('@') {
            if let Some(moment) = moment::value(name, self.scope.now) {
                return Ok(Operand::constant(moment));
            }
            let parts: Vec<&str> = name.split('.').collect();
            if matches!(parts[0], "@request" | "@collection") && !base.sees_hidden {
                let what = format!("only superusers may use {:?} in a filter or a sort, as", parts[0]);
                return Err(Wrong { is_forbidden: true, ..Wrong::new(what, at, "") });
            }
            return match parts[0] {
                "@request" => self.request(base, &parts, at),
                "@collection" => self.any_of_collection(base, &parts, at),
                _ => Err(unknown_name(name, at)),
            };
        }
        if let Some(word) = word(name).filter(|_| base.collection.field(name).is_none()) {
            return Ok(Operand::constant(word));
        }
        let place = Place::Row(base.alias);
        let path = self.path(base, place, base.collection, String::new(), at);
        match name.contains('.') {
            false => self.follow(base, path, &[name]),
            true => self.follow(base, path, &name.split('.').collect::<Vec<_>>()),
        }
    }

    pub(super) fn path(
        &self,
        base: &Base<'a>,
        start: Place,
        collection: &'a Collection,
        key: String,
        at: usize,
    ) -> Path<'a> {
        let key = format!("{}{key}", base.space);
        Path { start, place: start, collection, key, hops: Vec::new(), is_many: false, is_lenient: false, at }
    }

    /// `@collection.name.field`, `@collection.name:alias.field`.
    fn any_of_collection(&mut self, base: &Base<'a>, parts: &[&str], at: usize) -> Result<Operand, Wrong> {
        let [_, named, rest @ ..] = parts else { return Err(unknown_name("@collection", at)) };
        if rest.is_empty() {
            let advice = "; name a field: @collection.name.field";
            return Err(Wrong::new(format!("an incomplete name \"@collection.{named}\""), at, advice));
        }
        let name = named.split_once(':').map_or(*named, |(name, _)| name);
        let Some(collection) = self.find(name) else {
            return Err(Wrong::new(format!("unknown collection {name:?}"), at, ""));
        };
        let mut path = self.path(base, Place::Row(base.alias), collection, "@".to_owned(), at);
        // under another name (id, other letter case) it is still the same source
        let alias = named.split_once(':').map_or("", |(_, alias)| alias);
        self.hop(base, &mut path, Hop::All, collection, &format!("{}:{alias}", collection.id))?;
        self.follow(base, path, rest)
    }

    // --- the account, whose row is at hand

    pub(super) fn account(&self) -> Option<&'a Principal> {
        self.scope.request.auth.as_deref()
    }

    fn account_field(&self, field: &Field) -> Option<&Json> {
        let account = self.account()?;
        self.account_body
            .get_or_init(|| serde_json::from_str(&account.row.body).unwrap_or_default())
            .get(&*field.key)
    }

    pub(super) fn account_value(&self, field: &Field) -> Value {
        if field.is_id() {
            return self.account().map_or(Value::Null, |account| constant::text(&account.row.id));
        }
        match (self.account_field(field), field.scalar()) {
            (None | Some(Json::Null), Scalar::Text | Scalar::One) => constant::text(""),
            (None | Some(Json::Null), Scalar::Number) => Value::Int(0),
            (None | Some(Json::Null), Scalar::Bool) => Value::Bool(false),
            (None | Some(Json::Null), Scalar::List) => constant::text("[]"),
            (None, Scalar::Json) => Value::Null,
            (Some(Json::Array(all)), Scalar::One) => {
                all.last().map_or_else(|| constant::text(""), constant::of_json)
            }
            (Some(Json::String(one)), Scalar::List) if one.is_empty() => constant::text("[]"),
            (Some(Json::String(one)), Scalar::List) => super::path::json_list(std::slice::from_ref(one)),
            (Some(json), _) => constant::of_json(json),
        }
    }

    pub(super) fn account_length(&self, field: &Field) -> i64 {
        match self.account_field(field) {
            Some(Json::Array(all)) => i64::try_from(all.len()).unwrap_or(i64::MAX),
            Some(Json::String(one)) => i64::from(!one.is_empty()),
            _ => 0,
        }
    }

    pub(super) fn account_path(&self, field: &Field, steps: &[&str]) -> Value {
        let found = self.account_field(field).and_then(|json| inside(json, steps));
        found.map_or(Value::Null, constant::of_json)
    }
}

/// What lies inside JSON, by keys and positions.
pub(super) fn inside<'j>(json: &'j Json, steps: &[&str]) -> Option<&'j Json> {
    steps.iter().try_fold(json, |json, step| match json {
        Json::Object(map) => map.get(*step),
        Json::Array(all) => all.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// True for fields of numbers, for which texts of a form are numbers.
pub(super) fn is_number(field: Option<&Field>) -> bool {
    matches!(field, Some(Field { kind: FieldKind::Number { .. }, .. }))
}

pub(super) fn unknown_name(name: &str, at: usize) -> Wrong {
    let advice = "; names with \"@\" are @request.*, @collection.* and moments such as @now";
    Wrong::new(format!("unknown name {name:?}"), at, advice)
}

/// Words that are values where no field has their name.
fn word(name: &str) -> Option<Value> {
    match name.len() {
        4 if name.eq_ignore_ascii_case("null") => Some(Value::Null),
        4 if name.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
        5 if name.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
        _ => None,
    }
}

/// The name of an expression that is known: truth as a value.
pub(super) fn as_value(expr: Expr) -> Expr {
    match expr {
        Expr::And(all) if all.is_empty() => Expr::Value(Value::Bool(true)),
        Expr::Or(all) if all.is_empty() => Expr::Value(Value::Bool(false)),
        other => other,
    }
}
