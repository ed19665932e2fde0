//! Work items.

use assent_plan::{Bound, ItemConstraints, ItemType, Objective, Priority, Rollback, WorkItem};
use assent_proto::plan::v1 as pb;

use super::{Field, Refused, Wire, WireEnum, list_to_pb};

impl Wire for WorkItem {
    type Pb = pb::WorkItem;

    fn to_pb(&self) -> pb::WorkItem {
        pb::WorkItem {
            id: self.id.to_pb(),
            name: self.name.clone(),
            description: self.description.clone(),
            r#type: self.item_type.number(),
            priority: self.priority.number(),
            objective: Some(self.objective.to_pb()),
            constraints: Some(self.constraints.to_pb()),
            tool: self.tool.clone(),
            arguments: Some(self.arguments.to_pb()),
            required_capabilities: self.required_capabilities.clone(),
            preferred_agent_type: self.preferred_agent_type.clone(),
            declared_risk: self.declared_risk.map(WireEnum::number).unwrap_or_default(),
            rollback: self.rollback.as_ref().map(Wire::to_pb),
            rollback_possible: self.rollback_possible,
            bounds: list_to_pb(&self.bounds),
        }
    }

    fn read(pb: pb::WorkItem, at: &Field<'_>) -> Result<Self, Refused> {
        let id = at.field("id").read(pb.id);
        let item_type = at.field("type").optional_choice(pb.r#type);
        let priority = at.field("priority").optional_choice(pb.priority);
        let objective = at.field("objective").optional(pb.objective);
        let constraints = at.field("constraints").optional(pb.constraints);
        let arguments = at.field("arguments").optional(pb.arguments);
        let declared_risk = at.field("declared_risk").optional_choice(pb.declared_risk);
        let rollback = at.field("rollback").optional(pb.rollback);
        let bounds = at.field("bounds").list(pb.bounds);
        Ok(Self {
            id: id?,
            name: pb.name,
            description: pb.description,
            item_type: item_type?.unwrap_or(ItemType::Execution),
            priority: priority?.unwrap_or(Priority::Normal),
            objective: objective?.unwrap_or_default(),
            constraints: constraints?.unwrap_or_default(),
            tool: pb.tool,
            arguments: arguments?.unwrap_or_default(),
            required_capabilities: pb.required_capabilities,
            preferred_agent_type: pb.preferred_agent_type,
            declared_risk: declared_risk?,
            rollback: rollback?,
            rollback_possible: pb.rollback_possible,
            bounds: bounds?,
        })
    }
}

impl Wire for Objective {
    type Pb = pb::Objective;

    fn to_pb(&self) -> pb::Objective {
        pb::Objective {
            goal: self.goal.clone(),
            success_criteria: self.success_criteria.clone(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
        }
    }

    fn read(pb: pb::Objective, _: &Field<'_>) -> Result<Self, Refused> {
        Ok(Self {
            goal: pb.goal,
            success_criteria: pb.success_criteria,
            inputs: pb.inputs,
            outputs: pb.outputs,
        })
    }
}

impl Wire for ItemConstraints {
    type Pb = pb::WorkItemConstraints;

    fn to_pb(&self) -> pb::WorkItemConstraints {
        pb::WorkItemConstraints {
            timeout: self.timeout.map(|span| span.to_pb()),
            max_retries: self.max_retries.map(|n| i32::try_from(n).unwrap_or(i32::MAX)),
            max_cost: self.max_cost.map(|cost| cost.to_pb()),
        }
    }

    fn read(pb: pb::WorkItemConstraints, at: &Field<'_>) -> Result<Self, Refused> {
        let timeout = at.field("timeout").optional(pb.timeout);
        let max_retries = pb.max_retries.map(|n| at.field("max_retries").unsigned(n)).transpose();
        let max_cost = at.field("max_cost").optional(pb.max_cost);
        Ok(Self { timeout: timeout?, max_retries: max_retries?, max_cost: max_cost? })
    }
}

impl Wire for Rollback {
    type Pb = pb::Rollback;

    fn to_pb(&self) -> pb::Rollback {
        pb::Rollback { tool: self.tool.clone(), arguments: Some(self.arguments.to_pb()) }
    }

    fn read(pb: pb::Rollback, at: &Field<'_>) -> Result<Self, Refused> {
        let arguments = at.field("arguments").optional(pb.arguments)?;
        Ok(Self { tool: pb.tool, arguments: arguments.unwrap_or_default() })
    }
}

impl Wire for Bound {
    type Pb = pb::Bound;

    fn to_pb(&self) -> pb::Bound {
        pb::Bound { expression: self.expression.clone(), description: self.description.clone() }
    }

    fn read(pb: pb::Bound, _: &Field<'_>) -> Result<Self, Refused> {
        Ok(Self { expression: pb.expression, description: pb.description })
    }
}
