//! Ways through relations: from the row asked about, the account or a collection, hop by hop, to a field.
//!
//! A hop that is taken twice in a query is joined once: terms that go the same way speak of the same row. That is what
//! makes `@collection.members.user ?= @request.auth.id && @collection.members.team ?= team` mean one membership.

use std::borrow::Cow;

use store::query::{Alias, Column, Expr, Func, Join, Scalar, Select, Source, Value};

use super::constant::{self, Affinity};
use super::operand::{Many, Nothing, Operand, column, same};
use super::resolve::{Base, Resolver};
use super::token::Wrong;
use crate::core::collection::Collection;
use crate::core::field::{Field, FieldKind};

/// Relations that one name may follow.
const HOPS_MAX: usize = 6;

/// Where a way has come to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// A row of a source.
    Row(Alias),
    /// The account that asks, whose row is at hand.
    Account,
}

/// From one row to rows of another collection.
#[derive(Clone, Debug)]
pub(super) enum Hop<'a> {
    /// By a relation field.
    Relation(&'a Field),
    /// By a relation field that points back.
    Back(&'a Field),
    /// To all rows.
    All,
    /// To the rows of these ids.
    Ids(Vec<String>),
}

/// A way and where it has come to.
pub(super) struct Path<'a> {
    pub(super) start: Place,
    pub(super) place: Place,
    pub(super) collection: &'a Collection,
    /// The way so far, as the key under which joins are shared.
    pub(super) key: String,
    pub(super) hops: Vec<(Hop<'a>, &'a Collection)>,
    /// There may be several rows at its end.
    pub(super) is_many: bool,
    /// A name that leads nowhere is nothing, not a fault (for `@request.*`).
    pub(super) is_lenient: bool,
    /// Where the name stands in the text.
    pub(super) at: usize,
}

/// What stands behind `:`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Modifier {
    Each,
    IsSet,
    Length,
    Lower,
    Changed,
}

/// Takes the modifier off a name's last part.
pub(super) fn split_modifier(part: &str, at: usize) -> Result<(&str, Option<Modifier>), Wrong> {
    let Some((name, modifier)) = part.split_once(':') else { return Ok((part, None)) };
    let modifier = match modifier {
        "each" => Modifier::Each,
        "isset" => Modifier::IsSet,
        "length" => Modifier::Length,
        "lower" => Modifier::Lower,
        "changed" => Modifier::Changed,
        other => {
            let advice = "; use one of :isset :changed :length :each :lower";
            return Err(Wrong::new(format!("unknown modifier \":{other}\""), at, advice));
        }
    };
    Ok((name, Some(modifier)))
}

pub(super) fn holds_several(field: &Field) -> bool {
    matches!(field.kind, FieldKind::Select { .. } | FieldKind::File(_) | FieldKind::Relation { .. })
}

impl<'a> Resolver<'a> {
    /// Follows a name's parts to its field.
    pub(super) fn follow(
        &mut self,
        base: &Base<'a>,
        mut path: Path<'a>,
        parts: &[&str],
    ) -> Result<Operand, Wrong> {
        let nothing = || Operand::constant(Value::Null);
        for (i, part) in parts.iter().enumerate() {
            let rest = &parts[i + 1..];
            let [next, ..] = rest else { break };
            let Some(field) = visible(base, path.collection, part) else {
                match self.back(base, &path, part) {
                    Some(hop) if i < HOPS_MAX => {
                        self.hop(base, &mut path, hop.0, hop.1, part)?;
                        continue;
                    }
                    Some(_) => return Err(too_far(path.at)),
                    None if path.is_lenient => return Ok(nothing()),
                    None => return Err(unknown(base, path.collection, part, path.at)),
                }
            };
            match &field.kind {
                FieldKind::Json { .. } | FieldKind::GeoPoint => return self.json(base, &path, field, rest),
                _ if i >= HOPS_MAX => return Err(too_far(path.at)),
                // the relation's value is the id: no row needs to be read
                FieldKind::Relation { .. } if !field.is_many() && *next == "id" && rest.len() == 1 => {
                    return self.last(base, path, part);
                }
                FieldKind::Relation { collection, .. } => {
                    let Some(target) = self.find(collection) else {
                        return Err(Wrong::new(
                            format!("the collection of {part:?} is gone, named"),
                            path.at,
                            "",
                        ));
                    };
                    self.hop(base, &mut path, Hop::Relation(field), target, part)?;
                }
                _ => {
                    let what = format!("{part:?} is no relation, so that {next:?} can't be read of it,");
                    return Err(Wrong::new(what, path.at, ""));
                }
            }
        }
        let last = parts.last().copied().unwrap_or_default();
        self.last(base, path, last)
    }

