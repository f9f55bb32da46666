//! What is wrong with the options of a field.

use serde_json::{Map, Value};

use super::ID_MAX;
use crate::core::catalog::Catalog;
use crate::core::field::{Field, FieldKind, PASSWORD_MAX, TEXT_MAX, TextOptions};
use crate::core::flaw::{self, Flaw};
use crate::core::pattern;

/// Names that the wire uses for other things.
const RESERVED: [&str; 7] = ["null", "true", "false", "_rowid_", "collectionId", "collectionName", "expand"];
/// Longest note, in characters.
const HELP_MAX: usize = 300;
/// Texts made to see whether a pattern makes valid ones.
const TRIALS: u64 = 10;

/// The collections that a relation may lead to.
pub(super) struct Targets<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) own: &'a str,
}

impl Targets<'_> {
    fn has(&self, id: &str) -> bool {
        id == self.own || self.catalog.all().iter().any(|c| c.id == id)
    }
}

/// The faults of one field.
struct Faults<'a> {
    place: &'a str,
    faults: &'a mut Map<String, Value>,
}

impl Faults<'_> {
    fn put(&mut self, key: &str, flaw: &Flaw) {
        flaw::put(self.faults, &["fields", self.place, key], flaw);
    }

    fn at_least(&mut self, key: &str, given: u64, least: u64) {
        if given != 0 && given < least {
            let message = format!("Must be no less than {least}.");
            let flaw = Flaw::new("validation_min_greater_equal_than_required", message);
            self.put(key, &flaw.with("threshold", least));
        }
    }

    fn at_most(&mut self, key: &str, given: u64, most: u64) {
        if given > most {
            let message = format!("Must be no greater than {most}.");
            let flaw = Flaw::new("validation_max_less_equal_than_required", message);
            self.put(key, &flaw.with("threshold", most));
        }
    }
}

/// Adds what is wrong with a field by itself.
pub(super) fn check(
    targets: &Targets,
    field: &Field,
    was: Option<&Field>,
    place: &str,
    faults: &mut Map<String, Value>,
) {
    let mut faults = Faults { place, faults };
    if field.id.chars().count() > ID_MAX {
        let message = "The length must be between 1 and 100.";
        faults.put("id", &Flaw::new("validation_length_out_of_range", message));
    }
    if let Some(flaw) = check_name(field) {
        faults.put("name", &flaw);
    }
    if field.help.chars().count() > HELP_MAX {
        let message = "The length must be between 1 and 300.";
        faults.put("help", &Flaw::new("validation_length_out_of_range", message));
    }
    match &field.kind {
        FieldKind::Text(options) => check_text(field, options, &mut faults),
        FieldKind::Number { min, max, is_whole } => check_bounds(*min, *max, *is_whole, &mut faults),
        FieldKind::Email { except_domains, only_domains }
        | FieldKind::Url { except_domains, only_domains } => {
            check_domains(except_domains, only_domains, &mut faults);
        }
        // dates of this form compare as texts
        FieldKind::Date { min, max } if !min.is_empty() && !max.is_empty() && max < min => {
            faults.put("max", &Flaw::new("validation_date_out_of_range", "The date is out of range."));
        }
        FieldKind::Autodate { on_create: false, on_update: false } => {
            let flaw = Flaw::new("validation_required", "Either onCreate or onUpdate must be enabled.");
            faults.put("onCreate", &flaw);
            faults.put("onUpdate", &flaw);
        }
        FieldKind::Select { values, max } => {
            if values.is_empty() {
                faults.put("values", &Flaw::required());
            }
            faults.at_most("maxSelect", *max, values.len().max(1) as u64);
        }
        FieldKind::File(options) => check_thumbs(&options.thumbs, place, faults.faults),
        FieldKind::Relation { collection, min, max, .. } => {
            check_target(targets, collection, was, &mut faults);
            if *min > 0 && *max == 0 {
                faults.put("maxSelect", &Flaw::required());
            }
            faults.at_least("maxSelect", *max, *min);
        }
        FieldKind::Password { min, max, cost, .. } => {
            faults.at_most("min", *min, PASSWORD_MAX);
            faults.at_least("max", *max, *min);
            faults.at_most("max", *max, PASSWORD_MAX);
            faults.at_least("cost", *cost, 4);
            faults.at_most("cost", *cost, 31);
        }
        _ => {}
    }
}

fn check_name(field: &Field) -> Option<Flaw> {
    let name = field.name.as_str();
    if name.is_empty() {
        return Some(Flaw::required());
    }
    if name.len() > ID_MAX {
        return Some(Flaw::new("validation_length_out_of_range", "The length must be between 1 and 100."));
    }
    if RESERVED.contains(&name) {
        return Some(Flaw::new("validation_not_in_invalid", "Must not be in list: the name is reserved."));
    }
    if field.is_id() && name != "id" {
        return Some(Flaw::new("validation_in_invalid", "The primary key must be named \"id\"."));
    }
    super::check_word(name)
}

