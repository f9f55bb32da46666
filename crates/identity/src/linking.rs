//! To which account somebody belongs whom a provider vouches for: the policy, as a pure decision.
//!
//! Who it is says the key alone: provider, issuer and subject. A mail address is never one. Where the address is that of an
//! account, what is asked is who has *proved* it: an account that only claims it gives way to who has; one that has proved
//! it is linked by its owner, who signs in first. So nobody gets into an account by what he wrote at a provider, nor keeps a
//! foot in one that he made under somebody else's address.

use crate::provider::Address;

/// What is known.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    /// The account that the identity belongs to.
    pub(crate) owner: Option<Owner>,
    /// Somebody has signed in to this collection and asks to link.
    pub(crate) has_caller: bool,
    /// The address that the provider gave.
    pub(crate) address: Option<&'a Address>,
    /// The account that has this address.
    pub(crate) namesake: Option<Namesake>,
    /// The settings let a provider link where it is the authority for an address.
    pub(crate) links_silently: bool,
}

/// Whose an identity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// That of whoever asks.
    Caller,
    /// Another account's, or anybody's where nobody asks to link.
    Account,
    /// It was made while the provider's name meant another issuer.
    OtherIssuer,
}

/// An account with the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Namesake {
    /// It only claims the address.
    Claims,
    /// It has proved it.
    Proved,
    /// It has proved it, and a second factor guards it.
    Guarded,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Sign in to the account of the identity.
    SignIn,
    /// Give the identity to whoever asks.
    LinkCaller,
    /// Give it to the account with the same address.
    LinkNamesake,
    /// Give the account with the same address to its true owner: its password, sessions and other identities die.
    TakeOver,
    /// Make an account.
    Create,
    /// Nothing.
    Refuse(Why),
}

/// Why nothing is done, in words for the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The identity is another account's.
    Taken,
    /// The address is that of an account that has proved it.
    LinkFirst,
    /// The address is that of an account, and the provider has not seen that it is this person's.
    Unverified,
    /// The provider's name means another issuer than when the identity was made.
    Moved,
}

impl Why {
    /// The sentence.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Why::Taken => {
                "This sign-in already belongs to another account. Sign in with it, and unlink it there first."
            }
            Why::LinkFirst => {
                "There is already an account with this mail address. Sign in to it first, then link this provider \
                 while you are signed in."
            }
            Why::Unverified => {
                "There is already an account with this mail address, and the provider does not say that the address is \
                 yours. Sign in to that account first, then link this provider while you are signed in."
            }
            Why::Moved => {
                "This provider's settings have come to mean another service since this sign-in was linked. Ask whoever runs \
                 the service to remove the old link."
            }
        }
    }

    /// The code of the sentence, for programs.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Why::Taken => "identity_taken",
            Why::LinkFirst => "link_first",
            Why::Unverified => "address_unverified",
            Why::Moved => "issuer_changed",
        }
    }
}

/// Decides.
pub(crate) fn decide(facts: &Facts<'_>) -> Decision {
    match facts.owner {
        Some(Owner::OtherIssuer) => return Decision::Refuse(Why::Moved),
        Some(Owner::Account) if facts.has_caller => return Decision::Refuse(Why::Taken),
        Some(_) => return Decision::SignIn,
        None if facts.has_caller => return Decision::LinkCaller,
        None => {}
    }
    let (Some(address), Some(namesake)) = (facts.address, facts.namesake) else { return Decision::Create };
    match namesake {
        _ if !address.is_verified => Decision::Refuse(Why::Unverified),
        Namesake::Claims => Decision::TakeOver,
        Namesake::Proved if facts.links_silently && address.is_authoritative => Decision::LinkNamesake,
        Namesake::Proved | Namesake::Guarded => Decision::Refuse(Why::LinkFirst),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(is_verified: bool, is_authoritative: bool) -> Address {
        Address { text: "a@b.example".into(), is_verified, is_authoritative }
    }

    fn arriving(address: &Address, namesake: Option<Namesake>, links_silently: bool) -> Decision {
        decide(&Facts { owner: None, has_caller: false, address: Some(address), namesake, links_silently })
    }

    #[test]
    fn a_known_identity_signs_in_whatever_its_address_says() {
        let address = address(true, true);
        for namesake in [None, Some(Namesake::Claims), Some(Namesake::Proved)] {
            let facts = Facts {
                owner: Some(Owner::Account),
                has_caller: false,
                address: Some(&address),
                namesake,
                links_silently: true,
            };
            assert_eq!(decide(&facts), Decision::SignIn);
        }
    }

    #[test]
    fn whoever_has_signed_in_links_what_is_nobodys() {
        let facts = |owner| Facts {
            owner,
            has_caller: true,
            address: None,
            namesake: Some(Namesake::Proved),
            links_silently: false,
        };
        assert_eq!(decide(&facts(None)), Decision::LinkCaller);
        assert_eq!(decide(&facts(Some(Owner::Caller))), Decision::SignIn);
        assert_eq!(decide(&facts(Some(Owner::Account))), Decision::Refuse(Why::Taken));
        assert_eq!(decide(&facts(Some(Owner::OtherIssuer))), Decision::Refuse(Why::Moved));
    }

    #[test]
    fn a_new_person_gets_an_account() {
        for address in [address(false, false), address(true, true)] {
            assert_eq!(arriving(&address, None, true), Decision::Create);
        }
    }

    #[test]
    fn an_unverified_address_opens_nothing() {
        for namesake in [Namesake::Claims, Namesake::Proved, Namesake::Guarded] {
            let decision = arriving(&address(false, false), Some(namesake), true);
            assert_eq!(decision, Decision::Refuse(Why::Unverified), "{namesake:?}");
        }
    }

    #[test]
    fn an_account_that_only_claims_an_address_gives_way_to_its_owner() {
        assert_eq!(arriving(&address(true, false), Some(Namesake::Claims), false), Decision::TakeOver);
    }

    #[test]
    fn an_account_that_has_proved_an_address_is_linked_by_its_owner() {
        let refused = Decision::Refuse(Why::LinkFirst);
        for (is_authoritative, links_silently, namesake, decision) in [
            (false, false, Namesake::Proved, refused),
            (true, false, Namesake::Proved, refused),
            (false, true, Namesake::Proved, refused),
            (true, true, Namesake::Guarded, refused),
            (true, true, Namesake::Proved, Decision::LinkNamesake),
        ] {
            let address = address(true, is_authoritative);
            assert_eq!(
                arriving(&address, Some(namesake), links_silently),
                decision,
                "{address:?} {links_silently}"
            );
        }
    }
}