    /// `collection_via_field`: the rows of another collection whose relation points here.
    fn back(&self, base: &Base<'a>, path: &Path<'a>, part: &str) -> Option<(Hop<'a>, &'a Collection)> {
        let (from, by) = part.rsplit_once("_via_")?;
        let from = self.find(from)?;
        let field = visible(base, from, by)?;
        let points_here = matches!(&field.kind, FieldKind::Relation { collection, .. } if *collection == path.collection.id);
        points_here.then_some((Hop::Back(field), from))
    }

    /// Goes one hop further; a client's filter must pass the list rule of every collection that it comes to.
    pub(super) fn hop(
        &mut self,
        base: &Base<'a>,
        path: &mut Path<'a>,
        hop: Hop<'a>,
        target: &'a Collection,
        part: &str,
    ) -> Result<(), Wrong> {
        // the elements of a list are shared with `:each`
        let element = match &hop {
            Hop::Relation(field) if field.is_many() => Some(self.each_element(path, field)?),
            _ => None,
        };
        path.key = format!("{}/{part}", path.key);
        path.is_many |= match &hop {
            Hop::Relation(field) => field.is_many(),
            Hop::Back(field) => field.is_many() || !is_unique(target, field),
            Hop::All => true,
            Hop::Ids(_) => false,
        };
        let alias = match self.shared(&path.key) {
            Some(alias) => alias,
            None => {
                let (joins, alias) = self.emit(&hop, path.place, target, element);
                self.share(&path.key, alias, joins, path.at)?;
                alias
            }
        };
        self.guard_list(base, target, alias, (part, path.at))?;
        path.place = Place::Row(alias);
        path.collection = target;
        path.hops.push((hop, target));
        Ok(())
    }

    /// The sources of a hop, under new names; for a list, `element` may be there already.
    fn emit(
        &mut self,
        hop: &Hop<'_>,
        from: Place,
        target: &Collection,
        element: Option<Alias>,
    ) -> (Vec<Join>, Alias) {
        let id_here = match from {
            Place::Row(alias) => column(alias, Column::Id),
            Place::Account => {
                Expr::Value(constant::text(self.account().map_or("", |account| &account.row.id)))
            }
        };
        let mut joins = Vec::new();
        let listed = |resolver: &mut Self, joins: &mut Vec<Join>, list: Expr| {
            let alias = resolver.fresh();
            joins.push(Join { alias, source: Source::Each(list), on: Expr::And(Vec::new()) });
            column(alias, Column::Element)
        };
        let of_id = |alias, id| same(column(alias, Column::Id), id);
        let (alias, on) = match hop {
            Hop::Relation(field) if field.is_many() => {
                let list = self.read(from, field);
                let id = match element {
                    Some(element) => column(element, Column::Element),
                    None => listed(self, &mut joins, list),
                };
                let alias = self.fresh();
                (alias, of_id(alias, id))
            }
            Hop::Relation(field) => {
                let id = self.read(from, field);
                let alias = self.fresh();
                (alias, of_id(alias, id))
            }
            Hop::Back(field) => {
                let alias = self.fresh();
                (alias, self.points_back(alias, field, id_here))
            }
            Hop::All => (self.fresh(), Expr::And(Vec::new())),
            Hop::Ids(ids) => {
                let id = match ids.as_slice() {
                    [only] => Expr::Value(constant::text(only)),
                    many => listed(self, &mut joins, Expr::Value(json_list(many))),
                };
                let alias = self.fresh();
                (alias, of_id(alias, id))
            }
        };
        joins.push(Join { alias, source: Source::Table(target.table()), on });
        (joins, alias)
    }

