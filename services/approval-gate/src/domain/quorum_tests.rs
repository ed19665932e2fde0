use std::collections::BTreeSet;

use assent_core::Digest;
use assent_plan::{ApprovalRequirement, ApprovalStage, ApprovalThreshold, Money, RiskLevel};
use proptest::prelude::*;

use super::*;
use crate::domain::eligibility::Author;
use crate::domain::eligibility::tests::person;
use crate::domain::options::tests::risk;

proptest! {
    #[test]
    fn never_enough_without_that_many_different_people_who_may(
        quorum in 0..4_u32,
        votes in prop::collection::vec((0..5_u8, any::<bool>(), 1..3_i32), 0..12),
    ) {
        let assessment = risk(RiskLevel::Critical, &["admin"], quorum, true);
        let electorate = Electorate {
            requirement: &assessment.requirement,
            authorized: &[],
            requester: "p0",
            on_behalf_of: "",
            authors: &[],
            cost_high: None,
            escalated: 0,
        };
        let digest = Digest::of(&[b"plan"]);
        let subject = Subject { version: 1, digest };
        let cast: Vec<_> = votes
            .iter()
            .map(|(who, admin, version)| {
                let voter = person(&format!("p{who}"), if *admin { &["admin"] } else { &["lead"] });
                (Member::of(&voter, &[]), voter, Subject { version: *version, digest })
            })
            .collect();
        let given = cast.iter().map(|(seat, hand, of)| (Voice { hand, seat }, *of));
        let outcome = tally(&electorate, subject, given);
        let valid: BTreeSet<u8> =
            votes.iter().filter(|(who, admin, version)| *who != 0 && *admin && *version == 1).map(|v| v.0).collect();
        prop_assert_eq!(outcome.approvers.len(), valid.len());
        prop_assert_eq!(outcome.missing() == 0, valid.len() >= quorum.max(1) as usize);
    }
}

/// Person `n` is lead, in the group, tagged, by the bits of `n`; `p0` asked, `p1` made a version.
fn member(n: usize) -> Member {
    let some = |bit: usize, name: &str| if n >> bit & 1 == 1 { vec![name.to_owned()] } else { Vec::new() };
    Member {
        id: format!("p{n}"),
        roles: some(0, "lead"),
        groups: some(1, "security"),
        tags: some(2, "oncall"),
    }
}

fn rule() -> impl Strategy<Value = ApprovalRule> {
    let voters = prop_oneof![
        Just(Voters { roles: vec!["lead".to_owned()], ..Voters::default() }),
        Just(Voters { groups: vec!["security".to_owned()], ..Voters::default() }),
        Just(Voters { tags: vec!["oncall".to_owned()], roles: vec!["lead".to_owned()], ..Voters::default() }),
        Just(Voters { users: vec!["P6".to_owned(), "p7".to_owned()], ..Voters::default() }),
        Just(Voters::default()),
    ];
    let leaf =
        (1..3_u32, voters).prop_map(|(count, of)| ApprovalRule::AtLeast(ApprovalThreshold { count, of }));
    leaf.prop_recursive(3, 8, 3, |inner| {
        let rules = prop::collection::vec(inner, 0..3);
        prop_oneof![rules.clone().prop_map(ApprovalRule::All), rules.prop_map(ApprovalRule::Any)]
    })
}

/// The model: whether a set of people, each once, meets a rule. Written from the words of the contract.
fn meets(rule: &ApprovalRule, people: &[Member]) -> bool {
    match rule {
        ApprovalRule::All(rules) => !rules.is_empty() && rules.iter().all(|rule| meets(rule, people)),
        ApprovalRule::Any(rules) => rules.iter().any(|rule| meets(rule, people)),
        ApprovalRule::AtLeast(threshold) => {
            let fits = |member: &&Member| {
                let of = &threshold.of;
                let any = |wanted: &[String], own: &[String]| {
                    wanted.is_empty() || own.iter().any(|n| wanted.contains(n))
                };
                let lists = [&of.roles, &of.groups, &of.tags, &of.users];
                let users: Vec<_> = of.users.iter().map(|id| id.to_lowercase()).collect();
                lists.iter().any(|list| !list.is_empty())
                    && any(&of.roles, &member.roles)
                    && any(&of.groups, &member.groups)
                    && any(&of.tags, &member.tags)
                    && (users.is_empty() || users.contains(&member.id))
            };
            people.iter().filter(fits).count() >= threshold.count as usize
        }
    }
}

