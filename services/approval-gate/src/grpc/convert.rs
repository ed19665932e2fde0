//! Sessions, votes and decisions as the contract has them.

use assent_core::Digest;
use assent_proto::approval::v1 as approval;
use assent_proto::plan::v1 as plan;
use assent_proto::review::v1 as pb;
use assent_rpc::convert::{Wire, WireEnum, list_to_pb};
use assent_rpc::wire_enum;

use super::comment::thread_to_pb;
use crate::app::View;
use crate::app::comment_read::{Revisions, threads};
use crate::app::export::Told;
use crate::domain::audit::Entry;
use crate::domain::carry::Dismissed;
use crate::domain::decision::{Decision, ItemState, ItemStatus, Outcome};
use crate::domain::grant::Grant;
use crate::domain::modification::{Modification, ModificationState};
use crate::domain::options::{Mode, Options, Urgency};
use crate::domain::session::Session;
use crate::domain::state::State;
use crate::domain::vote::{Choice, Vote};
use crate::store::key::PublicKey;
use crate::store::session_list::Order;

wire_enum!(State => pb::PlanReviewState {
    Pending, InReview, ModificationRequested, Approved, PartiallyApproved, Rejected, TimedOut, Cancelled
});
wire_enum!(Mode => pb::SubmissionMode { ReviewAlways, ReviewByRisk, Direct });
wire_enum!(Urgency => pb::ApprovalPriority { Low, Normal, High, Urgent });
wire_enum!(ItemState => pb::ItemApprovalState { Pending, Approved, Rejected, Skipped });
wire_enum!(ModificationState => pb::ModificationState { Pending, Done, Failed, Abandoned });
wire_enum!(Order => approval::SessionOrder { Newest, Oldest, Deadline });
wire_enum!(Choice => pb::VoteChoice { Approve, Reject });
wire_enum!(Outcome => pb::DecisionOutcome { Approved, PartiallyApproved, Rejected, TimedOut, Cancelled });

/// A session with everything that the view holds.
pub(crate) fn view_to_pb(view: View) -> pb::PlanReviewSession {
    let shows_estimates = view.session.options.show_estimates;
    let mut session = session_to_pb(&view.session);
    session.votes = view.votes.iter().map(vote_to_pb).collect();
    session.dismissed_votes = view.dismissed.iter().map(dismissed_to_pb).collect();
    session.item_statuses = view.items.iter().map(item_to_pb).collect();
    session.decision = view.decision.as_ref().map(decision_to_pb);
    session.grant = view.grant.as_ref().map(grant_to_pb);
    session.versions = view.versions;
    let said = threads(view.comments);
    session.comments = said.iter().map(|thread| thread_to_pb(thread, &Revisions::new())).collect();
    if let Some(current) = view.current {
        session.plan = current.plan;
        session.estimate = current.estimate;
    }
    if !shows_estimates {
        session.estimate = None;
        if let Some(decision) = &mut session.decision {
            decision.estimate = None;
        }
        session.versions.iter_mut().for_each(|version| version.estimate = None);
    }
    session
}

/// The session alone. Of the plan only what tells one session from another.
pub(crate) fn session_to_pb(session: &Session) -> pb::PlanReviewSession {
    let amends = session.options.amends.as_ref();
    pb::PlanReviewSession {
        id: session.id.to_pb(),
        plan: Some(plan::Plan {
            id: session.plan_id.to_pb(),
            goal: session.goal.clone(),
            ..plan::Plan::default()
        }),
        state: session.state.number(),
        create_time: Some(session.created_at.to_pb()),
        expire_time: session.expires_at.map(|time| time.to_pb()),
        assigned_reviewer: session.assigned_reviewer.clone().unwrap_or_default(),
        authorized_approvers: session.options.authorized_approvers.clone(),
        comments: Vec::new(),
        item_statuses: Vec::new(),
        versions: Vec::new(),
        decision: None,
        estimate: None,
        priority: session.options.priority.number(),
        reviewer_message: session.options.reviewer_message.clone(),
        current_version: session.subject.version,
        digest: session.subject.digest.to_pb(),
        risk: Some(session.risk.to_pb()),
        requester: Some(session.requester.to_pb()),
        on_behalf_of: session.on_behalf_of.clone(),
        mode: session.mode.number(),
        options: Some(options_to_pb(&session.options)),
        votes: Vec::new(),
        update_time: Some(session.updated_at.to_pb()),
        revision: session.revision,
        dismissed_votes: Vec::new(),
        after_review_of: session.after_review_of.map(|id| id.to_pb()).unwrap_or_default(),
        amends_session_id: amends.map(|amends| amends.session.to_pb()).unwrap_or_default(),
        amends_item_id: amends.map(|amends| amends.item.clone()).unwrap_or_default(),
        escalation_step: session.escalation_step,
        reminders_sent: session.reminders_sent,
        overdue_since: session.overdue_since.map(|time| time.to_pb()),
        modification: session.modification.as_ref().map(modification_to_pb),
        grant: None,
    }
}

fn grant_to_pb(grant: &Grant) -> pb::GrantSummary {
    let revoked = grant.revoked.as_ref();
    pb::GrantSummary {
        id: grant.id.to_pb(),
        issue_time: Some(grant.issued_at.to_pb()),
        expire_time: Some(grant.expires_at.to_pb()),
        revoke_time: revoked.map(|revocation| revocation.at.to_pb()),
        revoke_reason: revoked.map(|revocation| revocation.reason.clone()).unwrap_or_default(),
    }
}

