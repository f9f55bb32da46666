//! Records with their relations: `expand=author,comments_via_post.author`.
//!
//! A related record is shown when it passes its own collection's view rule; the others are left out without a word, as are
//! unknown names: an expand never turns a readable page into an error, unless it is larger than its limits.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use base::error::Kind;
use serde_json::Value;
use store::query::{Compare, Expr, Join, MAIN, Select, Source, Value as Bound};
use store::{Conn, Row};

use crate::core::collection::Collection;
use crate::core::field::{Field, FieldKind};
use crate::core::language::Query;
use crate::core::render::{self, Sight};
use crate::core::value;
use crate::error::Error;
use crate::limits::Limits;
use crate::records::turn::{Gate, Turn, bad_rule};
use crate::request::Request;

/// The relations to follow, as a tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Expand(Vec<(String, Expand)>);

impl Expand {
    /// Reads the parameter; deeper or wider than the limits is refused.
    pub(super) fn parse(text: &str, limits: &Limits) -> Result<Expand, Error> {
        let mut root = Expand::default();
        for path in text.split(',').map(str::trim).filter(|path| !path.is_empty()) {
            let steps: Vec<_> = path.split('.').map(str::trim).collect();
            if steps.len() > limits.expand_depth_max {
                let most = limits.expand_depth_max;
                let message =
                    format!("`expand` follows at most {most} relations in a row; `{path}` is longer.");
                return Err(Error::refused(Kind::Invalid, message));
            }
            steps.into_iter().fold(&mut root, |node, step| node.child(step));
        }
        Ok(root)
    }

    /// Whether there is nothing to follow.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn child(&mut self, name: &str) -> &mut Expand {
        let place = match self.0.iter().position(|(known, _)| known == name) {
            Some(place) => place,
            None => {
                self.0.push((name.to_owned(), Expand::default()));
                self.0.len() - 1
            }
        };
        &mut self.0[place].1
    }
}

/// What a name in `expand` leads to.
struct Relation {
    target: Arc<Collection>,
    /// A list is shown, not one record.
    is_many: bool,
    way: Way,
}

enum Way {
    /// The ids are in this field of ours.
    Forward(Field),
    /// Records of the target hold our id in this field of theirs.
    Back(Field),
}

