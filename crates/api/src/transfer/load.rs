//! Bringing rows in: the collection is made when it is missing, then rows go many per transaction.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use records::core::change;
use records::core::collection::{Collection, SUPERUSERS};
use records::{Fate, Principal, Records, Request};
use serde_json::{Map, Value, json};

use super::Error;
use super::fit::{Fit, Ids};
use super::infer::Column;
use super::names::{field_names, plain};
use super::source::{Bad, Row, Source, Survey};

/// Rows of one transaction.
const BATCH_ROWS: usize = 500;
/// Ids that are remembered to tell repeated ones: 8 bytes each, and as much again for their table.
const SEEN_MAX: usize = 2_000_000;
/// Keys that say where a record lay, not what it says.
const ADDRESSES: [&str; 2] = ["collectionId", "collectionName"];

/// What is wanted.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// The collection, by name; made when it is missing.
    pub collection: String,
    /// The key from which ids come; without it `id`, else the row's place in the file.
    pub id_from: Option<String>,
    /// Gives an existing collection the fields that the file has and it has not.
    pub adds_fields: bool,
}

/// What became of the rows so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records that were made.
    pub created: u64,
    /// Records that were there and are different now.
    pub updated: u64,
    /// Records that were there and the same.
    pub unchanged: u64,
    /// Rows that are no record.
    pub bad: u64,
    /// Rows whose id an earlier row of the file has; they changed what that one made.
    pub repeated: u64,
}

impl Tally {
    /// All rows so far.
    pub fn rows(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.bad
    }
}

/// Whoever looks on.
pub trait Watch {
    /// Something that should be known before it begins.
    fn note(&mut self, sentence: &str);
    /// A row that is not taken.
    fn bad(&mut self, bad: Bad) -> Result<(), Error>;
    /// Some rows later.
    fn at(&mut self, tally: &Tally);
    /// Whether to end here; what was brought in stays.
    fn is_stopped(&self) -> bool;
}

/// Brings a surveyed file in. Rows that are no records are told to `watch`, and the others still come.
pub async fn load(
    records: &Records,
    source: &Source,
    survey: &Survey,
    order: &Order,
    watch: &mut dyn Watch,
) -> Result<Tally, Error> {
    let ids = ids(survey, order)?;
    let columns: Vec<&Column> = survey.columns.iter().filter(|c| is_field(&c.key)).collect();
    let (collection, names) = match records.catalog().find(&order.collection) {
        Some(found) => existing(records, found.clone(), &columns, order, watch).await?,
        None => make(records, &columns, order, watch).await?,
    };
    let request = house(records)?;
    let mut batch = Batch {
        records,
        request,
        fit: Fit::new(collection.clone(), &names, ids, survey.format),
        collection,
        rows: Vec::with_capacity(BATCH_ROWS),
        drafts: Vec::with_capacity(BATCH_ROWS),
        seen: HashSet::new(),
        tally: Tally::default(),
    };
    for (place, row) in (0_u64..).zip(source.rows()?) {
        match row.map_err(|error| source.fault(error))? {
            Ok(row) => batch.add(place, row, watch)?,
            Err(bad) => batch.refuse(bad, watch)?,
        }
        if batch.drafts.len() >= BATCH_ROWS {
            batch.write(watch).await?;
            if watch.is_stopped() {
                return Ok(batch.tally);
            }
        }
    }
    batch.write(watch).await?;
    Ok(batch.tally)
}

/// Rows that are written together.
struct Batch<'a> {
    records: &'a Records,
    request: Request,
    fit: Fit,
    collection: Arc<Collection>,
    rows: Vec<Row>,
    drafts: Vec<Map<String, Value>>,
    /// Hashes of the ids so far.
    seen: HashSet<u64>,
    tally: Tally,
}

impl Batch<'_> {
    fn add(&mut self, place: u64, row: Row, watch: &mut dyn Watch) -> Result<(), Error> {
        match self.fit.row(place, &row) {
            Ok(draft) => {
                self.count_repeated(draft.get("id"));
                self.rows.push(row);
                self.drafts.push(draft);
                Ok(())
            }
            Err(bad) => self.refuse(bad, watch),
        }
    }

    /// Counts an id that comes again. Of very large files only the first so many ids are remembered.
    fn count_repeated(&mut self, id: Option<&Value>) {
        let mut hasher = DefaultHasher::new();
        id.and_then(Value::as_str).hash(&mut hasher);
        let hash = hasher.finish();
        if self.seen.contains(&hash) {
            self.tally.repeated += 1;
        } else if self.seen.len() < SEEN_MAX {
            self.seen.insert(hash);
        }
    }

    fn refuse(&mut self, bad: Bad, watch: &mut dyn Watch) -> Result<(), Error> {
        self.tally.bad += 1;
        watch.bad(bad)
    }

    async fn write(&mut self, watch: &mut dyn Watch) -> Result<(), Error> {
        let (rows, drafts) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.drafts));
        if !drafts.is_empty() {
            let fates = self.records.import_rows(&self.request, &self.collection.id, drafts).await?;
            for (row, fate) in rows.into_iter().zip(fates) {
                match fate {
                    Fate::Created => self.tally.created += 1,
                    Fate::Updated => self.tally.updated += 1,
                    Fate::Unchanged => self.tally.unchanged += 1,
                    Fate::Refused(error) => {
                        self.refuse(
                            Bad { line: row.line, why: reasons(&error), values: Some(row.values) },
                            watch,
                        )?;
                    }
                }
            }
        }
        watch.at(&self.tally);
        Ok(())
    }
}

