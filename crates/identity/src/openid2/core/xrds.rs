//! An XRDS document: the services of its last `XRD`, in the order of their priority (Yadis 1.0, 7; XRI Resolution 2.0, 4).
//!
//! Invariant: pure. A document type is refused, so that no entity is ever defined, let alone fetched; depth, services and
//! lengths are bounded.

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use thiserror::Error;

/// Deepest nesting.
const DEPTH_MAX: usize = 16;
/// Most services, and most types or addresses of one.
const SERVICES_MAX: usize = 100;
/// Longest text of an element, in bytes.
const TEXT_BYTES_MAX: usize = 2000;
/// The namespace of `XRDS`.
const XRDS: Namespace<'static> = Namespace("xri://$xrds");
/// The namespace of all that is in it.
const XRD: Namespace<'static> = Namespace("xri://$xrd*($v*2.0)");

/// Why a document was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// No XML, or not well formed.
    #[error("it is no well-formed XML")]
    Form,
    /// It has a document type or an entity.
    #[error("it has a document type or an entity of its own, which is never read")]
    DocumentType,
    /// Its root is another element.
    #[error("its root is no XRDS element")]
    Root,
    /// More than is read.
    #[error("it is too deep, or has too many services or too long a text")]
    TooLarge,
}

/// One service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// What it is.
    pub types: Vec<String>,
    /// Where it is, by priority.
    pub uris: Vec<String>,
    /// The name by which it knows the person.
    pub local_id: Option<String>,
}

/// An element by its place in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Root,
    Xrd,
    Service,
    Type,
    Uri,
    LocalId,
    Other,
}

#[derive(Debug, Default)]
struct Reading {
    open: Vec<Element>,
    services: Vec<(Priority, Service)>,
    uris: Vec<(Priority, String)>,
    text: String,
}

/// The lower the earlier; none is last (XRI Resolution, 4.3.3).
type Priority = u64;

/// The services of a document.
pub fn services(document: &str) -> Result<Vec<Service>, Fault> {
    let mut reader = NsReader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let mut reading = Reading::default();
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(|_| Fault::Form)?;
        match event {
            Event::Start(tag) => reading.start(&namespace, &tag)?,
            Event::End(_) => reading.end()?,
            Event::Text(text) => reading.text(&text.xml10_content())?,
            Event::CData(text) => reading.text(&text.xml10_content())?,
            Event::GeneralRef(name) => {
                let character = name.resolve_char_ref().map_err(|_| Fault::Form)?;
                let text = character.map(String::from);
                let known = || quick_xml::escape::resolve_xml_entity(&name).map(str::to_owned);
                reading.text(&text.or_else(known).ok_or(Fault::DocumentType)?)?;
            }
            Event::DocType(_) => return Err(Fault::DocumentType),
            Event::Eof => break,
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::Empty(_) => {}
        }
    }
    if !reading.open.is_empty() {
        return Err(Fault::Form);
    }
    reading.services.sort_by_key(|(priority, _)| *priority);
    Ok(reading.services.into_iter().map(|(_, service)| service).collect())
}

impl Reading {
    fn start(&mut self, namespace: &ResolveResult<'_>, tag: &BytesStart<'_>) -> Result<(), Fault> {
        if self.open.len() == DEPTH_MAX {
            return Err(Fault::TooLarge);
        }
        let is_of = |wanted| *namespace == ResolveResult::Bound(wanted);
        let local = tag.local_name();
        let element = match (self.open.last(), local.as_ref()) {
            (None, "XRDS") if is_of(XRDS) => Element::Root,
            (None, _) => return Err(Fault::Root),
            (Some(Element::Root), "XRD") if is_of(XRD) => Element::Xrd,
            (Some(Element::Xrd), "Service") if is_of(XRD) => Element::Service,
            (Some(Element::Service), "Type") if is_of(XRD) => Element::Type,
            (Some(Element::Service), "URI") if is_of(XRD) => Element::Uri,
            (Some(Element::Service), "LocalID") if is_of(XRD) => Element::LocalId,
            _ => Element::Other,
        };
        match element {
            // the last one counts
            Element::Xrd => self.services.clear(),
            Element::Service => self.services.push((priority(tag)?, Service::default())),
            Element::Uri => self.uris.push((priority(tag)?, String::new())),
            _ => {}
        }
        if self.services.len() > SERVICES_MAX || self.uris.len() > SERVICES_MAX {
            return Err(Fault::TooLarge);
        }
        self.text.clear();
        self.open.push(element);
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        if matches!(self.open.last(), Some(Element::Type | Element::Uri | Element::LocalId)) {
            self.text.push_str(text);
        }
        if self.text.len() > TEXT_BYTES_MAX { Err(Fault::TooLarge) } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), Fault> {
        let element = self.open.pop().ok_or(Fault::Form)?;
        let text = std::mem::take(&mut self.text).trim().to_owned();
        let Some((_, service)) = self.services.last_mut() else { return Ok(()) };
        match element {
            Element::Type if service.types.len() == SERVICES_MAX => return Err(Fault::TooLarge),
            Element::Type => service.types.push(text),
            Element::Uri => {
                if let Some((_, uri)) = self.uris.last_mut() {
                    *uri = text;
                }
            }
            Element::LocalId => drop(service.local_id.get_or_insert(text)),
            Element::Service => {
                self.uris.sort_by_key(|(priority, _)| *priority);
                service.uris = self.uris.drain(..).map(|(_, uri)| uri).collect();
            }
            Element::Root | Element::Xrd | Element::Other => {}
        }
        Ok(())
    }
}

