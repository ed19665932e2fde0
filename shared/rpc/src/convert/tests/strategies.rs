//! Small values of every kind, sound or not as plans, but each with one form on the wire.

use assent_core::{Digest, Id};
use assent_plan::{
    ApprovalRequirement, ApprovalRule, ApprovalStage, ApprovalThreshold, Bound, Channel, Dependency,
    DependencyType, EscalationStep, ItemConstraints, ItemId, ItemType, Map, Money, Objective, Plan,
    PlanChange, PlanChangeType, PlanConstraints, PlanEstimate, Priority, RiskAssessment, RiskFactor,
    RiskLevel, Rollback, Span, Strategy as Scheduling, TimeoutAction, Voters, WorkItem,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..3)
}

fn one_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    select(all)
}

fn item_id() -> impl Strategy<Value = ItemId> {
    "[a-z0-9][a-z0-9_-]{0,8}".prop_map(|id| id.parse().unwrap())
}

fn money() -> impl Strategy<Value = Money> {
    any::<u64>().prop_map(Money::from_micros)
}

fn span() -> impl Strategy<Value = Span> {
    (0..=315_576_000_000_000_u64).prop_map(Span::from_millis)
}

pub(super) fn json() -> impl Strategy<Value = Value> {
    let whole = -(1_i64 << 53)..=(1 << 53);
    let broken =
        any::<f64>().prop_filter("whole numbers become integers", |n| n.is_finite() && n.fract() != 0.0);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        whole.prop_map(Value::from),
        broken.prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map(text(), inner, 0..3).prop_map(|object| Value::Object(object.into_iter().collect())),
        ]
    })
}

fn map() -> impl Strategy<Value = Map> {
    btree_map(text(), json(), 0..3).prop_map(|object| object.into_iter().collect())
}

fn objective() -> impl Strategy<Value = Objective> {
    (text(), texts(), texts(), texts()).prop_map(|(goal, success_criteria, inputs, outputs)| Objective {
        goal,
        success_criteria,
        inputs,
        outputs,
    })
}

fn work_item() -> impl Strategy<Value = WorkItem> {
    let constraints = (option::of(span()), option::of(0..=i32::MAX as u32), option::of(money()));
    let rollback = (text(), map()).prop_map(|(tool, arguments)| Rollback { tool, arguments });
    let bound = (text(), text()).prop_map(|(expression, description)| Bound { expression, description });
    let what = (item_id(), text(), text(), one_of(ItemType::ALL), one_of(Priority::ALL), objective());
    let how = (constraints, text(), map(), texts(), text());
    let risk =
        (option::of(one_of(RiskLevel::ALL)), option::of(rollback), any::<Option<bool>>(), vec(bound, 0..3));
    (what, how, risk).prop_map(|(what, how, risk)| {
        let (id, name, description, item_type, priority, objective) = what;
        let ((timeout, max_retries, max_cost), tool, arguments, required_capabilities, preferred_agent_type) =
            how;
        let (declared_risk, rollback, rollback_possible, bounds) = risk;
        let constraints = ItemConstraints { timeout, max_retries, max_cost };
        WorkItem {
            id,
            name,
            description,
            item_type,
            priority,
            objective,
            constraints,
            tool,
            arguments,
            required_capabilities,
            preferred_agent_type,
            declared_risk,
            rollback,
            rollback_possible,
            bounds,
        }
    })
}

pub(super) fn plan() -> impl Strategy<Value = Plan> {
    let dependency = (item_id(), item_id(), one_of(DependencyType::ALL))
        .prop_map(|(from, to, kind)| Dependency { from, to, kind });
    let constraints = (option::of(money()), option::of(span()), texts(), texts());
    let id = option::of(any::<u128>().prop_map(|bits| Id::from_uuid(uuid::Uuid::from_u128(bits))));
    let head = (id, text(), text(), one_of(Scheduling::ALL));
    let body = (vec(work_item(), 0..4), vec(dependency, 0..4), constraints, map());
    (head, body, (text(), text(), text())).prop_map(|(head, body, made)| {
        let (id, goal, intent, strategy) = head;
        let (items, dependencies, (max_cost, max_duration, allowed_tools, forbidden_tools), context) = body;
        let (requester, on_behalf_of, origin) = made;
        let constraints = PlanConstraints { max_cost, max_duration, allowed_tools, forbidden_tools };
        Plan {
            id,
            goal,
            intent,
            strategy,
            items,
            dependencies,
            constraints,
            context,
            requester,
            on_behalf_of,
            origin,
        }
    })
}

