//! What the planner is asked to change.

use std::time::Duration;

use assent_core::{Actor, Timestamp};
use serde::{Deserialize, Serialize};

use super::names;
use super::vote::Subject;

/// How often the planner is asked before it is given up.
const ATTEMPTS: u32 = 5;
/// Wait before the second attempt; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(5);

names! {
    /// How a request to the planner stands.
    ModificationState {
        /// The planner works on it.
        Pending => "pending",
        /// There is a new version.
        Done => "done",
        /// Nothing came of it.
        Failed => "failed",
        /// Somebody else went on, or the session ended.
        Abandoned => "abandoned",
    }
}

/// A request to the planner, and what became of it.
// Kept as JSON: what an older or a newer replica wrote reads as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modification {
    /// UUID; the new version is made under it, so that it is made once.
    pub id: String,
    /// The version to change.
    #[serde(flatten)]
    pub subject: Subject,
    /// What is wrong, in the reviewer's words.
    pub feedback: String,
    /// Comments to answer; every open one when empty.
    pub comment_ids: Vec<String>,
    /// Who asked.
    pub requested_by: Actor,
    /// When.
    pub requested_at: Timestamp,
    /// How it stands.
    pub state: ModificationState,
    /// How often the planner was asked.
    pub attempts: u32,
    /// The version that came of it; 0 while there is none.
    pub new_version: i32,
    /// What was changed and why.
    pub explanation: String,
    /// Comments that it answers.
    pub answered: Vec<String>,
    /// Why nothing came of it.
    pub error: String,
}

impl Modification {
    /// When to ask again after a failure that may pass; none when it was tried often enough.
    pub fn retry_at(&self, now: Timestamp) -> Option<Timestamp> {
        let doubled = FIRST_WAIT * 2_u32.saturating_pow(self.attempts.saturating_sub(1).min(16));
        (self.attempts < ATTEMPTS).then(|| now.after(doubled))
    }
}

#[cfg(test)]
mod tests {
    use assent_core::Digest;

    use super::*;

    #[test]
    fn the_planner_is_asked_a_few_times_only() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000).unwrap();
        let mut modification = Modification {
            id: String::new(),
            subject: Subject { version: 1, digest: Digest::of(&[]) },
            feedback: "f".to_owned(),
            comment_ids: Vec::new(),
            requested_by: Actor::system("test"),
            requested_at: at(0),
            state: ModificationState::Pending,
            attempts: 1,
            new_version: 0,
            explanation: String::new(),
            answered: Vec::new(),
            error: String::new(),
        };
        let kept = serde_json::to_value(&modification).unwrap();
        assert_eq!(serde_json::from_value::<Modification>(kept).unwrap(), modification);
        let waits = (1..=5).map(|attempts| {
            modification.attempts = attempts;
            modification.retry_at(at(0)).map(|time| time.micros() / 1_000_000)
        });
        assert_eq!(waits.collect::<Vec<_>>(), [Some(5), Some(10), Some(20), Some(40), None]);
    }
}
