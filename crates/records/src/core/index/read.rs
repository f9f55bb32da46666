//! Reads the text of a `CREATE INDEX`, and nothing else of SQL.

use serde_json::Value;

use super::{Index, IndexColumn};

/// Longest text, in bytes.
const TEXT_MAX: usize = 4000;
/// Most columns and conditions of an index.
const PARTS_MAX: usize = 32;

/// One piece of the text.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A bare word: a keyword, a name or a number.
    Word(String),
    /// A name in backticks, double quotes or brackets.
    Name(String),
    /// A text in single quotes.
    Text(String),
    /// A sign.
    Sign(&'static str),
}

/// Reads `CREATE [UNIQUE] INDEX [IF NOT EXISTS] name ON table (a, b DESC) [WHERE a != '']`; the error is a sentence.
pub fn parse(text: &str) -> Result<Index, String> {
    if text.len() > TEXT_MAX {
        return Err(format!("An index may be described in at most {TEXT_MAX} bytes."));
    }
    let mut reader = Reader { tokens: split(text)?, at: 0 };
    reader.keyword("CREATE")?;
    let is_unique = reader.takes_keyword("UNIQUE");
    reader.keyword("INDEX")?;
    if reader.takes_keyword("IF") {
        reader.keyword("NOT")?;
        reader.keyword("EXISTS")?;
    }
    let mut name = reader.name("the index's name")?;
    if reader.takes_sign(".") {
        name = reader.name("the index's name")?;
    }
    reader.keyword("ON")?;
    reader.name("the collection's name")?;
    reader.sign("(")?;
    let mut columns = vec![reader.column()?];
    while reader.takes_sign(",") {
        columns.push(reader.column()?);
    }
    reader.sign(")")?;
    let mut only = Vec::new();
    if reader.takes_keyword("WHERE") {
        reader.conditions(&mut only, 0)?;
    }
    reader.takes_sign(";");
    reader.end()?;
    if columns.len() > PARTS_MAX || only.len() > PARTS_MAX {
        return Err(format!("An index may have at most {PARTS_MAX} columns and conditions."));
    }
    Ok(Index { name, is_unique, columns, only })
}

fn split(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' => quoted(rest, '\'').map(|(text, length)| (Token::Text(text), length))?,
            '`' | '"' => quoted(rest, first).map(|(name, length)| (Token::Name(name), length))?,
            '[' => quoted(rest, ']').map(|(name, length)| (Token::Name(name), length))?,
            c if c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '+' => word(rest),
            _ => sign(rest)?,
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// The inside of quotes (doubled ones stand for one), and the length of the whole.
fn quoted(text: &str, close: char) -> Result<(String, usize), String> {
    let mut inside = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != close {
            inside.push(c);
        } else if close != ']' && chars.peek().is_some_and(|(_, next)| *next == close) {
            inside.push(c);
            chars.next();
        } else {
            return Ok((inside, at + c.len_utf8()));
        }
    }
    Err(format!("The index's text ends inside {close} quotes."))
}

/// A word or a number, which may have a sign, a point and an exponent.
fn word(text: &str) -> (Token, usize) {
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+');
    let mut last = ' ';
    let length = text
        .char_indices()
        .find(|(at, c)| {
            let is_signed = *at == 0 || matches!(last, 'e' | 'E');
            last = *c;
            let is_of_number = is_number && (*c == '.' || (matches!(c, '-' | '+') && is_signed));
            !(c.is_ascii_alphanumeric() || *c == '_' || is_of_number)
        })
        .map_or(text.len(), |(at, _)| at);
    (Token::Word(text[..length].to_owned()), length)
}

