//! From tokens to a tree of comparisons.
//!
//! Open parentheses are kept on a list of our own, never on the program's stack: any text is refused cheaply.

use super::token::{Literal, Scanner, Sign, Token, Wrong};
use crate::limits::Limits;

/// One side of a comparison, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Side<'t> {
    Literal(Literal<'t>, usize),
    Call(&'t str, Vec<(Literal<'t>, usize)>, usize),
}

/// A comparison.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term<'t> {
    pub(super) left: Side<'t>,
    pub(super) sign: Sign,
    pub(super) right: Side<'t>,
}

/// A filter as written; `All` and `Any` are never empty.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree<'t> {
    Term(Term<'t>),
    All(Vec<Tree<'t>>),
    Any(Vec<Tree<'t>>),
}

/// What stands between one pair of parentheses, so far.
#[derive(Default)]
struct Level<'t> {
    any: Vec<Tree<'t>>,
    all: Vec<Tree<'t>>,
    opened_at: usize,
}

impl<'t> Level<'t> {
    /// `&&` binds before `||`.
    fn close_all(&mut self) {
        let mut all = std::mem::take(&mut self.all);
        self.any.push(if all.len() == 1 { all.remove(0) } else { Tree::All(all) });
    }

    fn finish(mut self) -> Tree<'t> {
        self.close_all();
        if self.any.len() == 1 { self.any.remove(0) } else { Tree::Any(self.any) }
    }
}

/// Reads a whole filter; `None` when there is nothing but blanks and comments.
pub(super) fn parse<'t>(text: &'t str, limits: &Limits) -> Result<Option<Tree<'t>>, Wrong> {
    let mut scanner = Scanner::new(text);
    let mut levels = vec![Level::default()];
    let mut terms = 0;
    loop {
        // a comparison or a parenthesis begins here
        let (token, at) = scanner.next()?;
        let left = match token {
            Token::Open => {
                if levels.len() > limits.filter_depth_max {
                    let depth = limits.filter_depth_max;
                    return Err(Wrong::new(format!("more than {depth} nested parentheses"), at, ""));
                }
                levels.push(Level { opened_at: at, ..Level::default() });
                continue;
            }
            Token::End if levels.len() == 1 && levels[0].all.is_empty() && levels[0].any.is_empty() => {
                return Ok(None);
            }
            token => side(token, at)?,
        };
        terms += 1;
        if terms > limits.filter_terms_max {
            let most = limits.filter_terms_max;
            return Err(Wrong::new(format!("more than {most} comparisons"), at, ""));
        }
        let sign = match scanner.next()? {
            (Token::Sign(sign), _) => sign,
            (found, at) => return Err(expected("an operator such as \"=\"", &found, at)),
        };
        let (token, at) = scanner.next()?;
        let term = Tree::Term(Term { left, sign, right: side(token, at)? });
        innermost(&mut levels).all.push(term);
        if !joined(&mut scanner, &mut levels)? {
            return Ok(levels.pop().map(Level::finish));
        }
    }
}

/// Reads what stands behind a comparison: closing parentheses, then a join (true) or the end (false).
fn joined<'t>(scanner: &mut Scanner<'t>, levels: &mut Vec<Level<'t>>) -> Result<bool, Wrong> {
    loop {
        let (token, at) = scanner.next()?;
        match token {
            Token::And => return Ok(true),
            Token::Or => {
                innermost(levels).close_all();
                return Ok(true);
            }
            Token::Close if levels.len() > 1 => {
                if let Some(level) = levels.pop() {
                    innermost(levels).all.push(level.finish());
                }
            }
            Token::Close => return Err(Wrong::new("a \")\" too many", at, "")),
            Token::End if levels.len() > 1 => {
                return Err(Wrong::new("a \"(\" that is never closed", innermost(levels).opened_at, ""));
            }
            Token::End => return Ok(false),
            found => return Err(expected("\"&&\", \"||\" or the end", &found, at)),
        }
    }
}

