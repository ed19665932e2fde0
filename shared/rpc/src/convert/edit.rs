//! Edits and their conflicts.

use assent_plan::edit::{Dependents, Upstream};
use assent_plan::{
    Conflict, ConflictKind, Dependency, DependencyType, Edit, ItemId, Map, PlanConstraints, WorkItem,
};
use assent_proto::plan::v1 as pb;
use assent_proto::plan::v1::edit::Edit as PbEdit;
use serde_json::Value;

use super::json::value_to_pb;
use super::{Field, Refused, Wire, WireEnum, list_to_pb};
use crate::wire_enum;

wire_enum!(Dependents => pb::DependentsChoice { Refuse, Reconnect, Remove });
wire_enum!(ConflictKind => pb::PlanConflictKind { FieldChanged, ChangedAndRemoved, ItemAdded, Dependency, Order });

/// A conflict as it travels in the details of a refusal. There is no way back: it is for readers.
pub fn conflict_to_pb(conflict: &Conflict) -> pb::PlanConflict {
    let present = |value: &Value| Some(value).filter(|value| !value.is_null()).map(value_to_pb);
    pb::PlanConflict {
        kind: conflict.kind.number(),
        item_id: conflict.item_id.as_ref().map(Wire::to_pb).unwrap_or_default(),
        field: conflict.field.clone(),
        description: conflict.to_string(),
        base: present(&conflict.base),
        theirs: present(&conflict.theirs),
        yours: present(&conflict.yours),
    }
}

impl Wire for Upstream {
    type Pb = pb::Upstream;

