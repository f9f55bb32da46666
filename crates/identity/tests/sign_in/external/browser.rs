//! What a browser and the client library do, step by step, so that each step can be done wrongly.

use serde_json::{Value, json};
use testbed::SignInPeer;
use testbed::http::Answer;
use url::Url;

use super::house::{House, REDIRECT};

/// A sign-in that has begun: the list of ways was read, the client waits.
pub(crate) struct Begun {
    pub(crate) provider: String,
    pub(crate) verifier: String,
    pub(crate) client: String,
    /// Where the browser goes.
    pub(crate) url: String,
}

/// How a sign-in ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The client heard nothing.
    Unheard,
    /// It heard of an error.
    Error(String),
    /// It brought a code, and this was the answer.
    Answered(u16, Value),
}

impl Ended {
    /// The token of whoever got in.
    pub(crate) fn token(&self) -> Option<&str> {
        match self {
            Ended::Answered(200, body) => body["token"].as_str(),
            _ => None,
        }
    }

    /// The account that was signed in to.
    #[track_caller]
    pub(crate) fn account(&self) -> String {
        match self {
            Ended::Answered(200, body) => body["record"]["id"].as_str().expect("an account").to_owned(),
            other => panic!("nobody got in: {other:?}"),
        }
    }

    /// The code of a refusal.
    pub(crate) fn refusal(&self) -> String {
        match self {
            Ended::Answered(409, body) => {
                body["data"]["provider"]["code"].as_str().unwrap_or_default().to_owned()
            }
            other => format!("{other:?}"),
        }
    }
}

impl House {
    /// Reads the list and waits, as the client library does: the id of its event stream is the state.
    pub(crate) async fn begin(&self, provider: &str, more: &str) -> Begun {
        let way = self.way(provider).await;
        assert!(way["authURL"].is_string(), "{provider} is not offered");
        let client = base::chance::word(25);
        self.streams.wait(&client);
        let mut url = Url::parse(way["authURL"].as_str().expect("an address")).expect("an address");
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != "state" && name != "redirect_uri")
            .map(|(n, v)| (n.into(), v.into()))
            .collect();
        url.query_pairs_mut()
            .clear()
            .extend_pairs(kept)
            .append_pair("state", &client)
            .append_pair("redirect_uri", REDIRECT);
        let url = format!("{url}{more}");
        let verifier = way["codeVerifier"].as_str().expect("a verifier").to_owned();
        Begun { provider: provider.to_owned(), verifier, client, url }
    }

    /// The browser comes back: by the address that it is sent to, or by the form that it is given. Gives the page's status.
    pub(crate) async fn come_back(&self, answer: &Answer) -> u16 {
        match answer.location() {
            Some(to) => {
                let to = Url::parse(to).expect("an address");
                let path = format!("{}?{}", to.path(), to.query().unwrap_or_default());
                self.send("GET", &path, "", "", "").await.0
            }
            None => {
                let form = form(&answer.body);
                let kind = "application/x-www-form-urlencoded";
                self.send("POST", "/api/oauth2-redirect", "", kind, &form).await.0
            }
        }
    }

    /// The client brings what it heard.
    pub(crate) async fn redeem(&self, begun: &Begun, token: &str, more: Value) -> Ended {
        let Some(heard) = self.streams.heard(&begun.client) else { return Ended::Unheard };
        let (code, error) =
            (heard["code"].as_str().unwrap_or_default(), heard["error"].as_str().unwrap_or_default());
        if code.is_empty() || !error.is_empty() {
            return Ended::Error(error.to_owned());
        }
        self.bring(begun, code, token, more).await
    }

    /// The client brings a code.
    pub(crate) async fn bring(&self, begun: &Begun, code: &str, token: &str, more: Value) -> Ended {
        let mut body = json!({
            "provider": begun.provider, "code": code, "codeVerifier": begun.verifier, "redirectURL": REDIRECT,
        });
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        let (status, body) = self.post("auth-with-oauth2", token, &body).await;
        Ended::Answered(status, body)
    }

    /// All of it, as a person does it who agrees; `more` goes to the provider's page (`&user=bob`).
    pub(crate) async fn sign_in(&self, peer: &SignInPeer, provider: &str, more: &str) -> Ended {
        self.sign_in_as(peer, provider, more, "", json!({})).await
    }

    /// The same of somebody who has a token already, or wants something of a new account.
    pub(crate) async fn sign_in_as(
        &self,
        peer: &SignInPeer,
        provider: &str,
        more: &str,
        token: &str,
        wanted: Value,
    ) -> Ended {
        let begun = self.begin(provider, more).await;
        let answer = peer.visit(&begun.url);
        self.come_back(&answer).await;
        self.redeem(&begun, token, wanted).await
    }
}

/// The fields of a page's form, as a browser posts them.
pub(crate) fn form(page: &str) -> String {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!("{name}=\""))?;
        let value = rest.split('"').next()?;
        Some(
            value
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace("&#x27;", "'")
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&"),
        )
    };
    let inputs = page.split("<input ").skip(1).filter_map(|tag| {
        let tag = tag.split('>').next()?;
        Some((attribute(tag, "name")?, attribute(tag, "value")?))
    });
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(inputs).finish()
}

/// How often the peer was asked a path since it was reset.
pub(crate) fn asked(peer: &SignInPeer, path: &str) -> usize {
    let log: Value = serde_json::from_str(&peer.log()).expect("JSON");
    let entries = log.as_array().expect("a list");
    entries.iter().filter(|entry| entry["path"].as_str().is_some_and(|asked| asked.contains(path))).count()
}
