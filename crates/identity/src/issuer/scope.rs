//! What a client may ask to know of a person, and what a person agreed to.
//!
//! Invariant: pure. What is not known here is passed over, as the protocol wants it (OpenID Connect Core, 3.1.2.1).

use std::fmt;

/// One scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Who it is: the one that every request has.
    OpenId,
    /// The name and the picture.
    Profile,
    /// The mail address.
    Email,
    /// The groups, where the client's settings say what they are.
    Groups,
    /// To ask on while the person is away.
    Offline,
}

impl Scope {
    /// All of them, in the order in which they are told.
    pub(crate) const ALL: [Scope; 5] =
        [Scope::OpenId, Scope::Profile, Scope::Email, Scope::Groups, Scope::Offline];

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Scope::OpenId => "openid",
            Scope::Profile => "profile",
            Scope::Email => "email",
            Scope::Groups => "groups",
            Scope::Offline => "offline_access",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of scopes. Displays as the protocol writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes(u8);

impl Scopes {
    /// All that there are.
    pub(crate) fn all() -> Scopes {
        Scope::ALL.into_iter().collect()
    }

    /// Reads words with spaces between them.
    pub(crate) fn parse(text: &str) -> Scopes {
        text.split(' ').filter_map(|word| Scope::ALL.into_iter().find(|scope| scope.word() == word)).collect()
    }

    pub(crate) fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Those that are in both.
    pub(crate) fn and(self, other: Scopes) -> Scopes {
        Scopes(self.0 & other.0)
    }

    /// Those that are in one of them.
    pub(crate) fn or(self, other: Scopes) -> Scopes {
        Scopes(self.0 | other.0)
    }

    /// Whether all of these are in the others.
    pub(crate) fn is_within(self, others: Scopes) -> bool {
        self.0 & !others.0 == 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.iter().map(Scope::word).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_as_they_are_written_and_strangers_are_passed_over() {
        let scopes = Scopes::parse("email openid phone  email Profile");
        assert_eq!(scopes.to_string(), "openid email");
        assert!(scopes.is_within(Scopes::all()) && !Scopes::all().is_within(scopes));
        assert_eq!(scopes.or(Scopes::parse("offline_access")).to_string(), "openid email offline_access");
        assert_eq!(scopes.and(Scopes::parse("email groups")).to_string(), "email");
        assert_eq!(Scopes::parse(""), Scopes::default());
    }
}
