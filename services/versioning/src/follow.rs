//! Following the approval gate: its outcomes decide whether a plan may still change.

use std::sync::Arc;

use assent_core::Timestamp;
use assent_events::{Cursor, Handled};
use assent_proto::event::v1::Event;
use assent_proto::event::v1::event::Payload;
use assent_proto::review::v1::ApprovalDecision;
use assent_rpc::convert::read_message;

use crate::app::{App, Outcome, Said};
use crate::domain::Closing;
use crate::error::VersioningError;

/// Handles events of the approval gate.
pub(crate) async fn handle(
    app: &App,
    events: &[Arc<Event>],
    cursor: &Cursor,
    now: Timestamp,
) -> Result<Handled, VersioningError> {
    let said: Vec<Said> = events.iter().filter_map(|event| said(event)).collect();
    app.settle(&said, cursor, now).await
}

fn said(event: &Event) -> Option<Said> {
    match &event.payload {
        Some(Payload::PlanVoteCast(fact)) => {
            Some(Said::Voted(event.session_id.parse().ok()?, fact.vote.as_ref()?.version))
        }
        _ => read(event).map(Said::Ended),
    }
}

fn read(event: &Event) -> Option<Outcome> {
    let (closing, decision) = match event.payload.as_ref()? {
        Payload::PlanApproved(fact) => (Closing::Decided, fact.decision.as_ref()),
        Payload::PlanPartiallyApproved(fact) => (Closing::Decided, fact.decision.as_ref()),
        Payload::PlanRejected(fact) => (Closing::Ended, fact.decision.as_ref()),
        Payload::PlanCancelled(fact) => (Closing::Ended, fact.decision.as_ref()),
        // Without a decision the time to decide was only prolonged.
        Payload::ApprovalTimeout(fact) => (closing_of(fact.decision.as_ref()?), fact.decision.as_ref()),
        _ => return None,
    };
    // A decision that names no version still closes the session; one that permits is compared with the head.
    let about = decision.and_then(|decision| Some((decision.version, decision.digest.parse().ok()?)));
    let read = read_message("", |at| {
        let session = at.field("session_id").read(event.session_id.clone())?;
        Ok(Outcome { session, closing, about })
    });
    // Repeating an event that cannot be read would hold up all others for ever.
    read.inspect_err(|problems| {
        tracing::error!(event.id, ?problems, "an outcome cannot be read; it is passed over")
    })
    .ok()
}

fn closing_of(decision: &ApprovalDecision) -> Closing {
    use assent_proto::review::v1::DecisionOutcome::{Approved, PartiallyApproved};
    match decision.outcome() {
        Approved | PartiallyApproved => Closing::Decided,
        _ => Closing::Ended,
    }
}
