//! The names of field kinds.

use crate::words::Lang;

/// A kind of field as the wire names it, with its name in both languages and what it is for.
const KINDS: [(&str, &str, &str); 14] = [
    ("text", "Text", "글자"),
    ("editor", "Formatted text", "서식 있는 글"),
    ("number", "Number", "숫자"),
    ("bool", "Yes or no", "예/아니요"),
    ("email", "E-mail", "이메일"),
    ("url", "Web address", "웹 주소"),
    ("date", "Date and time", "날짜와 시간"),
    ("autodate", "Automatic date", "자동 날짜"),
    ("select", "Choice", "선택"),
    ("file", "File", "파일"),
    ("relation", "Relation", "관계"),
    ("json", "JSON", "JSON"),
    ("password", "Password", "비밀번호"),
    ("geoPoint", "Place", "위치"),
];

/// The kinds that a person may add to a collection.
pub(crate) const ADDABLE: [&str; 14] = [
    "text", "editor", "number", "bool", "email", "url", "date", "autodate", "select", "file", "relation",
    "json", "password", "geoPoint",
];

impl Lang {
    /// The name of a field kind; the wire's own for an unknown one.
    pub(crate) fn field_kind(self, wire: &str) -> &str {
        let found = KINDS.iter().find(|(name, _, _)| *name == wire);
        found.map_or(wire, |(_, en, ko)| self.pick(*en, *ko))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_can_be_added_has_a_name_of_its_own() {
        for kind in ADDABLE {
            assert_ne!(Lang::En.field_kind(kind), kind);
        }
    }
}
