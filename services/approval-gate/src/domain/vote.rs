//! Votes.

use assent_core::id::VoteKind;
use assent_core::{Actor, Digest, Id, Timestamp};

use super::names;

names! {
    /// For or against.
    Choice {
        /// For.
        Approve => "approve",
        /// Against.
        Reject => "reject",
    }
}

/// What a vote is about: exactly what the voter saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// Number of the version.
    pub version: i32,
    /// Its digest.
    pub digest: Digest,
}

/// A vote that somebody wants to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ballot {
    /// What the voter saw.
    pub subject: Subject,
    /// For or against.
    pub choice: Choice,
    /// Why.
    pub reason: String,
}

/// A vote that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Its id.
    pub id: Id<VoteKind>,
    /// What the voter saw.
    pub subject: Subject,
    /// Who, with the roles at that time.
    pub voter: Actor,
    /// For or against.
    pub choice: Choice,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
}
