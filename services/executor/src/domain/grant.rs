//! What a grant must say before anything runs on it. Its signature has been verified before.

use std::time::Duration;

use assent_core::grant::{GrantClaims, ISSUER};
use assent_core::id::SessionId;
use assent_core::{Digest, Timestamp};
use assent_plan::digest::{DigestError, item_leaf};
use assent_plan::graph::GraphError;
use assent_plan::{Condition, Plan, PlanDigest, PlanGraph, WorkItem};

/// Why nothing runs on a grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// There is no grant, or no version to it.
    #[error("the grant or its plan cannot be had: {0}")]
    Unavailable(String),
    /// No known key made the signature, or the text is no grant.
    #[error("the grant is not signed by a key of the approval gate")]
    Signature,
    /// It is for another session.
    #[error("the grant is for the session {0}")]
    Session(SessionId),
    /// It is for another version than the one at hand.
    #[error("the grant is for version {granted}, and the plan is version {found}")]
    Version {
        /// The version in the grant.
        granted: i32,
        /// The version that was received.
        found: i32,
    },
    /// Its time is over.
    #[error("the grant has expired")]
    Expired,
    /// Its time has not come.
    #[error("the grant is not valid yet")]
    NotYetValid,
    /// The plan is not the one that was approved.
    #[error("the plan does not have the digest that was approved")]
    Digest,
    /// An item is not the one that was approved.
    #[error("the work item `{0}` is not as it was approved")]
    Leaf(String),
    /// It was taken back.
    #[error("the grant was taken back: {0}")]
    Revoked(String),
    /// A tool is not the one for which the plan was approved.
    #[error("the tool `{0}` has changed since the execution was accepted")]
    Tool(String),
    /// The grant asks for something that this executor cannot enforce.
    #[error("the grant carries a condition that this executor does not know")]
    Condition,
    /// The plan cannot be run.
    #[error("the plan cannot be run: {0}")]
    Unsound(#[from] GraphError),
}

impl Refusal {
    /// Stable name, as in the event `execution_refused`.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "GRANT_UNAVAILABLE",
            Self::Signature => "GRANT_SIGNATURE_INVALID",
            Self::Session(_) => "GRANT_SESSION_MISMATCH",
            Self::Version { .. } | Self::Digest => "GRANT_DIGEST_MISMATCH",
            Self::Expired => "GRANT_EXPIRED",
            Self::NotYetValid => "GRANT_NOT_YET_VALID",
            Self::Leaf(_) => "ITEM_LEAF_MISMATCH",
            Self::Revoked(_) => "GRANT_REVOKED",
            Self::Tool(_) => "TOOL_CHANGED",
            Self::Condition => "GRANT_CONDITION_UNKNOWN",
            Self::Unsound(_) => "PLAN_INVALID",
        }
    }
}

impl From<DigestError> for Refusal {
    fn from(_: DigestError) -> Self {
        Self::Digest
    }
}

/// The plan at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'p> {
    /// Session that it belongs to.
    pub(crate) session: SessionId,
    /// Its version.
    pub(crate) version: i32,
    /// Digest that was stored with it.
    pub(crate) digest: Digest,
    /// The plan itself.
    pub(crate) plan: &'p Plan,
}

/// Checks everything about `claims` but their signature and time; returns what the execution must keep to.
pub(crate) fn check(claims: &GrantClaims, subject: Subject<'_>) -> Result<Vec<Condition>, Refusal> {
    if claims.iss != ISSUER {
        return Err(Refusal::Signature);
    }
    if claims.sub != subject.session {
        return Err(Refusal::Session(claims.sub));
    }
    if claims.ver != subject.version {
        return Err(Refusal::Version { granted: claims.ver, found: subject.version });
    }
    let digest = PlanDigest::of(subject.plan)?;
    if claims.dig != subject.digest || claims.dig != digest.root {
        return Err(Refusal::Digest);
    }
    for (id, leaf) in &claims.items {
        let found = id.parse().ok().and_then(|id| digest.item(&id).copied());
        if found != Some(*leaf) {
            return Err(Refusal::Leaf(id.clone()));
        }
    }
    PlanGraph::new(subject.plan)?;
    let known = claims.conditions.iter().map(Condition::of_json);
    known.collect::<Result<_, _>>().map_err(|_| Refusal::Condition)
}