fn modification_to_pb(modification: &Modification) -> pb::PlanModification {
    pb::PlanModification {
        request: Some(modification_request_to_pb(modification)),
        requested_by: Some(modification.requested_by.to_pb()),
        request_time: Some(modification.requested_at.to_pb()),
        state: modification.state.number(),
        version: modification.new_version,
        explanation: modification.explanation.clone(),
        answered_comment_ids: modification.answered.clone(),
        error: modification.error.clone(),
    }
}

pub(crate) fn modification_request_to_pb(modification: &Modification) -> pb::PlanModificationRequest {
    pb::PlanModificationRequest {
        feedback: modification.feedback.clone(),
        version: modification.subject.version,
        comment_ids: modification.comment_ids.clone(),
    }
}

pub(crate) fn options_to_pb(options: &Options) -> pb::ApprovalRequestOptions {
    pb::ApprovalRequestOptions {
        require_explicit_approval: options.require_explicit_approval,
        approval_timeout: options.approval_timeout.map(|span| span.to_pb()),
        timeout_action: options.timeout_action.map_or(0, |action| action.number()),
        authorized_approvers: options.authorized_approvers.clone(),
        allow_partial_approval: Some(options.allow_partial_approval),
        show_estimates: Some(options.show_estimates),
        allow_work_item_comments: Some(options.allow_work_item_comments),
        notify_on: options.notify_on.iter().map(|channel| channel.number()).collect(),
        reviewer_message: options.reviewer_message.clone(),
        priority: options.priority.number(),
    }
}

pub(crate) fn vote_to_pb(vote: &Vote) -> pb::Vote {
    pb::Vote {
        id: vote.id.to_pb(),
        version: vote.subject.version,
        digest: vote.subject.digest.to_pb(),
        voter: Some(vote.voter.to_pb()),
        choice: vote.choice.number(),
        reason: vote.reason.clone(),
        create_time: Some(vote.created_at.to_pb()),
        delegator: vote.delegation.map(|_| vote.seat.id.clone()).unwrap_or_default(),
        delegation_id: vote.delegation.map(|id| id.to_pb()).unwrap_or_default(),
        given_on_version: vote.given_on.unwrap_or_default(),
        items: vote.items.iter().flatten().cloned().collect(),
        conditions: list_to_pb(&vote.conditions),
    }
}

pub(crate) fn dismissed_to_pb(dismissed: &Dismissed) -> pb::DismissedVote {
    pb::DismissedVote {
        vote: Some(vote_to_pb(&dismissed.vote)),
        reason: dismissed.reason.clone(),
        message: dismissed.explanation.clone(),
        version: dismissed.version,
        dismiss_time: Some(dismissed.at.to_pb()),
    }
}

fn item_to_pb(item: &ItemStatus) -> pb::ItemApprovalStatus {
    pb::ItemApprovalStatus {
        item_id: item.item_id.clone(),
        state: item.state.number(),
        decided_by: item.decided_by.clone().unwrap_or_default(),
        decide_time: item.decided_at.map(|time| time.to_pb()),
        notes: item.notes.clone().unwrap_or_default(),
    }
}

pub(crate) fn decision_to_pb(decision: &Decision) -> pb::ApprovalDecision {
    pb::ApprovalDecision {
        id: decision.id.to_pb(),
        outcome: decision.outcome.number(),
        version: decision.subject.version,
        digest: decision.subject.digest.to_pb(),
        decided_by: Some(decision.decided_by.to_pb()),
        decide_time: Some(decision.decided_at.to_pb()),
        reason: decision.reason.clone(),
        approved_items: decision.approved_items.clone(),
        rejected_items: decision.rejected_items.clone(),
        conditions: list_to_pb(&decision.conditions),
        approvers: decision.approvers.clone(),
        break_glass: decision.break_glass,
        skipped_items: decision.skipped_items.clone(),
        estimate: decision.estimate.as_ref().map(|estimate| estimate.to_pb()),
        risk_level: decision.risk_level.map_or(0, |level| level.number()),
    }
}

pub(super) fn entry_to_pb(entry: &Entry, digest: &Digest) -> approval::AuditEntry {
    approval::AuditEntry {
        id: entry.id.to_pb(),
        sequence: entry.sequence,
        session_id: entry.session_id.to_pb(),
        action: entry.action.clone(),
        actor: Some(entry.actor.to_pb()),
        credential: entry.actor.credential.clone(),
        request_id: entry.request_id.clone(),
        trace_id: entry.trace_id.clone(),
        time: Some(entry.time.to_pb()),
        details: Some(entry.details.to_pb()),
        digest: digest.to_pb(),
    }
}

/// What became of a session.
pub(super) fn record_to_pb((id, record, head): Told) -> approval::AuditRecord {
    approval::AuditRecord {
        workflow_id: id.to_pb(),
        user_query: record.goal,
        plan_risk: record.risk_level.to_ascii_uppercase(),
        approved_by: record.approved_by,
        approved_at: record.approved_at.map(|time| time.to_pb()),
        execution_time_ms: u32::try_from(record.execution_ms).unwrap_or(u32::MAX),
        artifacts: record.artifacts,
        status: record.status.to_ascii_uppercase(),
        requested_by: record.requested_by,
        requested_at: record.requested_at.map(|time| time.to_pb()),
        approvers: record.approvers,
        version: i32::try_from(record.version).unwrap_or_default(),
        digest: record.digest,
        reason: record.reason,
        entries: head.sequence,
        head_digest: head.digest.to_pb(),
    }
}

pub(super) fn key_to_pb(key: PublicKey) -> approval::VerifyingKey {
    approval::VerifyingKey {
        key_id: key.id.to_pb(),
        public_key: key.public_key,
        create_time: Some(key.created_at.to_pb()),
        retire_time: key.retired_at.map(|time| time.to_pb()),
    }
}