    fn to_pb(&self) -> pb::Upstream {
        pb::Upstream { item_id: self.item.to_pb(), r#type: self.kind.number() }
    }

    fn read(pb: pb::Upstream, at: &Field<'_>) -> Result<Self, Refused> {
        let item = at.field("item_id").read(pb.item_id);
        let kind = at.field("type").optional_choice(pb.r#type);
        Ok(Self { item: item?, kind: kind?.unwrap_or(DependencyType::Dependency) })
    }
}

impl Wire for Edit {
    type Pb = pb::Edit;

    fn to_pb(&self) -> pb::Edit {
        let edge = |from: &ItemId, to: &ItemId, kind: DependencyType| {
            Some(Dependency { from: from.clone(), to: to.clone(), kind }.to_pb())
        };
        let ids = |ids: &[ItemId]| ids.iter().map(ToString::to_string).collect();
        let edit = match self {
            Self::AddWorkItem { item, depends_on } => PbEdit::AddWorkItem(pb::AddWorkItem {
                item: Some(item.to_pb()),
                depends_on: list_to_pb(depends_on),
            }),
            Self::RemoveWorkItem { id, dependents } => PbEdit::RemoveWorkItem(pb::RemoveWorkItem {
                item_id: id.to_pb(),
                dependents: dependents.number(),
            }),
            Self::UpdateWorkItem { id, patch, mask } => PbEdit::UpdateWorkItem(pb::UpdateWorkItem {
                item: Some(patched(id, patch).to_pb()),
                update_mask: Some(prost_types::FieldMask { paths: mask.clone() }),
            }),
            Self::AddDependency { from, to, kind } => {
                PbEdit::AddDependency(pb::AddDependency { dependency: edge(from, to, *kind) })
            }
            Self::RemoveDependency { from, to } => {
                PbEdit::RemoveDependency(pb::RemoveDependency { from: from.to_pb(), to: to.to_pb() })
            }
            Self::ChangeDependencyType { from, to, kind } => {
                PbEdit::ChangeDependencyType(pb::ChangeDependencyType { dependency: edge(from, to, *kind) })
            }
            Self::SplitWorkItem { id, into } => {
                PbEdit::SplitWorkItem(pb::SplitWorkItem { item_id: id.to_pb(), into: list_to_pb(into) })
            }
            Self::MergeWorkItems { ids: all, into } => {
                PbEdit::MergeWorkItems(pb::MergeWorkItems { item_ids: ids(all), into: Some(into.to_pb()) })
            }
            Self::ReorderWorkItems { ids: all } => {
                PbEdit::ReorderWorkItems(pb::ReorderWorkItems { item_ids: ids(all) })
            }
            Self::AssignAgent { id, agent_type } => {
                PbEdit::AssignAgent(pb::AssignAgent { item_id: id.to_pb(), agent_type: agent_type.clone() })
            }
            Self::SetStrategy { strategy } => {
                PbEdit::SetStrategy(pb::SetStrategy { strategy: strategy.number() })
            }
            Self::SetConstraints { constraints } => {
                PbEdit::SetConstraints(pb::SetConstraints { constraints: Some(constraints.to_pb()) })
            }
            Self::SetGoal { goal, intent } => {
                PbEdit::SetGoal(pb::SetGoal { goal: goal.clone(), intent: intent.clone() })
            }
            Self::SetContext { context } => {
                PbEdit::SetContext(pb::SetContext { context: Some(context.to_pb()) })
            }
        };
        pb::Edit { edit: Some(edit) }
    }

    fn read(pb: pb::Edit, at: &Field<'_>) -> Result<Self, Refused> {
        match pb.edit.ok_or_else(|| at.refuse("REQUIRED", "must be set"))? {
            PbEdit::AddWorkItem(pb) => {
                let at = at.field("add_work_item");
                let item = at.field("item").required(pb.item);
                let depends_on = at.field("depends_on").list(pb.depends_on);
                Ok(Self::AddWorkItem { item: Box::new(item?), depends_on: depends_on? })
            }
            PbEdit::RemoveWorkItem(pb) => {
                let at = at.field("remove_work_item");
                let id = at.field("item_id").read(pb.item_id);
                let dependents = at.field("dependents").optional_choice(pb.dependents);
                Ok(Self::RemoveWorkItem { id: id?, dependents: dependents?.unwrap_or(Dependents::Refuse) })
            }
            PbEdit::UpdateWorkItem(pb) => read_update(pb, &at.field("update_work_item")),
            PbEdit::AddDependency(pb) => {
                let at = at.field("add_dependency");
                let Dependency { from, to, kind } = at.field("dependency").required(pb.dependency)?;
                Ok(Self::AddDependency { from, to, kind })
            }
            PbEdit::RemoveDependency(pb) => {
                let at = at.field("remove_dependency");
                let (from, to) = (at.field("from").read(pb.from), at.field("to").read(pb.to));
                Ok(Self::RemoveDependency { from: from?, to: to? })
            }
            PbEdit::ChangeDependencyType(pb) => {
                let at = at.field("change_dependency_type");
                let Dependency { from, to, kind } = at.field("dependency").required(pb.dependency)?;
                Ok(Self::ChangeDependencyType { from, to, kind })
            }
            PbEdit::SplitWorkItem(pb) => {
                let at = at.field("split_work_item");
                let id = at.field("item_id").read(pb.item_id);
                let into = at.field("into").list(pb.into);
                Ok(Self::SplitWorkItem { id: id?, into: into? })
            }
            PbEdit::MergeWorkItems(pb) => {
                let at = at.field("merge_work_items");
                let ids = at.field("item_ids").list(pb.item_ids);
                let into = at.field("into").required(pb.into);
                Ok(Self::MergeWorkItems { ids: ids?, into: Box::new(into?) })
            }
            PbEdit::ReorderWorkItems(pb) => {
                let ids = at.field("reorder_work_items").field("item_ids").list(pb.item_ids)?;
                Ok(Self::ReorderWorkItems { ids })
            }
            PbEdit::AssignAgent(pb) => {
                let id = at.field("assign_agent").field("item_id").read(pb.item_id)?;
                Ok(Self::AssignAgent { id, agent_type: pb.agent_type })
            }
            PbEdit::SetStrategy(pb) => {
                let strategy = at.field("set_strategy").field("strategy").choice(pb.strategy)?;
                Ok(Self::SetStrategy { strategy })
            }
            PbEdit::SetConstraints(pb) => {
                let constraints: PlanConstraints =
                    at.field("set_constraints").field("constraints").required(pb.constraints)?;
                Ok(Self::SetConstraints { constraints })
            }
            PbEdit::SetGoal(pb) => Ok(Self::SetGoal { goal: pb.goal, intent: pb.intent }),
            PbEdit::SetContext(pb) => {
                let context = at.field("set_context").field("context").required(pb.context)?;
                Ok(Self::SetContext { context })
            }
        }
    }
}

/// An item that has what `patch` says and nothing else.
fn patched(id: &ItemId, patch: &Map) -> WorkItem {
    let blank = || WorkItem::new(id.clone(), "", "");
    let Ok(Value::Object(mut members)) = serde_json::to_value(blank()) else { return blank() };
    for (field, value) in patch {
        match (members.get_mut(field), value) {
            // What a patch leaves out of these is not cleared by it.
            (Some(Value::Object(old)), Value::Object(new)) => old.extend(new.clone()),
            _ => drop(members.insert(field.clone(), value.clone())),
        }
    }
    serde_json::from_value(Value::Object(members)).unwrap_or_else(|_| blank())
}

fn read_update(pb: pb::UpdateWorkItem, at: &Field<'_>) -> Result<Edit, Refused> {
    let at_item = at.field("item");
    let pb_item = pb.item.ok_or_else(|| at_item.refuse("REQUIRED", "must be set"))?;
    let mut mask = pb.update_mask.unwrap_or_default().paths;
    if mask.is_empty() {
        mask = set_fields(&pb_item);
    }
    let item: WorkItem = at_item.read(pb_item)?;
    match serde_json::to_value(&item) {
        Ok(Value::Object(patch)) => Ok(Edit::UpdateWorkItem { id: item.id, patch, mask }),
        _ => Err(at_item.refuse("UNREADABLE", "cannot be read")),
    }
}

/// The fields that are set, but for the id; of limits and objective the members that are.
fn set_fields(item: &pb::WorkItem) -> Vec<String> {
    let Ok(Value::Object(fields)) = assent_proto::json::to_json(item) else { return Vec::new() };
    let named = fields.iter().filter(|(name, _)| *name != "id").flat_map(|(name, value)| match value {
        Value::Object(members) if matches!(name.as_str(), "constraints" | "objective") => {
            members.keys().map(|member| format!("{name}.{member}")).collect()
        }
        _ => vec![name.clone()],
    });
    named.collect()
}
