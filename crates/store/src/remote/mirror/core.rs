//! What is to be done next for a mirror, from what is known of both databases.

use super::mark::{At, Mark};

/// What is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    /// The mirror's own word.
    pub(super) mark: Option<&'a Mark>,
    /// Its database has records.
    pub(super) holds_records: bool,
    /// What the primary is known by.
    pub(super) of: &'a str,
    /// Who asks, and when.
    pub(super) owner: &'a str,
    pub(super) now: i64,
    /// The reign of the primary.
    pub(super) epoch: i64,
    /// The newest and the oldest position of the primary's log; the oldest is after the newest where there is none.
    pub(super) newest: i64,
    pub(super) oldest: i64,
    /// What a comparison of the two logs has shown.
    pub(super) log: Log,
}

/// What a comparison of the mirror's log with the primary's has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    NotCompared,
    Same,
    Differs,
}

/// What is done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing, until a person does something.
    Refuse(Refusal),
    /// Nothing yet: another one looks after it.
    Leave,
    /// It is made one's own.
    Claim,
    /// It is copied from the beginning; what is there already is compared, or thrown away.
    Begin(Begin),
    /// The next records, or the next claims.
    Copy,
    /// The two logs are compared.
    CompareLogs,
    /// The next changes, if there are any.
    Follow,
}

/// Why a mirror is not followed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NotEmpty,
    Anothers,
    Released,
}

/// How a mirror is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// It holds nothing.
    New,
    /// The primary's log does not reach back to it.
    Short,
    /// It has what the primary does not have.
    Parted,
}

/// What is done next.
pub(super) fn next(facts: Facts<'_>) -> Next {
    let Some(mark) = facts.mark else {
        return if facts.holds_records { Next::Refuse(Refusal::NotEmpty) } else { Next::Begin(Begin::New) };
    };
    if mark.of != facts.of {
        return Next::Refuse(Refusal::Anothers);
    }
    if mark.stage == At::Released {
        return Next::Refuse(Refusal::Released);
    }
    if mark.owner != facts.owner {
        return if mark.held_until > facts.now { Next::Leave } else { Next::Claim };
    }
    // a primary of another reign may lack what was copied from the one before
    let is_stale = matches!(mark.stage, At::Copying { .. } | At::Claims { .. }) && mark.epoch != facts.epoch;
    if is_stale || mark.position > facts.newest || facts.log == Log::Differs {
        return Next::Begin(Begin::Parted);
    }
    match mark.stage {
        At::Copying { .. } | At::Claims { .. } => Next::Copy,
        _ if mark.position + 1 < facts.oldest => Next::Begin(Begin::Short),
        _ if facts.log == Log::NotCompared => Next::CompareLogs,
        _ => Next::Follow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(stage: At, position: i64) -> Mark {
        Mark { of: "us".into(), owner: "me".into(), held_until: 0, epoch: 3, stage, position, as_of: 0 }
    }

    fn copying() -> At {
        At::Copying { table: "notes".into(), after: "a".into(), rows: 7, compares: false }
    }

    fn facts(mark: Option<&Mark>) -> Facts<'_> {
        Facts {
            mark,
            holds_records: mark.is_some(),
            of: "us",
            owner: "me",
            now: 1_000,
            epoch: 3,
            newest: 100,
            oldest: 50,
            log: Log::Same,
        }
    }

    #[test]
    fn what_is_done_depends_on_the_mark_and_on_the_two_logs() {
        let (following, here) = (mark(At::Following, 90), mark(copying(), 90));
        let of = |change: &dyn Fn(&mut Facts<'_>)| {
            let mut facts = facts(Some(&following));
            change(&mut facts);
            next(facts)
        };
        assert_eq!(of(&|_| {}), Next::Follow);
        assert_eq!(of(&|facts| facts.log = Log::NotCompared), Next::CompareLogs);
        assert_eq!(of(&|facts| facts.log = Log::Differs), Next::Begin(Begin::Parted));
        assert_eq!(
            of(&|facts| facts.newest = 89),
            Next::Begin(Begin::Parted),
            "it has more than the primary"
        );
        assert_eq!(of(&|facts| facts.oldest = 91), Next::Follow, "the next change is still there");
        assert_eq!(of(&|facts| facts.oldest = 92), Next::Begin(Begin::Short));
        assert_eq!(of(&|facts| facts.epoch = 4), Next::Follow, "another primary with the same log");
        assert_eq!(next(facts(Some(&here))), Next::Copy);
        let later = Facts { epoch: 4, ..facts(Some(&here)) };
        assert_eq!(next(later), Next::Begin(Begin::Parted), "a copy is not continued from another primary");
        let trimmed = Facts { oldest: 95, ..facts(Some(&here)) };
        assert_eq!(next(trimmed), Next::Copy, "it is found out when it is to follow");
    }

    #[test]
    fn nobody_elses_data_are_touched() {
        assert_eq!(next(facts(None)), Next::Begin(Begin::New));
        let full = Facts { holds_records: true, ..facts(None) };
        assert_eq!(next(full), Next::Refuse(Refusal::NotEmpty));
        let strange = Mark { of: "them".into(), ..mark(At::Following, 90) };
        assert_eq!(next(facts(Some(&strange))), Next::Refuse(Refusal::Anothers));
        let released = Mark { owner: "them".into(), ..mark(At::Released, 90) };
        assert_eq!(next(facts(Some(&released))), Next::Refuse(Refusal::Released));
    }

    #[test]
    fn who_holds_it_is_left_alone_for_a_while() {
        let held = Mark { owner: "them".into(), held_until: 1_001, ..mark(At::Following, 90) };
        assert_eq!(next(facts(Some(&held))), Next::Leave);
        let free = Mark { held_until: 1_000, ..held };
        assert_eq!(next(facts(Some(&free))), Next::Claim);
    }
}