impl Turn {
    /// The JSON texts of rows with nothing else.
    pub(super) async fn alone(
        &self,
        conn: &mut Conn,
        request: &Request,
        collection: &Collection,
        rows: &[Arc<Row>],
    ) -> Result<Vec<String>, Error> {
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            let sight = self.sight(conn, request, collection, row).await?;
            items.push(render::row(collection, row, sight));
        }
        Ok(items)
    }

    /// The JSON texts of rows with what they expand to. Boxed, because it follows itself down the tree.
    pub(super) fn with_relations<'a>(
        &'a self,
        conn: &'a mut Conn,
        request: &'a Request,
        collection: &'a Collection,
        rows: &'a [Arc<Row>],
        expand: &'a Expand,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<String>, Error>> + Send + 'a>> {
        Box::pin(async move {
            let mut items = self.alone(conn, request, collection, rows).await?;
            let mut parts = vec![String::new(); rows.len()];
            for (name, below) in &expand.0 {
                let Some(relation) = self.relation(collection, name, request) else { continue };
                let related = self.related(conn, request, collection, &relation, rows).await?;
                self.add(conn, request, name, &relation, below, related, &mut parts).await?;
            }
            for (item, part) in items.iter_mut().zip(parts).filter(|(_, part)| !part.is_empty()) {
                item.pop();
                item.push_str(",\"expand\":{");
                item.push_str(&part);
                item.push_str("}}");
            }
            Ok(items)
        })
    }

    /// What somebody may see of a row beyond its plain fields.
    async fn sight(
        &self,
        conn: &mut Conn,
        request: &Request,
        collection: &Collection,
        row: &Arc<Row>,
    ) -> Result<Sight, Error> {
        if request.is_superuser() {
            return Ok(Sight { hidden: true, email: true });
        }
        if !collection.is_auth() {
            return Ok(Sight::default());
        }
        let is_self =
            request.auth.as_ref().is_some_and(|a| a.collection.id == collection.id && a.row.id == row.id);
        let email = is_self || self.manages(conn, request, collection, row).await?;
        Ok(Sight { hidden: false, email })
    }

    /// Whether somebody may do with an account what a superuser may.
    pub(super) async fn manages(
        &self,
        conn: &mut Conn,
        request: &Request,
        collection: &Collection,
        row: &Arc<Row>,
    ) -> Result<bool, Error> {
        match Gate::of(&collection.rules.manage, request) {
            Gate::Open => Ok(request.is_superuser()),
            Gate::Shut => Ok(false),
            Gate::If(rule) => Box::pin(self.fits(conn, collection, request, row, rule)).await,
        }
    }

    /// Adds one expanded relation to the texts of the `expand` objects.
    #[expect(clippy::too_many_arguments, reason = "one step of `with_relations`, apart only for its length")]
    async fn add(
        &self,
        conn: &mut Conn,
        request: &Request,
        name: &str,
        relation: &Relation,
        below: &Expand,
        related: Vec<Vec<Arc<Row>>>,
        parts: &mut [String],
    ) -> Result<(), Error> {
        let mut places = HashMap::new();
        let mut distinct = Vec::new();
        for row in related.iter().flatten() {
            places.entry(row.id.clone()).or_insert_with(|| {
                distinct.push(row.clone());
                distinct.len() - 1
            });
        }
        let texts = self.with_relations(conn, request, &relation.target, &distinct, below).await?;
        let bytes = related.iter().flatten().map(|row| texts[places[&row.id]].len()).sum::<usize>();
        self.check_bytes(bytes + parts.iter().map(String::len).sum::<usize>())?;
        for (part, rows) in parts.iter_mut().zip(&related).filter(|(_, rows)| !rows.is_empty()) {
            let mut texts = rows.iter().map(|row| texts[places[&row.id]].as_str());
            if !part.is_empty() {
                part.push(',');
            }
            part.push_str(&Value::from(name).to_string());
            part.push(':');
            match relation.is_many {
                true => part.push_str(&format!("[{}]", texts.collect::<Vec<_>>().join(","))),
                false => part.push_str(texts.next().expect("rows is not empty")),
            }
        }
        Ok(())
    }

    /// What a name leads to; `None` for a name that leads nowhere or that may not be followed.
    fn relation(&self, collection: &Collection, name: &str, request: &Request) -> Option<Relation> {
        let seen = |field: &Field| !field.is_hidden || request.is_superuser();
        if let Some(field) = collection.field(name).filter(|field| seen(field)) {
            let FieldKind::Relation { collection: target, .. } = &field.kind else { return None };
            let (target, is_many) = (self.catalog.find(target)?.clone(), field.is_many());
            return Some(Relation { target, is_many, way: Way::Forward(field.clone()) });
        }
        let (target, via) = name.split_once("_via_")?;
        let target = self.catalog.find(target)?.clone();
        let field = target.field(via).filter(|field| seen(field))?.clone();
        match &field.kind {
            FieldKind::Relation { collection: back, .. } if *back == collection.id => {}
            _ => return None,
        }
        let is_one = |i: &&crate::core::index::Index| {
            i.is_unique && i.columns.len() == 1 && i.columns[0].field == via && i.only.is_empty()
        };
        let is_many = field.is_many() || target.indexes.iter().find(is_one).is_none();
        Some(Relation { target, is_many, way: Way::Back(field) })
    }

    /// The related rows of each row, in order, those that may be seen.
    async fn related(
        &self,
        conn: &mut Conn,
        request: &Request,
        collection: &Collection,
        relation: &Relation,
        rows: &[Arc<Row>],
    ) -> Result<Vec<Vec<Arc<Row>>>, Error> {
        let rule = match Gate::of(&relation.target.rules.view, request) {
            Gate::Shut => return Ok(vec![Vec::new(); rows.len()]),
            gate => gate.text()?,
        };
        let mut known: HashMap<String, Option<Arc<Row>>> = HashMap::new();
        let (mut all, mut back) = (Vec::with_capacity(rows.len()), 0);
        for row in rows {
            let found = match &relation.way {
                Way::Back(field) => {
                    let found = self.referring(conn, request, &relation.target, field, &row.id, rule).await?;
                    back += found.len();
                    self.check_size(back)?;
                    found
                }
                Way::Forward(field) => {
                    let mut found = Vec::new();
                    for id in ids(collection, field, row) {
                        if !known.contains_key(&id) {
                            self.check_size(known.len() + 1)?;
                            let row = self.fetch(conn, &relation.target, request, &id, rule).await?;
                            known.insert(id.clone(), row.map(Arc::new));
                        }
                        found.extend(known[&id].clone());
                    }
                    found
                }
            };
            all.push(found);
        }
        Ok(all)
    }

    fn check_size(&self, records: usize) -> Result<(), Error> {
        let most = self.records.limits().expand_records_max;
        if records <= most {
            return Ok(());
        }
        let message = format!("`expand` would need more than {most} records; ask for a smaller page.");
        Err(Error::refused(Kind::Invalid, message))
    }

    /// A record that is shown a thousand times takes a thousand times its place.
    fn check_bytes(&self, bytes: usize) -> Result<(), Error> {
        let most = self.records.limits().expand_bytes_max;
        if bytes <= most {
            return Ok(());
        }
        let message = format!(
            "`expand` would make more than {most} bytes; ask for a smaller page or follow fewer relations."
        );
        Err(Error::refused(Kind::Invalid, message))
    }

    /// The records of `target` that hold `id` in `field` and fit a rule.
    async fn referring(
        &self,
        conn: &mut Conn,
        request: &Request,
        target: &Collection,
        field: &Field,
        id: &str,
        rule: &str,
    ) -> Result<Vec<Arc<Row>>, Error> {
        let mut query = Query::new(self.scope(target, request), Source::Table(target.table()));
        query.filter(rule, true).map_err(|fault| bad_rule(target, &fault))?;
        let mut select = query.finish();
        holds(&mut select, field, id);
        select.limit = Some(self.records.limits().expand_back_max as u64);
        Ok(conn.select(&select).await?.into_iter().map(Arc::new).collect())
    }
}

