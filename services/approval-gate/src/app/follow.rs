//! What the executor did, written into the audit of the session that allowed it.

use assent_core::id::SessionId;
use assent_core::{Actor, Timestamp};
use assent_events::{Cursor, Handled};
use assent_plan::Map;
use assent_proto::event::v1 as events;
use assent_proto::event::v1::Event;
use assent_proto::event::v1::event::Payload;
use assent_proto::execution::v1 as pb;
use assent_rpc::convert::Wire;
use assent_store::{StoreError, Tx};
use serde_json::{Value, json};

use super::App;
use super::record::{append_entry, trace_of};
use crate::domain::audit::Entry;
use crate::error::GateError;
use crate::store;

impl App {
    /// Writes a fact of the executor into the audit. Its entry and the position are committed together.
    pub(crate) async fn record_execution(
        &self,
        event: &Event,
        cursor: &Cursor,
    ) -> Result<Handled, GateError> {
        let Some((action, details)) = entry_of(event) else { return Ok(Handled::Skipped) };
        let (Ok(id), Some(actor), Some(time)) = (
            event.session_id.parse::<SessionId>(),
            event.actor.clone().and_then(|actor| Actor::from_pb(actor, "actor").ok()),
            event.time.and_then(|time| Timestamp::from_pb(time, "time").ok()),
        ) else {
            tracing::error!(
                event = event.id,
                "an execution event without session, actor or time is not audited"
            );
            return Ok(Handled::Skipped);
        };
        let mut tx = self.db.begin().await?;
        let Some(mut session) = store::session::lock(&mut tx, id).await? else {
            tracing::error!(event = event.id, session = %id, "an execution of an unknown session is not audited");
            return Ok(Handled::Skipped);
        };
        let entry = Entry {
            id: self.source.new_id(),
            sequence: session.audit.sequence + 1,
            session_id: id,
            action,
            actor,
            request_id: String::new(),
            trace_id: trace_of(event),
            time,
            details,
        };
        append_entry(&mut tx, &mut session, entry).await?;
        store::session::extend_audit(&mut tx, id, &session.audit).await?;
        note_execution(&mut tx, id, event, time).await?;
        cursor.advance(&mut tx).await?;
        tx.commit().await?;
        if let Some(Payload::ExecutionEnded(ended)) = &event.payload {
            self.measure_estimate(&session, ended).await;
        }
        Ok(Handled::Done)
    }
}

/// Keeps in mind what runs, so that it is not removed.
async fn note_execution(
    tx: &mut Tx,
    session: SessionId,
    event: &Event,
    time: Timestamp,
) -> Result<(), StoreError> {
    match event.payload.as_ref() {
        Some(Payload::ExecutionStarted(events::ExecutionStarted { execution: Some(execution) })) => {
            store::retention::execution_began(tx, session, &execution.id).await
        }
        Some(Payload::ExecutionEnded(events::ExecutionEnded { execution: Some(execution), .. })) => {
            store::retention::execution_ended(tx, &execution.id, time).await
        }
        _ => Ok(()),
    }
}

/// Action and details of the facts that are audited.
fn entry_of(event: &Event) -> Option<(String, Map)> {
    let (action, details) = match event.payload.as_ref()? {
        Payload::ExecutionStarted(started) => {
            ("started".to_owned(), started.execution.as_ref().map(execution).unwrap_or_default())
        }
        Payload::ExecutionEnded(ended) => {
            let execution_of = ended.execution.as_ref();
            let state = execution_of.map(pb::Execution::state).unwrap_or_default();
            let mut details = execution_of.map(execution).unwrap_or_default();
            details.insert("artifacts".to_owned(), ended.artifacts.iter().map(artifact).collect());
            (state_name(state), details)
        }
        Payload::ExecutionChanged(changed) => {
            let mut details = changed.execution.as_ref().map(execution).unwrap_or_default();
            for (name, text) in [("item", &changed.item_id), ("reason", &changed.reason)] {
                if !text.is_empty() {
                    details.insert(name.to_owned(), text.as_str().into());
                }
            }
            (changed.action.clone(), details)
        }
        Payload::ExecutionRefused(refused) => {
            let details = json!({
                "version": refused.version, "reason": refused.reason, "message": refused.message,
            });
            ("refused".to_owned(), details.as_object().cloned().unwrap_or_default())
        }
        _ => return None,
    };
    let mut details = details;
    details.insert("event".to_owned(), event.id.clone().into());
    Some((format!("execution.{action}"), details))
}

