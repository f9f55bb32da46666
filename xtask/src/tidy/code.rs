//! A Rust source without its comments and without what its texts say, so that rules look at code only.
//!
//! Assumption: the source compiles; where it doesn't, the compiler speaks before this does.

/// The source's lines, with comments and the insides of string and character literals blanked out.
pub(super) fn only(source: &str) -> Vec<String> {
    let mut rest = source;
    let mut kept = String::with_capacity(source.len());
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest, kept.chars().next_back());
        if length == 0 {
            kept.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            kept.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    kept.lines().map(str::to_owned).collect()
}

/// How many bytes at the start of `rest` are no code.
fn skipped(rest: &str, before: Option<char>) -> usize {
    let is_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    if rest.starts_with('r') && !is_word {
        return raw(rest);
    }
    0
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    for (at, _) in rest.char_indices() {
        if rest[at..].starts_with("/*") {
            depth += 1;
        } else if rest[at..].starts_with("*/") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at + 2;
            }
        }
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// A character literal; a lifetime is code.
fn character(rest: &str) -> usize {
    let mut inside = rest.chars().skip(1);
    match (inside.next(), inside.next()) {
        (Some('\\'), _) => quoted(rest, '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

fn raw(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
    if !rest[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let inside = hashes + 2;
    rest[inside..].find(&end).map_or(rest.len(), |at| inside + at + end.len())
}

#[cfg(test)]
mod tests {
    use super::only;

    fn words(source: &str) -> String {
        only(source).join("\n").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_are_no_code() {
        assert_eq!(words("a // tokio\nb /* tokio /* still */ tokio */ c"), "a b c");
    }

    #[test]
    fn texts_are_no_code() {
        assert_eq!(words(r##"a("tokio \" tokio") b(r#"to"kio"#) c"##), "a( ) b( ) c");
    }

    #[test]
    fn a_lifetime_is_code_and_a_character_is_not() {
        assert_eq!(words(r"fn a<'a>(b: &'a str) { '\'' ; '온' ; 'c' }"), "fn a<'a>(b: &'a str) { ; ; }");
    }

    #[test]
    fn lines_keep_their_numbers() {
        assert_eq!(only("/* 1\n2\n3 */\nfour")[3], "four");
    }
}
