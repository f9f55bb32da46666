//! What every page stands in: the document, the side with the collections, the switches of language and theme.

use maud::{DOCTYPE, Markup, html};
use records::core::collection::{Collection, CollectionKind};

use crate::icon::Icon;
use crate::look::{Look, Theme};
use crate::words::Lang;

/// What the frame shows of whoever is signed in and of the service.
pub(crate) struct Frame {
    /// Language and theme.
    pub(crate) look: Look,
    /// The address of whoever is signed in.
    pub(crate) email: String,
    /// The collections of the side.
    pub(crate) links: Vec<SideLink>,
    /// There are balancers to be looked at.
    pub(crate) has_balancers: bool,
    /// There are several hosts to be looked at.
    pub(crate) has_hosts: bool,
    /// The path of this page, to which the switches come back.
    pub(crate) path: String,
    /// What has just been done.
    pub(crate) said: Option<Said>,
}

/// A collection in the side.
pub(crate) struct SideLink {
    /// Its name.
    pub(crate) name: String,
    /// Its records can sign in.
    pub(crate) is_auth: bool,
    /// The program needs it.
    pub(crate) is_system: bool,
}

/// What has just been done: said once, on the page that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Saved,
    Made,
    Deleted,
    Emptied,
    SignedOut,
}

impl Said {
    const ALL: [Said; 5] = [Said::Saved, Said::Made, Said::Deleted, Said::Emptied, Said::SignedOut];

    /// Its code in the query.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Said::Saved => "saved",
            Said::Made => "made",
            Said::Deleted => "deleted",
            Said::Emptied => "emptied",
            Said::SignedOut => "signed-out",
        }
    }

    /// Read from a query.
    pub(crate) fn from_code(code: &str) -> Option<Said> {
        Said::ALL.into_iter().find(|said| said.code() == code)
    }

    /// The line on the page.
    pub(crate) fn line(self, look: Look) -> Markup {
        let words = look.words();
        let text = match self {
            Said::Saved => words.said_saved,
            Said::Made => words.said_made,
            Said::Deleted => words.said_deleted,
            Said::Emptied => words.said_emptied,
            Said::SignedOut => words.signed_out,
        };
        html! { p.said role="status" { (text) } }
    }
}

impl SideLink {
    /// The link of a collection.
    pub(crate) fn of(collection: &Collection) -> SideLink {
        SideLink {
            name: collection.name.clone(),
            is_auth: collection.kind == CollectionKind::Auth,
            is_system: collection.is_system,
        }
    }
}

/// A whole document.
fn document(look: Look, brand: &str, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(look.lang.code()) data-theme=(look.theme.code()) {
            head {
                meta charset="utf-8";
                title { (title) " · " (brand) }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta name="theme-color" media="(prefers-color-scheme: light)" content="#faf6f0";
                meta name="theme-color" media="(prefers-color-scheme: dark)" content="#1a1613";
                link rel="icon" href="/_/assets/mark.svg" type="image/svg+xml";
                link rel="stylesheet" href="/_/assets/console.css";
                script type="module" src="/_/assets/console.js" {}
            }
            (body)
        }
    }
}

/// A page inside: the side, and what the page itself shows. `here` is the collection that it is about.
pub(crate) fn page(frame: &Frame, title: &str, here: Option<&str>, content: &Markup) -> Markup {
    let words = frame.look.words();
    let body = html! {
        body.inside {
            a.skip href="#content" { (words.skip) }
            (side(frame, here))
            main #content tabindex="-1" {
                @if let Some(said) = frame.said { (said.line(frame.look)) }
                (content)
            }
            (keys(frame.look))
        }
    };
    document(frame.look, words.brand, title, &body)
}

/// A page outside: sign-in and first run, a single card.
pub(crate) fn outside(look: Look, path: &str, title: &str, content: &Markup) -> Markup {
    outside_of(look, look.words().brand, path, title, content)
}

/// The same under the name of the service, for those who have accounts in it.
pub(crate) fn outside_of(look: Look, brand: &str, path: &str, title: &str, content: &Markup) -> Markup {
    let body = html! {
        body.outside {
            main #content.card {
                p.brand { (Icon::Mark.draw()) (brand) }
                (content)
            }
            footer.switches { (switches(look, path)) }
        }
    };
    document(look, brand, title, &body)
}

