//! What of a suite's words tells why it failed, short enough to stand at the end of a long run.

/// Lines that are told of one panic.
const PANIC_LINES_MAX: usize = 20;
/// Signs that are told of one line.
const LINE_SIGNS_MAX: usize = 2000;
/// What a suite said last, where no panic tells why it failed.
const LAST_LINES: usize = 20;

/// How the words of a panic end.
const ENDS: [&str; 4] = ["stack backtrace:", "note: ", "---- ", "failures:"];

/// The words of every panic of the tests that failed, or the last lines where there are none.
pub(super) fn of(said: &str) -> String {
    let mut told = String::new();
    let mut lines = said.lines().skip_while(|line| *line != "failures:").peekable();
    while let Some(line) = lines.next() {
        if let Some(test) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            told += &format!("{test}\n");
        } else if let Some((_, place)) = line.split_once(" panicked at ") {
            let is_of_it = |line: &&str| !ENDS.iter().any(|end| line.starts_with(end));
            let words = std::iter::from_fn(|| lines.next_if(is_of_it)).filter(|line| !line.is_empty());
            let words: Vec<&str> = words.collect();
            told += &indented(place);
            told.extend(words.iter().take(PANIC_LINES_MAX).copied().map(indented));
            if words.len() > PANIC_LINES_MAX {
                told += &indented(&format!("({} more lines)", words.len() - PANIC_LINES_MAX));
            }
        }
    }
    if told.is_empty() {
        let last: Vec<&str> = said.lines().rev().take(LAST_LINES).collect();
        told.extend(last.into_iter().rev().map(indented));
    }
    told
}

/// A line under the name of its test, cut where it is too long.
fn indented(line: &str) -> String {
    let end = line.char_indices().nth(LINE_SIGNS_MAX).map_or(line.len(), |(end, _)| end);
    format!("  {}\n", &line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_failed_test_its_panics_are_told_without_the_way_that_led_there() {
        let said = "\ntest a::b ... FAILED\ntest c ... ok\n\nfailures:\n\n---- a::b stdout ----\nit printed this\n\n\
                    thread 'a::b' (7) panicked at tests/a.rs:3:9:\nassertion `left == right` failed: two\n  left: 1\n right: 2\n\
                    stack backtrace:\n   0: begin\n             at ./a.rs:3:9\nnote: Some details are omitted\n\n\
                    ---- d stdout ----\nthread 'd' panicked at tests/d.rs:1:1:\nno\n\n\nfailures:\n    a::b\n    d\n\n\
                    test result: FAILED. 1 passed; 2 failed\n";
        let told = of(said);
        let first =
            "a::b\n  tests/a.rs:3:9:\n  assertion `left == right` failed: two\n    left: 1\n   right: 2\n";
        assert!(told.starts_with(&format!("{first}d\n  tests/d.rs:1:1:\n  no\n")), "{told}");
        assert!(!told.contains("begin"), "{told}");
    }

    #[test]
    fn of_a_suite_that_broke_off_its_last_words_are_told() {
        let said: String = (0..30).map(|number| format!("line {number}\n")).collect();
        let told = of(&said);
        assert!(told.starts_with("  line 10\n") && told.ends_with("  line 29\n"), "{told}");
    }

    #[test]
    fn what_is_long_is_cut() {
        let lines: String = (0..30).map(|_| format!("{}\n", "온".repeat(LINE_SIGNS_MAX + 5))).collect();
        let told = of(&format!("failures:\n\n---- a stdout ----\nthread 'a' panicked at a.rs:1:1:\n{lines}"));
        assert!(told.ends_with("  (10 more lines)\n"), "{told}");
        assert!(told.lines().all(|line| line.chars().count() <= LINE_SIGNS_MAX + 2));
    }
}