/// Narrows a selection of a collection's table to the records that hold `id` in a relation field.
pub(super) fn holds(select: &mut Select, field: &Field, id: &str) {
    let own = Expr::Column(MAIN, field.column());
    let id = Box::new(Expr::Value(Bound::Text(id.into())));
    let term = if field.is_many() {
        let alias = store::query::Alias(u32::MAX);
        let element = Box::new(Expr::Column(alias, store::query::Column::Element));
        let on = Expr::Compare(element, Compare::Eq, id);
        let mut inner = Select::all(Source::Nothing);
        inner.alias = store::query::Alias(u32::MAX - 1);
        inner.joins = vec![Join { alias, source: Source::Each(own), on: Expr::And(Vec::new()) }];
        inner.filter = Some(on);
        Expr::Exists(Box::new(inner))
    } else {
        Expr::Compare(Box::new(own), Compare::Eq, id)
    };
    select.filter = Some(match select.filter.take() {
        Some(filter) => Expr::And(vec![filter, term]),
        None => term,
    });
}

/// The ids that a row holds in a relation field.
pub(super) fn ids(collection: &Collection, field: &Field, row: &Row) -> Vec<String> {
    let values = value::read(collection, &row.id, &row.body);
    match values.0.get(&field.name) {
        Some(Value::String(id)) if !id.is_empty() => vec![id.clone()],
        Some(Value::Array(ids)) => ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_begin_alike_share_their_beginning() {
        let tree =
            Expand::parse("author, author.team ,comments_via_post.author", &Limits::default()).unwrap();
        let names: Vec<_> = tree.0.iter().map(|(name, below)| (name.as_str(), below.0.len())).collect();
        assert_eq!(names, [("author", 1), ("comments_via_post", 1)]);
    }

    #[test]
    fn a_path_longer_than_the_limit_is_refused() {
        let fault = Expand::parse("a.b.c.d.e.f.g", &Limits::default()).unwrap_err();
        assert!(fault.to_string().contains("at most 6"), "{fault}");
    }
}
