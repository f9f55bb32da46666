//! What is wrong with a record's values, field by field: codes as the wire's clients know them.

mod address;
mod text;

use base::error::Fields;
use base::time::Timestamp;
use serde_json::Value;

use super::{NewFile, Values, texts};
use crate::core::collection::Collection;
use crate::core::field::{
    EDITOR_BYTES_MAX, FILE_BYTES_MAX, Field, FieldKind, FileOptions, JSON_BYTES_MAX, PASSWORD_MAX,
};
use crate::core::flaw::{self, Flaw};

/// Deepest nesting of lists and objects in a JSON field: what is deeper could not be read back inside a reply.
const JSON_DEPTH_MAX: usize = 100;
/// Most characters of a message about a value that it repeats.
const SHOWN_MAX: usize = 250;

/// What is wrong with the values of a new or changed record, by field. `uploads` are the files that came with the
/// request: other new names are refused. Not checked here: what needs the database (relations exist, uniqueness) and
/// passwords (see [`crate::core::account::check`]: the plain text is no value).
pub fn check(
    collection: &Collection,
    before: Option<&Values>,
    after: &Values,
    uploads: &[NewFile],
) -> Fields {
    let mut faults = Fields::default();
    for field in &collection.fields {
        let value = after.0.get(&field.name).unwrap_or(&Value::Null);
        let before = before.map(|b| b.0.get(&field.name).unwrap_or(&Value::Null));
        if let Some(flaw) = check_field(field, before, value, uploads) {
            flaw::put(&mut faults.0, &[&field.name], &flaw);
        }
    }
    faults
}

/// What is wrong with a new password, given in plain text, under the field's name.
pub fn check_password(field: &Field, plain: &str) -> Fields {
    let mut faults = Fields::default();
    if let FieldKind::Password { min, max, pattern, .. } = &field.kind {
        let max = if *max == 0 { PASSWORD_MAX } else { *max };
        if let Some(flaw) =
            text::check_length(plain, *min, max).or_else(|| text::check_pattern(plain, pattern))
        {
            flaw::put(&mut faults.0, &[&field.name], &flaw);
        }
    }
    faults
}

fn check_field(field: &Field, before: Option<&Value>, value: &Value, uploads: &[NewFile]) -> Option<Flaw> {
    match &field.kind {
        FieldKind::Text(options) if options.is_primary => text::check_id(options, before, as_text(value)),
        FieldKind::Autodate { .. } | FieldKind::Password { .. } => None,
        FieldKind::Number { min, max, is_whole } => {
            check_number(value, *min, *max, *is_whole).or_else(|| check_required(field, value))
        }
        FieldKind::Json { max_bytes } => check_json(value, or_default(*max_bytes, JSON_BYTES_MAX), field),
        _ if is_zero(value) => check_required(field, value),
        FieldKind::Text(options) => text::check(options, as_text(value)),
        FieldKind::Editor { max_bytes, .. } => {
            check_editor(as_text(value), or_default(*max_bytes, EDITOR_BYTES_MAX))
        }
        FieldKind::Email { except_domains, only_domains } => {
            address::check_email(as_text(value), except_domains, only_domains)
        }
        FieldKind::Url { except_domains, only_domains } => {
            address::check_url(as_text(value), except_domains, only_domains)
        }
        FieldKind::Date { min, max } => check_date(as_text(value), min, max),
        FieldKind::Select { values, max } => check_choice(&texts(value), values, *max),
        FieldKind::Relation { min, max, .. } => check_relation(texts(value).len(), *min, *max),
        FieldKind::File(options) => check_files(field, options, before, value, uploads),
        FieldKind::GeoPoint => check_point(value),
        FieldKind::Bool => None,
    }
}

fn as_text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn or_default(given: u64, default: u64) -> u64 {
    if given == 0 { default } else { given }
}

/// True for the empty value of any kind but JSON.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(point) => point.values().all(|d| d.as_f64() == Some(0.0)),
    }
}

fn check_required(field: &Field, value: &Value) -> Option<Flaw> {
    (field.is_required && is_zero(value)).then(Flaw::required)
}

fn check_number(value: &Value, min: Option<f64>, max: Option<f64>, is_whole: bool) -> Option<Flaw> {
    let Some(number) = value.as_f64() else {
        return Some(Flaw::new("validation_not_a_number", "The submitted number is not properly formatted."));
    };
    // 0 is "no number": the wire's clients rely on it passing whatever the bounds are
    if number == 0.0 {
        return None;
    }
    if is_whole && number.fract() != 0.0 {
        return Some(Flaw::new("validation_only_int_constraint", "Decimal numbers are not allowed."));
    }
    if let Some(min) = min.filter(|min| number < *min) {
        let message = format!("Must be greater or equal than {min}.");
        return Some(Flaw::new("validation_min_number_constraint", message).with("min", min));
    }
    let max = max.filter(|max| number > *max)?;
    let message = format!("Must be less or equal than {max}.");
    Some(Flaw::new("validation_max_number_constraint", message).with("max", max))
}

fn check_editor(text: &str, max: u64) -> Option<Flaw> {
    (text.len() as u64 > max).then(|| {
        let message = format!("The content may have at most {max} bytes.");
        Flaw::new("validation_content_size_limit", message).with("maxSize", max)
    })
}

