//! From text to tokens.
//!
//! Grammar: names `[A-Za-z@_#][A-Za-z0-9_.:]*`, texts in `'` or `"` with `\` escapes, numbers without exponent, operators,
//! `&&`, `||`, parentheses, calls `name(a, b)` and comments from `//` to the end of the line.

use std::borrow::Cow;

use store::query::Compare;

/// What is wrong, where (byte position), and what to do about it (with its own punctuation, or empty).
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) at: usize,
    pub(super) advice: String,
    /// Whoever asks must not: for others it would be right.
    pub(super) is_forbidden: bool,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>, at: usize, advice: impl Into<String>) -> Wrong {
        Wrong { what: what.into(), at, advice: advice.into(), is_forbidden: false }
    }
}

/// A comparison as written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sign {
    pub(super) compare: Compare,
    /// One of several values is enough (`?=`).
    pub(super) any: bool,
}

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal<'t> {
    Name(&'t str),
    Text(Cow<'t, str>),
    Number(f64),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'t> {
    Open,
    Close,
    And,
    Or,
    Sign(Sign),
    Literal(Literal<'t>),
    /// A function with its arguments and their positions.
    Call(&'t str, Vec<(Literal<'t>, usize)>),
    End,
}

/// Arguments of one call, at most.
const ARGUMENTS_MAX: usize = 10;

/// Reads tokens one after the other.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Scanner<'t> {
        Scanner { text, at: 0 }
    }

    /// The next token and where it begins.
    pub(super) fn next(&mut self) -> Result<(Token<'t>, usize), Wrong> {
        self.skip_blank()?;
        let start = self.at;
        let Some(byte) = self.peek() else { return Ok((Token::End, start)) };
        let token = match byte {
            b'(' => self.single(Token::Open),
            b')' => self.single(Token::Close),
            b'&' | b'|' => self.join()?,
            b'=' | b'?' | b'!' | b'<' | b'>' | b'~' => Token::Sign(self.sign()?),
            _ => match self.literal()? {
                Literal::Name(name) if self.peek() == Some(b'(') => Token::Call(name, self.arguments()?),
                literal => Token::Literal(literal),
            },
        };
        Ok((token, start))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn single(&mut self, token: Token<'t>) -> Token<'t> {
        self.at += 1;
        token
    }

    fn take_while(&mut self, fits: impl Fn(u8) -> bool) -> &'t str {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().position(|byte| !fits(*byte)).unwrap_or(rest.len());
        let taken = &self.text[self.at..self.at + length];
        self.at += length;
        taken
    }

    fn skip_blank(&mut self) -> Result<(), Wrong> {
        loop {
            self.take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
            match self.text.as_bytes()[self.at..] {
                [b'/', b'/', ..] => {
                    let rest = &self.text.as_bytes()[self.at..];
                    self.at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
                }
                [b'/', ..] => {
                    return Err(Wrong::new("a lone \"/\"", self.at, "; a comment begins with \"//\""));
                }
                _ => return Ok(()),
            }
        }
    }

    fn join(&mut self) -> Result<Token<'t>, Wrong> {
        let start = self.at;
        match self.take_while(|b| matches!(b, b'&' | b'|')) {
            "&&" => Ok(Token::And),
            "||" => Ok(Token::Or),
            other => Err(Wrong::new(format!("unknown operator {other:?}"), start, "; use \"&&\" or \"||\"")),
        }
    }

    fn sign(&mut self) -> Result<Sign, Wrong> {
        let start = self.at;
        let written = self.take_while(|b| matches!(b, b'=' | b'?' | b'!' | b'<' | b'>' | b'~'));
        let (any, plain) = written.strip_prefix('?').map_or((false, written), |plain| (true, plain));
        let compare = match plain {
            "=" => Compare::Eq,
            "!=" => Compare::Ne,
            ">" => Compare::Gt,
            ">=" => Compare::Ge,
            "<" => Compare::Lt,
            "<=" => Compare::Le,
            "~" => Compare::Like,
            "!~" => Compare::NotLike,
            _ => {
                let advice = "; use one of = != > >= < <= ~ !~, or these with \"?\" before them";
                return Err(Wrong::new(format!("unknown operator {written:?}"), start, advice));
            }
        };
        Ok(Sign { compare, any })
    }

    fn literal(&mut self) -> Result<Literal<'t>, Wrong> {
        let start = self.at;
        match self.peek() {
            Some(b'\'' | b'"') => self.quoted().map(Literal::Text),
            Some(b'-' | b'0'..=b'9') => self.number().map(Literal::Number),
            Some(b'A'..=b'Z' | b'a'..=b'z' | b'@' | b'_' | b'#') => self.name().map(Literal::Name),
            _ => {
                let found = self.text[start..].chars().next().unwrap_or(' ');
                let advice = "; texts stand in quotes";
                Err(Wrong::new(format!("unexpected character {found:?}"), start, advice))
            }
        }
    }

    fn name(&mut self) -> Result<&'t str, Wrong> {
        let start = self.at;
        self.at += 1;
        self.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':'));
        let name = &self.text[start..self.at];
        if name.ends_with(['.', ':']) || matches!(name, "@" | "_" | "#") {
            return Err(Wrong::new(format!("incomplete name {name:?}"), start, ""));
        }
        Ok(name)
    }

    fn number(&mut self) -> Result<f64, Wrong> {
        let start = self.at;
        self.at += 1;
        self.take_while(|b| b.is_ascii_digit() || b == b'.');
        let written = &self.text[start..self.at];
        let is_plain = !written.ends_with(['.', '-']) && !written.starts_with("-.");
        match written.parse::<f64>() {
            Ok(number) if is_plain && number.is_finite() => Ok(number),
            _ => Err(Wrong::new(format!("{written:?} is no number"), start, "")),
        }
    }

    fn quoted(&mut self) -> Result<Cow<'t, str>, Wrong> {
        let start = self.at;
        let quote = self.text.as_bytes()[start];
        self.at += 1;
        let mut unescaped: Option<String> = None;
        loop {
            let plain = self.take_while(|b| b != quote && b != b'\\');
            match (self.peek(), unescaped.as_mut()) {
                (Some(b'\\'), _) => {
                    let text = unescaped.get_or_insert_default();
                    text.push_str(plain);
                    self.at += 1;
                    let Some(escaped) = self.text[self.at..].chars().next() else { continue };
                    self.at += escaped.len_utf8();
                    match escaped {
                        'n' => text.push('\n'),
                        't' => text.push('\t'),
                        'r' => text.push('\r'),
                        '\\' | '\'' | '"' => text.push(escaped),
                        other => text.extend(['\\', other]),
                    }
                }
                (Some(_), None) => {
                    self.at += 1;
                    return Ok(Cow::Borrowed(plain));
                }
                (Some(_), Some(text)) => {
                    self.at += 1;
                    text.push_str(plain);
                    return Ok(Cow::Owned(std::mem::take(text)));
                }
                (None, _) => return Err(Wrong::new("a text without its closing quote", start, "")),
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<(Literal<'t>, usize)>, Wrong> {
        let open = self.at;
        self.at += 1;
        let mut arguments = Vec::new();
        loop {
            self.skip_blank()?;
            if self.peek() == Some(b')') {
                self.at += 1;
                return Ok(arguments);
            }
            if arguments.len() == ARGUMENTS_MAX {
                return Err(Wrong::new(format!("more than {ARGUMENTS_MAX} arguments"), self.at, ""));
            }
            let start = self.at;
            if self.peek().is_none() {
                return Err(Wrong::new("a call without its closing \")\"", open, ""));
            }
            arguments.push((self.literal()?, start));
            self.skip_blank()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b')') => {}
                Some(b'(') => {
                    return Err(Wrong::new(
                        "a function inside a function",
                        start,
                        "; use a field or a value",
                    ));
                }
                Some(_) => return Err(Wrong::new("arguments without \",\" between them", self.at, "")),
                None => return Err(Wrong::new("a call without its closing \")\"", open, "")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let mut scanner = Scanner::new(text);
        let mut seen = String::new();
        loop {
            match scanner.next() {
                Ok((Token::End, _)) => break,
                Ok((token, at)) => seen.push_str(&format!("{at}: {token:?}\n")),
                Err(wrong) => {
                    seen.push_str(&format!("{wrong:?}\n"));
                    break;
                }
            }
        }
        expected.assert_eq(&seen);
    }

    #[test]
    fn tokens_have_places() {
        check(
            "a.b:lower ?!~ 'x' // no\n&& (-1.5>=@now)",
            expect![[r#"
            0: Literal(Name("a.b:lower"))
            10: Sign(Sign { compare: NotLike, any: true })
            14: Literal(Text("x"))
            24: And
            27: Open
            28: Literal(Number(-1.5))
            32: Sign(Sign { compare: Ge, any: false })
            34: Literal(Name("@now"))
            38: Close
        "#]],
        );
    }

    #[test]
    fn escapes_are_taken_off_but_those_of_patterns() {
        check(
            r#"'it\'s' "a\"b\n\%\\" '한글\' '"#,
            expect![[r#"
            0: Literal(Text("it's"))
            8: Literal(Text("a\"b\n\\%\\"))
            21: Literal(Text("한글' "))
        "#]],
        );
    }

    #[test]
    fn calls_take_values_and_names() {
        check(
            "geoDistance(a.lon, 1, -2 , 'x')<3",
            expect![[r#"
            0: Call("geoDistance", [(Name("a.lon"), 12), (Number(1.0), 19), (Number(-2.0), 22), (Text("x"), 27)])
            31: Sign(Sign { compare: Lt, any: false })
            32: Literal(Number(3.0))
        "#]],
        );
        check(
            "f(g(1))",
            expect![[r#"
                Wrong { what: "a function inside a function", at: 2, advice: "; use a field or a value", is_forbidden: false }
            "#]],
        );
        check(
            "f(1 2)",
            expect![[r#"
                Wrong { what: "arguments without \",\" between them", at: 4, advice: "", is_forbidden: false }
            "#]],
        );
        check(
            "f(1,2,3,4,5,6,7,8,9,0,1)",
            expect![[r#"
                Wrong { what: "more than 10 arguments", at: 22, advice: "", is_forbidden: false }
            "#]],
        );
        check(
            "f(1",
            expect![[r#"
                Wrong { what: "a call without its closing \")\"", at: 1, advice: "", is_forbidden: false }
            "#]],
        );
    }

    #[test]
    fn what_is_no_token_is_told_with_its_place() {
        for (text, expected) in [
            (
                "a = 'x",
                expect![[r#"
                    0: Literal(Name("a"))
                    2: Sign(Sign { compare: Eq, any: false })
                    Wrong { what: "a text without its closing quote", at: 4, advice: "", is_forbidden: false }
                "#]],
            ),
            (
                "a == 1",
                expect![[r#"
                    0: Literal(Name("a"))
                    Wrong { what: "unknown operator \"==\"", at: 2, advice: "; use one of = != > >= < <= ~ !~, or these with \"?\" before them", is_forbidden: false }
                "#]],
            ),
            (
                "a & b",
                expect![[r#"
                    0: Literal(Name("a"))
                    Wrong { what: "unknown operator \"&\"", at: 2, advice: "; use \"&&\" or \"||\"", is_forbidden: false }
                "#]],
            ),
            (
                "a. = 1",
                expect![[r#"
                    Wrong { what: "incomplete name \"a.\"", at: 0, advice: "", is_forbidden: false }
                "#]],
            ),
            (
                "1.2.3",
                expect![[r#"
                    Wrong { what: "\"1.2.3\" is no number", at: 0, advice: "", is_forbidden: false }
                "#]],
            ),
            (
                "/ a",
                expect![[r#"
                    Wrong { what: "a lone \"/\"", at: 0, advice: "; a comment begins with \"//\"", is_forbidden: false }
                "#]],
            ),
            (
                "안녕",
                expect![[r#"
                    Wrong { what: "unexpected character '안'", at: 0, advice: "; texts stand in quotes", is_forbidden: false }
                "#]],
            ),
            (
                "'\\",
                expect![[r#"
                    Wrong { what: "a text without its closing quote", at: 0, advice: "", is_forbidden: false }
                "#]],
            ),
        ] {
            check(text, expected);
        }
    }
}
