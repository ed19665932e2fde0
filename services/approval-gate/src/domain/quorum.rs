//! When a plan has the approvals that it needs.

use assent_core::Actor;

use super::eligibility::Electorate;
use super::vote::Subject;

/// How far the approvals go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Different people who may approve and did, in the order of their votes.
    pub approvers: Vec<String>,
    /// Approvals that are still missing.
    pub missing: u32,
}

/// Counts the approvals of `subject`: one for each person, only of those who may approve, only for exactly this
/// version and digest.
pub fn tally<'v>(
    electorate: &Electorate<'_>,
    subject: Subject,
    approvals: impl IntoIterator<Item = (&'v Actor, Subject)>,
) -> Tally {
    let mut approvers: Vec<String> = Vec::new();
    for (voter, of) in approvals {
        if of == subject && electorate.may_approve(voter).is_ok() && !approvers.contains(&voter.id) {
            approvers.push(voter.id.clone());
        }
    }
    let given = u32::try_from(approvers.len()).unwrap_or(u32::MAX);
    // A requirement of nobody would be approval by absence.
    let quorum = electorate.requirement.quorum.max(1);
    Tally { missing: quorum.saturating_sub(given), approvers }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use assent_core::Digest;
    use assent_plan::RiskLevel;
    use proptest::prelude::*;

    use super::*;
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
            };
            let digest = Digest::of(&[b"plan"]);
            let subject = Subject { version: 1, digest };
            let cast: Vec<_> = votes
                .iter()
                .map(|(who, admin, version)| {
                    let voter = person(&format!("p{who}"), if *admin { &["admin"] } else { &["lead"] });
                    (voter, Subject { version: *version, digest })
                })
                .collect();
            let outcome = tally(&electorate, subject, cast.iter().map(|(voter, of)| (voter, *of)));
            let valid: BTreeSet<u8> =
                votes.iter().filter(|(who, admin, version)| *who != 0 && *admin && *version == 1).map(|v| v.0).collect();
            prop_assert_eq!(outcome.approvers.len(), valid.len());
            prop_assert_eq!(outcome.missing == 0, valid.len() >= quorum.max(1) as usize);
        }
    }
}
