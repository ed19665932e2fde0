//! A review session, and what a ballot does to it.

use assent_core::id::{PlanKind, SessionId};
use assent_core::{Actor, Id, Timestamp};
use assent_plan::RiskAssessment;

use super::audit::Head;
use super::eligibility::{Electorate, Ineligible};
use super::options::{Mode, Options};
use super::quorum::{Tally, tally};
use super::state::{Fact, State, next};
use super::vote::{Ballot, Choice, Subject, Vote};

/// The review of one plan through its versions.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its id, also that of the workflow.
    pub id: SessionId,
    /// The plan.
    pub plan_id: Id<PlanKind>,
    /// What the plan is for.
    pub goal: String,
    /// Where the review stands.
    pub state: State,
    /// Grows with every change.
    pub revision: i64,
    /// The current version and its digest.
    pub subject: Subject,
    /// The risk of the current version, as it was assessed when the version was made.
    pub risk: RiskAssessment,
    /// Number of work items.
    pub step_count: i32,
    /// Who asked.
    pub requester: Actor,
    /// For whom, where that is somebody else; empty otherwise.
    pub on_behalf_of: String,
    /// The mode in effect.
    pub mode: Mode,
    /// As asked for.
    pub options: Options,
    /// Who looks at it.
    pub assigned_reviewer: Option<String>,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When the time to decide ends; none when there was nothing to decide.
    pub expires_at: Option<Timestamp>,
    /// The end of its audit chain.
    pub audit: Head,
}

/// A version that was made of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    /// Its number and digest.
    pub subject: Subject,
    /// Its risk, and who must agree to it.
    pub risk: RiskAssessment,
    /// Number of its work items.
    pub step_count: i32,
    /// What the plan is for, where that changed.
    pub goal: Option<String>,
}

/// Why a session does not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The state does not allow it.
    State(State),
    /// The caller may not vote.
    NotEligible(Ineligible),
    /// The caller saw something else than the current version.
    Outdated(Subject),
    /// The caller voted otherwise on this version.
    VoteExists,
}

/// What a ballot does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The same vote is there already.
    Repeated {
        /// Approvals that are still missing.
        missing: u32,
    },
    /// It counts, and more are needed.
    Counts {
        /// Approvals that are still missing.
        missing: u32,
    },
    /// It is the last approval that was needed.
    Approves {
        /// Everybody who approved.
        approvers: Vec<String>,
    },
    /// It ends the review.
    Rejects,
}

impl Session {
    /// Who may vote; `authors` made a version of the plan.
    pub fn electorate<'a>(&'a self, authors: &'a [String]) -> Electorate<'a> {
        Electorate {
            requirement: &self.risk.requirement,
            authorized: &self.options.authorized_approvers,
            requester: &self.requester.id,
            on_behalf_of: &self.on_behalf_of,
            authors,
        }
    }

    /// The state as of `now`: a session whose time is over is timed out, also before anybody wrote that down.
    pub fn state_at(&self, now: Timestamp) -> State {
        let over = self.expires_at.is_some_and(|end| end <= now);
        if over && next(Some(self.state), Fact::TimedOut).is_some() { State::TimedOut } else { self.state }
    }

    /// The state after `fact`.
    ///
    /// # Errors
    /// [`Refusal::State`] when it cannot happen now.
    pub fn after(&self, fact: Fact, now: Timestamp) -> Result<State, Refusal> {
        // Only the end of the time itself may come after the time.
        let state = if fact == Fact::TimedOut { self.state } else { self.state_at(now) };
        next(Some(state), fact).ok_or(Refusal::State(state))
    }

    /// Goes on with a newer version; false when it is not newer, or when nothing can be decided any more.
    pub fn adopt(&mut self, version: &NewVersion, now: Timestamp) -> bool {
        let Ok(state) = self.after(Fact::VersionCreated, now) else { return false };
        if version.subject.version <= self.subject.version {
            return false;
        }
        self.state = state;
        self.subject = version.subject;
        self.risk = version.risk.clone();
        self.step_count = version.step_count;
        if let Some(goal) = &version.goal {
            self.goal.clone_from(goal);
        }
        self.updated_at = self.updated_at.max(now);
        true
    }

