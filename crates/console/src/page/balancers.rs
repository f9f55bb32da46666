//! How the balancers in front are: each web server behind them, and why one is out. It keeps itself fresh.

use axum::response::Response;
use maud::{Markup, html};

use crate::balancers::{Backend, LastMinute, Seen, State};
use crate::look::Look;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::words::{Words, grouped};

/// `GET /_/balancers`.
pub(crate) async fn show(session: Session) -> Result<Response, Refusal> {
    let seen = ask(&session).await?;
    let words = session.words();
    let content = html! {
        div.heading { h1 { (words.balancers) } }
        div data-live="/_/balancers/now" { (content(session.look(), &seen)) }
    };
    Ok(session.page(words.balancers, None, &content))
}

/// `GET /_/balancers/now`: the part of the page that changes.
pub(crate) async fn now(session: Session) -> Result<Response, Refusal> {
    let seen = ask(&session).await?;
    Ok(web::reply::html(content(session.look(), &seen).into_string()))
}

async fn ask(session: &Session) -> Result<Vec<Seen>, Refusal> {
    match &session.shared().balancers {
        Some(balancers) => Ok(balancers.ask().await),
        None => Err(Refusal::missing()),
    }
}

fn content(look: Look, seen: &[Seen]) -> Markup {
    let words = look.words();
    html! {
        @for Seen { address, status } in seen {
            h2.gap { code { (address) } }
            @match status {
                Err(why) => { p.fault role="alert" { (words.balancer_unseen) } p.soft lang="en" { (why) } }
                Ok(status) => {
                    p.soft { (look.lang.waiting(status.waiting.requests)) }
                    div.tablebox.cardy {
                        table {
                            thead {
                                tr {
                                    th scope="col" { (words.web_server) }
                                    th scope="col" { (words.state) }
                                    th.number scope="col" { (words.in_hand) }
                                    th.number scope="col" { (words.streams) }
                                    th.number scope="col" { (words.answers) }
                                    th.number scope="col" { (words.failed_tries) }
                                    th.number scope="col" { (words.retries) }
                                    th.number scope="col" { (words.p50) }
                                    th.number scope="col" { (words.p99) }
                                }
                            }
                            tbody { @for backend in &status.backends { (row(words, backend)) } }
                        }
                    }
                }
            }
        }
    }
}

fn row(words: &Words, backend: &Backend) -> Markup {
    let state = match backend.state {
        State::Up => words.state_up,
        State::Doubted => words.state_doubted,
        State::Out => words.state_out,
        State::Drained => words.state_drained,
    };
    let ms = |of: fn(&LastMinute) -> f64| {
        backend.last_minute.as_ref().map_or_else(|| "–".to_owned(), |times| format!("{:.1} ms", of(times)))
    };
    html! {
        tr {
            th scope="row" data-label=(words.web_server) { code { (backend.address) } }
            td data-label=(words.state) {
                (state)
                @if let Some(why) = &backend.why { p.soft lang="en" { (why) } }
            }
            td.number data-label=(words.in_hand) { (grouped(backend.requests)) }
            td.number data-label=(words.streams) { (grouped(backend.streams)) }
            td.number data-label=(words.answers) { (grouped(backend.answers)) }
            td.number data-label=(words.failed_tries) { (grouped(backend.failures.values().sum())) }
            td.number data-label=(words.retries) { (grouped(backend.retries)) }
            td.number data-label=(words.p50) { (ms(|times| times.p50_ms)) }
            td.number data-label=(words.p99) { (ms(|times| times.p99_ms)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balancers::{Status, Waiting};
    use crate::look::Theme;
    use crate::sample::HOSTILE;
    use crate::words::Lang;

    #[test]
    fn who_is_out_stands_there_with_the_reason_in_both_languages() {
        let backend = |address: &str, state, why: Option<&str>| Backend {
            address: address.into(),
            state,
            why: why.map(str::to_owned),
            requests: 4,
            streams: 12,
            answers: 1_234_567,
            failures: [("unsent".to_owned(), 1), ("broke_off".to_owned(), 2)].into(),
            retries: 2,
            last_minute: Some(LastMinute { p50_ms: 1.25, p99_ms: 40.0 }),
        };
        let status = Status {
            backends: vec![
                backend("10.0.0.11:8090", State::Up, None),
                backend("10.0.0.12:8090", State::Out, Some(HOSTILE)),
                backend("10.0.0.13:8090", State::Drained, None),
            ],
            waiting: Waiting { requests: 3 },
        };
        let seen = [
            Seen { address: "10.0.0.10:80".into(), status: Ok(status) },
            Seen { address: "10.9.0.10:80".into(), status: Err("nothing listens there".into()) },
        ];
        for (lang, said) in [
            (Lang::En, ["3 requests wait", "drained", "40.0 ms", "1,234,567", "nothing listens there"]),
            (Lang::Ko, ["요청 3건이 기다리고", "비움", "40.0 ms", "1,234,567", "nothing listens there"]),
        ] {
            let page = content(Look { lang, theme: Theme::Auto }, &seen).into_string();
            for said in said {
                assert!(page.contains(said), "{said}: {page}");
            }
            assert!(!page.contains("<script>"), "{page}");
        }
    }
}
