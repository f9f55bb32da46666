//! How the hosts are: who is primary, who has every write, what would be lost now, and what is to be looked after.
//!
//! It keeps itself fresh. While nobody is primary nobody can be known to be signed in, so that it stands still then.

use axum::response::Response;
use maud::{Markup, html};

use crate::continuity::{Host, Loss, Mirror, Reign, Site, State};
use crate::look::Look;
use crate::refusal::Refusal;
use crate::session::Session;

/// `GET /_/continuity`.
pub(crate) async fn show(session: Session) -> Result<Response, Refusal> {
    let seen = look(&session).await?;
    let words = session.words();
    let content = html! {
        div.heading { h1 { (words.continuity) } }
        div data-live="/_/continuity/now" { (content(session.look(), &seen)) }
    };
    Ok(session.page(words.continuity, None, &content))
}

/// `GET /_/continuity/now`: the part of the page that changes.
pub(crate) async fn now(session: Session) -> Result<Response, Refusal> {
    let seen = look(&session).await?;
    Ok(web::reply::html(content(session.look(), &seen).into_string()))
}

async fn look(session: &Session) -> Result<Result<State, String>, Refusal> {
    match &session.shared().watch {
        Some(watch) => Ok(watch.look().await),
        None => Err(Refusal::missing()),
    }
}

fn content(look: Look, seen: &Result<State, String>) -> Markup {
    let (words, lang) = (look.words(), look.lang);
    let state = match seen {
        Ok(state) => state,
        Err(why) => {
            return html! { p.fault role="alert" { (words.continuity_unseen) } p.soft lang="en" { (why) } };
        }
    };
    html! {
        section.panel {
            h2 { (lang.how_it_is(state)) }
            @if let Some(primary) = &state.primary { p { (lang.primary_is(primary)) } }
            @if let Some(loss) = &state.loss { (lost(look, loss)) }
        }
        @if !state.alarms.is_empty() {
            section.panel role="status" {
                h2 { (words.alarms) }
                ul { @for alarm in &state.alarms { li { (lang.alarm(alarm)) } } }
            }
        }
        div.tablebox.cardy {
            table {
                thead {
                    tr {
                        th scope="col" { (words.site) }
                        th scope="col" { (words.host) }
                        th scope="col" { (words.host_roles) }
                        th scope="col" { (words.host_database) }
                        th scope="col" { (words.host_behind) }
                        th scope="col" { "etcd" }
                    }
                }
                tbody { @for site in &state.sites { @for host in &site.hosts { (row(look, site, host)) } } }
            }
        }
        @if !state.mirrors.is_empty() { (mirrors(look, &state.mirrors)) }
        @if !state.reigns.is_empty() { (reigns(look, &state.reigns)) }
    }
}

fn lost(look: Look, loss: &Loss) -> Markup {
    html! { @for line in look.lang.if_it_vanished(loss) { p { (line) } } }
}

fn row(look: Look, site: &Site, host: &Host) -> Markup {
    let (words, lang) = (look.words(), look.lang);
    html! {
        tr {
            th scope="row" data-label=(words.site) { (site.name) }
            td data-label=(words.host) { code { (host.address) } }
            td data-label=(words.host_roles) { (host.roles.join(" · ")) }
            td data-label=(words.host_database) {
                @if let Some(database) = &host.database { (lang.database(database)) }
            }
            td data-label=(words.host_behind) {
                @if let Some(database) = &host.database { (lang.behind(&database.behind)) }
            }
            td data-label="etcd" { @if let Some(voice) = host.etcd { (lang.voice(voice)) } }
        }
    }
}

