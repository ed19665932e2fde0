//! What versions of a plan are described by.

use std::collections::BTreeMap;

use assent_core::Digest;
use assent_plan::{Finding, ItemId, PlanChange, Validation};
use assent_proto::plan::v1 as pb;
use serde_json::Value;

use super::json::{MAX_DEPTH, read_value, value_to_pb};
use super::{Field, Refused, Wire, WireEnum};

/// A changed value may be a whole work item, in which the arguments of a rollback stand two levels deep.
const MAX_CHANGE_DEPTH: usize = MAX_DEPTH + 2;

impl Wire for PlanChange {
    type Pb = pb::PlanChange;

    fn to_pb(&self) -> pb::PlanChange {
        let present = |value: &Value| Some(value).filter(|v| !v.is_null()).map(value_to_pb);
        pb::PlanChange {
            r#type: self.kind.number(),
            affected_item_id: self.affected_item_id.as_ref().map(Wire::to_pb).unwrap_or_default(),
            affected_item_name: self.affected_item_name.clone(),
            description: self.description.clone(),
            old_value: present(&self.old_value),
            new_value: present(&self.new_value),
            field: self.field.clone(),
        }
    }

    fn read(pb: pb::PlanChange, at: &Field<'_>) -> Result<Self, Refused> {
        let value = |pb: Option<prost_types::Value>, at: &Field<'_>| {
            pb.map_or(Ok(Value::Null), |value| read_value(value, at, MAX_CHANGE_DEPTH))
        };
        let kind = at.field("type").choice(pb.r#type);
        let affected_item_id = at.field("affected_item_id").unless_empty(pb.affected_item_id);
        let old_value = value(pb.old_value, &at.field("old_value"));
        let new_value = value(pb.new_value, &at.field("new_value"));
        Ok(Self {
            kind: kind?,
            affected_item_id: affected_item_id?,
            affected_item_name: pb.affected_item_name,
            field: pb.field,
            description: pb.description,
            old_value: old_value?,
            new_value: new_value?,
        })
    }
}

/// Leaf of each item.
impl Wire for BTreeMap<ItemId, Digest> {
    type Pb = Vec<pb::ItemDigest>;

    fn to_pb(&self) -> Self::Pb {
        self.iter().map(|(id, leaf)| pb::ItemDigest { item_id: id.to_pb(), digest: leaf.to_pb() }).collect()
    }

    fn read(pb: Self::Pb, at: &Field<'_>) -> Result<Self, Refused> {
        at.by_item(pb, |leaf, at| {
            let id = at.field("item_id").read(leaf.item_id);
            let digest = at.field("digest").read(leaf.digest);
            Ok((id?, digest?))
        })
    }
}

/// What validation found. There is no way back: its codes are those that this server knows.
pub fn validation_to_pb(validation: &Validation) -> pb::PlanValidationResult {
    let findings = |list: &[Finding]| list.iter().map(finding_to_pb).collect();
    pb::PlanValidationResult {
        valid: validation.is_valid(),
        errors: findings(&validation.errors),
        warnings: findings(&validation.warnings),
    }
}

fn finding_to_pb(finding: &Finding) -> pb::PlanFinding {
    pb::PlanFinding {
        code: finding.code.to_owned(),
        message: finding.message.clone(),
        affected_item_id: finding.item_id.as_ref().map(Wire::to_pb).unwrap_or_default(),
        field: finding.field.clone(),
    }
}
