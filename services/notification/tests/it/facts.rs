//! What services publish.

use assent_proto::event::v1::event::Payload;
use assent_proto::event::v1::{PlanApproved, PlanCommentAdded, PlanSubmittedForApproval};
use assent_proto::review::v1::{ApprovalDecision, DecisionOutcome, PlanComment};
use assent_proto::types::v1::Actor;

pub(crate) fn submitted() -> Payload {
    Payload::PlanSubmittedForApproval(PlanSubmittedForApproval::default())
}

pub(crate) fn decision(outcome: DecisionOutcome) -> Option<ApprovalDecision> {
    Some(ApprovalDecision {
        outcome: outcome.into(),
        decided_by: Some(Actor { id: "bob".to_owned(), ..Actor::default() }),
        reason: "because password=\"hunter2\"".to_owned(),
        ..ApprovalDecision::default()
    })
}

pub(crate) fn approved() -> Payload {
    Payload::PlanApproved(PlanApproved { decision: decision(DecisionOutcome::Approved) })
}

pub(crate) fn comment(text: &str) -> Payload {
    let comment = PlanComment {
        id: "cmt_1".to_owned(),
        content: text.to_owned(),
        version: 1,
        ..PlanComment::default()
    };
    Payload::PlanCommentAdded(PlanCommentAdded { comment: Some(comment) })
}
