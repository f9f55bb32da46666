//! What the head of an HTML page says for discovery (OpenID 2.0, 7.3.3; Yadis 1.0, 6.2.5).
//!
//! Only the head counts, as a browser would see it: what stands in a comment, a script or the body may have been written
//! by anybody who may leave a comment there.
//!
//! Invariant: pure; what is kept is at most four values, each of [`VALUE_BYTES_MAX`].

use std::collections::BTreeMap;

use html5gum::{DefaultEmitter, HtmlString, Spanned, Token, Tokenizer};

/// Longest value that is looked at, in bytes.
const VALUE_BYTES_MAX: usize = 2000;
/// Elements that the head may hold; any other one begins the body.
const OF_HEAD: [&[u8]; 10] =
    [b"html", b"head", b"meta", b"link", b"title", b"base", b"script", b"style", b"noscript", b"template"];
/// Those of them whose inside is not the head's.
const CLOSED: [&[u8]; 5] = [b"title", b"script", b"style", b"noscript", b"template"];

/// The values of a head, as they stand there; of each the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `<meta http-equiv="X-XRDS-Location" content="…">`
    pub xrds_location: Option<String>,
    /// `<link rel="openid2.provider" href="…">`
    pub provider: Option<String>,
    /// `<link rel="openid2.local_id" href="…">`
    pub local_id: Option<String>,
    /// `<link rel="openid.server" href="…">`, which is of OpenID 1.
    pub old_provider: Option<String>,
}

/// Reads the head of a page.
pub fn head(page: &str) -> Head {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut head = Head::default();
    // within which closed element we are
    let mut within: Option<HtmlString> = None;
    for token in Tokenizer::new_with_emitter(page, emitter).flatten() {
        match (token, &within) {
            (Token::EndTag(tag), Some(name)) if tag.name == *name => within = None,
            (_, Some(_)) => {}
            (Token::EndTag(tag), None) if *tag.name != b"head"[..] => {}
            (Token::EndTag(_), None) => break,
            (Token::StartTag(tag), None) => {
                if !OF_HEAD.contains(&&tag.name[..]) {
                    break;
                }
                match &tag.name[..] {
                    b"link" => head.link(&tag.attributes),
                    b"meta" => head.meta(&tag.attributes),
                    name if CLOSED.contains(&name) => within = Some(tag.name),
                    _ => {}
                }
            }
            // text begins the body
            (Token::String(text), None) if text.iter().any(|byte| !byte.is_ascii_whitespace()) => break,
            _ => {}
        }
    }
    head
}

type Attributes = BTreeMap<HtmlString, Spanned<HtmlString, ()>>;

impl Head {
    fn link(&mut self, attributes: &Attributes) {
        let (Some(rel), Some(href)) = (value(attributes, b"rel"), value(attributes, b"href")) else { return };
        for rel in rel.split_ascii_whitespace() {
            let place = match rel.to_ascii_lowercase().as_str() {
                "openid2.provider" => &mut self.provider,
                "openid2.local_id" => &mut self.local_id,
                "openid.server" => &mut self.old_provider,
                _ => continue,
            };
            place.get_or_insert_with(|| href.clone());
        }
    }

    fn meta(&mut self, attributes: &Attributes) {
        let (Some(name), Some(content)) = (value(attributes, b"http-equiv"), value(attributes, b"content"))
        else {
            return;
        };
        if name.trim().eq_ignore_ascii_case("x-xrds-location") {
            self.xrds_location.get_or_insert(content);
        }
    }
}

fn value(attributes: &Attributes, name: &[u8]) -> Option<String> {
    let value = attributes.get(name)?;
    let text = std::str::from_utf8(value).ok()?.trim();
    (!text.is_empty() && text.len() <= VALUE_BYTES_MAX).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINK: &str = r#"<link rel="openid2.provider" href="https://op.example/op">"#;

    fn finds(page: &str) -> bool {
        head(page).provider.is_some()
    }

    #[test]
    fn links_and_the_location_are_read_from_the_head() {
        let page = "<!doctype html><HTML lang=ko><head><title>a <b</title><script>if (a<b) {}</script>\
                    <META HTTP-EQUIV=x-xrds-location content=' https://op.example/xrds '>\
                    <link rel='me openid2.provider OPENID.server' href='https://op.example/op?a=1&amp;b=2'/>\
                    <link rel=openid2.local_id href=https://op.example/a><link rel=openid2.provider href=x></head>";
        let wanted = Head {
            xrds_location: Some("https://op.example/xrds".into()),
            provider: Some("https://op.example/op?a=1&b=2".into()),
            local_id: Some("https://op.example/a".into()),
            old_provider: Some("https://op.example/op?a=1&b=2".into()),
        };
        assert_eq!(head(page), wanted);
        assert!(finds(LINK) && finds(&format!("<html>{LINK}<body>")));
    }

    #[test]
    fn what_others_may_have_written_does_not_count() {
        for page in [
            "<html><head></head><body>LINK</body></html>",
            "<html><head><title>x</title><body>LINK",
            "<html><p>LINK",
            "<html>hello LINK",
            "<head><!-- LINK --></head>",
            "<head><!--> --><!-- LINK --></head>",
            "<head><script>LINK</script></head>",
            "<head><style>LINK</style></head>",
            "<head><title>LINK</title></head>",
            "<head><title>LINK",
            "<head><noscript>LINK</noscript></head>",
            "<head><template>LINK</template></head>",
            "<head><meta name='a' content='LINK'></head>",
            "</head>LINK",
        ] {
            assert!(!finds(&page.replace("LINK", LINK)), "{page}");
        }
    }

    proptest! {
        #[test]
        fn no_page_makes_it_panic(page in "(<|>|/|link|meta|head|body|title|!--|--|rel=|href=|openid2.provider|'|\"| |&amp;|.){0,40}") {
            let _ = head(&page);
        }
    }
}