fn check_text(field: &Field, options: &TextOptions, faults: &mut Faults) {
    faults.at_least("max", options.max, options.min);
    if options.is_primary {
        if options.pattern.is_empty() {
            faults.put("pattern", &Flaw::required());
        }
        if field.is_hidden {
            faults.put("hidden", &Flaw::new("validation_empty", "Must be blank."));
        }
        if !field.is_required {
            faults.put("required", &Flaw::required());
        }
    }
    if options.autogenerate_pattern.is_empty() {
        return;
    }
    let max = if options.max == 0 { TEXT_MAX } else { options.max };
    let mut chance = trial_chance();
    for _ in 0..TRIALS {
        let Some(made) = pattern::generate(&options.autogenerate_pattern, &mut chance) else {
            let message = "The pattern can't be read.";
            faults.put("autogeneratePattern", &Flaw::new("validation_invalid_regex", message));
            return;
        };
        let length = made.chars().count() as u64;
        let is_valid = (options.min..=max).contains(&length) && options.pattern.matches(&made);
        if !is_valid || (made.is_empty() && field.is_required) {
            let shown: String = made.chars().take(100).collect();
            let message = format!("The pattern could produce invalid field values, for example {shown:?}.");
            let flaw = Flaw::new("validation_invalid_autogenerate_pattern_value", message);
            faults.put("autogeneratePattern", &flaw);
            return;
        }
    }
}

/// Numbers for trials: no chance is needed, only variety (SplitMix64).
fn trial_chance() -> impl FnMut() -> u64 {
    let mut state: u64 = 0;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn check_bounds(min: Option<f64>, max: Option<f64>, is_whole: bool, faults: &mut Faults) {
    for (key, bound) in [("min", min), ("max", max)] {
        if is_whole && bound.is_some_and(|b| b.fract() != 0.0) {
            let flaw = Flaw::new("validation_only_int_constraint", "Decimal numbers are not allowed.");
            faults.put(key, &flaw);
        }
    }
    if let (Some(min), Some(max)) = (min, max)
        && max < min
    {
        let message = format!("Must be greater or equal than {min}.");
        faults.put("max", &Flaw::new("validation_min_number_constraint", message).with("min", min));
    }
}

fn check_domains(except: &[String], only: &[String], faults: &mut Faults) {
    if !except.is_empty() && !only.is_empty() {
        let flaw = Flaw::new("validation_empty", "Must be blank: there is a list of the other sort.");
        faults.put("exceptDomains", &flaw);
        faults.put("onlyDomains", &flaw);
        return;
    }
    for (key, domains) in [("exceptDomains", except), ("onlyDomains", only)] {
        for (at, _) in domains.iter().enumerate().filter(|(_, domain)| !is_domain(domain)) {
            let flaw = Flaw::new("validation_is_domain", "Must be a valid domain.");
            flaw::put(faults.faults, &["fields", faults.place, key, &at.to_string()], &flaw);
        }
    }
}

/// Labels of letters, digits and `-`, with a dot between them.
fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        let is_plain = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        !label.is_empty() && label.len() <= 63 && label.chars().all(is_plain)
    };
    domain.len() <= 255 && domain.contains('.') && domain.split('.').all(is_label)
}

/// `100x100`, `0x50`, `100x50t`, `100x50b`, `100x50f`; one side may be 0, not both.
fn check_thumbs(thumbs: &[String], place: &str, faults: &mut Map<String, Value>) {
    let side = |text: &str| {
        let is_short = (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        is_short.then(|| text.parse::<u32>().ok()).flatten()
    };
    for (at, thumb) in thumbs.iter().enumerate() {
        let sides = thumb.strip_suffix(['t', 'b', 'f']).unwrap_or(thumb).split_once('x');
        let is_valid = sides
            .and_then(|(width, height)| Some((side(width)?, side(height)?)))
            .is_some_and(|sides| sides != (0, 0));
        if !is_valid {
            let flaw = Flaw::new("validation_match_invalid", "Must be in a valid format, such as 100x100.");
            flaw::put(faults, &["fields", place, "thumbs", &at.to_string()], &flaw);
        }
    }
}

fn check_target(targets: &Targets, collection: &str, was: Option<&Field>, faults: &mut Faults) {
    let before = match was.map(|w| &w.kind) {
        Some(FieldKind::Relation { collection, .. }) => Some(collection.as_str()),
        _ => None,
    };
    let flaw = if collection.is_empty() {
        Flaw::required()
    } else if before.is_some_and(|before| before != collection) {
        Flaw::new("validation_field_relation_change", "The relation collection cannot be changed.")
    } else if !targets.has(collection) {
        let message = "The relation collection doesn't exist.";
        Flaw::new("validation_field_relation_missing_collection", message)
    } else {
        return;
    };
    faults.put("collectionId", &flaw);
}
