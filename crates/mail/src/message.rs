//! What is sent.

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, message};

use crate::error::Error;
use crate::text;

/// Longest subject, in characters.
const SUBJECT_LENGTH_MAX: usize = 250;

/// A mail to one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Names the mail: the same for each try, so that who gets it twice can tell. `[a-z0-9]`.
    pub id: String,
    /// To whom.
    pub to: String,
    /// The subject; line breaks and other controls in it become spaces.
    pub subject: String,
    /// The body: HTML. It is sent as plain text too.
    pub html: String,
}

impl Message {
    /// The message in the form of the network, from this sender.
    pub(crate) fn written(&self, from: &Address, from_name: &str) -> Result<lettre::Message, Error> {
        let name = one_line(from_name, SUBJECT_LENGTH_MAX);
        let sender = Mailbox::new(Some(name).filter(|name| !name.is_empty()), from.clone());
        let to: Address =
            self.to.parse().map_err(|_| unfit("the recipient's address is none that mail goes to"))?;
        let id: String = self.id.chars().filter(char::is_ascii_alphanumeric).collect();
        let both = MultiPart::alternative()
            .singlepart(part(ContentType::TEXT_PLAIN, text::plain(&self.html)))
            .singlepart(part(ContentType::TEXT_HTML, self.html.clone()));
        message::MessageBuilder::new()
            .from(sender)
            .to(Mailbox::new(None, to))
            .subject(one_line(&self.subject, SUBJECT_LENGTH_MAX))
            .message_id(Some(format!("<{id}@{}>", from.domain())))
            .header(AutoSubmitted)
            .date_now()
            .multipart(both)
            .map_err(|error| Error::Unfit { what: format!("the mail can't be written: {error}") })
    }
}

fn part(kind: ContentType, body: String) -> SinglePart {
    SinglePart::builder().header(kind).body(body)
}

fn unfit(what: &str) -> Error {
    Error::Unfit { what: what.to_owned() }
}

/// A text as one line of a header: what breaks lines or steers terminals becomes a space.
fn one_line(text: &str, length_max: usize) -> String {
    let plain = |c: char| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
    text.trim().chars().map(plain).take(length_max).collect()
}

/// `Auto-Submitted: auto-generated` (RFC 3834, 5): nobody's holiday notice answers it.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(to: &str, subject: &str, from_name: &str) -> Result<String, Error> {
        let message =
            Message { id: "a1".into(), to: to.into(), subject: subject.into(), html: "<p>온돌</p>".into() };
        let from = "hello@example.com".parse().expect("an address");
        message.written(&from, from_name).map(|sent| String::from_utf8_lossy(&sent.formatted()).into_owned())
    }

    /// The names of the headers before the body.
    fn headers(written: &str) -> Vec<&str> {
        let head = written.split("\r\n\r\n").next().unwrap_or_default();
        head.lines()
            .filter(|line| !line.starts_with([' ', '\t']))
            .filter_map(|line| Some(line.split_once(':')?.0))
            .collect()
    }

    #[test]
    fn a_line_break_in_a_subject_or_a_name_begins_no_header() {
        let plain = written("a@b.example", "hello", "Ondol").expect("written");
        for hostile in [
            "a\r\nBcc: evil@example.com",
            "a\nBcc: e@e.example\n\nbody",
            "a\rBcc: x",
            "온\u{2028}Bcc: x",
            "a\0b",
        ] {
            for (subject, name) in [(hostile, "Ondol"), ("hello", hostile)] {
                let sent = written("a@b.example", subject, name).expect("written");
                assert_eq!(headers(&sent), headers(&plain), "{subject:?} {name:?}\n{sent}");
            }
        }
    }

    #[test]
    fn an_address_that_is_more_than_one_is_refused() {
        for to in [
            "a@b.example\r\nBcc: c@d.example",
            "a@b.example, c@d.example",
            "a@b.example>",
            "",
            "a b@c.example",
        ] {
            assert!(matches!(written(to, "x", "x"), Err(Error::Unfit { .. })), "{to:?}");
        }
    }

    #[test]
    fn a_mail_says_that_no_person_wrote_it_and_keeps_its_name() {
        let sent = written("a@b.example", "x", "온돌").expect("written");
        assert!(
            sent.contains("Auto-Submitted: auto-generated\r\n")
                && sent.contains("Message-ID: <a1@example.com>\r\n")
        );
    }
}