/// A refusal with its faults by field.
fn reasons(error: &records::Error) -> String {
    use base::error::Fault;
    let faults: Vec<String> = error
        .data()
        .iter()
        .map(|(field, fault)| {
            let what = fault.get("message").and_then(Value::as_str).unwrap_or("is not valid");
            format!("`{field}`: {what}")
        })
        .collect();
    if faults.is_empty() { error.public() } else { faults.join("; ") }
}

fn house(records: &Records) -> Result<Request, Error> {
    let superusers = records.catalog().find(SUPERUSERS).cloned();
    let superusers =
        superusers.ok_or_else(|| Error::Refused("the collection of superusers is missing".into()))?;
    Ok(Request {
        method: "POST".into(),
        auth: Some(Arc::new(Principal::house(superusers))),
        ..Request::default()
    })
}

fn is_field(key: &str) -> bool {
    key != "id" && !ADDRESSES.contains(&key)
}

fn ids(survey: &Survey, order: &Order) -> Result<Ids, Error> {
    let has = |key: &str| survey.columns.iter().any(|column| column.key == key);
    match &order.id_from {
        Some(key) if has(key) => Ok(Ids::Key(key.clone())),
        Some(key) => {
            let keys: Vec<&str> = survey.columns.iter().map(|column| column.key.as_str()).collect();
            Err(Error::Refused(format!("no row has `{key}` for --id-from; the file has {}", keys.join(", "))))
        }
        None if has("id") => Ok(Ids::Key("id".into())),
        None => Ok(Ids::Place(survey.hash)),
    }
}

/// The keys with the names of their fields.
type Names = Vec<(String, String)>;

async fn make(
    records: &Records,
    columns: &[&Column],
    order: &Order,
    watch: &mut dyn Watch,
) -> Result<(Arc<Collection>, Names), Error> {
    let names = named(columns, watch);
    let fields: Vec<Value> =
        columns.iter().zip(&names).map(|(column, (_, name))| column.field(name)).collect();
    let sent = json!({ "name": order.collection, "type": "base", "fields": fields });
    let sent = sent.as_object().cloned().unwrap_or_default();
    let collection = records.create_collection(&sent).await?;
    watch.note(&format!("{} is new; only superusers may see it until it has rules", collection.name));
    Ok((collection, names))
}

fn named(columns: &[&Column], watch: &mut dyn Watch) -> Names {
    let keys = columns.iter().map(|column| column.key.as_str());
    let names: Names = keys.clone().map(str::to_owned).zip(field_names(keys)).collect();
    for (key, name) in names.iter().filter(|(key, name)| key != name) {
        watch.note(&format!("`{key}` becomes the field {name}"));
    }
    names
}

async fn existing(
    records: &Records,
    collection: Arc<Collection>,
    columns: &[&Column],
    order: &Order,
    watch: &mut dyn Watch,
) -> Result<(Arc<Collection>, Names), Error> {
    let known = |key: &str| {
        let by_name = |name: &str| collection.field(name).map(|field| field.name.clone());
        by_name(key).or_else(|| plain(key).and_then(|name| by_name(&name)))
    };
    let (found, missing): (Vec<&Column>, Vec<&Column>) =
        columns.iter().partition(|c| known(&c.key).is_some());
    let mut names: Names = found.iter().filter_map(|c| Some((c.key.clone(), known(&c.key)?))).collect();
    // a column without any value has nothing to lose
    let missing: Vec<&Column> = missing.into_iter().filter(|column| column.filled > 0).collect();
    if missing.is_empty() {
        return Ok((collection, names));
    }
    if !order.adds_fields {
        let keys: Vec<String> = missing.iter().map(|column| format!("`{}`", column.key)).collect();
        let (name, keys) = (&collection.name, keys.join(", "));
        return Err(Error::Refused(format!(
            "{name} has no field {keys}; add them, or let --add-fields do it"
        )));
    }
    let more = named(&missing, watch);
    let mut sent = change::to_wire(&collection);
    if let Some(Value::Array(fields)) = sent.get_mut("fields") {
        fields.extend(missing.iter().zip(&more).map(|(column, (_, name))| column.field(name)));
    }
    sent.retain(|key, _| key == "fields");
    let collection = records.update_collection(&collection.id, &sent).await?;
    names.extend(more);
    Ok((collection, names))
}