fn sign(text: &str) -> Result<(Token, usize), String> {
    const SIGNS: [(&str, &str); 13] = [
        ("==", "="),
        ("!=", "!="),
        ("<>", "!="),
        (">=", ">="),
        ("<=", "<="),
        ("=", "="),
        (">", ">"),
        ("<", "<"),
        ("(", "("),
        (")", ")"),
        (",", ","),
        (".", "."),
        (";", ";"),
    ];
    let found = SIGNS.iter().find(|(written, _)| text.starts_with(written));
    found.map(|(written, meant)| (Token::Sign(meant), written.len())).ok_or_else(|| {
        let first: String = text.chars().take(1).collect();
        format!("An index can't have the sign {first} in it: columns are fields, conditions compare a field with a literal.")
    })
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn takes_keyword(&mut self, keyword: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(is_it);
        is_it
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(is_it);
        is_it
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), String> {
        if self.takes_keyword(keyword) { Ok(()) } else { Err(self.expected(keyword)) }
    }

    fn sign(&mut self, sign: &str) -> Result<(), String> {
        if self.takes_sign(sign) { Ok(()) } else { Err(self.expected(sign)) }
    }

    fn end(&self) -> Result<(), String> {
        if self.peek().is_none() { Ok(()) } else { Err(self.expected("the end")) }
    }

    fn name(&mut self, what: &str) -> Result<String, String> {
        let found = match self.peek() {
            Some(Token::Word(name) | Token::Name(name)) if is_name(name) => name.clone(),
            // the wire's clients may also quote names as texts
            Some(Token::Text(name)) if is_name(name) => name.clone(),
            _ => return Err(self.expected(what)),
        };
        self.at += 1;
        Ok(found)
    }

    fn column(&mut self) -> Result<IndexColumn, String> {
        let field = self.name("a field")?;
        if matches!(self.peek(), Some(Token::Sign("("))) {
            return Err(format!(
                "An index is on fields as they are: {field}(…) can't be indexed. For either case of letters write COLLATE NOCASE."
            ));
        }
        let mut ignores_case = false;
        if self.takes_keyword("COLLATE") {
            let collation = self.name("a collation")?;
            ignores_case = match collation.to_ascii_uppercase().as_str() {
                "NOCASE" => true,
                "BINARY" => false,
                _ => {
                    return Err(format!(
                        "The collation {collation} is not known: there are NOCASE and BINARY."
                    ));
                }
            };
        }
        let descending = self.takes_keyword("DESC");
        if !descending {
            self.takes_keyword("ASC");
        }
        Ok(IndexColumn { field, descending, ignores_case })
    }

    /// Conditions joined by AND; parentheses around one or several of them are passed over.
    fn conditions(&mut self, only: &mut Vec<(String, String, Value)>, depth: usize) -> Result<(), String> {
        if depth > PARTS_MAX {
            return Err("The index's conditions are nested too deeply.".to_owned());
        }
        loop {
            if self.takes_sign("(") {
                self.conditions(only, depth + 1)?;
                self.sign(")")?;
            } else {
                only.push(self.condition()?);
            }
            if !self.takes_keyword("AND") {
                return Ok(());
            }
        }
    }

    fn condition(&mut self) -> Result<(String, String, Value), String> {
        let field = self.name("a field")?;
        if self.takes_keyword("IS") {
            let op = if self.takes_keyword("NOT") { "!=" } else { "=" };
            self.keyword("NULL")?;
            return Ok((field, op.to_owned(), Value::Null));
        }
        let op = match self.peek() {
            Some(Token::Sign(op @ ("=" | "!=" | ">" | ">=" | "<" | "<="))) => (*op).to_owned(),
            _ => return Err(self.expected("one of = != > >= < <=")),
        };
        self.at += 1;
        Ok((field, op, self.literal()?))
    }

    fn literal(&mut self) -> Result<Value, String> {
        let literal = match self.peek() {
            Some(Token::Text(text) | Token::Name(text)) => Value::from(text.as_str()),
            Some(Token::Word(word)) => match word.to_ascii_lowercase().as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                number => serde_json::from_str::<serde_json::Number>(number)
                    .map(Value::Number)
                    .map_err(|_| self.expected("a text, a number, TRUE, FALSE or NULL"))?,
            },
            _ => return Err(self.expected("a text, a number, TRUE, FALSE or NULL")),
        };
        self.at += 1;
        Ok(literal)
    }

    fn expected(&self, what: &str) -> String {
        let found = match self.peek() {
            None => "nothing more".to_owned(),
            Some(Token::Word(text) | Token::Name(text) | Token::Text(text)) => {
                text.chars().take(40).collect()
            }
            Some(Token::Sign(sign)) => (*sign).to_owned(),
        };
        format!("Invalid CREATE INDEX expression: expected {what}, found {found}.")
    }
}

/// Names of fields, collections and indexes.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    !name.is_empty() && name.len() <= 255 && name.chars().all(is_plain)
}
