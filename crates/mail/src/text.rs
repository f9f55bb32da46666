//! A page as plain text: for those who read no HTML, and for filters that mistrust mails without it.
//!
//! It reads the simple pages that mails are (paragraphs, links, emphasis), not the web.

/// Elements after which a new line begins.
const BLOCKS: [&str; 14] =
    ["p", "div", "br", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "hr", "blockquote"];
/// Elements whose content is not for readers.
const UNSEEN: [&str; 3] = ["style", "script", "head"];

/// The text of a page; a link is its label and its address.
pub(crate) fn plain(html: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(html.len()), html);
    let mut link: Option<(String, usize)> = None;
    while let Some((before, after)) = rest.split_once('<') {
        push_words(&mut out, before);
        let Some((tag, after)) = after.split_once('>') else {
            rest = "";
            break;
        };
        rest = after;
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/', '\n', '\t'])
            .next()
            .unwrap_or("")
            .to_ascii_lowercase();
        let closes = tag.starts_with('/');
        if UNSEEN.contains(&name.as_str()) && !closes {
            let end = format!("</{name}>");
            rest = rest.find(&end).map_or("", |at| &rest[at + end.len()..]);
        } else if name == "a" && !closes {
            link = href(tag).map(|address| (address, out.len()));
        } else if name == "a" {
            if let Some((address, from)) =
                link.take().filter(|(address, from)| out[*from..].trim() != *address)
            {
                let gap = if out[from..].trim().is_empty() { "" } else { ": " };
                out.push_str(gap);
                out.push_str(&address);
            }
        } else if BLOCKS.contains(&name.as_str()) {
            while out.ends_with(' ') {
                out.pop();
            }
            if !out.is_empty() && !out.ends_with("\n\n") {
                out.push('\n');
            }
        }
    }
    push_words(&mut out, rest);
    out.trim().to_owned() + "\n"
}

/// Adds text with its white space folded and its entities read.
fn push_words(out: &mut String, text: &str) {
    let mut was_space = out.is_empty() || out.ends_with([' ', '\n']);
    for c in unescaped(text).chars() {
        let is_space = c.is_whitespace();
        if !is_space {
            out.push(c);
        } else if !was_space {
            out.push(' ');
        }
        was_space = is_space;
    }
}

/// The address of a link.
fn href(tag: &str) -> Option<String> {
    let (_, after) = tag.split_once("href=")?;
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let address = after[1..].split(quote).next()?;
    Some(unescaped(address))
}

fn unescaped(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    plain.replace("&nbsp;", " ").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_mail_reads_as_its_page_does() {
        let html = "<p>누구의 주소인지\n 확인해 주세요.</p>\n<p><a class=\"btn\" href=\"https://a.example/x?t=1&amp;u=2\">확인</a></p>\
                    <p>Tom &amp; Jerry<br>&lt;b&gt;</p>";
        assert_eq!(
            plain(html),
            "누구의 주소인지 확인해 주세요.\n\n확인: https://a.example/x?t=1&u=2\n\nTom & Jerry\n<b>\n"
        );
    }

    #[test]
    fn what_is_no_page_is_read_without_harm() {
        for (html, text) in [
            ("", "\n"),
            ("a < b", "a\n"),
            ("<", "\n"),
            ("<style>p{}</style>x", "x\n"),
            ("<script>alert(1)", "\n"),
            ("<a href=>x</a>", "x\n"),
            ("<a href=\"https://x.example\">https://x.example</a>", "https://x.example\n"),
            ("온<b>돌</b>", "온돌\n"),
        ] {
            assert_eq!(plain(html), text, "{html}");
        }
    }
}
