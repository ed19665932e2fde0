//! Explanations and what waits, as the contract has them.

use assent_proto::approval::v1 as pb;
use assent_rpc::convert::{Wire as _, WireEnum as _};

use super::convert::{decision_to_pb, session_to_pb, vote_to_pb};
use super::people::eligible_to_pb;
use crate::app::Pending;
use crate::app::explain::{Explanation, why};
use crate::domain::quorum::{Count, Reached};
use crate::domain::waiting::{reached_text, voters_text};

pub(super) fn pending_to_pb(pending: &Pending) -> pb::PendingSession {
    pb::PendingSession {
        session: Some(session_to_pb(&pending.session)),
        why: why(pending.delegator.as_deref(), &pending.counts_for),
        delegator: pending.delegator.clone().unwrap_or_default(),
        counts_for: pending.counts_for.clone(),
    }
}

pub(super) fn explanation_to_pb(explanation: &Explanation) -> pb::ExplainDecisionResponse {
    let session = &explanation.session;
    let decision = explanation.decision.as_ref().map(decision_to_pb);
    let votes = explanation.votes.iter().map(|standing| pb::VoteStanding {
        vote: Some(vote_to_pb(&standing.vote)),
        counts_for: standing.counts_for.clone(),
        why_not: standing.why_not.clone(),
    });
    let excluded = explanation.excluded.iter().map(|excluded| pb::Exclusion {
        user_id: excluded.user_id.clone(),
        reason: excluded.why.as_str().to_owned(),
        message: format!("{} {}", excluded.user_id, excluded.message),
    });
    pb::ExplainDecisionResponse {
        session_id: session.id.to_pb(),
        state: explanation.state.number(),
        version: session.subject.version,
        digest: session.subject.digest.to_pb(),
        satisfied: explanation.tally.missing() == 0,
        summary: explanation.summary.clone(),
        quorum: Some(threshold(&explanation.tally.quorum)),
        stages: stages(explanation),
        rejections: Some(threshold(&explanation.rejections)),
        votes: votes.collect(),
        excluded: excluded.collect(),
        conditions: decision.map(|decision| decision.conditions).unwrap_or_default(),
        eligible: explanation.eligible.iter().map(eligible_to_pb).collect(),
        policy_digest: session.risk.policy_digest.to_pb(),
        open_concerns: explanation.open_concerns.iter().map(|id| id.to_pb()).collect(),
        position: explanation.position,
    }
}

fn stages(explanation: &Explanation) -> Vec<pb::StageProgress> {
    let all = explanation.session.risk.requirement.stages.iter();
    let counted = |name: &String| explanation.tally.stages.iter().find(|(stage, _)| stage == name);
    all.map(|stage| match counted(&stage.name) {
        Some((name, reached)) => progress(name, reached, explanation.open_stage.as_ref()),
        None => pb::StageProgress {
            name: stage.name.clone(),
            state: pb::StageState::NotApplicable.into(),
            ..Default::default()
        },
    })
    .collect()
}

fn progress(name: &String, reached: &Reached, open: Option<&String>) -> pb::StageProgress {
    let state = match reached.missing() {
        0 => pb::StageState::Met,
        _ if open == Some(name) => pb::StageState::Open,
        _ => pb::StageState::Waiting,
    };
    pb::StageProgress {
        name: name.clone(),
        state: state.into(),
        missing: reached_text(reached),
        thresholds: reached.counts().into_iter().map(threshold).collect(),
    }
}

fn threshold(count: &Count) -> pb::Threshold {
    let number = |count| i32::try_from(count).unwrap_or(i32::MAX);
    pb::Threshold { needed: number(count.needed), given: number(count.given), of: voters_text(&count.of) }
}
