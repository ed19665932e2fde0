//! When a plan has the approvals that it needs: a number of people over all, and stages. A person counts once in each
//! number, whatever hands and voices they vote with; the same person may count in several numbers.

use assent_core::Actor;
use assent_plan::{ApprovalRule, Voters};

use super::eligibility::{Electorate, Ineligible};
use super::member::Member;
use super::vote::{Choice, Subject, Vote, people};

/// The name of the number over all, beside those of the stages.
pub const QUORUM: &str = "quorum";

/// A voice that counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Voice<'v> {
    /// Whose hand it was.
    pub hand: &'v Actor,
    /// Whose voice it is.
    pub seat: &'v Member,
}

/// A number of different people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// How many it takes.
    pub needed: u32,
    /// How many there are.
    pub given: u32,
    /// Of whom.
    pub of: Voters,
}

impl Count {
    /// How many are missing.
    pub fn missing(&self) -> u32 {
        self.needed.saturating_sub(self.given)
    }
}

/// How far a rule is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// All of these.
    All(Vec<Reached>),
    /// One of these.
    Any(Vec<Reached>),
    /// So many people.
    AtLeast(Count),
}

impl Reached {
    fn of(rule: &ApprovalRule, voices: &[Voice<'_>]) -> Self {
        let each = |rules: &[ApprovalRule]| rules.iter().map(|rule| Self::of(rule, voices)).collect();
        match rule {
            ApprovalRule::All(rules) => Self::All(each(rules)),
            ApprovalRule::Any(rules) => Self::Any(each(rules)),
            ApprovalRule::AtLeast(threshold) => {
                let given = voices.iter().filter(|voice| voice.seat.belongs(&threshold.of)).count();
                // A number of nobody would be approval by absence.
                Self::AtLeast(Count {
                    needed: threshold.count.max(1),
                    given: count(given),
                    of: threshold.of.clone(),
                })
            }
        }
    }

    /// How many people it takes at least; 0 when the rule is met, and only then.
    pub fn missing(&self) -> u32 {
        match self {
            // A rule that says nothing is met by nobody.
            Self::All(rules) => rules.iter().map(Self::missing).max().unwrap_or(1),
            Self::Any(rules) => rules.iter().map(Self::missing).min().unwrap_or(1),
            Self::AtLeast(count) => count.missing(),
        }
    }

    /// Every number in the rule, in its order.
    pub fn counts(&self) -> Vec<&Count> {
        match self {
            Self::All(rules) | Self::Any(rules) => rules.iter().flat_map(Self::counts).collect(),
            Self::AtLeast(count) => vec![count],
        }
    }
}

/// How far the approvals go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Different people who may approve and did, in the order of their votes.
    pub approvers: Vec<String>,
    /// The number over all.
    pub quorum: Count,
    /// The stages that count, in order, by name.
    pub stages: Vec<(String, Reached)>,
}

impl Tally {
    /// Approvals that are missing at least; 0 when the requirement is met, and only then.
    pub fn missing(&self) -> u32 {
        let stages = self.stages.iter().map(|(_, reached)| reached.missing());
        stages.fold(self.quorum.missing(), u32::max)
    }
}

/// The voices that count of `votes` on `subject`: of those who may, and no person twice, be it with their own hand, by
/// another's, or in another's place. Whoever came first counts, so that no later vote takes an earlier one away.
pub fn voices<'v>(
    subject: Subject,
    votes: impl IntoIterator<Item = (Voice<'v>, Subject)>,
    may: impl Fn(&Actor, &Member) -> Result<(), Ineligible>,
) -> Vec<Voice<'v>> {
    let mut used: Vec<String> = Vec::new();
    let mut counted = Vec::new();
    for (voice, of) in votes {
        let people = people(voice.hand, voice.seat);
        let fresh = !people.iter().any(|person| used.contains(person));
        if of == subject && fresh && may(voice.hand, voice.seat).is_ok() {
            used.extend(people);
            counted.push(voice);
        }
    }
    counted
}

/// Those of `votes` that chose so.
pub fn chosen(votes: &[Vote], choice: Choice) -> impl Iterator<Item = (Voice<'_>, Subject)> {
    let chosen = votes.iter().filter(move |vote| vote.choice == choice);
    chosen.map(|vote| (Voice { hand: &vote.voter, seat: &vote.seat }, vote.subject))
}

/// Counts the approvals of `subject`.
pub fn tally<'v>(
    electorate: &Electorate<'_>,
    subject: Subject,
    approvals: impl IntoIterator<Item = (Voice<'v>, Subject)>,
) -> Tally {
    let voices = voices(subject, approvals, |hand, seat| electorate.may_approve(hand, seat));
    let given = voices.iter().filter(|voice| electorate.in_quorum(voice.seat)).count();
    let roles = electorate.requirement.roles.clone();
    let stages =
        electorate.stages().map(|stage| (stage.name.clone(), Reached::of(&stage.rule, &voices))).collect();
    Tally {
        approvers: voices.iter().map(|voice| voice.hand.id.clone()).collect(),
        quorum: Count {
            // A requirement of nobody would be approval by absence.
            needed: electorate.requirement.quorum.max(1),
            given: count(given),
            of: Voters { roles, ..Voters::default() },
        },
        stages,
    }
}

/// Counts the rejections of `subject`, and says whether they end the review.
pub fn rejections<'v>(
    electorate: &Electorate<'_>,
    subject: Subject,
    rejections: impl IntoIterator<Item = (Voice<'v>, Subject)>,
) -> (Count, bool) {
    let voices = voices(subject, rejections, |hand, seat| electorate.may_reject(hand, seat));
    let vetoed = voices.iter().any(|voice| electorate.has_veto(voice.seat));
    let needed = electorate.requirement.rejections.max(1);
    let of = Voters { roles: electorate.requirement.roles.clone(), ..Voters::default() };
    let count = Count { needed, given: count(voices.len()), of };
    let ends = vetoed || count.missing() == 0;
    (count, ends)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "quorum_tests.rs"]
mod tests;