    /// Whether `actor` may open the session for review.
    ///
    /// # Errors
    /// Why not.
    pub fn may_start_review(&self, actor: &Actor, now: Timestamp) -> Result<State, Refusal> {
        let state = self.after(Fact::ReviewStarted, now)?;
        self.electorate(&[]).may_reject(actor).map_err(Refusal::NotEligible)?;
        Ok(state)
    }

    /// What the ballot of `voter` does, beside the `votes` that were given on this version.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn judge(
        &self,
        now: Timestamp,
        voter: &Actor,
        ballot: &Ballot,
        authors: &[String],
        votes: &[Vote],
    ) -> Result<Verdict, Refusal> {
        let earlier = votes.iter().find(|vote| vote.voter.id == voter.id && vote.subject == ballot.subject);
        // First of all, so that a caller who lost the answer learns that the vote is in.
        if earlier.is_some_and(|vote| vote.choice == ballot.choice) {
            return Ok(Verdict::Repeated { missing: self.tally(authors, votes, None).missing });
        }
        let electorate = self.electorate(authors);
        let (fact, eligible) = match ballot.choice {
            Choice::Approve => (Fact::VoteCast, electorate.may_approve(voter)),
            Choice::Reject => (Fact::Rejected, electorate.may_reject(voter)),
        };
        self.after(fact, now)?;
        eligible.map_err(Refusal::NotEligible)?;
        if ballot.subject != self.subject {
            return Err(Refusal::Outdated(self.subject));
        }
        if earlier.is_some() {
            return Err(Refusal::VoteExists);
        }
        Ok(match ballot.choice {
            Choice::Reject => Verdict::Rejects,
            Choice::Approve => match self.tally(authors, votes, Some(voter)) {
                Tally { missing: 0, approvers } => Verdict::Approves { approvers },
                Tally { missing, .. } => Verdict::Counts { missing },
            },
        })
    }

    /// Counts the approvals of the current version, with that of `another` on top.
    pub fn tally(&self, authors: &[String], votes: &[Vote], another: Option<&Actor>) -> Tally {
        let given = votes.iter().filter(|vote| vote.choice == Choice::Approve);
        let given = given.map(|vote| (&vote.voter, vote.subject));
        tally(
            &self.electorate(authors),
            self.subject,
            given.chain(another.map(|voter| (voter, self.subject))),
        )
    }
}

#[cfg(test)]
mod tests {
    use assent_core::{Clock, ContextSource, Digest};
    use assent_plan::RiskLevel;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::eligibility::tests::person;
    use crate::domain::options::tests::risk;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn source() -> ContextSource {
        ContextSource::seeded(Clock::manual(at(0)), 1)
    }

    fn session(quorum: u32) -> Session {
        let source = source();
        Session {
            id: source.new_id(),
            plan_id: source.new_id(),
            goal: "g".to_owned(),
            state: State::Pending,
            revision: 1,
            subject: Subject { version: 1, digest: Digest::of(&[b"plan"]) },
            risk: risk(RiskLevel::Critical, &["admin"], quorum, true),
            step_count: 1,
            requester: person("rob", &["admin"]),
            on_behalf_of: String::new(),
            mode: Mode::ReviewAlways,
            options: Options::default(),
            assigned_reviewer: None,
            created_at: at(0),
            updated_at: at(0),
            expires_at: Some(at(100)),
            audit: Head::START,
        }
    }

    fn ballot(session: &Session, choice: Choice) -> Ballot {
        Ballot { subject: session.subject, choice, reason: String::new() }
    }

    fn given(session: &Session, voter: &Actor, choice: Choice) -> Vote {
        Vote {
            id: source().new_id(),
            subject: session.subject,
            voter: voter.clone(),
            choice,
            reason: String::new(),
            created_at: at(0),
        }
    }

    #[test]
    fn a_newer_version_is_adopted_while_people_can_decide() {
        let mut session = session(2);
        session.state = State::InReview;
        let second = NewVersion {
            subject: Subject { version: 2, digest: Digest::of(&[b"second"]) },
            risk: risk(RiskLevel::Low, &["developer"], 1, false),
            step_count: 3,
            goal: None,
        };
        assert!(session.adopt(&second, at(1)));
        assert_eq!((session.state, session.subject, session.step_count), (State::Pending, second.subject, 3));
        assert_eq!((session.risk.clone(), session.goal.as_str()), (second.risk.clone(), "g"));
        assert!(!session.adopt(&second, at(2)), "once");
        let third = NewVersion { subject: Subject { version: 3, ..second.subject }, ..second };
        assert!(!session.clone().adopt(&third, at(100)), "the time is over");
        session.state = State::Approved;
        assert!(!session.adopt(&third, at(2)));
    }

