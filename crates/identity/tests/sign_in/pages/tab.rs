//! A browser's tab without scripts: it keeps cookies, follows links of ours and sends the forms that it was shown.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use web::Front;

/// How the tab calls the service.
pub(crate) const HOST: &str = "127.0.0.1:8090";

/// A tab, with what it shows.
pub(crate) struct Tab<'a> {
    front: &'a Front,
    pub(crate) host: &'static str,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) language: &'static str,
    pub(crate) page: Page,
}

/// What a tab was answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Page {
    /// A header's value; empty for none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The fields of the form that goes to a path: those that are hidden, and those with a value.
    pub(crate) fn form(&self, action: &str) -> Vec<(String, String)> {
        let begin = format!("action=\"{action}\"");
        let form = self.text.split("<form").find(|form| form.contains(&begin));
        let form = form.unwrap_or_else(|| panic!("there is no form to {action}: {}", self.text));
        let form = form.split("</form>").next().expect("its beginning");
        form.split("<input")
            .skip(1)
            .filter_map(|tag| {
                let tag = tag.split('>').next()?;
                let value = |name: &str| {
                    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
                    let text = rest.split('"').next()?;
                    Some(
                        text.replace("&quot;", "\"")
                            .replace("&lt;", "<")
                            .replace("&gt;", ">")
                            .replace("&amp;", "&"),
                    )
                };
                Some((value("name")?, value("value").unwrap_or_default()))
            })
            .collect()
    }
}

impl<'a> Tab<'a> {
    /// A new browser.
    pub(crate) fn new(front: &'a Front) -> Tab<'a> {
        Tab { front, host: HOST, cookies: BTreeMap::new(), language: "en", page: Page::default() }
    }

    /// Looks at a path of ours, and follows wherever it is sent to among our paths.
    pub(crate) async fn open(&mut self, path: &str) -> &Page {
        let mut path = path.to_owned();
        for _ in 0..5 {
            let request = axum::http::Request::get(&path).header("sec-fetch-site", "none");
            self.ask(request, String::new()).await;
            if self.page.status != 303 || !self.page.header("location").starts_with('/') {
                break;
            }
            path = self.page.header("location").to_owned();
        }
        &self.page
    }

    /// Fills in the form of the page that goes to this path, and sends it; follows like [`Tab::open`].
    pub(crate) async fn send(&mut self, action: &str, filled: &[(&str, &str)]) -> &Page {
        let mut fields = self.page.form(action);
        for (name, value) in filled {
            match fields.iter_mut().find(|(known, _)| known == name) {
                Some(field) => (*value).clone_into(&mut field.1),
                None => fields.push(((*name).to_owned(), (*value).to_owned())),
            }
        }
        self.post(action, &fields, &[("sec-fetch-site", "same-origin")]).await;
        if self.page.status == 303 && self.page.header("location").starts_with('/') {
            let to = self.page.header("location").to_owned();
            self.open(&to).await;
        }
        &self.page
    }

    /// Sends fields with these headers, whoever made them; follows nothing.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        fields: &[(String, String)],
        headers: &[(&str, &str)],
    ) -> &Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = axum::http::Request::post(path);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request, body).await
    }

    /// Asks with its cookies, and keeps what it is told to keep.
    pub(crate) async fn ask(&mut self, request: axum::http::request::Builder, body: String) -> &Page {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request.header("host", self.host).header("accept-language", self.language);
        if !request.headers_ref().is_some_and(|headers| headers.contains_key("accept")) {
            request = request.header("accept", "text/html");
        }
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let request = request.body(Body::from(body)).expect("a request");
        let response = self.front.answer(request, IpAddr::from([127, 0, 0, 1])).await;
        self.page = read(response).await;
        for (_, cookie) in self.page.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (pair, attributes) = cookie.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            assert!(attributes.contains("; HttpOnly") && attributes.contains("Path=/;"), "{cookie}");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        &self.page
    }

    /// The session's token that it keeps.
    pub(crate) fn token(&self) -> Option<&str> {
        self.cookies.get("ondol").map(String::as_str)
    }
}

pub(crate) async fn read(response: Response) -> Page {
    let status = response.status().as_u16();
    let headers = response.headers().iter();
    let headers = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    Page { status, text: String::from_utf8_lossy(&bytes).into_owned(), headers }
}
