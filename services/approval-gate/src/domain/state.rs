//! The life of a session in one table.

use super::names;

names! {
    /// Where a review stands.
    State {
        /// Waits for a reviewer.
        Pending => "pending",
        /// Somebody looks at it.
        InReview => "in_review",
        /// The planner was asked for changes.
        ModificationRequested => "modification_requested",
        /// May run.
        Approved => "approved",
        /// Some of it may run.
        PartiallyApproved => "partially_approved",
        /// Must not run.
        Rejected => "rejected",
        /// Nobody decided in time; must not run.
        TimedOut => "timed_out",
        /// Withdrawn; must not run.
        Cancelled => "cancelled",
    }
}

names! {
    /// Something that happens to a session.
    Fact {
        /// A plan came for review.
        Submitted => "submitted",
        /// The policy let it pass without a person.
        AutoApproved => "auto_approved",
        /// Somebody opened it.
        ReviewStarted => "review_started",
        /// Somebody approved, and more approvals are needed.
        VoteCast => "vote_cast",
        /// The last approval that was needed came.
        Approved => "approved",
        /// As many approvals as are needed came, for some items only.
        PartiallyApproved => "partially_approved",
        /// Somebody who may decide said no.
        Rejected => "rejected",
        /// The planner was asked for changes.
        ModificationRequested => "modification_requested",
        /// The plan has a new version, for which no vote has been given yet.
        VersionCreated => "version_created",
        /// The requester answered without a new version.
        Resubmitted => "resubmitted",
        /// Somebody else was asked to look at it.
        Reassigned => "reassigned",
        /// There is more time to decide.
        Extended => "extended",
        /// The time to decide ended; reviewers were reminded and have more.
        Reminded => "reminded",
        /// The time to decide ended; somebody else was asked, too.
        Escalated => "escalated",
        /// The time to decide ended; the session waits nevertheless.
        Overdue => "overdue",
        /// The time to decide ended; the plan may run, as was asked for.
        Proceeded => "proceeded",
        /// The time to decide ended, and with it the review.
        TimedOut => "timed_out",
        /// The request was withdrawn.
        Cancelled => "cancelled",
    }
}

/// The state after `fact`; none when the fact cannot happen there. `None` as state is "no session yet". No other
/// function produces a state.
pub fn next(state: Option<State>, fact: Fact) -> Option<State> {
    use State::{
        Approved, Cancelled, InReview, ModificationRequested, PartiallyApproved, Pending, Rejected, TimedOut,
    };
    match (state, fact) {
        (None, Fact::Submitted) => Some(Pending),
        (Some(Pending), Fact::AutoApproved) => Some(Approved),
        (Some(Pending | InReview), Fact::ReviewStarted) => Some(InReview),
        (Some(open @ (Pending | InReview)), Fact::VoteCast) => Some(open),
        (Some(Pending | InReview), Fact::Approved | Fact::Proceeded) => Some(Approved),
        (Some(Pending | InReview), Fact::PartiallyApproved) => Some(PartiallyApproved),
        (Some(Pending | InReview), Fact::Rejected) => Some(Rejected),
        (Some(Pending | InReview), Fact::ModificationRequested) => Some(ModificationRequested),
        (Some(Pending | InReview), Fact::Reassigned) => Some(Pending),
        (Some(Pending | InReview | ModificationRequested), Fact::VersionCreated) => Some(Pending),
        (Some(ModificationRequested), Fact::Resubmitted) => Some(Pending),
        (Some(open @ (Pending | InReview | ModificationRequested)), Fact::Extended | Fact::Overdue) => {
            Some(open)
        }
        (Some(open @ (Pending | InReview | ModificationRequested)), Fact::Reminded | Fact::Escalated) => {
            Some(open)
        }
        (Some(Pending | InReview | ModificationRequested), Fact::TimedOut) => Some(TimedOut),
        (Some(Pending | InReview | ModificationRequested), Fact::Cancelled) => Some(Cancelled),
        _ => None,
    }
}

