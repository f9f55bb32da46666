//! The beginning of an HTML text as plain text.
//!
//! This reads HTML well enough to show its text, and makes nothing of it that could be shown as HTML again: what comes
//! out is text, which whoever shows it must escape as any other.

/// Elements whose content is not shown.
const HIDDEN: [&str; 18] = [
    "applet", "button", "dialog", "embed", "form", "head", "iframe", "img", "input", "object", "option",
    "picture", "script", "select", "style", "svg", "template", "textarea",
];

/// Hidden elements without content.
const VOID: [&str; 3] = ["embed", "img", "input"];

/// Hidden elements in which nothing but their own end is a tag.
const RAW: [&str; 4] = ["iframe", "script", "style", "textarea"];

/// Elements that don't part words.
const INLINE: [&str; 21] = [
    "a", "abbr", "acronym", "b", "bdo", "big", "br", "button", "cite", "code", "em", "i", "label", "q",
    "small", "span", "strong", "strike", "sub", "sup", "time",
];

/// How a text is shortened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Excerpt {
    chars_max: usize,
    has_ellipsis: bool,
}

impl Excerpt {
    /// Reads `excerpt(max, withEllipsis)`.
    pub(super) fn parse(modifier: &str) -> Result<Excerpt, String> {
        let mut parts = modifier.split(['(', ')', ',', ' ']).filter(|part| !part.is_empty());
        if parts.next() != Some("excerpt") {
            return Err(format!("unknown modifier {modifier:?} in fields; use :excerpt(max, withEllipsis)"));
        }
        let chars_max = parts.next().and_then(|max| max.parse().ok()).filter(|max| *max > 0);
        let has_ellipsis =
            parts.next().is_some_and(|word| matches!(word, "1" | "t" | "T" | "true" | "TRUE" | "True"));
        match (chars_max, parts.next()) {
            (Some(chars_max), None) => Ok(Excerpt { chars_max, has_ellipsis }),
            _ => Err(format!("{modifier:?} in fields needs a number above 0, as in :excerpt(200, true)")),
        }
    }

    /// The beginning of a text.
    pub(super) fn of(&self, html: &str) -> String {
        let mut plain = Plain { text: String::new(), chars: 0, ends_with_space: false };
        let mut rest = html;
        // two more than asked for, as spaces at both ends will go
        while !rest.is_empty() && plain.chars <= self.chars_max + 2 {
            rest = plain.take(rest);
        }
        let text = plain.text.trim();
        match text.char_indices().nth(self.chars_max) {
            None => text.to_owned(),
            Some((end, _)) => {
                let ellipsis = if self.has_ellipsis { "..." } else { "" };
                format!("{}{ellipsis}", text[..end].trim())
            }
        }
    }
}

/// Plain text so far.
struct Plain {
    text: String,
    chars: usize,
    ends_with_space: bool,
}

impl Plain {
    /// Takes a text or a tag from the front, and gives what is left.
    fn take<'h>(&mut self, html: &'h str) -> &'h str {
        let Some(tag) = html.strip_prefix('<') else {
            let end = html.find('<').unwrap_or(html.len());
            self.words(&html[..end]);
            return &html[end..];
        };
        match tag.as_bytes().first() {
            Some(b'!') if tag.starts_with("!--") => after(&tag[3..], "-->"),
            Some(b'!' | b'?') => after(tag, ">"),
            Some(b'/') if tag.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic) => {
                self.closed(&tag[1..])
            }
            Some(letter) if letter.is_ascii_alphabetic() => self.opened(tag),
            _ => {
                self.words("<");
                tag
            }
        }
    }

    fn opened<'h>(&mut self, tag: &'h str) -> &'h str {
        let name = name(tag);
        let rest = end_of_tag(tag);
        if HIDDEN.contains(&name.as_str()) {
            return if VOID.contains(&name.as_str()) { rest } else { after_element(rest, &name) };
        }
        self.part(&name);
        rest
    }

    fn closed<'h>(&mut self, tag: &'h str) -> &'h str {
        self.part(&name(tag));
        end_of_tag(tag)
    }

    fn part(&mut self, name: &str) {
        if !INLINE.contains(&name) {
            self.push(' ');
        }
    }

    fn words(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (c, length) = if c == '&' { entity(rest) } else { (c, c.len_utf8()) };
            self.push(c);
            rest = &rest[length..];
        }
    }

    /// Adds a character; spaces in a row count as one.
    fn push(&mut self, c: char) {
        let is_space = matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c');
        if !(is_space && self.ends_with_space) {
            self.text.push(if is_space { ' ' } else { c });
            self.chars += 1;
        }
        self.ends_with_space = is_space;
    }
}

