//! Who must agree.

use assent_plan::requirement::DEEPEST_RULE;
use assent_plan::{
    ApprovalRequirement, ApprovalRule, ApprovalStage, ApprovalThreshold, Channel, EscalationStep,
    TimeoutAction, Voters,
};
use assent_proto::plan::v1 as pb;
use pb::approval_rule::Rule;

use super::assessment::count;
use super::{Field, Refused, Wire, WireEnum, list_to_pb};

impl Wire for ApprovalRequirement {
    type Pb = pb::ApprovalRequirement;

    fn to_pb(&self) -> pb::ApprovalRequirement {
        pb::ApprovalRequirement {
            roles: self.roles.clone(),
            quorum: count(self.quorum),
            separation_of_duties: self.separation_of_duties,
            auto_approvable: self.auto_approvable,
            timeout: self.timeout.map(|span| span.to_pb()),
            stages: list_to_pb(&self.stages),
            rejections: count(self.rejections),
            veto_roles: self.veto_roles.clone(),
            direct: self.direct,
            no_open_concerns: self.no_open_concerns,
            timeout_action: self.timeout_action.map_or(0, TimeoutAction::number),
            reminders: count(self.reminders),
            escalation: list_to_pb(&self.escalation),
            channels: self.channels.iter().map(|channel| channel.number()).collect(),
        }
    }

    fn read(pb: pb::ApprovalRequirement, at: &Field<'_>) -> Result<Self, Refused> {
        // A requirement that nobody need meet is a defect or an attack, and never one to let through.
        let quorum = u32::try_from(pb.quorum)
            .ok()
            .filter(|quorum| *quorum > 0)
            .ok_or_else(|| at.field("quorum").refuse("OUT_OF_RANGE", "must be at least 1"));
        let timeout = at.field("timeout").optional(pb.timeout);
        let stages = at.field("stages").list(pb.stages);
        let rejections = at.field("rejections").unsigned(pb.rejections);
        let timeout_action = at.field("timeout_action").optional_choice(pb.timeout_action);
        let reminders = at.field("reminders").unsigned(pb.reminders);
        let escalation = at.field("escalation").list(pb.escalation);
        let channels = at.field("channels").each(pb.channels, |number, at| at.choice::<Channel>(number));
        let requirement = Self {
            roles: pb.roles,
            quorum: quorum?,
            separation_of_duties: pb.separation_of_duties,
            auto_approvable: pb.auto_approvable,
            direct: pb.direct,
            stages: stages?,
            rejections: rejections?,
            veto_roles: pb.veto_roles,
            no_open_concerns: pb.no_open_concerns,
            timeout: timeout?,
            timeout_action: timeout_action?,
            reminders: reminders?,
            escalation: escalation?,
            channels: channels?,
        };
        requirement.check().map_err(|problem| at.refuse("OUT_OF_RANGE", problem.to_string()))?;
        Ok(requirement)
    }
}

impl Wire for ApprovalStage {
    type Pb = pb::ApprovalStage;

    fn to_pb(&self) -> pb::ApprovalStage {
        pb::ApprovalStage {
            name: self.name.clone(),
            rule: Some(rule_to_pb(&self.rule)),
            above: self.above.map(|above| above.to_pb()),
        }
    }

    fn read(pb: pb::ApprovalStage, at: &Field<'_>) -> Result<Self, Refused> {
        let rule = read_rule(pb.rule, &at.field("rule"), 1);
        let above = at.field("above").optional(pb.above);
        Ok(Self { name: pb.name, rule: rule?, above: above? })
    }
}

fn rule_to_pb(rule: &ApprovalRule) -> pb::ApprovalRule {
    let together =
        |rules: &[ApprovalRule]| pb::ApprovalRules { rules: rules.iter().map(rule_to_pb).collect() };
    let rule = match rule {
        ApprovalRule::All(rules) => Rule::All(together(rules)),
        ApprovalRule::Any(rules) => Rule::Any(together(rules)),
        ApprovalRule::AtLeast(threshold) => Rule::AtLeast(pb::ApprovalThreshold {
            count: count(threshold.count),
            of: Some(threshold.of.to_pb()),
        }),
    };
    pb::ApprovalRule { rule: Some(rule) }
}

fn read_rule(pb: Option<pb::ApprovalRule>, at: &Field<'_>, depth: usize) -> Result<ApprovalRule, Refused> {
    if depth > DEEPEST_RULE {
        return Err(at.refuse("OUT_OF_RANGE", "stands too deep"));
    }
    let read_all = |rules: pb::ApprovalRules| {
        at.field("rules").each(rules.rules, |rule, at| read_rule(Some(rule), at, depth + 1))
    };
    match pb.and_then(|pb| pb.rule).ok_or_else(|| at.refuse("REQUIRED", "must be set"))? {
        Rule::All(rules) => read_all(rules).map(ApprovalRule::All),
        Rule::Any(rules) => read_all(rules).map(ApprovalRule::Any),
        Rule::AtLeast(threshold) => {
            let count = at.field("count").unsigned(threshold.count);
            let of = at.field("of").required(threshold.of);
            Ok(ApprovalRule::AtLeast(ApprovalThreshold { count: count?, of: of? }))
        }
    }
}

impl Wire for Voters {
    type Pb = pb::Voters;

    fn to_pb(&self) -> pb::Voters {
        pb::Voters {
            roles: self.roles.clone(),
            groups: self.groups.clone(),
            tags: self.tags.clone(),
            users: self.users.clone(),
        }
    }

    fn read(pb: pb::Voters, _: &Field<'_>) -> Result<Self, Refused> {
        Ok(Self { roles: pb.roles, groups: pb.groups, tags: pb.tags, users: pb.users })
    }
}

impl Wire for EscalationStep {
    type Pb = pb::EscalationStep;

    fn to_pb(&self) -> pb::EscalationStep {
        pb::EscalationStep { to: Some(self.to.to_pb()), timeout: Some(self.timeout.to_pb()) }
    }

    fn read(pb: pb::EscalationStep, at: &Field<'_>) -> Result<Self, Refused> {
        let to = at.field("to").required(pb.to);
        let timeout = at.field("timeout").required(pb.timeout);
        Ok(Self { to: to?, timeout: timeout? })
    }
}