impl State {
    /// Whether people can still decide.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::InReview | Self::ModificationRequested)
    }

    /// What a caller can do now, by the names of the methods in snake case.
    pub fn allowed(self) -> Vec<&'static str> {
        let methods = [
            ("start_review", Fact::ReviewStarted),
            ("approve", Fact::VoteCast),
            ("reject", Fact::Rejected),
            ("request_modification", Fact::ModificationRequested),
            ("resubmit", Fact::Resubmitted),
            ("reassign", Fact::Reassigned),
            ("extend_deadline", Fact::Extended),
            ("cancel", Fact::Cancelled),
        ];
        let possible = methods.into_iter().filter(|(_, fact)| next(Some(self), *fact).is_some());
        let mut allowed: Vec<_> = possible.map(|(method, _)| method).collect();
        if matches!(self, Self::Approved | Self::PartiallyApproved) {
            allowed.extend(["get_grant", "revoke_grant"]);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for state in std::iter::once(None).chain(State::ALL.iter().copied().map(Some)) {
            for fact in Fact::ALL {
                let name = |state: Option<State>| state.map_or("-", State::as_str);
                let after = next(state, *fact);
                table.push_str(&format!("{:<22} {:<22} {}\n", name(state), fact, name(after)));
            }
        }
        insta::assert_snapshot!(table);
    }

    /// The table as a diagram and as text, as `docs/states.md` has it.
    fn drawn() -> String {
        let mut edges: std::collections::BTreeMap<(&str, &str), Vec<&str>> = Default::default();
        let mut rows = String::new();
        for state in std::iter::once(None).chain(State::ALL.iter().copied().map(Some)) {
            for fact in Fact::ALL {
                let Some(after) = next(state, *fact) else { continue };
                let from = state.map_or("[*]", State::as_str);
                edges.entry((from, after.as_str())).or_default().push(fact.as_str());
                let from = state.map_or("none", State::as_str);
                rows.push_str(&format!("| {from} | {fact} | {after} |\n"));
            }
        }
        let mut text = "```mermaid\nstateDiagram-v2\n".to_owned();
        for ((from, to), facts) in edges {
            text.push_str(&format!("    {from} --> {to}: {}\n", facts.join(", ")));
        }
        for state in State::ALL.iter().filter(|state| !state.is_open()) {
            text.push_str(&format!("    {state} --> [*]\n"));
        }
        format!("{text}```\n\n| state | what happens | state after |\n|---|---|---|\n{rows}")
    }

    #[test]
    fn the_document_shows_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/states.md");
        let document = std::fs::read_to_string(path).unwrap();
        let drawn = drawn();
        assert!(document.contains(&drawn), "docs/states.md does not hold what the table says:\n{drawn}");
    }

    #[test]
    fn names_are_unique_and_read_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(*state));
        }
        assert_eq!(State::parse("Pending"), None);
    }

    #[test]
    fn what_is_allowed_follows_from_the_table() {
        let open = [
            "start_review",
            "approve",
            "reject",
            "request_modification",
            "reassign",
            "extend_deadline",
            "cancel",
        ];
        assert_eq!(State::Pending.allowed(), open);
        assert_eq!(State::ModificationRequested.allowed(), ["resubmit", "extend_deadline", "cancel"]);
        assert_eq!(State::Approved.allowed(), ["get_grant", "revoke_grant"]);
        assert!(State::TimedOut.allowed().is_empty());
    }

    proptest! {
        #[test]
        fn decided_sessions_stay_as_they_are(facts in prop::collection::vec(0..Fact::ALL.len(), 0..24)) {
            let mut state = None;
            for fact in facts {
                let after = next(state, Fact::ALL[fact]);
                if state.is_some_and(|state: State| !state.is_open()) {
                    prop_assert_eq!(after, None);
                }
                state = after.or(state);
            }
        }
    }
}
