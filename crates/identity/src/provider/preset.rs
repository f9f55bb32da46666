//! The providers that come with the program: files under `presets/`, embedded.
//!
//! Each was written after the provider's own documents; what was tried against the real service says `docs/sign-in.md`.

use toml::Table;

/// Names and texts.
pub(super) const PRESETS: [(&str, &str); 12] = [
    ("apple", include_str!("../../presets/apple.toml")),
    ("facebook", include_str!("../../presets/facebook.toml")),
    ("github", include_str!("../../presets/github.toml")),
    ("google", include_str!("../../presets/google.toml")),
    ("kakao", include_str!("../../presets/kakao.toml")),
    ("naver", include_str!("../../presets/naver.toml")),
    ("oauth2", include_str!("../../presets/oauth2.toml")),
    ("oidc", include_str!("../../presets/oidc.toml")),
    ("openid2", include_str!("../../presets/openid2.toml")),
    ("openid2_hybrid", include_str!("../../presets/openid2_hybrid.toml")),
    ("twitter", include_str!("../../presets/twitter.toml")),
    ("x", include_str!("../../presets/x.toml")),
];

/// A preset by its name.
pub(super) fn find(name: &str) -> Option<Table> {
    // the client library has room for three of these
    let name = if matches!(name, "oidc2" | "oidc3") { "oidc" } else { name };
    let (_, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
    Some(text.parse().expect("a test reads every preset"))
}

/// Their names.
pub(super) fn names() -> Vec<&'static str> {
    PRESETS.iter().map(|(name, _)| *name).collect()
}
