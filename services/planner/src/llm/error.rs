//! Why a language model gave no answer.

use std::time::Duration;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// It may answer later.
    #[error("{why}")]
    Unavailable {
        /// For people.
        why: String,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The server does not take the request: wrong key, model or address.
    #[error("its server answered {0}")]
    Rejected(u16),
}

impl ModelError {
    /// What may pass by itself.
    pub(super) fn passing(why: &str) -> Self {
        Self::Unavailable { why: why.to_owned(), retry_after: None }
    }

    /// An answer that is none.
    pub(super) fn garbled(what: &str) -> Self {
        Self::passing(&format!("what its server sent is {what}"))
    }
}
