//! Following the executor: what runs really took.

use std::sync::Arc;

use assent_core::Timestamp;
use assent_events::{Cursor, Handled};
use assent_proto::event::v1::Event;
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1::{WorkItemRun, WorkItemRunState};
use assent_rpc::convert::read_message;
use assent_store::{Db, StoreError};

use crate::domain::Sample;
use crate::store::samples::{self, Finished};

/// Longest name of a tool or agent type, as in a plan.
const MAX_NAME: usize = 128;

/// Handles events of the executor.
pub(crate) async fn handle(
    db: &Db,
    events: &[Arc<Event>],
    cursor: &Cursor,
    now: Timestamp,
) -> Result<Handled, StoreError> {
    let finished: Vec<Finished> = events.iter().filter_map(|event| finished(event)).collect();
    if finished.is_empty() {
        return Ok(Handled::Skipped);
    }
    let mut tx = db.begin().await?;
    cursor.advance(&mut tx).await?;
    samples::add(&mut tx, &finished, now).await?;
    tx.commit().await?;
    Ok(Handled::Done)
}

fn finished(event: &Event) -> Option<Finished> {
    match &event.payload {
        Some(Payload::WorkItemRunChanged(changed)) => changed.run.as_ref().and_then(read),
        _ => None,
    }
}

/// A run that ended well. One that failed says nothing about what success takes.
fn read(run: &WorkItemRun) -> Option<Finished> {
    if run.state() != WorkItemRunState::Succeeded
        || run.tool.len() > MAX_NAME
        || run.agent_type.len() > MAX_NAME
    {
        return None;
    }
    let read = read_message("run", |at| {
        let id = at.field("id").read(run.id.clone());
        let start: Result<Timestamp, _> = at.field("start_time").required(run.start_time);
        let end: Result<Timestamp, _> = at.field("end_time").required(run.end_time);
        let cost: Result<assent_plan::Money, _> = at.field("cost").required(run.cost.clone());
        let (end, cost) = (end?, cost?);
        let micros = end.micros().saturating_sub(start?.micros());
        let sample =
            Sample { cost: cost.micros(), duration: u64::try_from(micros / 1_000).unwrap_or_default() };
        Ok(Finished {
            run: id?,
            tool: run.tool.clone(),
            agent_type: run.agent_type.clone(),
            sample,
            ended_at: end,
        })
    });
    // Repeating an event that cannot be read would hold up all others for ever.
    read.inspect_err(|problems| {
        tracing::error!(run = run.id, ?problems, "a run cannot be read; it is passed over")
    })
    .ok()
}