    #[test]
    fn the_second_approval_decides_and_the_same_one_twice_does_not() {
        let session = session(2);
        let (ada, ben) = (person("ada", &["admin"]), person("ben", &["admin"]));
        let approve = ballot(&session, Choice::Approve);
        assert_eq!(session.judge(at(1), &ada, &approve, &[], &[]), Ok(Verdict::Counts { missing: 1 }));
        let votes = [given(&session, &ada, Choice::Approve)];
        assert_eq!(session.judge(at(1), &ada, &approve, &[], &votes), Ok(Verdict::Repeated { missing: 1 }));
        let approvers = vec!["ada".to_owned(), "ben".to_owned()];
        assert_eq!(session.judge(at(1), &ben, &approve, &[], &votes), Ok(Verdict::Approves { approvers }));
        let reject = ballot(&session, Choice::Reject);
        assert_eq!(session.judge(at(1), &ada, &reject, &[], &votes), Err(Refusal::VoteExists));
        assert_eq!(session.judge(at(1), &ben, &reject, &[], &votes), Ok(Verdict::Rejects));
    }

    #[test]
    fn nothing_counts_after_the_time_or_for_another_version() {
        let session = session(1);
        let ada = person("ada", &["admin"]);
        let approve = ballot(&session, Choice::Approve);
        let late = session.judge(at(100), &ada, &approve, &[], &[]);
        assert_eq!(late, Err(Refusal::State(State::TimedOut)));
        assert_eq!(session.after(Fact::TimedOut, at(100)), Ok(State::TimedOut));
        let other = Ballot { subject: Subject { version: 1, digest: Digest::of(&[b"other"]) }, ..approve };
        assert_eq!(session.judge(at(1), &ada, &other, &[], &[]), Err(Refusal::Outdated(session.subject)));
        let rob = person("rob", &["admin"]);
        let own = session.judge(at(1), &rob, &ballot(&session, Choice::Approve), &[], &[]);
        assert_eq!(own, Err(Refusal::NotEligible(Ineligible::Requester)));
    }

    proptest! {
        #[test]
        fn only_enough_different_eligible_people_approve(
            quorum in 1..4_u32,
            steps in prop::collection::vec((0..6_u8, any::<bool>(), any::<bool>()), 0..16),
        ) {
            let mut session = session(quorum);
            let mut votes: Vec<Vote> = Vec::new();
            let mut approved_by = std::collections::BTreeSet::new();
            for (who, admin, approve) in steps {
                let id = if who == 0 { "rob".to_owned() } else { format!("p{who}") };
                let voter = person(&id, if admin { &["admin"] } else { &["lead"] });
                let choice = if approve { Choice::Approve } else { Choice::Reject };
                let before = session.state;
                let verdict = session.judge(at(1), &voter, &ballot(&session, choice), &[], &votes);
                if !before.is_open() {
                    let still = matches!(verdict, Err(Refusal::State(_)) | Ok(Verdict::Repeated { .. }));
                    prop_assert!(still, "{:?} after {}", verdict, before);
                    continue;
                }
                match verdict {
                    Ok(Verdict::Counts { .. }) => {
                        approved_by.insert(id);
                        votes.push(given(&session, &voter, choice));
                    }
                    Ok(Verdict::Approves { .. }) => {
                        approved_by.insert(id);
                        votes.push(given(&session, &voter, choice));
                        session.state = session.after(Fact::Approved, at(1)).unwrap();
                    }
                    Ok(Verdict::Rejects) => {
                        votes.push(given(&session, &voter, choice));
                        session.state = session.after(Fact::Rejected, at(1)).unwrap();
                    }
                    Ok(Verdict::Repeated { .. }) | Err(_) => {}
                }
                let enough = approved_by.len() >= quorum as usize;
                prop_assert!(session.state != State::Approved || (enough && !approved_by.contains("rob")));
            }
        }
    }
}
