//! The RPCs.

use std::sync::Arc;

use assent_core::Violation;
use assent_plan::Plan;
use assent_proto::risk::v1 as pb;
use assent_proto::risk::v1::risk_service_server::RiskService;
use assent_rpc::convert::{Wire as _, WireEnum as _, list_to_pb};
use tonic::{Request, Response, Status};

use crate::{Change, Diagnostic, Policy, PolicyError, Rulebook, Severity, Summary, replay};

pub(crate) struct Grpc(pub(crate) Arc<Rulebook>);

#[tonic::async_trait]
impl RiskService for Grpc {
    async fn assess_plan(
        &self,
        request: Request<pb::AssessPlanRequest>,
    ) -> Result<Response<pb::AssessPlanResponse>, Status> {
        let (_, body) = assent_rpc::accept(request)?;
        let plan = Plan::from_pb(body.plan.unwrap_or_default(), "plan").map_err(assent_rpc::invalid)?;
        let risk = self.0.assess(&plan);
        Ok(Response::new(pb::AssessPlanResponse { risk: Some(risk.to_pb()) }))
    }

    async fn get_policy(
        &self,
        request: Request<pb::GetPolicyRequest>,
    ) -> Result<Response<pb::GetPolicyResponse>, Status> {
        let (_, body) = assent_rpc::accept(request)?;
        let policy = self.0.policy();
        let whole = Some(&policy).filter(|_| !body.digest_only);
        Ok(Response::new(pb::GetPolicyResponse {
            text: whole.map(|policy| policy.text().to_owned()).unwrap_or_default(),
            digest: policy.digest().to_string(),
            rules: whole.into_iter().flat_map(|policy| policy.rule_names()).map(str::to_owned).collect(),
            refused: self.0.refused().iter().map(diagnostic).collect(),
        }))
    }

    async fn check_policy(
        &self,
        request: Request<pb::CheckPolicyRequest>,
    ) -> Result<Response<pb::CheckPolicyResponse>, Status> {
        let (_, body) = assent_rpc::accept(request)?;
        let response = match Policy::from_yaml(&body.text) {
            Ok(policy) => pb::CheckPolicyResponse {
                usable: true,
                diagnostics: policy.warnings().iter().map(diagnostic).collect(),
                digest: policy.digest().to_string(),
                rules: policy.rule_names().map(str::to_owned).collect(),
            },
            Err(PolicyError { diagnostics }) => pb::CheckPolicyResponse {
                diagnostics: diagnostics.iter().map(diagnostic).collect(),
                ..Default::default()
            },
        };
        Ok(Response::new(response))
    }

    async fn replay_policy(
        &self,
        request: Request<pb::ReplayPolicyRequest>,
    ) -> Result<Response<pb::ReplayPolicyResponse>, Status> {
        let (_, body) = assent_rpc::accept(request)?;
        let policy = Policy::from_yaml(&body.text).map_err(|PolicyError { diagnostics }| {
            let refuse =
                |diagnostic: &Diagnostic| Violation::new("text", "POLICY_INVALID", diagnostic.to_string());
            assent_rpc::invalid(diagnostics.iter().map(refuse).collect())
        })?;
        let plans = body.plans.into_iter().enumerate();
        let plans: Result<Vec<Plan>, _> =
            plans.map(|(index, plan)| Plan::from_pb(plan, &format!("plans[{index}]"))).collect();
        let plans = plans.map_err(assent_rpc::invalid)?;
        let (changes, summary) = replay(&self.0, &policy, &plans);
        Ok(Response::new(pb::ReplayPolicyResponse {
            changes: changes.iter().map(|change| change_to_pb(change, &plans)).collect(),
            summary: Some(summary_to_pb(summary)),
            from_digest: self.0.policy().digest().to_string(),
            to_digest: policy.digest().to_string(),
        }))
    }
}

fn diagnostic(diagnostic: &Diagnostic) -> pb::PolicyDiagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => pb::PolicyDiagnosticSeverity::Error,
        Severity::Warning => pb::PolicyDiagnosticSeverity::Warning,
    };
    pb::PolicyDiagnostic {
        severity: severity.into(),
        line: count(diagnostic.line),
        column: count(diagnostic.column),
        rule: diagnostic.rule.clone(),
        message: diagnostic.message.clone(),
    }
}

fn change_to_pb(change: &Change, plans: &[Plan]) -> pb::PolicyChange {
    let plan = plans.get(change.plan);
    let level = |(id, from, to): (&assent_plan::ItemId, _, _)| pb::ItemLevelChange {
        item_id: id.to_string(),
        from_level: assent_plan::RiskLevel::number(from),
        to_level: assent_plan::RiskLevel::number(to),
    };
    let factors = |factors: Vec<assent_plan::RiskFactor>| list_to_pb(&factors);
    pb::PolicyChange {
        plan: count(change.plan),
        plan_id: plan.and_then(|plan| plan.id).map(|id| id.to_string()).unwrap_or_default(),
        goal: plan.map(|plan| plan.goal.clone()).unwrap_or_default(),
        from_level: change.from.level.number(),
        to_level: change.to.level.number(),
        items: change.items().map(level).collect(),
        factors_added: factors(change.factors_added().cloned().collect()),
        factors_removed: factors(change.factors_removed().cloned().collect()),
        requirement_changed: change.requirement_changed(),
        from_auto_approvable: change.from.requirement.auto_approvable,
        to_auto_approvable: change.to.requirement.auto_approvable,
    }
}

fn summary_to_pb(summary: Summary) -> pb::PolicyChangeSummary {
    pb::PolicyChangeSummary {
        plans: count(summary.plans),
        raised: count(summary.raised),
        lowered: count(summary.lowered),
        reasons_changed: count(summary.reasons_changed),
        newly_auto_approvable: count(summary.newly_auto_approvable),
        no_longer_auto_approvable: count(summary.no_longer_auto_approvable),
        requirement_changed: count(summary.requirement_changed),
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
