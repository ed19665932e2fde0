//! Everybody does anything, in any order, with calls that are cut off in between; beside it a model of what the contract
//! says, which knows nothing of the implementation: who made which version when, who delegated to whom until when.

use std::collections::BTreeSet;
use std::time::Duration;

use assent_proto::approval::v1 as pb;
use assent_proto::plan::v1::{self as plan, RiskLevel};
use assent_proto::review::v1::{self as review, PlanReviewState as State, VoteChoice};
use assent_testkit::{Storage, both_storages};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::directory::delegate;
use crate::rig::{Rig, by};

both_storages!(nothing_is_decided_but_by_the_rules);

const PEOPLE: [&str; 4] = ["rob", "ada", "ben", "dev"];
const REQUESTER: &str = "rob";
const CASES: usize = 10;

#[derive(Debug, Clone)]
enum Step {
    Vote { who: usize, place_of: Option<usize>, approve: bool, stale: bool, cut_off: bool },
    Edit { who: usize, effect: bool },
    Delegate { from: usize, to: usize, hours: i64 },
    Revoke,
    Wait { hours: u64 },
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let one = 0..PEOPLE.len();
    let vote = (
        one.clone(),
        prop::option::weighted(0.4, one.clone()),
        prop::bool::weighted(0.85),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.15),
    )
        .prop_map(|(who, place_of, approve, stale, cut_off)| Step::Vote {
            who,
            place_of,
            approve,
            stale,
            cut_off,
        });
    prop_oneof![
        6 => vote,
        2 => (one.clone(), any::<bool>()).prop_map(|(who, effect)| Step::Edit { who, effect }),
        3 => (one.clone(), one, 1..9_i64).prop_map(|(from, to, hours)| Step::Delegate { from, to, hours }),
        1 => Just(Step::Revoke),
        1 => (1..9_u64).prop_map(|hours| Step::Wait { hours }),
        1 => Just(Step::Sweep),
    ]
}

/// What the policy asks for in a case.
#[derive(Debug, Clone)]
struct Asked {
    quorum: usize,
    stage: bool,
    rejections: usize,
}

fn asked() -> impl Strategy<Value = Asked> {
    (1..3_usize, any::<bool>(), 1..3_usize).prop_map(|(quorum, stage, rejections)| Asked {
        quorum,
        stage,
        rejections,
    })
}

impl Asked {
    fn requirement(&self) -> plan::ApprovalRequirement {
        let of = plan::Voters { groups: vec!["security".to_owned()], ..Default::default() };
        let threshold = plan::ApprovalThreshold { count: 1, of: Some(of) };
        let rule = plan::ApprovalRule { rule: Some(plan::approval_rule::Rule::AtLeast(threshold)) };
        let stage = plan::ApprovalStage { name: "security".to_owned(), rule: Some(rule), above: None };
        plan::ApprovalRequirement {
            roles: vec!["lead".to_owned()],
            quorum: i32::try_from(self.quorum).unwrap(),
            separation_of_duties: true,
            stages: if self.stage { vec![stage] } else { Vec::new() },
            rejections: i32::try_from(self.rejections).unwrap(),
            ..Default::default()
        }
    }
}

/// What happened, as the test made it happen.
#[derive(Default)]
struct Model {
    /// Version, author, and whether it changed what would run.
    versions: Vec<(i32, &'static str, bool)>,
    /// From, to, and the seconds from and until which it was in force.
    delegations: Vec<(String, String, i64, i64)>,
}

impl Model {
    fn is_behind(&self, id: &str) -> bool {
        id == REQUESTER || self.versions.iter().any(|(_, author, _)| *author == id)
    }

    fn delegated(&self, from: &str, to: &str, at: i64) -> bool {
        let fits = |(delegator, delegate, start, end): &(String, String, i64, i64)| {
            delegator == from && delegate == to && (*start..*end).contains(&at)
        };
        self.delegations.iter().any(fits)
    }

    /// Whether the vote may stand on `session`'s version.
    fn stands(&self, vote: &review::Vote, session: &review::PlanReviewSession) -> bool {
        let hand = vote.voter.as_ref().unwrap().id.as_str();
        let at = vote.create_time.unwrap().seconds;
        let own = vote.delegator.is_empty();
        let given_on = if vote.given_on_version == 0 { vote.version } else { vote.given_on_version };
        let unchanged = self.versions.iter().all(|(number, _, effect)| *number <= given_on || !effect);
        (own || self.delegated(&vote.delegator, hand, at))
            && vote.digest == session.digest
            && vote.version == session.current_version
            && unchanged
    }

    /// Whether the approvals of `session` are what the policy asks for, by different people who may.
    fn suffices(&self, asked: &Asked, session: &review::PlanReviewSession) -> bool {
        let approvals = session.votes.iter().filter(|vote| vote.choice() == VoteChoice::Approve);
        let mut used = BTreeSet::new();
        let mut seats = Vec::new();
        for vote in approvals {
            let hand = vote.voter.as_ref().unwrap().id.clone();
            let seat = if vote.delegator.is_empty() { hand.clone() } else { vote.delegator.clone() };
            let people = BTreeSet::from([hand, seat.clone()]);
            let free = people.is_disjoint(&used);
            if free && self.stands(vote, session) && !people.iter().any(|id| self.is_behind(id)) {
                used.extend(people);
                seats.push(seat);
            }
        }
        let leads = seats.iter().filter(|seat| seat.as_str() != "dev").count();
        leads >= asked.quorum && (!asked.stage || seats.iter().any(|seat| seat == "dev"))
    }