    fn points_back(&mut self, alias: Alias, field: &Field, id: Expr) -> Expr {
        let pointer = column(alias, field.column());
        if !field.is_many() {
            return same(pointer, id);
        }
        let element = self.fresh();
        Expr::Exists(Box::new(Select {
            alias: element,
            filter: Some(same(column(element, Column::Element), id)),
            ..Select::all(Source::Each(pointer))
        }))
    }

    /// All rows at the end of a way, apart from the shared ones. For a client those count that it may list.
    fn all_rows(&mut self, base: &Base<'a>, path: &Path<'a>) -> (Vec<Join>, Place) {
        let (mut joins, mut place) = (Vec::new(), path.start);
        for (hop, target) in &path.hops {
            let (more, alias) = self.emit(hop, place, target, None);
            joins.extend(more);
            self.guard_list_of_all(base, target, alias);
            place = Place::Row(alias);
        }
        (joins, place)
    }

    /// A step into a JSON field.
    fn json(
        &mut self,
        base: &Base<'a>,
        path: &Path<'a>,
        field: &'a Field,
        steps: &[&str],
    ) -> Result<Operand, Wrong> {
        if let Some(step) = steps.iter().find(|step| step.contains(':')) {
            return Err(Wrong::new(format!("a modifier inside JSON ({step:?})"), path.at, ""));
        }
        let inside = |resolver: &Self, place| match place {
            Place::Row(alias) => column(
                alias,
                Column::Path(field.key.clone(), steps.iter().map(|step| (*step).into()).collect()),
            ),
            Place::Account => Expr::Value(resolver.account_path(field, steps)),
        };
        let mut operand = Operand::new(inside(self, path.place), Affinity::Nothing);
        operand.nothing = Nothing::Itself;
        operand.is_loose = true;
        if path.is_many {
            let (joins, place) = self.all_rows(base, path);
            operand.many = Some(Many::new(joins, inside(self, place)));
        }
        Ok(operand)
    }

    /// The field at the end.
    fn last(&mut self, base: &Base<'a>, mut path: Path<'a>, part: &str) -> Result<Operand, Wrong> {
        let (name, modifier) = split_modifier(part, path.at)?;
        let Some(field) = visible(base, path.collection, name) else {
            if path.is_lenient {
                return Ok(Operand::constant(Value::Null));
            }
            return Err(unknown(base, path.collection, name, path.at));
        };
        if let (Some(Modifier::Length | Modifier::Each), false) = (modifier, holds_several(field)) {
            return Err(Wrong::new(
                format!("{name:?} holds no list, so that {part:?} can't be asked,"),
                path.at,
                "",
            ));
        }
        let is_each = modifier == Some(Modifier::Each);
        let shared_place =
            if is_each { Place::Row(self.each_element(&mut path, field)?) } else { path.place };
        let mut operand =
            Operand::new(self.value(shared_place, field, modifier, path.at)?, affinity(field, modifier));
        if matches!(field.kind, FieldKind::Json { .. }) {
            operand.nothing = Nothing::Itself;
        }
        let is_json = matches!(field.kind, FieldKind::Json { .. }) && modifier.is_none();
        operand.is_loose = is_json || modifier == Some(Modifier::Length);
        operand.is_data = matches!(path.place, Place::Account) && !is_each;
        if path.is_many {
            let (mut joins, mut place) = self.all_rows(base, &path);
            let guards = mail_guard(base, path.collection, field, place).into_iter().collect();
            if is_each {
                let list = self.read(place, field);
                let alias = self.fresh();
                joins.push(Join { alias, source: Source::Each(list), on: Expr::And(Vec::new()) });
                place = Place::Row(alias);
            }
            operand.many = Some(Many { joins, value: self.value(place, field, modifier, path.at)?, guards });
        }
        operand.guard = mail_guard(base, path.collection, field, path.place);
        Ok(operand)
    }

    /// The shared source of a list's elements.
    fn each_element(&mut self, path: &mut Path<'a>, field: &Field) -> Result<Alias, Wrong> {
        path.is_many |= field.is_many();
        let key = format!("{}/{}:each", path.key, field.name);
        if let Some(alias) = self.shared(&key) {
            return Ok(alias);
        }
        let list = self.read(path.place, field);
        let alias = self.fresh();
        let join = Join { alias, source: Source::Each(list), on: Expr::And(Vec::new()) };
        self.share(&key, alias, vec![join], path.at)?;
        Ok(alias)
    }

