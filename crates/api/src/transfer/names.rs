//! From a file's words to names that fields can have: letters, digits and `_`, none twice, none reserved.
//!
//! Invariant: no I/O.

use std::collections::HashSet;

/// Names that no field can have, and `id`, which every record has.
const TAKEN: [&str; 8] =
    ["id", "null", "true", "false", "_rowid_", "collectionid", "collectionname", "expand"];
/// Longest name.
const LENGTH_MAX: usize = 100;

/// A field name for each key, in the same order.
pub(super) fn field_names<'k>(keys: impl Iterator<Item = &'k str>) -> Vec<String> {
    let mut taken: HashSet<String> = TAKEN.iter().map(|name| (*name).to_owned()).collect();
    keys.enumerate()
        .map(|(place, key)| {
            let plain = plain(key).unwrap_or_else(|| format!("field_{}", place + 1));
            let mut name = plain.clone();
            let mut number = 2;
            // names differ by more than case
            while !taken.insert(name.to_lowercase()) {
                name = format!("{plain}_{number}");
                number += 1;
            }
            name
        })
        .collect()
}

/// The key with `_` for what can't stand in a name; `None` when nothing of it is left.
pub(super) fn plain(key: &str) -> Option<String> {
    let mut name = String::with_capacity(key.len());
    for letter in key.trim().chars() {
        match letter {
            _ if letter.is_ascii_alphanumeric() => name.push(letter),
            _ if name.ends_with('_') && letter != '_' => {}
            _ => name.push('_'),
        }
    }
    name.truncate(LENGTH_MAX - 4);
    let name = if name == key { name } else { name.trim_matches('_').to_owned() };
    let has_letters = name.bytes().any(|b| b.is_ascii_alphanumeric());
    (has_letters && !name.to_lowercase().contains("_via_")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_names_that_differ() {
        let keys = [
            "title",
            "Title",
            "의안 번호",
            "proposer-type",
            "a  b",
            "id",
            "expand",
            "",
            "_x",
            "9th",
            "posts_via_a",
        ];
        assert_eq!(
            field_names(keys.into_iter()),
            [
                "title",
                "Title_2",
                "field_3",
                "proposer_type",
                "a_b",
                "id_2",
                "expand_2",
                "field_8",
                "_x",
                "9th",
                "field_11"
            ]
        );
    }
}
