//! Who must agree before a plan may run, and what happens while nobody does.

use assent_core::Role;
use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::names::named;
use crate::span::Span;

/// Rules that one requirement may hold, counting those inside others.
pub const MOST_RULES: usize = 64;
/// How deep rules may stand inside each other.
pub const DEEPEST_RULE: usize = 8;

named! {
    /// What happens when nobody decided in time.
    TimeoutAction, "timeout action" {
        /// The plan is rejected.
        Cancel => "cancel",
        /// The plan is approved if its risk is LOW, else rejected.
        Proceed => "proceed",
        /// Somebody else is asked.
        Escalate => "escalate",
        /// Reviewers are reminded and get more time.
        Remind => "remind",
        /// The session stays, marked overdue.
        Hold => "hold",
    }
}

named! {
    /// Where people are told.
    Channel, "channel" {
        /// The inbox of Assent.
        InApp => "in_app",
        /// Mail.
        Email => "email",
        /// Slack.
        Slack => "slack",
        /// Microsoft Teams.
        Teams => "teams",
        /// An HTTP endpoint.
        Webhook => "webhook",
    }
}

/// Who must agree before a plan of some level may run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequirement {
    /// Roles of which an approver must have at least one.
    pub roles: Vec<Role>,
    /// How many different approvers it takes; at least one.
    pub quorum: u32,
    /// Whether the requester, the person acted for and the authors of changes are excluded.
    pub separation_of_duties: bool,
    /// Whether the policy lets the plan run without a person; never above LOW.
    #[serde(default)]
    pub auto_approvable: bool,
    /// Whether the mode DIRECT may run the plan without review; never above MEDIUM.
    #[serde(default)]
    pub direct: bool,
    /// Further rules, each to be met in this order: a vote counts for a stage once those before it are met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<ApprovalStage>,
    /// How many different people must reject to end the review; zero counts as one.
    #[serde(default)]
    pub rejections: u32,
    /// Roles of which one rejection ends the review.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub veto_roles: Vec<Role>,
    /// Whether an open comment of type CONCERN keeps the plan from being approved.
    #[serde(default)]
    pub no_open_concerns: bool,
    /// How long people have to decide; the approval gate's default when absent.
    #[serde(default)]
    pub timeout: Option<Span>,
    /// What happens then, unless the requester chose; none means [`TimeoutAction::Cancel`].
    #[serde(default)]
    pub timeout_action: Option<TimeoutAction>,
    /// How often [`TimeoutAction::Remind`] reminds before it cancels; zero counts as three.
    #[serde(default)]
    pub reminders: u32,
    /// Whom [`TimeoutAction::Escalate`] asks, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalation: Vec<EscalationStep>,
    /// Channels for requests of this level; each user's own when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
}

/// One step on the way to approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalStage {
    /// Unique in the requirement, e.g. `security`.
    pub name: String,
    /// What it takes.
    pub rule: ApprovalRule,
    /// The stage counts only for a plan that may cost more than this: by the upper end of its estimate, or when
    /// it has no estimate at all. Absent: for every plan.
    #[serde(default)]
    pub above: Option<Money>,
}

/// A rule over votes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalRule {
    /// All of these, at least one.
    All(Vec<ApprovalRule>),
    /// One of these.
    Any(Vec<ApprovalRule>),
    /// So many people.
    AtLeast(ApprovalThreshold),
}

/// A number of different people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalThreshold {
    /// How many; at least one.
    pub count: u32,
    /// Of whom.
    pub of: Voters,
}

/// People, by what is known of them. Somebody belongs when each list that is not empty holds one of theirs; nobody
/// belongs when all are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Voters {
    /// Roles, of the credential or the directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// Groups, of the credential or the directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Tags of the directory, e.g. `oncall`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Ids of users.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
}

/// Somebody to ask when those before did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationStep {
    /// Whom; they may decide from then on, as far as the rules allow.
    pub to: Voters,
    /// How long they have.
    pub timeout: Span,
}

impl Voters {
    /// Whether nobody belongs, because nothing was said.
    pub fn is_nobody(&self) -> bool {
        self.roles.is_empty() && self.groups.is_empty() && self.tags.is_empty() && self.users.is_empty()
    }
}