fn innermost<'l, 't>(levels: &'l mut [Level<'t>]) -> &'l mut Level<'t> {
    levels.last_mut().expect("the outermost level is never closed before the end")
}

fn side(token: Token<'_>, at: usize) -> Result<Side<'_>, Wrong> {
    match token {
        Token::Literal(literal) => Ok(Side::Literal(literal, at)),
        Token::Call(name, arguments) => Ok(Side::Call(name, arguments, at)),
        found => Err(expected("a field or a value", &found, at)),
    }
}

fn expected(what: &str, found: &Token<'_>, at: usize) -> Wrong {
    let found = match found {
        Token::Open => "\"(\"",
        Token::Close => "\")\"",
        Token::And => "\"&&\"",
        Token::Or => "\"||\"",
        Token::Sign(_) => "an operator",
        Token::Literal(_) => "a field or a value",
        Token::Call(..) => "a function",
        Token::End => "the end",
    };
    Wrong::new(format!("found {found} where {what} should be"), at, "")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// The tree with `&` and `|` and a letter for each comparison.
    fn shape(tree: &Tree<'_>) -> String {
        let joined =
            |all: &[Tree<'_>], by: &str| format!("({})", all.iter().map(shape).collect::<Vec<_>>().join(by));
        match tree {
            Tree::Term(Term { left: Side::Literal(Literal::Name(name), _), .. }) => (*name).to_owned(),
            Tree::Term(_) => "?".to_owned(),
            Tree::All(all) => joined(all, " & "),
            Tree::Any(any) => joined(any, " | "),
        }
    }

    fn check(text: &str, expected: Expect) {
        let limits = Limits { filter_depth_max: 3, filter_terms_max: 5, ..Limits::default() };
        let seen = match parse(text, &limits) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(tree)) => shape(&tree),
            Err(wrong) => format!("{} at {}{}", wrong.what, wrong.at, wrong.advice),
        };
        expected.assert_eq(&seen);
    }

    #[test]
    fn and_binds_before_or() {
        check("a=1 || b=1 && c=1 || d=1", expect!["(a | (b & c) | d)"]);
        check("(a=1 || b=1) && c=1", expect!["((a | b) & c)"]);
        check("((a=1)) && (b=1 && (c=1 || d=1))", expect!["(a & (b & (c | d)))"]);
    }

    #[test]
    fn blanks_and_comments_are_nothing() {
        check(" \n// a = 1", expect!["nothing"]);
        check("// first\na=1 // then\n && b=1", expect!["(a & b)"]);
    }

    #[test]
    fn what_is_incomplete_is_told_with_its_place() {
        for (text, expected) in [
            ("a", expect![[r#"found the end where an operator such as "=" should be at 1"#]]),
            ("a=", expect!["found the end where a field or a value should be at 2"]),
            ("a=1 &&", expect!["found the end where a field or a value should be at 6"]),
            ("a=1 b=1", expect![[r#"found a field or a value where "&&", "||" or the end should be at 4"#]]),
            ("a=1)", expect![[r#"a ")" too many at 3"#]]),
            ("(a=1", expect![[r#"a "(" that is never closed at 0"#]]),
            ("()", expect![[r#"found ")" where a field or a value should be at 1"#]]),
            ("&& a=1", expect![[r#"found "&&" where a field or a value should be at 0"#]]),
            ("a (b=1)", expect![[r#"found "(" where an operator such as "=" should be at 2"#]]),
            ("a = (b=1)", expect![[r#"found "(" where a field or a value should be at 4"#]]),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn depth_and_terms_are_limited() {
        check("(((a=1)))", expect!["a"]);
        check("((((a=1))))", expect!["more than 3 nested parentheses at 3"]);
        check("a=1&&a=1&&a=1&&a=1&&a=1&&a=1", expect!["more than 5 comparisons at 25"]);
        check(&"(".repeat(1 << 20), expect!["more than 3 nested parentheses at 3"]);
    }
}