    fn check(&self, asked: &Asked, session: &review::PlanReviewSession, now: i64) {
        let against = session.votes.iter().filter(|vote| vote.choice() == VoteChoice::Reject);
        let against: BTreeSet<_> = against
            .map(|vote| {
                if vote.delegator.is_empty() {
                    vote.voter.as_ref().unwrap().id.clone()
                } else {
                    vote.delegator.clone()
                }
            })
            .collect();
        let enough = self.suffices(asked, session);
        match session.state() {
            State::Approved => {
                assert!(enough, "approved by {:#?}", session.votes);
                let decision = session.decision.as_ref().unwrap();
                assert_eq!((decision.version, &decision.digest), (session.current_version, &session.digest));
            }
            State::Rejected => assert!(against.len() >= asked.rejections, "{:#?}", session.votes),
            State::TimedOut => assert!(session.expire_time.unwrap().seconds <= now),
            State::Pending | State::InReview => {
                assert!(!enough, "open, and approved by {:#?}", session.votes);
                assert!(against.len() < asked.rejections);
                assert!(session.votes.iter().all(|vote| self.stands(vote, session)), "{:#?}", session.votes);
            }
            other => panic!("{other:?} was not asked for"),
        }
    }
}

async fn nothing_is_decided_but_by_the_rules(storage: Storage) {
    let rig = Rig::start(storage).await;
    let user = pb::User { id: "dev".to_owned(), groups: vec!["security".to_owned()], ..Default::default() };
    let request = pb::UpsertUserRequest { user: Some(user), ..Default::default() };
    rig.directory().upsert_user(by("ada", request)).await.unwrap();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = (asked(), prop::collection::vec(step(), 6..18));
    let mut ends = BTreeSet::new();
    for _ in 0..CASES {
        let (asked, steps) = strategy.new_tree(&mut runner).unwrap().current();
        println!("{asked:?} {steps:#?}");
        ends.insert(Box::pin(play(&rig, &asked, &steps)).await);
    }
    assert!(ends.contains(&(State::Approved as i32)), "too tame to show anything: {ends:?}");
    rig.stop().await;
}

async fn play(rig: &Rig, asked: &Asked, steps: &[Step]) -> i32 {
    rig.play.require(asked.requirement());
    let seconds = || rig.clock.now().micros() / 1_000_000;
    let mut model = Model::default();
    let mut session = rig.submit(RiskLevel::High).await;
    let first = session.clone();
    let mut made: Option<(String, usize)> = None;
    for step in steps {
        let before = session.clone();
        // No two things happen at one time, so that the model can tell which came first.
        rig.clock.advance(Duration::from_secs(1));
        match step {
            Step::Vote { who, place_of, approve, stale, cut_off } => {
                let seen = if *stale { &first } else { &session };
                let delegator = place_of.map(|n| PEOPLE[n]).unwrap_or_default();
                let call = async {
                    match approve {
                        true => drop(rig.approve_for(PEOPLE[*who], delegator, seen).await),
                        false => drop(rig.reject(PEOPLE[*who], seen).await),
                    }
                };
                if *cut_off {
                    // The caller is gone; what was committed stays, and nothing half of it.
                    drop(tokio::time::timeout(Duration::from_millis(2), call).await);
                    drop(rig.approve("dev", &first).await);
                } else {
                    call.await;
                }
            }
            Step::Edit { who, effect }
                if before.decision.is_none() && seconds() < before.expire_time.unwrap().seconds =>
            {
                let number = session.current_version + 1;
                model.versions.push((number, PEOPLE[*who], *effect));
                let edited = rig.edit(PEOPLE[*who], &session, |plan| match effect {
                    true => plan.items[1].tool = format!("tool_{number}"),
                    false => plan.items[1].description = format!("text {number}"),
                });
                // A vote whose caller is gone may still have decided first.
                if edited.await.current_version < number {
                    model.versions.pop();
                }
            }
            Step::Edit { .. } => {}
            Step::Delegate { from, to, hours } => {
                let (from, to) = (PEOPLE[*from], PEOPLE[*to]);
                if let Ok(one) = delegate(rig, from, ("", to), (0, *hours)).await {
                    let now = seconds();
                    model.delegations.push((from.to_owned(), to.to_owned(), now, now + hours * 3600));
                    made = Some((one.id, model.delegations.len() - 1));
                }
            }
            Step::Revoke => {
                if let Some((id, index)) = made.take() {
                    let request = pb::RevokeDelegationRequest { delegation_id: id, ..Default::default() };
                    rig.directory().revoke_delegation(by("ada", request)).await.unwrap();
                    let end = &mut model.delegations[index].3;
                    *end = (*end).min(seconds());
                }
            }
            Step::Wait { hours } => {
                rig.clock.advance(Duration::from_secs(hours * 3600));
            }
            Step::Sweep => drop(rig.app.sweep_expired().await),
        }
        session = rig.get(&session.id).await;
        model.check(asked, &session, seconds());
        if before.decision.is_some() {
            assert_eq!(
                (session.state(), &session.decision),
                (before.state(), &before.decision),
                "ends are ends"
            );
            assert_eq!(session.votes, before.votes);
        }
    }
    // Delegations of this case do not reach into the next.
    rig.clock.advance(Duration::from_secs(24 * 3600));
    session.state
}