fn check_json(value: &Value, max: u64, field: &Field) -> Option<Flaw> {
    if depth_is_above(value, JSON_DEPTH_MAX) {
        return Some(Flaw::new(
            "validation_invalid_json",
            "Must be a valid json value: it is nested too deeply.",
        ));
    }
    let is_empty = match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    if field.is_required && is_empty {
        return Some(Flaw::required());
    }
    (value.to_string().len() as u64 > max).then(|| {
        let message = format!("The maximum allowed JSON size is {max} bytes.");
        Flaw::new("validation_json_size_limit", message).with("maxSize", max)
    })
}

fn depth_is_above(value: &Value, most: usize) -> bool {
    match value {
        Value::Array(list) => most == 0 || list.iter().any(|v| depth_is_above(v, most - 1)),
        Value::Object(object) => most == 0 || object.values().any(|v| depth_is_above(v, most - 1)),
        _ => false,
    }
}

fn check_date(text: &str, min: &str, max: &str) -> Option<Flaw> {
    let at = Timestamp::parse(text)?;
    if Timestamp::parse(min).is_some_and(|min| at < min) {
        let message = format!("Must be no less than {min}.");
        return Some(Flaw::new("validation_min_greater_equal_than_required", message).with("threshold", min));
    }
    Timestamp::parse(max).is_some_and(|max| at > max).then(|| {
        let message = format!("Must be no greater than {max}.");
        Flaw::new("validation_max_less_equal_than_required", message).with("threshold", max)
    })
}

fn check_choice(chosen: &[&str], values: &[String], max: u64) -> Option<Flaw> {
    if let Some(flaw) = check_most(chosen.len(), max) {
        return Some(flaw);
    }
    let stranger = chosen.iter().find(|word| !values.iter().any(|v| v == *word))?;
    let shown: String = stranger.chars().take(SHOWN_MAX).collect();
    Some(Flaw::new("validation_invalid_value", format!("Invalid value {shown}.")).with("value", shown))
}

fn check_most(count: usize, max: u64) -> Option<Flaw> {
    let max = max.max(1);
    (count as u64 > max).then(|| {
        Flaw::new("validation_too_many_values", format!("Select no more than {max}.")).with("maxSelect", max)
    })
}

fn check_relation(count: usize, min: u64, max: u64) -> Option<Flaw> {
    if (count as u64) < min {
        let message = format!("Select at least {min}.");
        return Some(Flaw::new("validation_not_enough_values", message).with("minSelect", min));
    }
    check_most(count, max)
}

fn check_files(
    field: &Field,
    options: &FileOptions,
    before: Option<&Value>,
    value: &Value,
    uploads: &[NewFile],
) -> Option<Flaw> {
    let (now, before) = (texts(value), before.map(texts).unwrap_or_default());
    let uploads: Vec<&NewFile> = uploads.iter().filter(|u| u.field == field.name).collect();
    let is_known = |name: &str| before.contains(&name) || uploads.iter().any(|u| u.name == name);
    let strangers: Vec<String> =
        now.iter().filter(|n| !is_known(n)).map(|n| n.chars().take(SHOWN_MAX).collect()).collect();
    if !strangers.is_empty() {
        let message = format!("Invalid new files: {}.", strangers.join(", "));
        return Some(Flaw::new("validation_invalid_file", message).with("invalidFiles", strangers));
    }
    let max = options.max.max(1);
    if now.len() as u64 > max {
        let message = format!("The maximum allowed files is {max}.");
        return Some(Flaw::new("validation_too_many_files", message).with("maxSelect", max));
    }
    uploads.into_iter().filter(|u| now.contains(&u.name.as_str())).find_map(|u| check_upload(options, u))
}

fn check_upload(options: &FileOptions, upload: &NewFile) -> Option<Flaw> {
    let shown: String = upload.sent_name.chars().take(SHOWN_MAX).collect();
    let max = or_default(options.max_bytes, FILE_BYTES_MAX);
    if upload.bytes > max {
        let message = format!("Failed to upload {shown}: the maximum allowed file size is {max} bytes.");
        return Some(
            Flaw::new("validation_file_size_limit", message).with("file", shown).with("maxSize", max),
        );
    }
    let is_taken = options.mime_types.is_empty() || options.mime_types.contains(&upload.media_type);
    (!is_taken).then(|| {
        let types = options.mime_types.join(", ");
        let message = format!("Failed to upload {shown}: its media type must be one of {types}.");
        Flaw::new("validation_invalid_mime_type", message)
    })
}

fn check_point(value: &Value) -> Option<Flaw> {
    let degrees = |name: &str| value.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
    if !(-90.0..=90.0).contains(&degrees("lat")) {
        return Some(Flaw::new(
            "validation_invalid_latitude",
            "Latitude must be between -90 and 90 degrees.",
        ));
    }
    let is_on_earth = (-180.0..=180.0).contains(&degrees("lon"));
    (!is_on_earth)
        .then(|| Flaw::new("validation_invalid_longitude", "Longitude must be between -180 and 180 degrees."))
}
