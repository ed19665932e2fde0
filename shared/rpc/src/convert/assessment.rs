//! What a plan will take, and what can go wrong with it.

use std::collections::BTreeMap;

use assent_plan::{ItemId, PlanEstimate, RiskAssessment, RiskFactor, RiskLevel};
use assent_proto::plan::v1 as pb;

use super::{Field, Refused, Wire, WireEnum, list_to_pb};

/// Counts that do not fit the contract are written as its largest.
pub(super) fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl Wire for PlanEstimate {
    type Pb = pb::PlanEstimate;

    fn to_pb(&self) -> pb::PlanEstimate {
        pb::PlanEstimate {
            total_work_items: count(self.total_work_items),
            research_work_items: count(self.research_work_items),
            generation_work_items: count(self.generation_work_items),
            validation_work_items: count(self.validation_work_items),
            review_work_items: count(self.review_work_items),
            execution_work_items: count(self.execution_work_items),
            estimated_tokens: i64::try_from(self.estimated_tokens).unwrap_or(i64::MAX),
            estimated_duration: Some(self.estimated_duration.to_pb()),
            required_agents: count(self.required_agents),
            required_agent_types: self.required_agent_types.clone(),
            estimated_cost: self.estimated_cost.map(|cost| cost.to_pb()),
            resource_requirements: self.resource_requirements.clone(),
            risk_factors: list_to_pb(&self.risk_factors),
            confidence_score: self.confidence_score,
            cost_low: self.cost_low.map(|cost| cost.to_pb()),
            cost_high: self.cost_high.map(|cost| cost.to_pb()),
            duration_low: Some(self.duration_low.to_pb()),
            duration_high: Some(self.duration_high.to_pb()),
            planning_tokens: i64::try_from(self.planning_tokens).unwrap_or(i64::MAX),
            planning_cost: self.planning_cost.map(|cost| cost.to_pb()),
            critical_items: list_to_pb(&self.critical_items),
        }
    }

    fn read(pb: pb::PlanEstimate, at: &Field<'_>) -> Result<Self, Refused> {
        let total_work_items = at.field("total_work_items").unsigned(pb.total_work_items);
        let research_work_items = at.field("research_work_items").unsigned(pb.research_work_items);
        let generation_work_items = at.field("generation_work_items").unsigned(pb.generation_work_items);
        let validation_work_items = at.field("validation_work_items").unsigned(pb.validation_work_items);
        let review_work_items = at.field("review_work_items").unsigned(pb.review_work_items);
        let execution_work_items = at.field("execution_work_items").unsigned(pb.execution_work_items);
        let estimated_tokens = at.field("estimated_tokens").unsigned(pb.estimated_tokens);
        let estimated_duration = at.field("estimated_duration").required(pb.estimated_duration);
        let required_agents = at.field("required_agents").unsigned(pb.required_agents);
        let estimated_cost = at.field("estimated_cost").optional(pb.estimated_cost);
        let risk_factors = at.field("risk_factors").list(pb.risk_factors);
        let confidence_score = read_confidence(pb.confidence_score, &at.field("confidence_score"));
        let cost_low = at.field("cost_low").optional(pb.cost_low);
        let cost_high = at.field("cost_high").optional(pb.cost_high);
        // Absent from those who do not know the interval yet.
        let duration_low = at.field("duration_low").optional(pb.duration_low);
        let duration_high = at.field("duration_high").optional(pb.duration_high);
        let planning_tokens = at.field("planning_tokens").unsigned(pb.planning_tokens);
        let planning_cost = at.field("planning_cost").optional(pb.planning_cost);
        let critical_items = at.field("critical_items").list(pb.critical_items);
        let estimated_duration = estimated_duration?;
        Ok(Self {
            total_work_items: total_work_items?,
            research_work_items: research_work_items?,
            generation_work_items: generation_work_items?,
            validation_work_items: validation_work_items?,
            review_work_items: review_work_items?,
            execution_work_items: execution_work_items?,
            estimated_tokens: estimated_tokens?,
            estimated_duration,
            required_agents: required_agents?,
            required_agent_types: pb.required_agent_types,
            estimated_cost: estimated_cost?,
            resource_requirements: pb.resource_requirements,
            risk_factors: risk_factors?,
            confidence_score: confidence_score?,
            cost_low: cost_low?,
            cost_high: cost_high?,
            duration_low: duration_low?.unwrap_or(estimated_duration),
            duration_high: duration_high?.unwrap_or(estimated_duration),
            planning_tokens: planning_tokens?,
            planning_cost: planning_cost?,
            critical_items: critical_items?,
        })
    }
}

fn read_confidence(score: f32, at: &Field<'_>) -> Result<f32, Refused> {
    if (0.0..=1.0).contains(&score) {
        Ok(score)
    } else {
        Err(at.refuse("OUT_OF_RANGE", "must be from 0 to 1"))
    }
}

impl Wire for RiskFactor {
    type Pb = pb::RiskFactor;

    fn to_pb(&self) -> pb::RiskFactor {
        pb::RiskFactor {
            code: self.code.clone(),
            description: self.description.clone(),
            severity: self.severity.number(),
            mitigation: self.mitigation.clone(),
            item_id: self.item_id.as_ref().map(Wire::to_pb).unwrap_or_default(),
            rule: self.rule.clone(),
            explanation: self.explanation.clone(),
        }
    }

    fn read(pb: pb::RiskFactor, at: &Field<'_>) -> Result<Self, Refused> {
        let severity = at.field("severity").choice(pb.severity);
        let item_id = at.field("item_id").unless_empty(pb.item_id);
        Ok(Self {
            code: pb.code,
            description: pb.description,
            severity: severity?,
            mitigation: pb.mitigation,
            item_id: item_id?,
            rule: pb.rule,
            explanation: pb.explanation,
        })
    }
}

impl Wire for RiskAssessment {
    type Pb = pb::RiskAssessment;

    fn to_pb(&self) -> pb::RiskAssessment {
        pb::RiskAssessment {
            level: self.level.number(),
            factors: list_to_pb(&self.factors),
            items: self.items.to_pb(),
            policy_digest: self.policy_digest.to_pb(),
            requirement: Some(self.requirement.to_pb()),
        }
    }

    /// A level or requirement that is missing is refused: it must never read as a low one.
    fn read(pb: pb::RiskAssessment, at: &Field<'_>) -> Result<Self, Refused> {
        let level = at.field("level").choice(pb.level);
        let factors = at.field("factors").list(pb.factors);
        let items = at.field("items").read(pb.items);
        let policy_digest = at.field("policy_digest").read(pb.policy_digest);
        let requirement = at.field("requirement").required(pb.requirement);
        Ok(Self {
            level: level?,
            factors: factors?,
            items: items?,
            policy_digest: policy_digest?,
            requirement: requirement?,
        })
    }
}

/// Level of each item.
impl Wire for BTreeMap<ItemId, RiskLevel> {
    type Pb = Vec<pb::ItemRisk>;

    fn to_pb(&self) -> Self::Pb {
        self.iter().map(|(id, level)| pb::ItemRisk { item_id: id.to_pb(), level: level.number() }).collect()
    }

    fn read(pb: Self::Pb, at: &Field<'_>) -> Result<Self, Refused> {
        at.by_item(pb, |risk, at| {
            let id = at.field("item_id").read(risk.item_id);
            let level = at.field("level").choice(risk.level);
            Ok((id?, level?))
        })
    }
}
