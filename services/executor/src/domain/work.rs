//! Attempts that workers make.

use assent_plan::{Map, Priority};

use super::state::names;

names! {
    /// Where an attempt for workers stands. The names are stored.
    stored WorkState {
        /// Nobody has it.
        Open => "open",
        /// A worker has it, or had it when it died.
        Leased => "leased",
        /// A worker has reported.
        Ended => "ended",
    }
}

names! {
    /// What a worker is to do. The names are stored.
    stored Kind {
        /// The item.
        Do => "do",
        /// Undo it.
        Undo => "undo",
    }
}

/// Name of the tool that hands its work to workers.
pub(crate) const WORKER: &str = "worker";
/// The queue of work that names none.
pub(crate) const DEFAULT_QUEUE: &str = "default";

/// The queue that `arguments` of the tool name.
pub(crate) fn queue(arguments: &Map) -> &str {
    arguments.get("queue").and_then(|queue| queue.as_str()).unwrap_or(DEFAULT_QUEUE)
}

/// Priorities as numbers: a greater one goes first.
pub(crate) const fn urgency(priority: Priority) -> i64 {
    match priority {
        Priority::Low => 0,
        Priority::Normal => 1,
        Priority::High => 2,
        Priority::Critical => 3,
    }
}

/// Names a lease towards a worker.
pub(crate) fn token(key: &str, fence: i64) -> String {
    format!("{fence}.{key}")
}

/// Key and fence of a token.
pub(crate) fn read_token(token: &str) -> Option<(&str, i64)> {
    let (fence, key) = token.split_once('.')?;
    Some((key, fence.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_as_they_are_written_and_nothing_else_does() {
        assert_eq!(read_token(&token("ses_1.1.a.b.2", 7)), Some(("ses_1.1.a.b.2", 7)));
        for bad in ["", "7", "x.ses_1", ".a", "99999999999999999999.a"] {
            assert_eq!(read_token(bad), None);
        }
    }

    #[test]
    fn states_and_kinds_keep_their_names() {
        assert!(WorkState::ALL.iter().all(|state| WorkState::from_name(state.as_str()) == Some(*state)));
        assert!(Kind::ALL.iter().all(|kind| Kind::from_name(kind.as_str()) == Some(*kind)));
    }
}
