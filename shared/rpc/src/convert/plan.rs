//! The plan as a whole.

use assent_plan::{Dependency, DependencyType, Plan, PlanConstraints, Strategy};
use assent_proto::plan::v1 as pb;

use super::{Field, Refused, Wire, WireEnum, list_to_pb};

impl Wire for Plan {
    type Pb = pb::Plan;

    fn to_pb(&self) -> pb::Plan {
        pb::Plan {
            id: self.id.map(|id| id.to_pb()).unwrap_or_default(),
            goal: self.goal.clone(),
            intent: self.intent.clone(),
            strategy: self.strategy.number(),
            items: list_to_pb(&self.items),
            dependencies: list_to_pb(&self.dependencies),
            constraints: Some(self.constraints.to_pb()),
            context: Some(self.context.to_pb()),
            requester: self.requester.clone(),
            on_behalf_of: self.on_behalf_of.clone(),
            origin: self.origin.clone(),
        }
    }

    fn read(pb: pb::Plan, at: &Field<'_>) -> Result<Self, Refused> {
        let id = at.field("id").unless_empty(pb.id);
        let strategy = at.field("strategy").optional_choice(pb.strategy);
        let items = at.field("items").list(pb.items);
        let dependencies = at.field("dependencies").list(pb.dependencies);
        let constraints = at.field("constraints").optional(pb.constraints);
        let context = at.field("context").optional(pb.context);
        Ok(Self {
            id: id?,
            goal: pb.goal,
            intent: pb.intent,
            strategy: strategy?.unwrap_or(Strategy::Parallel),
            items: items?,
            dependencies: dependencies?,
            constraints: constraints?.unwrap_or_default(),
            context: context?.unwrap_or_default(),
            requester: pb.requester,
            on_behalf_of: pb.on_behalf_of,
            origin: pb.origin,
        })
    }
}

impl Wire for PlanConstraints {
    type Pb = pb::PlanConstraints;

    fn to_pb(&self) -> pb::PlanConstraints {
        pb::PlanConstraints {
            max_cost: self.max_cost.map(|cost| cost.to_pb()),
            max_duration: self.max_duration.map(|span| span.to_pb()),
            allowed_tools: self.allowed_tools.clone(),
            forbidden_tools: self.forbidden_tools.clone(),
        }
    }

    fn read(pb: pb::PlanConstraints, at: &Field<'_>) -> Result<Self, Refused> {
        let max_cost = at.field("max_cost").optional(pb.max_cost);
        let max_duration = at.field("max_duration").optional(pb.max_duration);
        Ok(Self {
            max_cost: max_cost?,
            max_duration: max_duration?,
            allowed_tools: pb.allowed_tools,
            forbidden_tools: pb.forbidden_tools,
        })
    }
}

impl Wire for Dependency {
    type Pb = pb::Dependency;

    fn to_pb(&self) -> pb::Dependency {
        pb::Dependency { from: self.from.to_pb(), to: self.to.to_pb(), r#type: self.kind.number() }
    }

    fn read(pb: pb::Dependency, at: &Field<'_>) -> Result<Self, Refused> {
        let from = at.field("from").read(pb.from);
        let to = at.field("to").read(pb.to);
        let kind = at.field("type").optional_choice(pb.r#type);
        Ok(Self { from: from?, to: to?, kind: kind?.unwrap_or(DependencyType::Dependency) })
    }
}
