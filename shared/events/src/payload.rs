//! Names of payloads.

use assent_proto::event::v1::event::Payload;

/// The name of the payload's field in the contract, e.g. `plan_approved`.
pub fn type_name(payload: &Payload) -> &'static str {
    match payload {
        Payload::PlanSubmittedForApproval(_) => "plan_submitted_for_approval",
        Payload::PlanReviewStarted(_) => "plan_review_started",
        Payload::PlanCommentAdded(_) => "plan_comment_added",
        Payload::PlanCommentResolved(_) => "plan_comment_resolved",
        Payload::PlanModificationRequested(_) => "plan_modification_requested",
        Payload::PlanVersionCreated(_) => "plan_version_created",
        Payload::PlanApproved(_) => "plan_approved",
        Payload::PlanPartiallyApproved(_) => "plan_partially_approved",
        Payload::PlanRejected(_) => "plan_rejected",
        Payload::ApprovalTimeout(_) => "approval_timeout",
        Payload::ApprovalReminderSent(_) => "approval_reminder_sent",
        Payload::PlanCancelled(_) => "plan_cancelled",
        Payload::PlanVoteCast(_) => "plan_vote_cast",
        Payload::PlanCorrupted(_) => "plan_corrupted",
        Payload::ExecutionStarted(_) => "execution_started",
        Payload::WorkItemRunChanged(_) => "work_item_run_changed",
        Payload::ExecutionEnded(_) => "execution_ended",
        Payload::ExecutionRefused(_) => "execution_refused",
        Payload::ExecutionChanged(_) => "execution_changed",
        Payload::WorkItemProgressed(_) => "work_item_progressed",
        Payload::NotificationDelivered(_) => "notification_delivered",
        Payload::NotificationFailed(_) => "notification_failed",
        Payload::GrantRevoked(_) => "grant_revoked",
        Payload::UserChanged(_) => "user_changed",
        Payload::DelegationCreated(_) => "delegation_created",
        Payload::DelegationRevoked(_) => "delegation_revoked",
        Payload::PlanVotesReviewed(_) => "plan_votes_reviewed",
        Payload::BreakGlassUsed(_) => "break_glass_used",
        Payload::PlanRiskReassessed(_) => "plan_risk_reassessed",
        Payload::AfterReviewSigned(_) => "after_review_signed",
        Payload::PlanCommentEdited(_) => "plan_comment_edited",
        Payload::PlanCommentDeleted(_) => "plan_comment_deleted",
        Payload::PlanCommentReopened(_) => "plan_comment_reopened",
        Payload::PlanCommentHidden(_) => "plan_comment_hidden",
        Payload::PlanModificationFailed(_) => "plan_modification_failed",
        Payload::PlanResubmitted(_) => "plan_resubmitted",
        Payload::PlanReviewReassigned(_) => "plan_review_reassigned",
        Payload::ApprovalDeadlineExtended(_) => "approval_deadline_extended",
        Payload::SigningKeyRotated(_) => "signing_key_rotated",
        Payload::SessionRemoved(_) => "session_removed",
        Payload::AuditRemoved(_) => "audit_removed",
        Payload::PlanVersionAdopted(_) => "plan_version_adopted",
    }
}

#[cfg(test)]
mod tests {
    use assent_proto::event::v1::Event;
    use prost::Message as _;

    use super::*;

    #[test]
    fn every_payload_has_the_name_of_its_field() {
        let event = assent_proto::pool().get_message_by_name("assent.event.v1.Event").unwrap();
        let payloads = event.oneofs().find(|oneof| oneof.name() == "payload").unwrap();
        for field in payloads.fields() {
            // An empty message in that field: its tag, then length zero.
            let mut bytes = Vec::new();
            prost::encoding::encode_key(
                field.number(),
                prost::encoding::WireType::LengthDelimited,
                &mut bytes,
            );
            bytes.push(0);
            let decoded = Event::decode(bytes.as_slice()).unwrap();
            assert_eq!(type_name(&decoded.payload.unwrap()), field.name());
        }
    }
}