fn side(frame: &Frame, here: Option<&str>) -> Markup {
    let words = frame.look.words();
    html! {
        header.side {
            a.brand href="/_/collections" { (Icon::Mark.draw()) (words.brand) }
            details.menu {
                summary aria-label=(words.menu) { (Icon::Menu.draw()) }
            }
            div.drawer {
                nav aria-label=(words.collections) {
                    (links(frame, here, words.collections, false))
                    a.quiet.new href="/_/new" { (Icon::Plus.draw()) (words.new_collection) }
                    (links(frame, here, words.system, true))
                    @if frame.has_balancers {
                        h2 {
                            a href="/_/balancers" aria-current=[frame.path.starts_with("/_/balancers").then_some("page")] {
                                (words.balancers)
                            }
                        }
                    }
                    @if frame.has_hosts {
                        h2 {
                            a href="/_/continuity" aria-current=[frame.path.starts_with("/_/continuity").then_some("page")] {
                                (words.continuity)
                            }
                        }
                    }
                }
                div.foot {
                    (switches(frame.look, &frame.path))
                    form.me method="post" action="/_/sign-out" {
                        span title=(frame.look.lang.signed_in_as(&frame.email)) { (frame.email) }
                        button.quiet type="submit" { (words.sign_out) }
                    }
                }
            }
        }
    }
}

fn links(frame: &Frame, here: Option<&str>, title: &str, system: bool) -> Markup {
    let is_empty = !frame.links.iter().any(|link| link.is_system == system);
    html! {
        @if !(is_empty && system) {
            h2 { @if system { (title) } @else { a href="/_/collections" { (title) } } }
        }
        ul {
            @for link in frame.links.iter().filter(|link| link.is_system == system) {
                li {
                    a href={ "/_/collections/" (link.name) } aria-current=[(here == Some(&*link.name)).then_some("page")] {
                        @if link.is_auth { (Icon::People.draw()) } @else { (Icon::Stack.draw()) }
                        span { (link.name) }
                    }
                }
            }
        }
    }
}

/// The switches of language and theme: plain forms, kept in cookies.
fn switches(look: Look, path: &str) -> Markup {
    let words = look.words();
    html! {
        form.switch method="post" action="/_/look" aria-label=(words.language) {
            input type="hidden" name="back" value=(path);
            @for lang in Lang::ALL {
                button type="submit" name="lang" value=(lang.code()) lang=(lang.code())
                    aria-pressed=(pressed(lang == look.lang)) { (lang.name()) }
            }
        }
        form.switch method="post" action="/_/look" aria-label=(words.theme) {
            input type="hidden" name="back" value=(path);
            @for theme in Theme::ALL {
                button type="submit" name="theme" value=(theme.code()) aria-pressed=(pressed(theme == look.theme)) {
                    (match theme {
                        Theme::Auto => words.theme_auto,
                        Theme::Light => words.theme_light,
                        Theme::Dark => words.theme_dark,
                    })
                }
            }
        }
    }
}

fn pressed(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}

/// The list of keys, opened by `?`.
fn keys(look: Look) -> Markup {
    let words = look.words();
    let rows = [
        (&["j", "k"][..], words.key_move),
        (&["Enter"], words.key_open),
        (&["x"], words.key_select),
        (&["/"], words.key_filter),
        (&["n"], words.key_new),
        (&["Ctrl", "S"], words.key_save),
        (&["?"], words.key_help),
    ];
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { (words.keys_title) }
            dl.keys {
                @for (keys, text) in rows {
                    div { dt { @for key in keys { kbd { (key) } } } dd { (text) } }
                }
            }
            form method="dialog" { button.secondary { (words.close) } }
        }
    }
}

/// The heading of a collection's pages, with their tabs.
pub(crate) fn heading(look: Look, name: &str, is_auth: bool, here: Tab, actions: &Markup) -> Markup {
    html! {
        div.heading {
            h1 { @if is_auth { (Icon::People.draw()) } @else { (Icon::Stack.draw()) } (name) }
            div.actions { (actions) }
        }
        nav.tabs aria-label=(name) {
            @for tab in Tab::ALL {
                a href={ "/_/collections/" (name) (tab.path()) } aria-current=[(tab == here).then_some("page")] {
                    (tab.title(look))
                }
            }
        }
    }
}

/// The pages of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Records,
    Fields,
    Indexes,
    Rules,
    Api,
    Settings,
}

impl Tab {
    const ALL: [Tab; 6] = [Tab::Records, Tab::Fields, Tab::Indexes, Tab::Rules, Tab::Api, Tab::Settings];

    fn path(self) -> &'static str {
        match self {
            Tab::Records => "",
            Tab::Fields => "/fields",
            Tab::Indexes => "/indexes",
            Tab::Rules => "/rules",
            Tab::Api => "/api",
            Tab::Settings => "/settings",
        }
    }

    fn title(self, look: Look) -> &'static str {
        let words = look.words();
        match self {
            Tab::Records => words.tab_records,
            Tab::Fields => words.tab_fields,
            Tab::Indexes => words.tab_indexes,
            Tab::Rules => words.tab_rules,
            Tab::Api => words.tab_api,
            Tab::Settings => words.tab_settings,
        }
    }
}
