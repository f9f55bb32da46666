//! The decision: rules in their order, the first that has something to say.

use super::policy::Policy;
use super::step::Step;
use super::view::View;
use super::{doubt, follow, found, handover, reign, sync, vacancy};

/// What to do next, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The name of the rule that spoke.
    pub rule: &'static str,
    /// What to do, in order, up to the first failure.
    pub steps: Vec<Step>,
    /// Why, in one sentence: the log's line, the console's text, the tests' words.
    pub reason: String,
}

type Rule = fn(&View, &Policy) -> Option<Decision>;

/// The rules. An earlier one is asked first: to stop comes before to serve, and to serve before to tidy up.
const RULES: [(&str, Rule); 17] = [
    ("doubt", doubt::rule),
    ("silence", doubt::silence),
    ("stranger", found::stranger),
    ("found", found::rule),
    ("lost", reign::lost),
    ("promote", reign::promote),
    ("record", reign::record),
    ("handover", handover::rule),
    ("expel", sync::expel),
    ("admit", sync::admit),
    ("adjust", sync::adjust),
    ("checkpoint", reign::checkpoint),
    ("judge", reign::judge),
    ("serve", reign::serve),
    ("depose", vacancy::depose),
    ("follow", follow::rule),
    ("vacancy", vacancy::rule),
];

/// Decides. Total: every view has a decision, and where no rule speaks nothing is done.
pub fn decide(view: &View, policy: &Policy) -> Decision {
    let spoken =
        RULES.iter().find_map(|(name, rule)| rule(view, policy).map(|said| Decision { rule: name, ..said }));
    spoken.unwrap_or_else(|| wait("nothing is known that asks for a step"))
}

/// To do `steps`, because of `reason`.
pub(super) fn act(steps: impl Into<Vec<Step>>, reason: impl Into<String>) -> Decision {
    Decision { rule: "", steps: steps.into(), reason: reason.into() }
}

/// To do nothing, because of `reason`.
pub(super) fn wait(reason: impl Into<String>) -> Decision {
    act([], reason)
}