/// `completed`, `rolled_back`, …
fn state_name(state: pb::ExecutionState) -> String {
    state.as_str_name().trim_start_matches("EXECUTION_STATE_").to_ascii_lowercase()
}

fn execution(execution: &pb::Execution) -> Map {
    let mut details = Map::from_iter([
        ("execution".to_owned(), execution.id.clone().into()),
        ("version".to_owned(), execution.version.into()),
        ("digest".to_owned(), execution.digest.clone().into()),
    ]);
    if !execution.error.is_empty() {
        details.insert("error".to_owned(), execution.error.clone().into());
    }
    if let Some(duration) = millis(execution.start_time, execution.end_time) {
        details.insert("duration_ms".to_owned(), duration.into());
    }
    if !execution.runs.is_empty() {
        details.insert("items".to_owned(), execution.runs.iter().map(run).collect());
    }
    details
}

fn run(run: &pb::WorkItemRun) -> Value {
    let state = run.state().as_str_name().trim_start_matches("WORK_ITEM_RUN_STATE_").to_ascii_lowercase();
    let mut details = json!({ "item": run.item_id, "state": state, "attempt": run.attempt });
    if let Some(duration) = millis(run.start_time, run.end_time) {
        details["duration_ms"] = duration.into();
    }
    details
}

fn artifact(artifact: &pb::Artifact) -> Value {
    json!({
        "item": artifact.item_id, "path": artifact.path, "digest": artifact.digest, "size": artifact.size.to_string(),
    })
}

fn millis(start: Option<prost_types::Timestamp>, end: Option<prost_types::Timestamp>) -> Option<i64> {
    let micros = |time| Timestamp::from_pb(time, "time").ok().map(Timestamp::micros);
    Some((micros(end?)? - micros(start?)?) / 1000)
}

#[cfg(test)]
mod tests {
    use assent_proto::event::v1::{ExecutionEnded, WorkItemRunChanged};

    use super::*;

    #[test]
    fn an_ended_execution_is_told_with_its_artifacts_and_times() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let run = pb::WorkItemRun {
            item_id: "a".to_owned(),
            state: pb::WorkItemRunState::Succeeded.into(),
            attempt: 1,
            start_time: at(1),
            end_time: at(2),
            ..Default::default()
        };
        let execution = pb::Execution {
            id: "exe_1".to_owned(),
            state: pb::ExecutionState::RolledBack.into(),
            start_time: at(1),
            end_time: at(4),
            runs: vec![run],
            ..Default::default()
        };
        let artifact =
            pb::Artifact { path: "x.py".to_owned(), digest: "d".to_owned(), size: 3, ..Default::default() };
        let ended = ExecutionEnded { execution: Some(execution), artifacts: vec![artifact] };
        let event = Event { payload: Some(Payload::ExecutionEnded(ended)), ..Event::default() };
        let (action, details) = entry_of(&event).unwrap();
        assert_eq!(action, "execution.rolled_back");
        assert_eq!(details["duration_ms"], 3000);
        assert_eq!(
            details["items"],
            json!([{ "item": "a", "state": "succeeded", "attempt": 1, "duration_ms": 1000 }])
        );
        assert_eq!(details["artifacts"], json!([{ "item": "", "path": "x.py", "digest": "d", "size": "3" }]));
    }

    #[test]
    fn single_steps_are_not_audited() {
        let changed = Payload::WorkItemRunChanged(WorkItemRunChanged::default());
        assert!(entry_of(&Event { payload: Some(changed), ..Event::default() }).is_none());
    }
}