fn factor() -> impl Strategy<Value = RiskFactor> {
    let texts = (text(), text(), text(), text(), text());
    (texts, one_of(RiskLevel::ALL), option::of(item_id())).prop_map(|(texts, severity, item_id)| {
        let (code, description, mitigation, rule, explanation) = texts;
        RiskFactor { code, description, severity, mitigation, item_id, rule, explanation }
    })
}

pub(super) fn estimate() -> impl Strategy<Value = PlanEstimate> {
    let count = || 0..=i32::MAX as u32;
    let counts = (count(), count(), count(), count(), count(), count(), count());
    let costs = (option::of(money()), option::of(money()), option::of(money()));
    let rest = (0..=i64::MAX as u64, span(), texts(), texts(), vec(factor(), 0..3), 0.0..=1.0_f32);
    let later = (span(), span(), 0..=i64::MAX as u64, option::of(money()), vec(item_id(), 0..3));
    (counts, costs, rest, later).prop_map(|(counts, costs, rest, later)| PlanEstimate {
        total_work_items: counts.0,
        research_work_items: counts.1,
        generation_work_items: counts.2,
        validation_work_items: counts.3,
        review_work_items: counts.4,
        execution_work_items: counts.5,
        required_agents: counts.6,
        estimated_cost: costs.0,
        cost_low: costs.1,
        cost_high: costs.2,
        estimated_tokens: rest.0,
        estimated_duration: rest.1,
        required_agent_types: rest.2,
        resource_requirements: rest.3,
        risk_factors: rest.4,
        confidence_score: rest.5,
        duration_low: later.0,
        duration_high: later.1,
        planning_tokens: later.2,
        planning_cost: later.3,
        critical_items: later.4,
    })
}

pub(super) fn assessment() -> impl Strategy<Value = RiskAssessment> {
    let level = || one_of(RiskLevel::ALL);
    let digest = any::<[u8; 32]>().prop_map(Digest::from_bytes);
    let parts = (level(), vec(factor(), 0..3), btree_map(item_id(), level(), 0..3), digest, requirement());
    parts.prop_map(|(level, factors, items, policy_digest, requirement)| RiskAssessment {
        level,
        factors,
        items,
        policy_digest,
        requirement,
    })
}

fn requirement() -> impl Strategy<Value = ApprovalRequirement> {
    let count = || 1..=i32::MAX as u32;
    let who = (texts(), count(), any::<[bool; 4]>(), texts(), vec(rule(), 0..3), option::of(money()));
    let channels = vec(one_of(Channel::ALL), 0..3);
    let time = (option::of(span()), option::of(one_of(TimeoutAction::ALL)), count(), voters(), channels);
    (who, time).prop_map(|(who, time)| {
        let stage = |(number, rule)| ApprovalStage { name: format!("stage {number}"), rule, above: who.5 };
        ApprovalRequirement {
            roles: who.0,
            quorum: who.1,
            separation_of_duties: who.2[0],
            auto_approvable: who.2[1],
            direct: who.2[2],
            no_open_concerns: who.2[3],
            veto_roles: who.3,
            stages: who.4.into_iter().enumerate().map(stage).collect(),
            rejections: time.2,
            timeout: time.0,
            timeout_action: time.1,
            reminders: time.2,
            escalation: time.0.map(|timeout| EscalationStep { to: time.3, timeout }).into_iter().collect(),
            channels: time.4,
        }
    })
}

fn rule() -> impl Strategy<Value = ApprovalRule> {
    let leaf =
        (1..9_u32, voters()).prop_map(|(count, of)| ApprovalRule::AtLeast(ApprovalThreshold { count, of }));
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..3).prop_map(ApprovalRule::All),
            vec(inner, 1..3).prop_map(ApprovalRule::Any),
        ]
    })
}

fn voters() -> impl Strategy<Value = Voters> {
    (vec(text(), 1..3), texts(), texts(), texts()).prop_map(|(roles, groups, tags, users)| Voters {
        roles,
        groups,
        tags,
        users,
    })
}

pub(super) fn change() -> impl Strategy<Value = PlanChange> {
    (one_of(PlanChangeType::ALL), option::of(item_id()), text(), text(), json(), json()).prop_map(
        |(kind, affected_item_id, affected_item_name, description, old_value, new_value)| PlanChange {
            kind,
            affected_item_id,
            affected_item_name,
            field: String::new(),
            description,
            old_value,
            new_value,
        },
    )
}
