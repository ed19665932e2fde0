//! Limits that were approved with the plan.

use assent_core::Timestamp;
use assent_plan::{Money, Plan, WorkItem};

/// A limit that the next attempt would pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Passed {
    /// The execution would cost more than the plan allows.
    #[error("the execution may cost {limit}, and would cost {would}")]
    PlanCost {
        /// What is allowed.
        limit: Money,
        /// What it would come to.
        would: Money,
    },
    /// The item would cost more than it may.
    #[error("the item may cost {limit}, and would cost {would}")]
    ItemCost {
        /// What is allowed.
        limit: Money,
        /// What it would come to.
        would: Money,
    },
    /// The execution takes longer than the plan allows.
    #[error("the execution may take {0}, which is over")]
    Duration(assent_plan::Span),
    /// The plan does not let its items use the tool.
    #[error("the plan does not allow the tool `{0}`")]
    Tool(String),
}

impl Passed {
    /// Stable name.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::PlanCost { .. } | Self::ItemCost { .. } => "COST_LIMIT_EXCEEDED",
            Self::Duration(_) => "DURATION_LIMIT_EXCEEDED",
            Self::Tool(_) => "TOOL_NOT_ALLOWED",
        }
    }
}

/// What has been used so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    /// By the whole execution.
    pub(crate) cost: Money,
    /// By earlier attempts of the item.
    pub(crate) item_cost: Money,
    /// When the execution began.
    pub(crate) since: Timestamp,
}

/// Whether an attempt of `item` that costs `price` may begin at `now`.
pub(crate) fn check(
    plan: &Plan,
    item: &WorkItem,
    price: Money,
    used: Used,
    now: Timestamp,
) -> Result<(), Passed> {
    check_tool(plan, &item.tool)?;
    let would = used.cost.plus(price);
    if let Some(limit) = plan.constraints.max_cost.filter(|limit| would > *limit) {
        return Err(Passed::PlanCost { limit, would });
    }
    let would = used.item_cost.plus(price);
    if let Some(limit) = item.constraints.max_cost.filter(|limit| would > *limit) {
        return Err(Passed::ItemCost { limit, would });
    }
    match plan.constraints.max_duration {
        Some(limit) if now.since(used.since) >= limit.duration() => Err(Passed::Duration(limit)),
        _ => Ok(()),
    }
}

/// Whether the plan lets its items and rollbacks use `tool`.
pub(crate) fn check_tool(plan: &Plan, tool: &str) -> Result<(), Passed> {
    let limits = &plan.constraints;
    let allowed = limits.allowed_tools.is_empty() || limits.allowed_tools.iter().any(|name| name == tool);
    let forbidden = limits.forbidden_tools.iter().any(|name| name == tool);
    if allowed && !forbidden { Ok(()) } else { Err(Passed::Tool(tool.to_owned())) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use assent_plan::Span;

    use super::*;

    #[test]
    fn each_limit_stops_the_next_attempt() {
        let start = Timestamp::from_micros(0).unwrap();
        let item = WorkItem::new("a".parse().unwrap(), "A", "shell");
        let cents = |n: u64| Money::from_micros(n * 10_000);
        let used = Used { cost: cents(3), item_cost: cents(1), since: start };
        let later = start.after(Duration::from_secs(10));
        let mut plan = Plan::new("g");
        assert_eq!(check(&plan, &item, cents(1), used, later), Ok(()));

        plan.constraints.max_cost = Some(cents(4));
        assert_eq!(check(&plan, &item, cents(1), used, later), Ok(()));
        assert_eq!(check(&plan, &item, cents(2), used, later).unwrap_err().reason(), "COST_LIMIT_EXCEEDED");

        let mut capped = item.clone();
        capped.constraints.max_cost = Some(cents(1));
        assert!(matches!(check(&plan, &capped, cents(1), used, later), Err(Passed::ItemCost { .. })));

        plan.constraints.max_duration = Some(Span::from_secs(10));
        assert!(matches!(check(&plan, &item, cents(1), used, later), Err(Passed::Duration(_))));

        plan.constraints.forbidden_tools = vec!["shell".to_owned()];
        assert!(matches!(check(&plan, &item, cents(1), used, start), Err(Passed::Tool(_))));
        plan.constraints.forbidden_tools.clear();
        plan.constraints.allowed_tools = vec!["web_search".to_owned()];
        assert!(matches!(check(&plan, &item, cents(1), used, start), Err(Passed::Tool(_))));
    }
}
