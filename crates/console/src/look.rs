//! How a visitor wants to see the pages: language and theme, from the cookies of the switches or the browser's wishes.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;

use crate::cookie;
use crate::words::{Lang, Words};

/// The cookie that keeps the chosen language.
pub(crate) const LANG_COOKIE: &str = "ondol_lang";
/// The cookie that keeps the chosen theme.
pub(crate) const THEME_COOKIE: &str = "ondol_theme";

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the system has it.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All, in the order in which the switch shows them.
    pub(crate) const ALL: [Theme; 3] = [Theme::Auto, Theme::Light, Theme::Dark];

    /// Its code in the cookie and the page.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Theme::Auto => "auto",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// A theme by its code.
    pub(crate) fn from_code(code: &str) -> Option<Theme> {
        Theme::ALL.into_iter().find(|theme| theme.code() == code)
    }
}

/// Language and theme of one reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// The language.
    pub(crate) lang: Lang,
    /// The theme.
    pub(crate) theme: Theme,
}

impl Look {
    /// What the headers of a request ask for.
    pub(crate) fn of(headers: &HeaderMap) -> Look {
        let accepted = || headers.get(ACCEPT_LANGUAGE).and_then(|h| h.to_str().ok()).map(Lang::accepted);
        let lang = cookie::read(headers, LANG_COOKIE).and_then(Lang::from_code);
        let theme = cookie::read(headers, THEME_COOKIE).and_then(Theme::from_code);
        Look { lang: lang.or_else(accepted).unwrap_or_default(), theme: theme.unwrap_or_default() }
    }

    /// The texts.
    pub(crate) fn words(self) -> &'static Words {
        self.lang.words()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_wins_over_the_browser() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, "en".parse().unwrap());
        assert_eq!(Look::of(&headers).lang, Lang::En);
        headers.insert("cookie", "a=b; ondol_lang=ko; ondol_theme=dark".parse().unwrap());
        assert_eq!(Look::of(&headers), Look { lang: Lang::Ko, theme: Theme::Dark });
    }
}