/// Whether the grant may be used at `now`. `skew` is how far the clocks of gate and executor may differ: it lets a
/// grant be used at once, and never after its end.
pub(crate) fn check_time(claims: &GrantClaims, now: Timestamp, skew: Duration) -> Result<(), Refusal> {
    let seconds = now.micros().div_euclid(1_000_000);
    let skew = i64::try_from(skew.as_secs()).unwrap_or(i64::MAX);
    if seconds >= claims.exp {
        return Err(Refusal::Expired);
    }
    if seconds.saturating_add(skew) < claims.nbf {
        return Err(Refusal::NotYetValid);
    }
    Ok(())
}

/// Whether `item`, as it is about to run, is the one that was approved.
pub(crate) fn check_item(claims: &GrantClaims, item: &WorkItem) -> Result<(), Refusal> {
    let granted = claims.items.get(item.id.as_str());
    match item_leaf(item) {
        Ok(leaf) if granted == Some(&leaf) => Ok(()),
        _ => Err(Refusal::Leaf(item.id.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn session(number: u128) -> SessionId {
        format!("ses_{number:032x}").parse().unwrap()
    }

    fn plan() -> Plan {
        let mut plan = Plan::new("g");
        plan.items.push(WorkItem::new("a".parse().unwrap(), "A", "code_gen"));
        plan.items.push(WorkItem::new("b".parse().unwrap(), "B", "shell"));
        plan
    }

    fn claims(plan: &Plan) -> GrantClaims {
        let digest = PlanDigest::of(plan).unwrap();
        let leaf = |item: &WorkItem| (item.id.to_string(), *digest.item(&item.id).unwrap());
        GrantClaims {
            iss: ISSUER.to_owned(),
            sub: session(1),
            jti: "gra_00000000000000000000000000000002".parse().unwrap(),
            ver: 1,
            dig: digest.root,
            items: plan.items.iter().map(leaf).collect::<BTreeMap<_, _>>(),
            conditions: Vec::new(),
            amends: None,
            iat: 100,
            nbf: 100,
            exp: 200,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn refused(claims: &GrantClaims, plan: &Plan, seconds: i64) -> Option<&'static str> {
        let subject = Subject { session: session(1), version: 1, digest: claims.dig, plan };
        let time = || check_time(claims, at(seconds), Duration::from_secs(30));
        check(claims, subject).and_then(|_| time()).err().map(|refusal| refusal.reason())
    }

    #[test]
    fn every_attack_is_refused_by_its_name() {
        let plan = plan();
        let good = claims(&plan);
        assert_eq!(refused(&good, &plan, 150), None);
        assert_eq!(refused(&good, &plan, 75), None);
        assert_eq!(refused(&good, &plan, 69), Some("GRANT_NOT_YET_VALID"));
        assert_eq!(refused(&good, &plan, 200), Some("GRANT_EXPIRED"));

        let with = |change: fn(&mut GrantClaims)| {
            let mut claims = good.clone();
            change(&mut claims);
            refused(&claims, &plan, 150)
        };
        assert_eq!(with(|c| c.iss = "other".to_owned()), Some("GRANT_SIGNATURE_INVALID"));
        assert_eq!(with(|c| c.sub = session(9)), Some("GRANT_SESSION_MISMATCH"));
        assert_eq!(with(|c| c.ver = 2), Some("GRANT_DIGEST_MISMATCH"));
        assert_eq!(with(|c| c.dig = Digest::of(&[b"x"])), Some("GRANT_DIGEST_MISMATCH"));
        assert_eq!(with(|c| c.conditions.push(1.into())), Some("GRANT_CONDITION_UNKNOWN"));
        assert_eq!(
            with(|c| {
                c.items.insert("c".to_owned(), Digest::of(&[]));
            }),
            Some("ITEM_LEAF_MISMATCH")
        );

        let mut edited = plan.clone();
        edited.items[0].arguments.insert("template".to_owned(), "rm".into());
        assert_eq!(refused(&good, &edited, 150), Some("GRANT_DIGEST_MISMATCH"));
        assert_eq!(check_item(&good, &edited.items[0]).unwrap_err().reason(), "ITEM_LEAF_MISMATCH");
        assert_eq!(check_item(&good, &plan.items[0]), Ok(()));

        let mut partial = good.clone();
        partial.items.remove("b");
        assert_eq!(check_item(&partial, &plan.items[1]).unwrap_err().reason(), "ITEM_LEAF_MISMATCH");
    }
}
