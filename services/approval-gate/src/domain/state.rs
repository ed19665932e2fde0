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
        /// Somebody who may decide said no.
        Rejected => "rejected",
        /// The plan has a new version, for which no vote has been given yet.
        VersionCreated => "version_created",
        /// The time to decide ended.
        TimedOut => "timed_out",
    }
}

/// The state after `fact`; none when the fact cannot happen there. `None` as state is "no session yet". No other
/// function produces a state.
pub fn next(state: Option<State>, fact: Fact) -> Option<State> {
    use State::{Approved, InReview, Pending, Rejected, TimedOut};
    match (state, fact) {
        (None, Fact::Submitted) => Some(Pending),
        (Some(Pending), Fact::AutoApproved) => Some(Approved),
        (Some(Pending | InReview), Fact::ReviewStarted) => Some(InReview),
        (Some(open @ (Pending | InReview)), Fact::VoteCast) => Some(open),
        (Some(Pending | InReview), Fact::Approved) => Some(Approved),
        (Some(Pending | InReview), Fact::Rejected) => Some(Rejected),
        (Some(Pending | InReview), Fact::VersionCreated) => Some(Pending),
        (Some(Pending | InReview), Fact::TimedOut) => Some(TimedOut),
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
        let methods =
            [("start_review", Fact::ReviewStarted), ("approve", Fact::VoteCast), ("reject", Fact::Rejected)];
        let possible = methods.into_iter().filter(|(_, fact)| next(Some(self), *fact).is_some());
        let mut allowed: Vec<_> = possible.map(|(method, _)| method).collect();
        if matches!(self, Self::Approved | Self::PartiallyApproved) {
            allowed.push("get_grant");
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
                table.push_str(&format!("{:<22} {:<15} {}\n", name(state), fact, name(after)));
            }
        }
        insta::assert_snapshot!(table);
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
        assert_eq!(State::Pending.allowed(), ["start_review", "approve", "reject"]);
        assert_eq!(State::Approved.allowed(), ["get_grant"]);
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
