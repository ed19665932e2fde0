//! Conditions of an approval.

use assent_plan::{Condition, Money};
use assent_proto::review::v1 as pb;
use pb::approval_condition::Condition as Asked;

use super::{Field, Refused, Wire};

impl Wire for Condition {
    type Pb = pb::ApprovalCondition;

    fn to_pb(&self) -> pb::ApprovalCondition {
        let asked = match self {
            Self::MaxCost(limit) => Asked::MaxCost(limit.to_pb()),
            Self::NotBefore(time) => Asked::NotBefore(time.to_pb()),
            Self::NotAfter(time) => Asked::NotAfter(time.to_pb()),
            Self::DryRunFirst => Asked::DryRunFirst(true),
            Self::Expression(expression) => Asked::Expression(expression.clone()),
        };
        pb::ApprovalCondition { condition: Some(asked) }
    }

    fn read(pb: pb::ApprovalCondition, at: &Field<'_>) -> Result<Self, Refused> {
        let asked = pb.condition.ok_or_else(|| at.refuse("REQUIRED", "must ask for something"))?;
        let (name, condition) = match asked {
            Asked::MaxCost(limit) => ("max_cost", Self::MaxCost(at.field("max_cost").read::<Money>(limit)?)),
            Asked::NotBefore(time) => ("not_before", Self::NotBefore(at.field("not_before").read(time)?)),
            Asked::NotAfter(time) => ("not_after", Self::NotAfter(at.field("not_after").read(time)?)),
            Asked::DryRunFirst(true) => ("dry_run_first", Self::DryRunFirst),
            Asked::DryRunFirst(false) => {
                return Err(at.field("dry_run_first").refuse("REQUIRED", "must be true, or left out"));
            }
            Asked::Expression(expression) => ("expression", Self::Expression(expression)),
        };
        condition.check().map_err(|why| at.field(name).refuse("EXPRESSION_INVALID", why.to_string()))?;
        Ok(condition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a grant carries is what any reader of the contract expects.
    #[test]
    fn the_json_of_grants_is_the_proto3_json_of_the_contract() {
        let time = |text: &str| serde_json::from_value(text.into()).unwrap();
        for condition in [
            Condition::MaxCost(Money::from_micros(5_000_000)),
            Condition::MaxCost(Money::ZERO),
            Condition::NotBefore(time("2030-01-31T08:00:00Z")),
            Condition::NotAfter(time("2030-01-31T08:00:00.25Z")),
            Condition::DryRunFirst,
            Condition::Expression("execution.failed == 0".to_owned()),
        ] {
            let pb = condition.to_pb();
            let json = assent_proto::json::to_json(&pb).unwrap();
            assert_eq!(serde_json::to_value(&condition).unwrap(), json);
            assert_eq!(Condition::from_pb(pb, "").unwrap(), condition);
        }
    }

    #[test]
    fn what_asks_for_nothing_or_cannot_be_judged_is_refused() {
        let read = |asked| {
            let violations = Condition::from_pb(pb::ApprovalCondition { condition: asked }, "c").unwrap_err();
            violations.into_iter().map(|v| (v.field, v.code.into_owned())).collect::<Vec<_>>()
        };
        let one = |field: &str, code: &str| vec![(field.to_owned(), code.to_owned())];
        assert_eq!(read(None), one("c", "REQUIRED"));
        assert_eq!(read(Some(Asked::DryRunFirst(false))), one("c.dry_run_first", "REQUIRED"));
        assert_eq!(
            read(Some(Asked::Expression("1 <".to_owned()))),
            one("c.expression", "EXPRESSION_INVALID")
        );
    }
}