/// Why a requirement cannot be met or read as meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableRequirement {
    /// Approval by absence.
    #[error("a quorum of 0 would be approval by nobody")]
    NoQuorum,
    /// Two stages with one name, or an empty one.
    #[error("the stage `{0}` stands twice, or has no name")]
    Stage(String),
    /// A rule without rules, people or a count.
    #[error("stage `{0}`: a rule that says nothing is met by nobody")]
    EmptyRule(String),
    /// Too large.
    #[error("stage `{0}`: more than {MOST_RULES} rules, or rules more than {DEEPEST_RULE} deep")]
    TooLarge(String),
    /// An escalation to nobody.
    #[error("escalation step {0} names nobody")]
    Escalation(usize),
}

impl ApprovalRequirement {
    /// Checks that people can meet it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), UnusableRequirement> {
        if self.quorum == 0 {
            return Err(UnusableRequirement::NoQuorum);
        }
        let mut rules = 0;
        for (index, stage) in self.stages.iter().enumerate() {
            let taken = self.stages[..index].iter().any(|other| other.name == stage.name);
            if taken || stage.name.is_empty() {
                return Err(UnusableRequirement::Stage(stage.name.clone()));
            }
            check_rule(&stage.rule, &stage.name, 1, &mut rules)?;
        }
        match self.escalation.iter().position(|step| step.to.is_nobody()) {
            Some(index) => Err(UnusableRequirement::Escalation(index + 1)),
            None => Ok(()),
        }
    }
}

fn check_rule(
    rule: &ApprovalRule,
    stage: &str,
    depth: usize,
    rules: &mut usize,
) -> Result<(), UnusableRequirement> {
    *rules += 1;
    if *rules > MOST_RULES || depth > DEEPEST_RULE {
        return Err(UnusableRequirement::TooLarge(stage.to_owned()));
    }
    match rule {
        ApprovalRule::All(inner) | ApprovalRule::Any(inner) if inner.is_empty() => {
            Err(UnusableRequirement::EmptyRule(stage.to_owned()))
        }
        ApprovalRule::All(inner) | ApprovalRule::Any(inner) => {
            inner.iter().try_for_each(|rule| check_rule(rule, stage, depth + 1, rules))
        }
        ApprovalRule::AtLeast(threshold) if threshold.count == 0 || threshold.of.is_nobody() => {
            Err(UnusableRequirement::EmptyRule(stage.to_owned()))
        }
        ApprovalRule::AtLeast(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(stages: Vec<ApprovalStage>) -> ApprovalRequirement {
        ApprovalRequirement { roles: vec!["lead".to_owned()], quorum: 1, stages, ..Default::default() }
    }

    fn stage(name: &str, rule: ApprovalRule) -> ApprovalStage {
        ApprovalStage { name: name.to_owned(), rule, above: None }
    }

    fn one(role: &str) -> ApprovalRule {
        let of = Voters { roles: vec![role.to_owned()], ..Voters::default() };
        ApprovalRule::AtLeast(ApprovalThreshold { count: 1, of })
    }

    #[test]
    fn what_nobody_could_meet_is_named() {
        let nobody = ApprovalRule::AtLeast(ApprovalThreshold { count: 1, of: Voters::default() });
        let mut deep = one("lead");
        for _ in 0..DEEPEST_RULE {
            deep = ApprovalRule::All(vec![deep]);
        }
        let wide = ApprovalRule::Any(vec![one("lead"); MOST_RULES]);
        let check = |stages| requirement(stages).check();
        assert_eq!(check(vec![stage("a", one("lead")), stage("b", one("admin"))]), Ok(()));
        assert_eq!(check(vec![stage("a", nobody)]), Err(UnusableRequirement::EmptyRule("a".to_owned())));
        let empty = ApprovalRule::Any(Vec::new());
        assert_eq!(check(vec![stage("a", empty)]), Err(UnusableRequirement::EmptyRule("a".to_owned())));
        assert_eq!(check(vec![stage("a", deep)]), Err(UnusableRequirement::TooLarge("a".to_owned())));
        assert_eq!(check(vec![stage("a", wide)]), Err(UnusableRequirement::TooLarge("a".to_owned())));
        let twice = vec![stage("a", one("lead")), stage("a", one("lead"))];
        assert_eq!(check(twice), Err(UnusableRequirement::Stage("a".to_owned())));
        let none = ApprovalRequirement { quorum: 0, ..requirement(Vec::new()) };
        assert_eq!(none.check(), Err(UnusableRequirement::NoQuorum));
        let step = EscalationStep { to: Voters::default(), timeout: Span::from_secs(1) };
        let away = ApprovalRequirement { escalation: vec![step], ..requirement(Vec::new()) };
        assert_eq!(away.check(), Err(UnusableRequirement::Escalation(1)));
    }
}
