//! A field on the wire: `{id, name, type, system, hidden, presentable, help, required, …options}`, flat.

use serde_json::{Map, Value, json};

use super::reader::Reader;
use crate::core::field::{Field, FieldKind, FileOptions, TextOptions};
use crate::core::flaw::Flaw;
use crate::core::pattern::Pattern;
use crate::core::value;

/// Reads a field; its id may be empty, its key is its name until [`super::plan`] gives it another. `None` when the type
/// is not known.
pub(super) fn read(reader: &mut Reader) -> Option<Field> {
    let name = reader.text("name");
    let kind = read_kind(reader)?;
    let id = reader.text("id");
    let is_required = !matches!(kind, FieldKind::Autodate { .. }) && reader.flag("required");
    Some(Field {
        id,
        key: name.as_str().into(),
        name,
        is_system: reader.flag("system"),
        is_hidden: reader.flag("hidden"),
        is_presentable: reader.flag("presentable"),
        is_required,
        help: reader.text("help"),
        kind,
    })
}

fn read_kind(reader: &mut Reader) -> Option<FieldKind> {
    let name = reader.text("type");
    Some(match name.as_str() {
        "text" => FieldKind::Text(TextOptions {
            min: reader.whole("min"),
            max: reader.whole("max"),
            pattern: read_pattern(reader),
            autogenerate_pattern: reader.text("autogeneratePattern"),
            is_primary: reader.flag("primaryKey"),
        }),
        "editor" => FieldKind::Editor {
            max_bytes: reader.whole("maxSize"),
            converts_urls: reader.flag("convertURLs"),
        },
        "number" => FieldKind::Number {
            min: reader.float("min"),
            max: reader.float("max"),
            is_whole: reader.flag("onlyInt"),
        },
        "bool" => FieldKind::Bool,
        "email" => FieldKind::Email {
            except_domains: reader.texts("exceptDomains"),
            only_domains: reader.texts("onlyDomains"),
        },
        "url" => FieldKind::Url {
            except_domains: reader.texts("exceptDomains"),
            only_domains: reader.texts("onlyDomains"),
        },
        "date" => FieldKind::Date { min: read_date(reader, "min"), max: read_date(reader, "max") },
        "autodate" => {
            FieldKind::Autodate { on_create: reader.flag("onCreate"), on_update: reader.flag("onUpdate") }
        }
        "select" => FieldKind::Select { values: reader.texts("values"), max: reader.whole("maxSelect") },
        "file" => FieldKind::File(FileOptions {
            mime_types: reader.texts("mimeTypes"),
            thumbs: reader.texts("thumbs"),
            max: reader.whole("maxSelect"),
            max_bytes: reader.whole("maxSize"),
            is_protected: reader.flag("protected"),
        }),
        "relation" => FieldKind::Relation {
            collection: reader.text("collectionId"),
            cascades: reader.flag("cascadeDelete"),
            min: reader.whole("minSelect"),
            max: reader.whole("maxSelect"),
        },
        "json" => FieldKind::Json { max_bytes: reader.whole("maxSize") },
        "password" => FieldKind::Password {
            min: reader.whole("min"),
            max: reader.whole("max"),
            pattern: read_pattern(reader),
            cost: reader.whole("cost"),
        },
        "geoPoint" => FieldKind::GeoPoint,
        "" => {
            reader.fault("type", &Flaw::required());
            return None;
        }
        _ => {
            reader.fault("type", &Flaw::new("validation_in_invalid", "Must be a known type of field."));
            return None;
        }
    })
}

fn read_pattern(reader: &mut Reader) -> Pattern {
    let text = reader.text("pattern");
    Pattern::parse(&text).unwrap_or_else(|message| {
        reader.fault("pattern", &Flaw::new("validation_invalid_regex", message));
        Pattern::default()
    })
}

/// A date as records hold it.
fn read_date(reader: &mut Reader, key: &str) -> String {
    let sent = reader.text(key);
    let date = value::date(&sent);
    if date.is_empty() && !sent.is_empty() {
        reader.fault(key, &Flaw::new("validation_date_invalid", "Must be a valid date."));
    }
    date
}

/// The field as the wire shows it.
pub(super) fn to_wire(field: &Field) -> Map<String, Value> {
    let mut wire = Map::new();
    let mut put = |key: &str, value: Value| wire.insert(key.to_owned(), value);
    put("id", field.id.as_str().into());
    put("name", field.name.as_str().into());
    put("type", field.kind.name().into());
    put("system", field.is_system.into());
    put("hidden", field.is_hidden.into());
    put("presentable", field.is_presentable.into());
    put("help", field.help.as_str().into());
    if !matches!(field.kind, FieldKind::Autodate { .. }) {
        put("required", field.is_required.into());
    }
    if let Value::Object(options) = options_to_wire(&field.kind) {
        wire.extend(options);
    }
    wire
}

fn options_to_wire(kind: &FieldKind) -> Value {
    let float = |number: &Option<f64>| number.map_or(Value::Null, value::number);
    match kind {
        FieldKind::Text(o) => json!({
            "min": o.min, "max": o.max, "pattern": o.pattern.as_str(),
            "autogeneratePattern": o.autogenerate_pattern, "primaryKey": o.is_primary,
        }),
        FieldKind::Editor { max_bytes, converts_urls } => {
            json!({ "maxSize": max_bytes, "convertURLs": converts_urls })
        }
        FieldKind::Number { min, max, is_whole } => {
            json!({ "min": float(min), "max": float(max), "onlyInt": is_whole })
        }
        FieldKind::Bool | FieldKind::GeoPoint => json!({}),
        FieldKind::Email { except_domains, only_domains }
        | FieldKind::Url { except_domains, only_domains } => {
            json!({ "exceptDomains": except_domains, "onlyDomains": only_domains })
        }
        FieldKind::Date { min, max } => json!({ "min": min, "max": max }),
        FieldKind::Autodate { on_create, on_update } => {
            json!({ "onCreate": on_create, "onUpdate": on_update })
        }
        FieldKind::Select { values, max } => json!({ "values": values, "maxSelect": max }),
        FieldKind::File(o) => json!({
            "mimeTypes": o.mime_types, "thumbs": o.thumbs, "maxSelect": o.max,
            "maxSize": o.max_bytes, "protected": o.is_protected,
        }),
        FieldKind::Relation { collection, cascades, min, max } => json!({
            "collectionId": collection, "cascadeDelete": cascades, "minSelect": min, "maxSelect": max,
        }),
        FieldKind::Json { max_bytes } => json!({ "maxSize": max_bytes }),
        FieldKind::Password { min, max, pattern, cost } => {
            json!({ "min": min, "max": max, "pattern": pattern.as_str(), "cost": cost })
        }
    }
}