fn name(tag: &str) -> String {
    let end =
        tag.bytes().position(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>')).unwrap_or(tag.len());
    tag[..end].to_ascii_lowercase()
}

fn after<'h>(html: &'h str, end: &str) -> &'h str {
    html.find(end).map_or("", |at| &html[at + end.len()..])
}

/// What follows a tag's `>`, which may also stand inside quotes.
fn end_of_tag(tag: &str) -> &str {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return &tag[at + 1..],
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    ""
}

/// What follows an element's end; elements of the same name inside it are passed over.
fn after_element<'h>(html: &'h str, element: &str) -> &'h str {
    let (mut rest, mut depth) = (html, 1);
    while let Some(at) = rest.find('<') {
        let tag = &rest[at + 1..];
        if let Some(closing) = tag.strip_prefix('/').filter(|closing| name(closing) == element) {
            depth -= 1;
            rest = end_of_tag(closing);
            if depth == 0 {
                return rest;
            }
        } else {
            depth += usize::from(!RAW.contains(&element) && name(tag) == element);
            rest = tag;
        }
    }
    ""
}

/// The character of an entity at the front, and its length; `&` itself where there is none.
fn entity(text: &str) -> (char, usize) {
    let end = text.bytes().take(12).position(|b| b == b';');
    let decoded = end.and_then(|end| {
        let named = &text[1..end];
        let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        match named {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            "nbsp" => Some('\u{a0}'),
            "hellip" => Some('…'),
            "ndash" => Some('–'),
            "mdash" => Some('—'),
            "lsquo" => Some('‘'),
            "rsquo" => Some('’'),
            "ldquo" => Some('“'),
            "rdquo" => Some('”'),
            "middot" => Some('·'),
            _ => match named.strip_prefix('#')?.strip_prefix(['x', 'X']) {
                Some(hex) => number(hex, 16),
                None => number(&named[1..], 10),
            },
        }
        .map(|c| (c, end + 1))
    });
    decoded.unwrap_or(('&', 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(max: usize, html: &str) -> String {
        Excerpt { chars_max: max, has_ellipsis: true }.of(html)
    }

    #[test]
    fn tags_go_and_blocks_part_words() {
        let html = " <script>var a = '<b>';</script>   <p>Hello</p><div id=\"x>y\">t   est<b>12\n\t3</b><span>456</span></div>\
                    <span>word <b>7</b> 89<span>!<b>?</b><b> a </b><b>b </b>c</span>#<h1>title</h1>";
        let plain = "Hello t est12 3456 word 7 89!? a b c# title";
        assert_eq!(excerpt(plain.len(), html), plain);
        assert_eq!(excerpt(1000, html), plain);
        assert_eq!(excerpt(2, html), "He...");
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        assert_eq!(excerpt(4, "аб\nв "), "аб в");
        assert_eq!(excerpt(3, "аб\nв "), "аб...");
        assert_eq!(excerpt(5, "<p>안녕하<b>세요</b></p><p>여러분</p>"), "안녕하세요...");
    }

    #[test]
    fn what_is_broken_shows_its_text() {
        assert_eq!(excerpt(99, "1 < 2 & 3 &lt; 4 &#44032;&#xAC00; &nope; &"), "1 < 2 & 3 < 4 가가 &nope; &");
        assert_eq!(excerpt(99, "a<!-- <b> -->b<!doctype x>c<img src='>'>d<br>e<hr>f"), "abcde f");
        assert_eq!(excerpt(99, "a<svg><svg>x</svg>y</svg>b<style>p{}"), "ab");
        assert_eq!(excerpt(99, "a <div"), "a");
        assert_eq!(excerpt(99, "</p>a</"), "a</");
    }

    #[test]
    fn parameters_are_read() {
        assert_eq!(Excerpt::parse("excerpt(5)"), Ok(Excerpt { chars_max: 5, has_ellipsis: false }));
        assert_eq!(Excerpt::parse("excerpt(5, true)"), Ok(Excerpt { chars_max: 5, has_ellipsis: true }));
    }
}
