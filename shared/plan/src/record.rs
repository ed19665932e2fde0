//! Items and plans as JSON objects whose parts are read and written by the paths that changes and edits
//! name: a field such as `tool`, or a member of one such as `constraints.timeout` or `arguments.path`.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::PlanChangeType;
use crate::item::{Map, WorkItem};
use crate::plan::{Plan, PlanConstraints, Strategy};

/// Fields of a work item and the type of change that each makes. A test holds this against
/// [`WorkItem`], so that no field is forgotten.
pub(crate) const ITEM_FIELDS: [(&str, PlanChangeType); 14] = [
    ("name", PlanChangeType::WorkItemModified),
    ("description", PlanChangeType::WorkItemModified),
    ("type", PlanChangeType::WorkItemModified),
    ("priority", PlanChangeType::PriorityChanged),
    ("objective", PlanChangeType::WorkItemObjectiveChanged),
    ("constraints", PlanChangeType::WorkItemConstraintsChanged),
    ("tool", PlanChangeType::WorkItemModified),
    ("arguments", PlanChangeType::WorkItemModified),
    ("required_capabilities", PlanChangeType::AgentAssignmentChanged),
    ("preferred_agent_type", PlanChangeType::AgentAssignmentChanged),
    ("declared_risk", PlanChangeType::WorkItemModified),
    ("rollback", PlanChangeType::WorkItemModified),
    ("rollback_possible", PlanChangeType::WorkItemModified),
    ("bounds", PlanChangeType::WorkItemConstraintsChanged),
];

/// Properties of the plan as a whole that versions differ in. Its id and who asked belong to the session.
pub(crate) const PLAN_FIELDS: [&str; 6] = ["goal", "intent", "strategy", "constraints", "context", "origin"];

/// A plan without its items and dependencies.
#[derive(Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Shell<'p> {
    goal: Cow<'p, str>,
    intent: Cow<'p, str>,
    strategy: Strategy,
    constraints: Cow<'p, PlanConstraints>,
    context: Cow<'p, Map>,
    origin: Cow<'p, str>,
}

impl<'p> Shell<'p> {
    fn of(plan: &'p Plan) -> Self {
        Self {
            goal: Cow::Borrowed(&plan.goal),
            intent: Cow::Borrowed(&plan.intent),
            strategy: plan.strategy,
            constraints: Cow::Borrowed(&plan.constraints),
            context: Cow::Borrowed(&plan.context),
            origin: Cow::Borrowed(&plan.origin),
        }
    }
}

/// Whether the own fields of two plans are the same to the letter.
pub(crate) fn same_shell(a: &Plan, b: &Plan) -> bool {
    Shell::of(a) == Shell::of(b)
}

/// Whether the members of `field` are named by whoever wrote the plan, so that one may be missing, or be
/// there and null.
pub(crate) fn has_free_members(field: &str) -> bool {
    matches!(field, "arguments" | "context")
}

/// Whether changes to `field` name the member that changed. The parts of a rollback belong together.
pub(crate) fn has_members(field: &str) -> bool {
    matches!(field, "objective" | "constraints") || has_free_members(field)
}

/// A field and, where the path goes on, the name of its member, which may hold dots itself.
pub(crate) fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(field, member)| (field, Some(member)))
}

/// An item, or a plan without items and dependencies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record(pub(crate) Map);

impl Record {
    pub(crate) fn of_item(item: &WorkItem) -> Self {
        Self::of(item)
    }

    pub(crate) fn of_plan(plan: &Plan) -> Self {
        Self::of(&Shell::of(plan))
    }

    fn of(record: &impl Serialize) -> Self {
        match to_value(record) {
            Value::Object(members) => Self(members),
            _ => Self(Map::new()),
        }
    }

    pub(crate) fn field(&self, name: &str) -> &Value {
        const NULL: &Value = &Value::Null;
        self.0.get(name).unwrap_or(NULL)
    }

    /// What stands at `path`, null for a missing member; none when there is no such path.
    pub(crate) fn get(&self, path: &str) -> Option<&Value> {
        const NULL: &Value = &Value::Null;
        match split(path) {
            (field, None) => self.0.get(field),
            (field, Some(name)) => match self.members(field)?.get(name) {
                None => has_free_members(field).then_some(NULL),
                value => value,
            },
        }
    }

