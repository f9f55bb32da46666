//! What stands on the page of an account.

use maud::{Markup, html};
use records::Error;
use records::core::change::{EXTERNAL_AUTHS, SESSIONS};
use records::core::value::Values;
use serde_json::Value;

use super::super::form::hidden;
use super::super::passkey::offered;
use super::super::signed::Signed;
use super::super::{ACCOUNT, SIGN_OUT};
use crate::service::Identity;
use crate::{authenticator, own, passkey};

/// What is said at the top.
pub(super) enum Told {
    Nothing,
    Done(&'static str),
    Fault(&'static str),
}

/// The page's inside.
pub(super) async fn body(identity: &Identity, signed: &Signed, told: &Told) -> Result<Markup, Error> {
    let (visitor, values) = (&signed.visitor, signed.values(identity));
    let mark = visitor.mark(identity)?;
    let auth = signed.account().collection.auth.as_ref();
    let has_password = auth.is_some_and(|auth| auth.has_password);
    Ok(html! {
        @match told {
            Told::Nothing => {}
            Told::Done(text) => p.done role="status" { (text) }
            Told::Fault(text) => p.fault role="alert" { (text) }
        }
        div.who {
            span { (name(&values)) }
            @if identity.post().is_some() { a href={ (ACCOUNT) "/email" } { (visitor.say("주소 바꾸기", "Change address")) } }
        }
        section aria-labelledby="ways" {
            h2 #ways { (visitor.say("로그인 방법", "Ways to sign in")) }
            ul {
                @if has_password {
                    li {
                        span.what { (visitor.say("비밀번호", "Password")) }
                        a.button.plain href={ (ACCOUNT) "/password" } { (visitor.say("바꾸기", "Change")) }
                    }
                }
                (totp(signed, authenticator::is_enrolled(identity, signed.account()).await?))
            }
            (passkeys(identity, signed, &mark).await?)
            (links(identity, signed, &mark).await?)
        }
        (sessions(identity, signed, &mark).await?)
        form method="post" action=(SIGN_OUT) {
            (hidden(&mark, ""))
            button.plain { (visitor.say("로그아웃", "Sign out")) }
        }
    })
}

fn name(values: &Values) -> &str {
    ["email", "username", "name", "id"]
        .map(|field| values.text(field))
        .into_iter()
        .find(|t| !t.is_empty())
        .unwrap_or_default()
}

fn totp(signed: &Signed, is_on: bool) -> Markup {
    let visitor = &signed.visitor;
    html! {
        li {
            span.what {
                (visitor.say("인증 앱", "Authenticator"))
                small { (if is_on { visitor.say("로그인할 때마다 코드를 묻습니다.", "Its code is asked for at each sign-in.") }
                    else { visitor.say("휴대폰의 코드를 두 번째 단계로 씁니다.", "A code of your phone as a second step.") }) }
            }
            a.button.plain href={ (ACCOUNT) "/authenticator" } {
                (if is_on { visitor.say("끄기", "Turn off") } else { visitor.say("켜기", "Turn on") })
            }
        }
    }
}

async fn passkeys(identity: &Identity, signed: &Signed, mark: &str) -> Result<Markup, Error> {
    let visitor = &signed.visitor;
    if offered(identity, &signed.account().collection).is_none() {
        return Ok(html! {});
    }
    let known = passkey::of(identity.records(), signed.account()).await?;
    Ok(html! {
        h2 { (visitor.say("패스키", "Passkeys")) }
        ul {
            @for passkey in &known {
                li {
                    span.what {
                        (Some(passkey.text("name")).filter(|name| !name.is_empty()).unwrap_or(visitor.say("패스키", "Passkey")))
                        small { (visitor.say("추가", "Added")) " " (day(passkey.text("created")))
                            @if !passkey.text("lastUsed").is_empty() {
                                " · " (visitor.say("마지막 사용", "last used")) " " (day(passkey.text("lastUsed")))
                            }
                        }
                    }
                    form method="post" action={ (ACCOUNT) "/passkeys/remove" } {
                        (hidden(mark, ""))
                        button.plain.small name="id" value=(passkey.text("id")) { (visitor.say("지우기", "Remove")) }
                    }
                }
            }
            li {
                span.what.hint { (visitor.say("이 기기의 지문, 얼굴, PIN으로 로그인합니다.", "Sign in with your device's fingerprint, face or PIN.")) }
                a.button.plain href={ (ACCOUNT) "/passkeys" } { (visitor.say("패스키 추가", "Add a passkey")) }
            }
        }
    })
}

async fn links(identity: &Identity, signed: &Signed, mark: &str) -> Result<Markup, Error> {
    let (visitor, records) = (&signed.visitor, identity.records());
    let identities = own::collection(records, EXTERNAL_AUTHS)?;
    let rows =
        records.store().reader().await?.select(&own::of_account(&identities, signed.account())).await?;
    let linked: Vec<Values> = rows.iter().map(|row| records.values(&identities, row)).collect();
    let offered = identity.providers(&signed.account().collection);
    if linked.is_empty() && offered.is_empty() {
        return Ok(html! {});
    }
    let label = |name: &str| {
        offered
            .iter()
            .find(|known| known.name == name)
            .map_or_else(|| name.to_owned(), |known| known.label.clone())
    };
    Ok(html! {
        h2 { (visitor.say("연결된 로그인 서비스", "Linked services")) }
        ul {
            @for link in &linked {
                li {
                    span.what { (label(link.text("provider"))) small { (visitor.say("연결", "Linked")) " " (day(link.text("created"))) } }
                    form method="post" action={ (ACCOUNT) "/unlink" } {
                        (hidden(mark, ""))
                        button.plain.small name="id" value=(link.text("id")) { (visitor.say("연결 끊기", "Unlink")) }
                    }
                }
            }
            @for provider in &offered {
                li {
                    span.what { (provider.label) }
                    form method="post" action={ (ACCOUNT) "/link" } {
                        (hidden(mark, ""))
                        button.plain.small name="provider" value=(provider.name) { (visitor.say("연결하기", "Link")) }
                    }
                }
            }
        }
    })
}

async fn sessions(identity: &Identity, signed: &Signed, mark: &str) -> Result<Markup, Error> {
    let (visitor, records) = (&signed.visitor, identity.records());
    let sessions = own::collection(records, SESSIONS)?;
    let select = own::in_order(own::of_account(&sessions, signed.account()), &sessions, "lastSeen");
    let rows = records.store().reader().await?.select(&select).await?;
    let mut there: Vec<Values> = rows.iter().map(|row| records.values(&sessions, row)).collect();
    there.reverse();
    let is_here = |session: &Values| session.text("id") == signed.proven.claims.sid;
    Ok(html! {
        section aria-labelledby="sessions" {
            h2 #sessions { (visitor.say("로그인된 곳", "Where you are signed in")) }
            ul {
                @for session in &there {
                    li {
                        span.what {
                            (browser(session.text("userAgent")))
                            @if is_here(session) { " · " strong { (visitor.say("지금 여기", "here")) } }
                            small {
                                (session.text("address")) " · " (methods(session)) " · "
                                (visitor.say("마지막 사용", "last seen")) " " (minute(session.text("lastSeen")))
                            }
                        }
                        @if !is_here(session) {
                            form method="post" action={ (ACCOUNT) "/sessions" } {
                                (hidden(mark, ""))
                                button.plain.small name="id" value=(session.text("id")) { (visitor.say("끝내기", "End")) }
                            }
                        }
                    }
                }
            }
            @if there.len() > 1 {
                form method="post" action={ (ACCOUNT) "/sessions" } {
                    (hidden(mark, ""))
                    button.plain name="others" value="1" {
                        (visitor.say("다른 곳의 로그인 모두 끝내기", "Sign out everywhere else"))
                    }
                }
            }
        }
    })
}

/// A browser and its system, out of what it calls itself; as much as people know their devices by.
fn browser(agent: &str) -> String {
    let find = |known: &[(&str, &'static str)]| {
        known.iter().find(|(word, _)| agent.contains(word)).map(|(_, name)| *name)
    };
    let browser = find(&[
        ("Edg/", "Edge"),
        ("Whale/", "Whale"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} · {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => {
            agent.split(['/', ' ']).next().filter(|name| !name.is_empty()).unwrap_or("?").to_owned()
        }
    }
}

fn methods(session: &Values) -> String {
    let methods = session.0.get("methods").and_then(Value::as_array).into_iter().flatten();
    methods.filter_map(Value::as_str).collect::<Vec<_>>().join(" + ")
}

/// The day of a date: `2026-11-26`.
fn day(date: &str) -> &str {
    date.get(..10).unwrap_or_default()
}

/// A date to the minute, in the time of the service's clock.
fn minute(date: &str) -> String {
    date.get(..16).map(|date| format!("{date} UTC")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn people_know_their_devices_by_the_browser_and_the_system() {
        let chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome · Windows");
        assert_eq!(browser("curl/8.5"), "curl");
        assert_eq!(browser(""), "?");
    }
}