fn mirrors(look: Look, mirrors: &[Mirror]) -> Markup {
    let (words, lang) = (look.words(), look.lang);
    html! {
        h2.gap { (words.mirrors) }
        div.tablebox.cardy {
            table {
                thead {
                    tr {
                        th scope="col" { (words.mirror) }
                        th scope="col" { (words.place) }
                        th scope="col" { (words.host_database) }
                        th scope="col" { (words.host_behind) }
                        th scope="col" { (words.mirror_as_of) }
                    }
                }
                tbody {
                    @for mirror in mirrors {
                        tr {
                            th scope="row" data-label=(words.mirror) { (mirror.name) }
                            td data-label=(words.place) { code { (mirror.place) } }
                            td data-label=(words.host_database) { (lang.mirror(mirror)) }
                            td data-label=(words.host_behind) { (lang.behind(&mirror.behind)) }
                            td data-label=(words.mirror_as_of) {
                                @if !mirror.as_of.is_empty() { time datetime=(mirror.as_of) { (mirror.as_of) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn reigns(look: Look, reigns: &[Reign]) -> Markup {
    let words = look.words();
    html! {
        h2.gap { (words.takeovers) }
        div.tablebox.cardy {
            table {
                thead {
                    tr {
                        th.number scope="col" { (words.epoch) }
                        th scope="col" { (words.host) }
                        th scope="col" { (words.began) }
                        th scope="col" { (words.why) }
                    }
                }
                tbody {
                    @for reign in reigns {
                        tr {
                            td.number data-label=(words.epoch) { (reign.epoch) }
                            td data-label=(words.host) { code { (reign.host) } }
                            td data-label=(words.began) { time datetime=(reign.began) { (reign.began) } }
                            td data-label=(words.why) lang="en" { (reign.why) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::continuity::{Alarm, Behind, Database, Does, MirrorFault, Mirrors, Primary, Voice};
    use crate::look::Theme;
    use crate::sample::HOSTILE;
    use crate::words::Lang;

    fn state() -> State {
        let host = |address: &str, does| Host {
            address: address.into(),
            roles: vec!["web".into(), "database".into()],
            database: Some(Database {
                does,
                has_every_write: true,
                version: "15.18".into(),
                ..Database::default()
            }),
            etcd: Some(Voice::Leads),
        };
        State {
            primary: Some(Primary { host: "10.0.0.21".into(), site: "seoul".into(), epoch: 4 }),
            sites: vec![
                Site { name: "seoul".into(), hosts: vec![host("10.0.0.21", Does::Leads)] },
                Site { name: HOSTILE.into(), hosts: vec![host("10.9.0.21", Does::Follows)] },
            ],
            loss: Some(Loss {
                host: "10.0.0.21".into(),
                site: "seoul".into(),
                heir: None,
                best: Some((
                    "10.9.0.21".into(),
                    Behind { bytes: Some(81_920), time: Some(Duration::from_secs(3)), writes: Some(41) },
                )),
            }),
            mirrors: vec![Mirror {
                name: "cloud".into(),
                place: HOSTILE.into(),
                does: Mirrors::Mended(Some(42)),
                behind: Behind { time: Some(Duration::from_secs(70)), writes: Some(9), ..Behind::default() },
                as_of: "2026-11-26T03:58:50Z".into(),
                trouble: Some(HOSTILE.into()),
                ..Mirror::default()
            }],
            reigns: vec![Reign {
                epoch: 4,
                host: "10.0.0.21".into(),
                why: HOSTILE.into(),
                began: "2026-11-26T04:00:00Z".into(),
            }],
            alarms: vec![
                Alarm::NoHeir,
                Alarm::Trouble { host: "10.9.0.21".into(), what: HOSTILE.into() },
                Alarm::Mirror { name: "cloud".into(), what: MirrorFault::Stuck(HOSTILE.into()) },
            ],
        }
    }

    #[test]
    fn it_says_who_is_primary_and_what_would_be_lost_in_both_languages() {
        for (lang, said) in [
            (
                Lang::En,
                [
                    "10.0.0.21 of seoul is primary",
                    "80 KB",
                    "3 s",
                    "41 writes",
                    "no other host has every write",
                    "compared and mended, 42 %",
                ],
            ),
            (
                Lang::Ko,
                [
                    "주 서버",
                    "80 KB",
                    "3초",
                    "쓰기 41건",
                    "모든 쓰기를 가진 다른 서버가 없어요",
                    "비교하며 고치고 있음, 42 %",
                ],
            ),
        ] {
            let page = content(Look { lang, theme: Theme::Auto }, &Ok(state())).into_string();
            for said in said {
                assert!(page.contains(said), "{said}: {page}");
            }
            assert!(!page.contains("<script>"), "{page}");
        }
    }

    #[test]
    fn all_is_well_only_without_an_alarm() {
        let mut state = state();
        state.alarms.clear();
        let page = |state: &State| {
            content(Look { lang: Lang::En, theme: Theme::Auto }, &Ok(state.clone())).into_string()
        };
        assert!(page(&state).contains("All is well"));
        state.alarms.push(Alarm::NoHeir);
        assert!(!page(&state).contains("All is well"));
        state.primary = None;
        assert!(page(&state).contains("Nobody is primary"));
        let unseen = content(Look { lang: Lang::En, theme: Theme::Auto }, &Err("no majority".into()));
        assert!(unseen.into_string().contains("no majority"));
    }
}