    /// Puts `value` at `path`, or takes away what is there; false when there is no such path.
    pub(crate) fn set(&mut self, path: &str, value: Option<Value>) -> bool {
        if self.get(path).is_none() {
            return false;
        }
        let (field, name) = match split(path) {
            (field, None) => (None, field),
            (field, Some(name)) => (Some(field), name),
        };
        let holder = match field {
            None => Some(&mut self.0),
            Some(field) => self.0.get_mut(field).and_then(Value::as_object_mut),
        };
        match (holder, value) {
            (None, _) => return false,
            (Some(holder), Some(value)) => drop(holder.insert(name.to_owned(), value)),
            // A member that is not there reads as its default, but must not become an unknown path.
            (Some(holder), None) if field.is_none_or(|field| !has_free_members(field)) => {
                holder.insert(name.to_owned(), Value::Null);
            }
            (Some(holder), None) => drop(holder.remove(name)),
        }
        true
    }

    fn members(&self, field: &str) -> Option<&Map> {
        self.0.get(field).filter(|_| has_members(field)).and_then(Value::as_object)
    }

    /// The item that this is.
    pub(crate) fn into_item(self) -> Result<WorkItem, serde_json::Error> {
        self.read()
    }

    /// Gives `plan` the fields that this holds.
    pub(crate) fn write_to(self, plan: &mut Plan) -> Result<(), serde_json::Error> {
        let shell: Shell<'static> = self.read()?;
        plan.goal = shell.goal.into_owned();
        plan.intent = shell.intent.into_owned();
        plan.strategy = shell.strategy;
        plan.constraints = shell.constraints.into_owned();
        plan.context = shell.context.into_owned();
        plan.origin = shell.origin.into_owned();
        Ok(())
    }

    /// Null stands for what is not said, as it does in YAML; only free members can be null themselves.
    fn read<T: DeserializeOwned>(mut self) -> Result<T, serde_json::Error> {
        self.0.retain(|_, value| !value.is_null());
        for (field, value) in &mut self.0 {
            if let Value::Object(members) = value
                && has_members(field)
                && !has_free_members(field)
            {
                members.retain(|_, value| !value.is_null());
            }
        }
        serde_json::from_value(Value::Object(self.0))
    }
}

/// None of the records can fail to become JSON: their keys are texts.
pub(crate) fn to_value(record: &impl Serialize) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_of_an_item_is_known() {
        let item = Record::of_item(&WorkItem::new("a".parse().unwrap(), "A", "shell"));
        let fields: BTreeSet<&str> = item.0.keys().map(String::as_str).collect();
        let known: BTreeSet<&str> = ITEM_FIELDS.iter().map(|(field, _)| *field).chain(["id"]).collect();
        assert_eq!(fields, known);
    }

    #[test]
    fn every_field_of_a_plan_is_known_or_belongs_to_the_session() {
        let plan = to_value(&Plan::new("g"));
        let fields: BTreeSet<&str> = plan.as_object().unwrap().keys().map(String::as_str).collect();
        let apart = ["id", "items", "dependencies", "requester", "on_behalf_of"];
        let known: BTreeSet<&str> = PLAN_FIELDS.into_iter().chain(apart).collect();
        assert_eq!(fields, known);
        let shell = Record::of_plan(&Plan::new("g"));
        assert!(PLAN_FIELDS.iter().all(|field| shell.get(field).is_some()));
    }

    #[test]
    fn paths_lead_to_fields_and_members() {
        let mut item = WorkItem::new("a".parse().unwrap(), "A", "shell");
        item.arguments.insert("a.b".to_owned(), json!(1));
        let mut record = Record::of_item(&item);
        assert_eq!(record.get("arguments.a.b"), Some(&json!(1)));
        assert_eq!(record.get("arguments.other"), Some(&Value::Null));
        for unknown in ["nonesuch", "constraints.nonesuch", "name.x", "rollback.tool", "bounds.0"] {
            assert_eq!(record.get(unknown), None, "{unknown}");
            assert!(!record.set(unknown, Some(json!(1))), "{unknown}");
        }
        assert!(record.set("arguments.a.b", None) && record.set("arguments.n", Some(Value::Null)));
        assert!(record.set("constraints.max_retries", Some(json!(3))));
        assert!(record.set("objective", None) && record.set("rollback", None));
        let item = record.into_item().unwrap();
        assert_eq!(item.arguments, Map::from_iter([("n".to_owned(), Value::Null)]));
        assert_eq!(item.constraints.max_retries, Some(3));
        assert_eq!(item.objective.goal, "");
    }
}
