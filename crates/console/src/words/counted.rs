//! Texts with numbers and names in them.

use crate::words::Lang;

impl Lang {
    /// How many requests wait at a balancer.
    pub(crate) fn waiting(self, count: u64) -> String {
        let n = grouped(count);
        match count {
            0 => self.pick("No request waits.".into(), "기다리는 요청이 없어요.".into()),
            1 => self.pick("1 request waits for a place.".into(), "요청 1건이 기다리고 있어요.".into()),
            _ => {
                self.pick(format!("{n} requests wait for a place."), format!("요청 {n}건이 기다리고 있어요."))
            }
        }
    }

    /// "3 records".
    pub(crate) fn records(self, count: u64) -> String {
        let n = grouped(count);
        self.pick(
            if count == 1 { "1 record".to_owned() } else { format!("{n} records") },
            format!("레코드 {n}개"),
        )
    }

    /// "Page 2 of 7".
    pub(crate) fn page_of(self, page: u64, pages: u64) -> String {
        let (page, pages) = (grouped(page), grouped(pages));
        self.pick(format!("Page {page} of {pages}"), format!("{pages}쪽 중 {page}쪽"))
    }

    /// The question before records go.
    pub(crate) fn delete_these(self, count: usize) -> String {
        self.pick(
            if count == 1 {
                "Delete this record?".to_owned()
            } else {
                format!("Delete these {count} records?")
            },
            if count == 1 {
                "이 레코드를 삭제할까요?".to_owned()
            } else {
                format!("레코드 {count}개를 삭제할까요?")
            },
        )
    }

    /// How far an index is that is being built: a part from 0 to 1, if it is known.
    pub(crate) fn index_building(self, part: Option<f32>) -> String {
        match part {
            None => self.pick("being built".into(), "만드는 중".into()),
            Some(part) => {
                let percent = format!("{:.0} %", part * 100.0);
                self.pick(format!("being built, {percent}"), format!("만드는 중 {percent}"))
            }
        }
    }

    /// That an index could not be built.
    pub(crate) fn index_failed(self, why: &str) -> String {
        self.pick(format!("failed: {why}"), format!("실패: {why}"))
    }

    /// Where records were found.
    pub(crate) fn found(self, count: u64) -> String {
        let n = grouped(count);
        self.pick(format!("{n} found"), format!("{n}개 찾음"))
    }

    /// "+2 more".
    pub(crate) fn more(self, count: usize) -> String {
        self.pick(format!("+{count}"), format!("+{count}"))
    }

    /// The title of the page that makes a record.
    pub(crate) fn new_record_in(self, collection: &str) -> String {
        self.pick(format!("New record in {collection}"), format!("{collection}에 새 레코드"))
    }

    /// How large a file may be.
    pub(crate) fn at_most(self, size: &str) -> String {
        self.pick(format!("at most {size}"), format!("최대 {size}"))
    }

    /// How many may be chosen.
    pub(crate) fn up_to(self, count: u64) -> String {
        self.pick(format!("up to {count}"), format!("최대 {count}개"))
    }

    /// Who is signed in.
    pub(crate) fn signed_in_as(self, email: &str) -> String {
        self.pick(format!("Signed in as {email}"), format!("{email} 님"))
    }
}

/// A number with commas between its thousands, as both languages write it.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in bytes as people write it.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KB", bytes / 1024),
        _ => format!("{} MB", bytes / 1_048_576),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn one_record_is_singular_in_english_only() {
        assert_eq!((Lang::En.records(1), Lang::En.records(2)), ("1 record".into(), "2 records".into()));
        assert_eq!(Lang::Ko.records(1), "레코드 1개");
    }
}
