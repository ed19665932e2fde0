//! A review session, and what a ballot does to it.

use assent_core::id::{PlanKind, SessionId};
use assent_core::{Actor, Id, Timestamp};
use assent_plan::{Money, RiskAssessment};

use super::audit::Head;
use super::eligibility::{Author, Electorate, Ineligible};
use super::modification::{Modification, ModificationState};
use super::options::{Mode, Options};
use super::quorum::{Tally, Voice, chosen, rejections, tally};
use super::state::{Fact, State, next};
use super::vote::{Ballot, Choice, Subject, Vote, Voter, people};

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
    /// Upper end of the current version's estimate; none without one.
    pub cost_high: Option<Money>,
    /// The session that was ended by breaking the glass, where this one is its review afterwards.
    pub after_review_of: Option<SessionId>,
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
    /// When the time to decide ends; none when there was nothing to decide, or when it never does.
    pub expires_at: Option<Timestamp>,
    /// When the clock looks at it; none once there is nothing to do.
    pub wake_at: Option<Timestamp>,
    /// Steps of escalation that were taken.
    pub escalation_step: i32,
    /// Reminders that were sent.
    pub reminders_sent: i32,
    /// Since when the time is over, where the session waits nevertheless.
    pub overdue_since: Option<Timestamp>,
    /// The last change that the planner was asked for.
    pub modification: Option<Modification>,
    /// When the planner is asked next; none once there is nothing to ask.
    pub revise_at: Option<Timestamp>,
    /// W3C trace context in which it was submitted: that of the whole workflow.
    pub traceparent: Option<String>,
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
    /// Upper end of its estimate; none without one.
    pub cost_high: Option<Money>,
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
        /// Whether the vote itself is in already, and only now enough.
        cast: bool,
    },
    /// It ends the review.
    Rejects,
}

impl Session {
    /// Who may vote; `authors` made the versions of the plan.
    pub fn electorate<'a>(&'a self, authors: &'a [Author]) -> Electorate<'a> {
        Electorate {
            requirement: &self.risk.requirement,
            authorized: &self.options.authorized_approvers,
            requester: &self.requester.id,
            on_behalf_of: &self.on_behalf_of,
            authors,
            cost_high: self.cost_high,
            escalated: usize::try_from(self.escalation_step).unwrap_or(0),
        }
    }

    /// The session whose versions this one is about: its own, or that of which it is the review afterwards.
    pub fn plan_session(&self) -> SessionId {
        self.after_review_of.unwrap_or(self.id)
    }

    /// The state as of `now`: a session whose review ends with its time is timed out then, also before anybody wrote
    /// that down.
    pub fn state_at(&self, now: Timestamp) -> State {
        let over = self.expires_at.is_some_and(|end| end <= now) && self.ends_with_its_time(now);
        if over && next(Some(self.state), Fact::TimedOut).is_some() { State::TimedOut } else { self.state }
    }

    /// The state after `fact`.
    ///
    /// # Errors
    /// [`Refusal::State`] when it cannot happen now.
    pub fn after(&self, fact: Fact, now: Timestamp) -> Result<State, Refusal> {
        // What was approved in an emergency stays under review until it is signed, whatever else happens.
        let signing = matches!(fact, Fact::Submitted | Fact::ReviewStarted | Fact::VoteCast | Fact::Approved);
        if self.after_review_of.is_some() && !signing {
            return Err(Refusal::State(self.state));
        }
        let clock = [Fact::TimedOut, Fact::Proceeded, Fact::Reminded, Fact::Escalated, Fact::Overdue];
        // Only what the clock does may come after the time.
        let state = if clock.contains(&fact) { self.state } else { self.state_at(now) };
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
        self.cost_high = version.cost_high;
        if let Some(goal) = &version.goal {
            self.goal.clone_from(goal);
        }
        self.updated_at = self.updated_at.max(now);
        true
    }

    /// Gives up what the planner was asked for, where it still works on it.
    pub fn abandon_modification(&mut self) {
        self.revise_at = None;
        if let Some(modification) = &mut self.modification
            && modification.state == ModificationState::Pending
        {
            modification.state = ModificationState::Abandoned;
        }
    }