    /// A field's value with its modifier; for `:each`, `place` is the element.
    fn value(
        &self,
        place: Place,
        field: &Field,
        modifier: Option<Modifier>,
        at: usize,
    ) -> Result<Expr, Wrong> {
        Ok(match (modifier, place) {
            (None, _) => self.read(place, field),
            (Some(Modifier::Each), Place::Row(element)) => column(element, Column::Element),
            (Some(Modifier::Each), Place::Account) => self.read(place, field),
            (Some(Modifier::Length), Place::Account) => Expr::Value(Value::Int(self.account_length(field))),
            (Some(Modifier::Length), _) => Expr::Call(Func::ListLength, vec![self.read(place, field)]),
            (Some(Modifier::Lower), _) => lower(self.read(place, field)),
            (Some(Modifier::IsSet | Modifier::Changed), _) => {
                let advice = "; :isset and :changed ask about @request.* only";
                return Err(Wrong::new(format!("a wrong modifier behind {:?}", field.name), at, advice));
            }
        })
    }

    /// A field's value as it is.
    fn read(&self, place: Place, field: &Field) -> Expr {
        match place {
            Place::Row(alias) => column(alias, field.column()),
            Place::Account => Expr::Value(self.account_value(field)),
        }
    }
}

/// Lower case; of what is known, at once (ASCII, as in the database).
pub(super) fn lower(expr: Expr) -> Expr {
    match expr {
        Expr::Value(Value::Text(text)) => Expr::Value(constant::text(&text.to_ascii_lowercase())),
        Expr::Value(value) => Expr::Value(value),
        other => Expr::Call(Func::Lower, vec![other]),
    }
}

pub(super) fn json_list(texts: &[String]) -> Value {
    constant::text(&serde_json::Value::from(texts).to_string())
}

fn affinity(field: &Field, modifier: Option<Modifier>) -> Affinity {
    match (modifier, field.scalar()) {
        (None, Scalar::Text | Scalar::One) => Affinity::Text,
        (None, Scalar::Number | Scalar::Bool) => Affinity::Number,
        _ => Affinity::Nothing,
    }
}

/// Addresses that are not public can't be found by filters.
fn mail_guard(base: &Base<'_>, collection: &Collection, field: &Field, place: Place) -> Option<Expr> {
    let Place::Row(alias) = place else { return None };
    if base.sees_hidden || !collection.is_auth() || field.name != "email" {
        return None;
    }
    let shown = collection.field("emailVisibility")?;
    Some(same(column(alias, shown.column()), Expr::Value(Value::Bool(true))))
}

/// True when no two rows have the same value.
fn is_unique(collection: &Collection, field: &Field) -> bool {
    let of_field = |index: &crate::core::index::Index| {
        index.is_unique
            && matches!(index.columns.as_slice(), [only] if only.field.eq_ignore_ascii_case(&field.name))
    };
    collection.indexes.iter().any(of_field)
}

fn visible<'a>(base: &Base<'_>, collection: &'a Collection, name: &str) -> Option<&'a Field> {
    collection.field(name).filter(|field| base.sees_hidden || !field.is_hidden)
}

fn too_far(at: usize) -> Wrong {
    Wrong::new(format!("more than {HOPS_MAX} relations in a row"), at, "")
}

/// A hidden field is as unknown as any other.
fn unknown(base: &Base<'_>, collection: &Collection, name: &str, at: usize) -> Wrong {
    let seen = collection.fields.iter().filter(|field| base.sees_hidden || !field.is_hidden);
    let near = seen
        .map(|field| (strsim::osa_distance(&field.name, name), &field.name))
        .filter(|(distance, known)| *distance <= known.len().div_ceil(4))
        .min();
    let advice = near.map_or(Cow::Borrowed(""), |(_, known)| format!("; did you mean {known:?}?").into());
    Wrong::new(format!("unknown field {name:?}"), at, advice)
}