proptest! {
    /// Every way to pick votes whose people are all different is tried: approved is what some way allows, and with
    /// votes of one's own only, nothing that a way allows is refused.
    #[test]
    fn stages_agree_with_trying_every_choice_of_people(
        rules in prop::collection::vec((rule(), prop::option::of(1..4_u64)), 0..3),
        quorum in 1..3_u32,
        cost in prop::option::of(0..4_u64),
        separate: bool,
        delegated: bool,
        hands in prop::collection::vec((0..8_usize, 0..8_usize), 0..7),
    ) {
        let stage = |(n, (rule, above)): (usize, (ApprovalRule, Option<u64>))| {
            ApprovalStage { name: format!("s{n}"), rule, above: above.map(Money::from_micros) }
        };
        let requirement = ApprovalRequirement {
            roles: vec!["lead".to_owned()],
            quorum,
            separation_of_duties: separate,
            stages: rules.into_iter().enumerate().map(stage).collect(),
            ..Default::default()
        };
        let authors = [Author { version: 1, id: "p1".to_owned() }];
        let electorate = Electorate {
            requirement: &requirement,
            authorized: &[],
            requester: "P0",
            on_behalf_of: "",
            authors: &authors,
            cost_high: cost.map(Money::from_micros),
            escalated: 0,
        };
        let subject = Subject { version: 1, digest: Digest::of(&[b"plan"]) };
        let cast: Vec<_> = hands
            .iter()
            .map(|(hand, seat)| (person(&format!("p{hand}"), &[]), member(if delegated { *seat } else { *hand })))
            .collect();
        let given = cast.iter().map(|(hand, seat)| (Voice { hand, seat }, subject));
        let outcome = tally(&electorate, subject, given);

        let excluded = |id: &str| separate && (id == "p0" || id == "p1");
        let possible = (0..1_u32 << cast.len()).any(|chosen| {
            let votes: Vec<_> = (0..cast.len()).filter(|n| chosen >> n & 1 == 1).map(|n| &cast[n]).collect();
            let mut people = BTreeSet::new();
            let apart = votes.iter().all(|(hand, seat)| {
                let own = hand.id == seat.id;
                people.insert(hand.id.clone()) && (own || people.insert(seat.id.clone()))
            });
            let allowed = votes.iter().all(|(hand, seat)| !excluded(&hand.id) && !excluded(&seat.id));
            let seats: Vec<Member> = votes.iter().map(|(_, seat)| seat.clone()).collect();
            let enough = seats.iter().filter(|seat| seat.roles == ["lead"]).count() >= quorum as usize;
            let counts = |stage: &&ApprovalStage| {
                stage.above.is_none_or(|above| cost.is_none_or(|cost| Money::from_micros(cost) > above))
            };
            let stages = requirement.stages.iter().filter(counts).all(|stage| meets(&stage.rule, &seats));
            apart && allowed && enough && stages
        });
        if delegated {
            prop_assert!(outcome.missing() > 0 || possible);
        } else {
            prop_assert_eq!(outcome.missing() == 0, possible);
        }
    }

    /// No vote takes an approval away.
    #[test]
    fn one_vote_more_never_makes_more_missing(
        rule in rule(), quorum in 1..3_u32, hands in prop::collection::vec((0..8_usize, 0..8_usize), 1..8),
    ) {
        let requirement = ApprovalRequirement {
            roles: vec!["lead".to_owned()],
            quorum,
            stages: vec![ApprovalStage { name: "s".to_owned(), rule, above: None }],
            ..Default::default()
        };
        let electorate = Electorate {
            requirement: &requirement,
            authorized: &[],
            requester: "",
            on_behalf_of: "",
            authors: &[],
            cost_high: None,
            escalated: 0,
        };
        let subject = Subject { version: 1, digest: Digest::of(&[b"plan"]) };
        let cast: Vec<_> =
            hands.iter().map(|(hand, seat)| (person(&format!("p{hand}"), &[]), member(*seat))).collect();
        let mut before = u32::MAX;
        for length in 0..=cast.len() {
            let given = cast[..length].iter().map(|(hand, seat)| (Voice { hand, seat }, subject));
            let missing = tally(&electorate, subject, given).missing();
            prop_assert!(missing <= before);
            before = missing;
        }
    }
}