    /// Whether `voter` may open the session for review.
    ///
    /// # Errors
    /// Why not.
    pub fn may_start_review(&self, voter: &Voter, now: Timestamp) -> Result<State, Refusal> {
        let state = self.after(Fact::ReviewStarted, now)?;
        self.electorate(&[]).may_reject(&voter.actor, &voter.seat).map_err(Refusal::NotEligible)?;
        Ok(state)
    }

    /// What the ballot of `voter` does, beside the `votes` that were given on this version.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn judge(
        &self,
        now: Timestamp,
        voter: &Voter,
        ballot: &Ballot,
        authors: &[Author],
        votes: &[Vote],
    ) -> Result<Verdict, Refusal> {
        let on_this = votes.iter().filter(|vote| vote.subject == ballot.subject);
        let [hand, seat] = people(&voter.actor, &voter.seat);
        let earlier =
            on_this.clone().find(|vote| people(&vote.voter, &vote.seat) == [hand.clone(), seat.clone()]);
        // First of all, so that a caller who lost the answer learns that the vote is in.
        if earlier.is_some_and(|vote| vote.says(ballot)) {
            return Ok(self.again(now, ballot, authors, votes));
        }
        let electorate = self.electorate(authors);
        let eligible = match ballot.choice {
            Choice::Approve => electorate.may_approve(&voter.actor, &voter.seat),
            Choice::Reject => electorate.may_reject(&voter.actor, &voter.seat),
        };
        self.after(Fact::VoteCast, now)?;
        eligible.map_err(Refusal::NotEligible)?;
        if ballot.subject != self.subject {
            return Err(Refusal::Outdated(self.subject));
        }
        if earlier.is_some() {
            return Err(Refusal::VoteExists);
        }
        // Whoever delegated may still vote otherwise in person; nobody's hand votes twice, and nobody agrees twice.
        let counted = on_this.clone().any(|vote| {
            let there = people(&vote.voter, &vote.seat);
            let agrees = vote.choice == ballot.choice && (there.contains(&hand) || there.contains(&seat));
            there[0] == hand || agrees
        });
        if counted {
            return Err(Refusal::NotEligible(Ineligible::AlreadyVoted));
        }
        let voice = Voice { hand: &voter.actor, seat: &voter.seat };
        Ok(match ballot.choice {
            Choice::Reject if self.rejects(authors, votes, voice) => Verdict::Rejects,
            Choice::Reject => Verdict::Counts { missing: self.tally(authors, votes, None).missing() },
            Choice::Approve => {
                let tally = self.tally(authors, votes, Some(voice));
                match tally.missing() {
                    0 => Verdict::Approves { approvers: tally.approvers, cast: false },
                    missing => Verdict::Counts { missing },
                }
            }
        })
    }

    /// What a vote does that is in already: it decides when it has become enough since, e.g. because a new version
    /// asks for less.
    fn again(&self, now: Timestamp, ballot: &Ballot, authors: &[Author], votes: &[Vote]) -> Verdict {
        let tally = self.tally(authors, votes, None);
        let missing = tally.missing();
        let decides = missing == 0 && ballot.choice == Choice::Approve && ballot.subject == self.subject;
        if decides && self.after(Fact::Approved, now).is_ok() {
            return Verdict::Approves { approvers: tally.approvers, cast: true };
        }
        Verdict::Repeated { missing }
    }

    /// Counts the approvals of the current version, with `another` on top.
    pub fn tally(&self, authors: &[Author], votes: &[Vote], another: Option<Voice<'_>>) -> Tally {
        let given = chosen(votes, Choice::Approve);
        let another = another.map(|voice| (voice, self.subject));
        tally(&self.electorate(authors), self.subject, given.chain(another))
    }

    /// Whether the rejections end the review with `another` on top. What was approved in an emergency has happened:
    /// an objection to it is kept, and the review stays open.
    fn rejects(&self, authors: &[Author], votes: &[Vote], another: Voice<'_>) -> bool {
        let given = chosen(votes, Choice::Reject).chain([(another, self.subject)]);
        let (_, ends) = rejections(&self.electorate(authors), self.subject, given);
        ends && self.after_review_of.is_none()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use assent_core::{Clock, ContextSource, Digest};
    use assent_plan::RiskLevel;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::eligibility::tests::person;
    use crate::domain::member::Member;
    use crate::domain::options::tests::risk;

    pub(crate) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn source() -> ContextSource {
        ContextSource::seeded(Clock::manual(at(0)), 1)
    }

    pub(crate) fn session(quorum: u32) -> Session {
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
            cost_high: None,
            after_review_of: None,
            requester: person("rob", &["admin"]),
            on_behalf_of: String::new(),
            mode: Mode::ReviewAlways,
            options: Options::default(),
            assigned_reviewer: None,
            created_at: at(0),
            updated_at: at(0),
            expires_at: Some(at(100)),
            wake_at: Some(at(100)),
            escalation_step: 0,
            reminders_sent: 0,
            overdue_since: None,
            modification: None,
            revise_at: None,
            traceparent: None,
            audit: Head::START,
        }
    }

    fn judge(
        session: &Session,
        now: Timestamp,
        actor: &Actor,
        ballot: &Ballot,
        votes: &[Vote],
    ) -> Result<Verdict, Refusal> {
        session.judge(now, &Voter::own(actor.clone(), &[]), ballot, &[], votes)
    }

    fn ballot(session: &Session, choice: Choice) -> Ballot {
        Ballot {
            subject: session.subject,
            choice,
            reason: String::new(),
            items: None,
            conditions: Vec::new(),
        }
    }

    fn given(session: &Session, voter: &Actor, choice: Choice) -> Vote {
        Vote {
            id: source().new_id(),
            subject: session.subject,
            seat: Member::of(voter, &[]),
            delegation: None,
            given_on: None,
            voter: voter.clone(),
            choice,
            reason: String::new(),
            created_at: at(0),
            items: None,
            conditions: Vec::new(),
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
            cost_high: None,
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
        assert_eq!(judge(&session, at(1), &ada, &approve, &[]), Ok(Verdict::Counts { missing: 1 }));
        let votes = [given(&session, &ada, Choice::Approve)];
        assert_eq!(judge(&session, at(1), &ada, &approve, &votes), Ok(Verdict::Repeated { missing: 1 }));
        let approvers = vec!["ada".to_owned(), "ben".to_owned()];
        assert_eq!(
            judge(&session, at(1), &ben, &approve, &votes),
            Ok(Verdict::Approves { approvers, cast: false })
        );
        let reject = ballot(&session, Choice::Reject);
        assert_eq!(judge(&session, at(1), &ada, &reject, &votes), Err(Refusal::VoteExists));
        assert_eq!(judge(&session, at(1), &ben, &reject, &votes), Ok(Verdict::Rejects));
    }

    #[test]
    fn nothing_counts_after_the_time_or_for_another_version() {
        let session = session(1);
        let ada = person("ada", &["admin"]);
        let approve = ballot(&session, Choice::Approve);
        let late = judge(&session, at(100), &ada, &approve, &[]);
        assert_eq!(late, Err(Refusal::State(State::TimedOut)));
        assert_eq!(session.after(Fact::TimedOut, at(100)), Ok(State::TimedOut));
        let other = Ballot { subject: Subject { version: 1, digest: Digest::of(&[b"other"]) }, ..approve };
        assert_eq!(judge(&session, at(1), &ada, &other, &[]), Err(Refusal::Outdated(session.subject)));
        let rob = person("rob", &["admin"]);
        let own = judge(&session, at(1), &rob, &ballot(&session, Choice::Approve), &[]);
        assert_eq!(own, Err(Refusal::NotEligible(Ineligible::Requester)));
    }

    #[test]
    fn a_review_afterwards_ends_only_by_its_signatures() {
        let mut after = session(2);
        after.after_review_of = Some(source().new_id());
        after.expires_at = None;
        for fact in Fact::ALL {
            let signing = [Fact::ReviewStarted, Fact::VoteCast, Fact::Approved].contains(fact);
            assert_eq!(after.after(*fact, at(1_000_000)).is_ok(), signing, "{fact}");
        }
        let (ada, ben, cem) =
            (person("ada", &["admin"]), person("ben", &["admin"]), person("cem", &["admin"]));
        let objection = judge(&after, at(1), &ada, &ballot(&after, Choice::Reject), &[]);
        assert_eq!(objection, Ok(Verdict::Counts { missing: 2 }));
        let votes = [given(&after, &ada, Choice::Reject), given(&after, &ben, Choice::Approve)];
        let last = judge(&after, at(1), &cem, &ballot(&after, Choice::Approve), &votes);
        assert!(matches!(last, Ok(Verdict::Approves { .. })), "{last:?}");
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
                let verdict = judge(&session, at(1), &voter, &ballot(&session, choice), &votes);
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