fn priority(tag: &BytesStart<'_>) -> Result<Priority, Fault> {
    let attribute = tag.try_get_attribute("priority").map_err(|_| Fault::Form)?;
    Ok(attribute.and_then(|attribute| attribute.value.trim().parse().ok()).unwrap_or(Priority::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(inside: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><x:XRDS xmlns:x=\"xri://$xrds\" xmlns=\"xri://$xrd*($v*2.0)\">{inside}</x:XRDS>"
        )
    }

    #[test]
    fn services_come_in_the_order_of_their_priority() {
        let services = services(&document(
            "<XRD><Service><URI>old</URI></Service></XRD>\
             <XRD><!-- <Service><URI>no</URI></Service> -->\
             <Service priority='20'><Type> t1 </Type><Type>t2</Type><URI>u1</URI></Service>\
             <Service><URI priority='9'>later</URI><URI priority='1'>a?b&amp;c&#61;<![CDATA[d]]></URI><URI>last</URI></Service>\
             <Service priority='10'><LocalID>me</LocalID><Other><URI>no</URI></Other></Service></XRD>",
        ));
        let wanted = [
            Service { local_id: Some("me".into()), ..Service::default() },
            Service { types: vec!["t1".into(), "t2".into()], uris: vec!["u1".into()], local_id: None },
            Service { uris: vec!["a?b&c=d".into(), "later".into(), "last".into()], ..Service::default() },
        ];
        assert_eq!(services.as_deref(), Ok(&wanted[..]));
    }

    #[test]
    fn elements_of_another_namespace_do_not_count() {
        let found = services(&document(
            "<XRD xmlns='urn:other'><Service/></XRD><XRD><Service xmlns='urn:other'/></XRD>",
        ));
        assert_eq!(found, Ok(Vec::new()));
        assert_eq!(services("<XRDS><XRD><Service/></XRD></XRDS>"), Err(Fault::Root));
    }

    #[test]
    fn what_could_blow_up_or_reach_out_is_refused() {
        let many = document(&format!("<XRD>{}</XRD>", "<Service/>".repeat(SERVICES_MAX + 1)));
        let deep = document(&format!("{}{}", "<a>".repeat(20), "</a>".repeat(20)));
        let long = document(&format!("<XRD><Service><URI>{}</URI></Service></XRD>", "a".repeat(3000)));
        for (text, fault) in [
            ("this is not xml <", Fault::Form),
            (&document("<XRD>"), Fault::Form),
            (&document("<XRD></XRD></XRD>"), Fault::Form),
            ("<html></html>", Fault::Root),
            ("<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/hostname\">]><x/>", Fault::DocumentType),
            (&document("<XRD><Service><URI>&lol;</URI></Service></XRD>"), Fault::DocumentType),
            (&many, Fault::TooLarge),
            (&deep, Fault::TooLarge),
            (&long, Fault::TooLarge),
        ] {
            assert_eq!(services(text), Err(fault), "{}", &text[..text.len().min(80)]);
        }
    }

    proptest! {
        #[test]
        fn no_document_makes_it_panic(
            inside in "(<XRD>|</XRD>|<Service>|</Service>|<URI priority='-1'>|</URI>|<Type>|</Type>|&#0;|&lt;|<!\\[CDATA\\[|\\]\\]>|.){0,30}"
        ) {
            let _ = services(&document(&inside));
            let _ = services(&inside);
        }
    }
}
