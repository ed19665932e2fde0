//! The audit chain, as everybody who checks one knows it, and what became of a session as its chain tells it.

use assent_core::Timestamp;
pub use assent_evidence::{Entry, Head, Verdict, Verifier};
use serde_json::Value;

/// What became of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// What was asked for.
    pub goal: String,
    /// `low`, `medium`, `high` or `critical`.
    pub risk_level: String,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub requested_at: Option<Timestamp>,
    /// Whose approval was the last that was needed.
    pub approved_by: String,
    /// When.
    pub approved_at: Option<Timestamp>,
    /// Everybody who approved.
    pub approvers: Vec<String>,
    /// Why it was decided so.
    pub reason: String,
    /// The version that was decided on, else the last one.
    pub version: i64,
    /// Its digest.
    pub digest: String,
    /// How long the execution took.
    pub execution_ms: u64,
    /// Paths of what it produced.
    pub artifacts: Vec<String>,
    /// How far it came, e.g. `pending`, `rejected`, `completed`.
    pub status: String,
}

impl Record {
    /// Takes in the next entry of the chain.
    pub fn follow(&mut self, entry: &Entry) {
        let details = &entry.details;
        let text = |key: &str| details.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let about = |record: &mut Self| {
            record.version = details.get("version").and_then(Value::as_i64).unwrap_or(record.version);
            record.digest = Some(text("digest")).filter(|d| !d.is_empty()).unwrap_or(record.digest.clone());
        };
        match entry.action.as_str() {
            "session.submitted" | "plan.version_created" => {
                for (field, key) in [(&mut self.goal, "goal"), (&mut self.risk_level, "risk_level")] {
                    let said = text(key);
                    if !said.is_empty() {
                        *field = said;
                    }
                }
                about(self);
                if self.requested_at.is_none() {
                    self.requested_by.clone_from(&entry.actor.id);
                    self.requested_at = Some(entry.time);
                    "pending".clone_into(&mut self.status);
                }
            }
            // Whatever its name, it is the decision that has an outcome.
            action if action.starts_with("session.") && details.contains_key("outcome") => {
                self.status = text("outcome");
                self.reason = text("reason");
                about(self);
                if matches!(self.status.as_str(), "approved" | "partially_approved") {
                    self.approved_by.clone_from(&entry.actor.id);
                    self.approved_at = Some(entry.time);
                    self.approvers = texts(details.get("approvers"), None);
                }
            }
            "execution.refused" => {}
            "execution.started" => "running".clone_into(&mut self.status),
            action => {
                if let Some(state) = action.strip_prefix("execution.") {
                    state.clone_into(&mut self.status);
                    self.execution_ms =
                        details.get("duration_ms").and_then(Value::as_u64).unwrap_or_default();
                    self.artifacts = texts(details.get("artifacts"), Some("path"));
                }
            }
        }
    }
}

/// The texts of a list, or one member of each of its objects.
fn texts(list: Option<&Value>, member: Option<&str>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    let text = |item: &Value| match member {
        Some(member) => item.get(member).and_then(Value::as_str).map(str::to_owned),
        None => item.as_str().map(str::to_owned),
    };
    items.filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use assent_core::{Actor, Id};
    use serde_json::json;

    use super::*;

    fn entry(sequence: i64, action: &str, by: &str, details: Value) -> Entry {
        Entry {
            id: Id::from_uuid(Default::default()),
            sequence,
            session_id: Id::from_uuid(Default::default()),
            action: action.to_owned(),
            actor: Actor { id: by.to_owned(), ..Actor::system("x") },
            request_id: String::new(),
            trace_id: String::new(),
            time: Timestamp::from_micros(sequence).unwrap(),
            details: details.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn a_chain_tells_the_whole_story() {
        let chain = [
            entry(
                1,
                "session.submitted",
                "bot",
                json!({"goal": "g", "risk_level": "high", "version": 1, "digest": "d1"}),
            ),
            entry(
                2,
                "plan.version_created",
                "eve",
                json!({"goal": "", "risk_level": "low", "version": 2, "digest": "d2"}),
            ),
            entry(3, "call.refused", "bot", json!({"method": "Approve", "reason": "NOT_ELIGIBLE"})),
            entry(4, "vote.approve", "ada", json!({"version": 2})),
            entry(
                5,
                "session.approved",
                "ben",
                json!({"outcome": "approved", "reason": "ok", "version": 2, "digest": "d2", "approvers": ["ada", "ben"]}),
            ),
            entry(6, "execution.started", "exe", json!({})),
            entry(
                7,
                "execution.completed",
                "exe",
                json!({"duration_ms": 2700, "artifacts": [{"path": "a.py"}]}),
            ),
            entry(8, "execution.refused", "exe", json!({})),
        ];
        let mut record = Record::default();
        let mut stages = Vec::new();
        for entry in &chain {
            record.follow(entry);
            stages.push(record.status.clone());
        }
        let expected =
            ["pending", "pending", "pending", "pending", "approved", "running", "completed", "completed"];
        assert_eq!(stages, expected);
        assert_eq!((record.goal.as_str(), record.risk_level.as_str()), ("g", "low"));
        assert_eq!((record.requested_by.as_str(), record.approved_by.as_str()), ("bot", "ben"));
        assert_eq!((record.version, record.digest.as_str(), record.execution_ms), (2, "d2", 2700));
        assert_eq!(
            (record.approvers, record.artifacts),
            (vec!["ada".to_owned(), "ben".to_owned()], vec!["a.py".to_owned()])
        );
    }
}
