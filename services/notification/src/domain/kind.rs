//! What people are told of.

use super::Priority;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $floor:ident;)*) => {
        /// What happened. The name of a kind is also that of its template.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Kind {
            $($(#[$doc])* $variant,)*
        }

        impl Kind {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Stable name, as in tables, templates and preferences.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// It hurries at least so much, whatever the session's priority.
            pub(crate) const fn floor(self) -> Priority {
                match self { $(Self::$variant => Priority::$floor,)* }
            }
        }
    };
}

kinds! {
    /// A plan waits for those who are told.
    ApprovalRequested = "approval_requested", Low;
    /// It still waits.
    Reminder = "reminder", Normal;
    /// It waits, and those who were asked before did not decide.
    Escalated = "escalated", High;
    /// The time to decide is nearly over.
    ExpiringSoon = "expiring_soon", High;
    Approved = "approved", Low;
    PartiallyApproved = "partially_approved", Low;
    Rejected = "rejected", Low;
    /// Nobody decided in time.
    TimedOut = "timed_out", Normal;
    Cancelled = "cancelled", Low;
    /// A reviewer asks the planner for changes.
    ModificationRequested = "modification_requested", Normal;
    /// A plan that was asked about has changed, and votes on the version before may have lapsed.
    NewVersion = "new_version", Low;
    CommentAdded = "comment_added", Low;
    /// A comment names the one who is told.
    Mentioned = "mentioned", Normal;
    CommentResolved = "comment_resolved", Low;
    ExecutionStarted = "execution_started", Low;
    /// It cannot go on without a person.
    ExecutionWaiting = "execution_waiting", High;
    ExecutionCompleted = "execution_completed", Low;
    ExecutionFailed = "execution_failed", High;
    ExecutionRolledBack = "execution_rolled_back", High;
    ExecutionRollbackFailed = "execution_rollback_failed", Urgent;
    ExecutionCancelled = "execution_cancelled", Normal;
    /// A grant does not match what was approved.
    ExecutionRefused = "execution_refused", Urgent;
    /// A vote counts no longer: that of the one who is told.
    VoteLapsed = "vote_lapsed", Normal;
    /// An administrator approved a plan alone.
    BreakGlass = "break_glass", Urgent;
    /// A permission to execute was taken back.
    GrantRevoked = "grant_revoked", High;
    /// Somebody may act in another's place: the one who is told.
    Delegated = "delegated", Normal;
    /// A stored version is damaged.
    CorruptionAlarm = "corruption_alarm", Urgent;
    /// Several notifications in one message.
    Digest = "digest", Low;
    /// What a caller of `Notify` says.
    Message = "message", Low;
    /// From `TestChannel`.
    Test = "test", Normal;
}

impl Kind {
    /// As its name says; none for another text.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Asks somebody to decide, and is not worth sending once that is done.
    pub(crate) const fn asks(self) -> bool {
        matches!(self, Self::ApprovalRequested | Self::Reminder | Self::Escalated | Self::ExpiringSoon)
    }

    /// How much it hurries in a session whose requester asked for `asked`, with a plan of HIGH risk or above, or not.
    pub(crate) fn priority(self, asked: Priority, risky: bool) -> Priority {
        let own = match self {
            // What is said beside the review interrupts nobody, however urgent the review is.
            Self::CommentAdded | Self::CommentResolved | Self::Mentioned | Self::ExecutionStarted => {
                asked.min(Priority::Normal)
            }
            _ if self.asks() && risky => asked.max(Priority::High),
            _ => asked,
        };
        own.max(self.floor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(*kind));
        }
        assert_eq!(Kind::from_name("nothing"), None);
    }

    #[test]
    fn risk_and_requester_make_it_hurry_and_talk_does_not() {
        let priority = |kind: Kind, asked, risky| kind.priority(asked, risky);
        assert_eq!(priority(Kind::ApprovalRequested, Priority::Low, false), Priority::Low);
        assert_eq!(priority(Kind::ApprovalRequested, Priority::Low, true), Priority::High);
        assert_eq!(priority(Kind::ApprovalRequested, Priority::Urgent, true), Priority::Urgent);
        assert_eq!(priority(Kind::ExpiringSoon, Priority::Low, false), Priority::High);
        assert_eq!(priority(Kind::CommentAdded, Priority::Urgent, true), Priority::Normal);
        assert_eq!(priority(Kind::ExecutionRollbackFailed, Priority::Low, false), Priority::Urgent);
    }
}
