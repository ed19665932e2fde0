use assent_proto::event::v1::Event;
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::WorkItemRun;
use assent_proto::review::v1::{ApprovalDecision, DecisionOutcome};
use futures_util::{StreamExt as _, stream};

use crate::app::App;
use crate::execution::state_name;
use crate::follow::{Facts, facts};
use crate::output::{Line, Tone, plain, short_time, state, to_json, toned};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent watch ses_0190163d8694739aaea5966c26f8ad91 -o json")]
pub(crate) struct Watch {
    /// The session
    session: String,
}

impl Watch {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let review = facts(&client, &self.session, Facts::Review);
        let run = facts(&client, &self.session, Facts::Execution);
        let mut events = stream::select(review, run);
        while let Some(event) = events.next().await {
            let event = event?;
            if app.console.for_people() {
                app.console.print([line(&event)])?;
            } else {
                app.console.row(&to_json(&event)?)?;
            }
            if is_last(&event) {
                break;
            }
        }
        Ok(())
    }
}

/// Whether nothing comes after it: the plan must not run, or has run.
fn is_last(event: &Event) -> bool {
    match &event.payload {
        Some(Payload::PlanRejected(_) | Payload::PlanCancelled(_) | Payload::ExecutionRefused(_)) => true,
        Some(Payload::ApprovalTimeout(timeout)) => timeout.decision.as_ref().is_some_and(|d| !may_run(d)),
        Some(Payload::ExecutionEnded(_)) => true,
        _ => false,
    }
}

fn may_run(decision: &ApprovalDecision) -> bool {
    matches!(decision.outcome(), DecisionOutcome::Approved | DecisionOutcome::PartiallyApproved)
}

fn line(event: &Event) -> Line {
    let by = event.actor.as_ref().map(|a| a.id.as_str()).unwrap_or_default();
    toned(format!("{}  ", short_time(event.time.as_ref())), Tone::Dim)
        .then(format!("{:<28}", event.r#type), Tone::Bold)
        .joined(&plain(particulars(event)))
        .then(format!("  by {by}"), Tone::Dim)
}

fn particulars(event: &Event) -> String {
    match &event.payload {
        Some(Payload::PlanSubmittedForApproval(e)) => {
            format!("version {}, {} risk", e.version, crate::output::level(e.risk_level).0)
        }
        Some(Payload::PlanReviewStarted(e)) => e.reviewer_id.clone(),
        Some(Payload::PlanApproved(e)) => decided(e.decision.as_ref()),
        Some(Payload::PlanPartiallyApproved(e)) => decided(e.decision.as_ref()),
        Some(Payload::PlanRejected(e)) => decided(e.decision.as_ref()),
        Some(Payload::PlanCancelled(e)) => decided(e.decision.as_ref()),
        Some(Payload::ApprovalTimeout(e)) if e.decision.is_none() => {
            format!("{}: {}", state(e.action_taken().as_str_name(), "TIMEOUT_ACTION_"), e.reason)
        }
        Some(Payload::ApprovalTimeout(e)) => decided(e.decision.as_ref()),
        Some(Payload::PlanModificationRequested(e)) => {
            e.request.as_ref().map(|r| r.feedback.clone()).unwrap_or_default()
        }
        Some(Payload::PlanModificationFailed(e)) => e.error.clone(),
        Some(Payload::PlanResubmitted(e)) => format!("version {}: {}", e.version, e.message),
        Some(Payload::PlanReviewReassigned(e)) => e.reviewer_id.clone(),
        Some(Payload::ApprovalDeadlineExtended(e)) => e.reason.clone(),
        Some(Payload::GrantRevoked(e)) => e.reason.clone(),
        Some(Payload::PlanVoteCast(e)) => e.vote.as_ref().map(|v| v.reason.clone()).unwrap_or_default(),
        Some(Payload::PlanCommentAdded(e)) => {
            e.comment.as_ref().map(|c| c.content.clone()).unwrap_or_default()
        }
        Some(Payload::PlanCommentEdited(e)) => {
            e.comment.as_ref().map(|c| c.content.clone()).unwrap_or_default()
        }
        Some(Payload::PlanCommentResolved(e)) => e.comment_id.clone(),
        Some(Payload::PlanCommentReopened(e)) => e.comment_id.clone(),
        Some(Payload::PlanCommentDeleted(e)) => e.comment_id.clone(),
        Some(Payload::PlanCommentHidden(e)) => format!("{} {}", e.comment_id, e.reason),
        Some(Payload::ExecutionStarted(e)) => e.execution.as_ref().map(|e| e.id.clone()).unwrap_or_default(),
        Some(Payload::WorkItemRunChanged(e)) => e.run.as_ref().map(run).unwrap_or_default(),
        Some(Payload::ExecutionEnded(e)) => {
            let files = if e.artifacts.len() == 1 { "artifact" } else { "artifacts" };
            let name = e.execution.as_ref().map_or("", |e| state_name(e.state));
            format!("{name}, {} {files}", e.artifacts.len())
        }
        Some(Payload::ExecutionRefused(e)) => format!("{}: {}", e.reason, e.message),
        _ => String::new(),
    }
}

fn decided(decision: Option<&ApprovalDecision>) -> String {
    let Some(decision) = decision else { return String::new() };
    let version = format!("version {}", decision.version);
    if decision.reason.is_empty() { version } else { format!("{version}: {}", decision.reason) }
}

fn run(run: &WorkItemRun) -> String {
    let name = state(run.state().as_str_name(), "WORK_ITEM_RUN_STATE_");
    let text = if run.error.is_empty() { &run.summary } else { &run.error };
    let head = format!("{} {name} (attempt {})", run.item_id, run.attempt);
    if text.is_empty() { head } else { format!("{head}: {text}") }
}
