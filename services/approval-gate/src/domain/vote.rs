//! Votes.

use std::collections::BTreeSet;

use assent_core::id::{DelegationKind, VoteKind};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::Condition;

use super::member::{Member, person};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
    /// The items that it approves; none for all.
    pub items: Option<BTreeSet<String>>,
    /// What the execution must keep to.
    pub conditions: Vec<Condition>,
}

/// A vote that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Its id.
    pub id: Id<VoteKind>,
    /// What the voter saw.
    pub subject: Subject,
    /// Whose hand it was, with the roles at that time.
    pub voter: Actor,
    /// Whose voice it is: the voter's own, or that of somebody who delegated.
    pub seat: Member,
    /// The delegation under which it was given.
    pub delegation: Option<Id<DelegationKind>>,
    /// The version on which it was given, where it was kept for a newer one.
    pub given_on: Option<i32>,
    /// For or against.
    pub choice: Choice,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
    /// The items that it approves; none for all.
    pub items: Option<BTreeSet<String>>,
    /// What the execution must keep to.
    pub conditions: Vec<Condition>,
}

impl Vote {
    /// Whether `ballot` says the same.
    pub fn says(&self, ballot: &Ballot) -> bool {
        self.choice == ballot.choice && self.items == ballot.items && self.conditions == ballot.conditions
    }
}

/// Somebody who wants to vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// Whose hand it is.
    pub actor: Actor,
    /// Whose voice it is.
    pub seat: Member,
    /// The delegation that joins the two, where they are not one person.
    pub delegation: Option<Id<DelegationKind>>,
}

impl Voter {
    /// Somebody who votes for themself.
    pub fn own(actor: Actor, tags: &[String]) -> Self {
        Self { seat: Member::of(&actor, tags), actor, delegation: None }
    }
}

/// The people of a vote: hand and voice.
pub fn people(hand: &Actor, seat: &Member) -> [String; 2] {
    [person(&hand.id), seat.person()]
}
