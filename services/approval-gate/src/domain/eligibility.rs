//! Who may vote.

use assent_core::{Actor, ActorKind};
use assent_plan::{ApprovalRequirement, ApprovalRule, ApprovalStage, Money, Voters};

use super::member::{Member, person};

/// Why somebody may not vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ineligible {
    /// Agents and services never vote.
    NotAPerson,
    /// None of the roles that the policy asks for.
    RoleTooLow,
    /// Not among the approvers whom the requester named.
    NotAuthorized,
    /// Asked for the approval.
    Requester,
    /// The requester acts for this person.
    OnBehalfOf,
    /// Made a version of the plan.
    Author,
    /// Has no part in the session.
    NotInvolved,
    /// Has voted on this version already, in person or by delegation: one person counts once.
    AlreadyVoted,
    /// Votes for somebody who delegated nothing, or not now.
    NoDelegation,
    /// The session reviews what was approved in an emergency: that is not approved so again.
    AfterReview,
}

impl Ineligible {
    /// The name that callers see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAPerson => "NOT_A_PERSON",
            Self::RoleTooLow => "ROLE_TOO_LOW",
            Self::NotAuthorized => "NOT_AUTHORIZED",
            Self::Requester => "REQUESTER",
            Self::OnBehalfOf => "ON_BEHALF_OF",
            Self::Author => "AUTHOR",
            Self::NotInvolved => "NOT_INVOLVED",
            Self::AlreadyVoted => "ALREADY_VOTED",
            Self::NoDelegation => "NO_DELEGATION",
            Self::AfterReview => "AFTER_REVIEW",
        }
    }

    /// For people.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::NotAPerson => "only people decide; agents and services cannot",
            Self::RoleTooLow => "neither your roles nor your groups are among those that the policy asks for",
            Self::NotAuthorized => "the requester named other approvers",
            Self::Requester => "you asked for this approval, and the policy wants somebody else to give it",
            Self::OnBehalfOf => {
                "the plan was submitted for you, and the policy wants somebody else to approve it"
            }
            Self::Author => {
                "you made a version of this plan, and the policy wants somebody else to approve it"
            }
            Self::NotInvolved => "you neither asked for this approval nor may decide on it",
            Self::AlreadyVoted => "one person counts once on a version, in person or by delegation",
            Self::NoDelegation => "no delegation of that person to you is in force",
            Self::AfterReview => {
                "a review afterwards is signed by those whom the policy asks for, not by one alone"
            }
        }
    }
}

/// Somebody who made a version of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Which version.
    pub version: i32,
    /// Who.
    pub id: String,
}

/// What decides who may vote on a session.
#[derive(Debug, Clone, Copy)]
pub struct Electorate<'a> {
    /// What the policy asks for.
    pub requirement: &'a ApprovalRequirement,
    /// When not empty, the only users who may decide.
    pub authorized: &'a [String],
    /// Who asked.
    pub requester: &'a str,
    /// For whom, where that is somebody else.
    pub on_behalf_of: &'a str,
    /// Who made the versions of the plan.
    pub authors: &'a [Author],
    /// Upper end of the plan's estimate; none without one.
    pub cost_high: Option<Money>,
    /// How many steps of the requirement's escalation have been taken.
    pub escalated: usize,
}

impl<'a> Electorate<'a> {
    /// Whether a stage counts for this plan. A plan without an estimate may cost anything.
    pub fn applies(&self, stage: &ApprovalStage) -> bool {
        stage.above.is_none_or(|above| self.cost_high.is_none_or(|cost| cost > above))
    }

    /// The stages that count, in order.
    pub fn stages(&self) -> impl Iterator<Item = &'a ApprovalStage> + use<'a> {
        let this = *self;
        this.requirement.stages.iter().filter(move |stage| this.applies(stage))
    }

    /// Those whom escalations have asked so far.
    pub fn escalated_to(&self) -> impl Iterator<Item = &'a Voters> + use<'a> {
        self.requirement.escalation.iter().take(self.escalated).map(|step| &step.to)
    }

    /// Whether an escalation has asked `seat`.
    pub fn is_escalated(&self, seat: &Member) -> bool {
        self.escalated_to().any(|voters| seat.belongs(voters))
    }

    /// Whether `seat` counts for the quorum over all. Where the policy names no roles, that is whoever a stage names.
    pub fn in_quorum(&self, seat: &Member) -> bool {
        seat.has_any_role(&self.requirement.roles)
            || self.is_escalated(seat)
            || (self.requirement.roles.is_empty() && self.stages().any(|stage| names(&stage.rule, seat)))
    }

    /// What a vote of `seat` would count for: the quorum, and stages.
    pub fn counts_for(&self, seat: &Member) -> Vec<&'a str> {
        let quorum = self.in_quorum(seat).then_some(super::quorum::QUORUM);
        let stages = self.stages().filter(|stage| names(&stage.rule, seat)).map(|stage| stage.name.as_str());
        quorum.into_iter().chain(stages).collect()
    }

    /// Whether `seat` holds a veto.
    pub fn has_veto(&self, seat: &Member) -> bool {
        seat.has_any_role(&self.requirement.veto_roles)
    }

    /// Whether `hand` may vote against the plan with the voice of `seat`: a person with a part in the decision, and named
    /// where names were given.
    ///
    /// # Errors
    /// Why not.
    pub fn may_reject(&self, hand: &Actor, seat: &Member) -> Result<(), Ineligible> {
        if hand.kind != ActorKind::User {
            return Err(Ineligible::NotAPerson);
        }
        if self.counts_for(seat).is_empty() && !self.has_veto(seat) {
            return Err(Ineligible::RoleTooLow);
        }
        self.is_named(seat)
    }

    fn is_named(&self, seat: &Member) -> Result<(), Ineligible> {
        let named = self.authorized.is_empty() || self.authorized.iter().any(|id| seat.is(id));
        // Whoever is asked because those who were named did not answer cannot be among them.
        if named || self.is_escalated(seat) { Ok(()) } else { Err(Ineligible::NotAuthorized) }
    }

    /// Whether `hand` may vote for the plan with the voice of `seat`: as for a vote against it, with a part in the approval,
    /// and both separate from those who made the plan.
    ///
    /// # Errors
    /// Why not.
    pub fn may_approve(&self, hand: &Actor, seat: &Member) -> Result<(), Ineligible> {
        if hand.kind != ActorKind::User {
            return Err(Ineligible::NotAPerson);
        }
        if self.counts_for(seat).is_empty() {
            return Err(Ineligible::RoleTooLow);
        }
        self.is_named(seat)?;
        self.is_separate(&hand.id)?;
        self.is_separate(&seat.id)
    }

    /// Whether duties are separate: `id` is nobody behind the plan, or the policy does not mind.
    ///
    /// # Errors
    /// Why not.
    pub fn is_separate(&self, id: &str) -> Result<(), Ineligible> {
        if !self.requirement.separation_of_duties {
            return Ok(());
        }
        // Spelling must not get anybody around the rule: whom an agent acts for is typed by hand.
        let wanted = person(id);
        let is = |id: &str| person(id) == wanted;
        if is(self.requester) {
            Err(Ineligible::Requester)
        } else if is(self.on_behalf_of) {
            Err(Ineligible::OnBehalfOf)
        } else if self.authors.iter().any(|author| is(&author.id)) {
            Err(Ineligible::Author)
        } else {
            Ok(())
        }
    }
}

/// Whether some number of a rule counts `seat`.
pub fn names(rule: &ApprovalRule, seat: &Member) -> bool {
    match rule {
        ApprovalRule::All(rules) | ApprovalRule::Any(rules) => rules.iter().any(|rule| names(rule, seat)),
        ApprovalRule::AtLeast(threshold) => seat.belongs(&threshold.of),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use assent_plan::{ApprovalThreshold, EscalationStep, Span};

    use super::*;

    pub(crate) fn person(id: &str, roles: &[&str]) -> Actor {
        Actor {
            id: id.to_owned(),
            kind: ActorKind::User,
            name: String::new(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            groups: Vec::new(),
            credential: "static_token".to_owned(),
            on_behalf_of: String::new(),
        }
    }

    #[test]
    fn each_reason_has_its_case() {
        let requirement = ApprovalRequirement {
            roles: vec!["lead".to_owned(), "admin".to_owned()],
            quorum: 1,
            separation_of_duties: true,
            ..Default::default()
        };
        let authors = [Author { version: 2, id: "edith".to_owned() }];
        let electorate = Electorate {
            requirement: &requirement,
            authorized: &[],
            requester: "rob",
            on_behalf_of: "olga",
            authors: &authors,
            cost_high: None,
            escalated: 0,
        };
        let may_approve = |electorate: &Electorate<'_>, actor: &Actor| {
            electorate.may_approve(actor, &Member::of(actor, &[]))
        };
        let may_reject = |electorate: &Electorate<'_>, actor: &Actor| {
            electorate.may_reject(actor, &Member::of(actor, &[]))
        };
        let lead = |id| person(id, &["lead"]);
        let robot = Actor { kind: ActorKind::Agent, ..lead("bot") };
        assert_eq!(may_approve(&electorate, &lead("ada")), Ok(()));
        assert_eq!(may_approve(&electorate, &robot), Err(Ineligible::NotAPerson));
        assert_eq!(may_approve(&electorate, &person("ada", &["developer"])), Err(Ineligible::RoleTooLow));
        assert_eq!(may_approve(&electorate, &lead("rob")), Err(Ineligible::Requester));
        assert_eq!(may_approve(&electorate, &lead("olga")), Err(Ineligible::OnBehalfOf));
        assert_eq!(may_approve(&electorate, &lead("edith")), Err(Ineligible::Author));
        assert_eq!(may_approve(&electorate, &lead("Olga")), Err(Ineligible::OnBehalfOf));
        for excluded in ["rob", "olga", "edith"] {
            assert_eq!(may_reject(&electorate, &lead(excluded)), Ok(()));
        }
        let named = ["ben".to_owned()];
        let narrowed = Electorate { authorized: &named, ..electorate };
        assert_eq!(may_reject(&narrowed, &lead("ada")), Err(Ineligible::NotAuthorized));
        assert_eq!(may_approve(&narrowed, &lead("ben")), Ok(()));
        assert_eq!(may_approve(&narrowed, &person("ben", &[])), Err(Ineligible::RoleTooLow));
    }

    #[test]
    fn without_separation_the_requester_may_approve_and_without_roles_nobody_may() {
        let mut requirement = ApprovalRequirement {
            roles: vec!["lead".to_owned()],
            quorum: 1,
            separation_of_duties: false,
            ..Default::default()
        };
        let vote = |requirement: &ApprovalRequirement| {
            let electorate = Electorate {
                requirement,
                authorized: &[],
                requester: "rob",
                on_behalf_of: "",
                authors: &[],
                cost_high: None,
                escalated: 0,
            };
            let rob = person("rob", &["lead"]);
            electorate.may_approve(&rob, &Member::of(&rob, &[]))
        };
        assert_eq!(vote(&requirement), Ok(()));
        requirement.roles.clear();
        assert_eq!(vote(&requirement), Err(Ineligible::RoleTooLow));
    }

    #[test]
    fn delegates_stages_and_escalations_widen_only_what_they_name() {
        let of = Voters { groups: vec!["security".to_owned()], ..Voters::default() };
        let security = ApprovalStage {
            name: "security".to_owned(),
            rule: ApprovalRule::AtLeast(ApprovalThreshold { count: 1, of }),
            above: Some(Money::from_micros(5)),
        };
        let chief = Voters { users: vec!["chief".to_owned()], ..Voters::default() };
        let requirement = ApprovalRequirement {
            roles: vec!["lead".to_owned()],
            quorum: 1,
            separation_of_duties: true,
            stages: vec![security],
            veto_roles: vec!["auditor".to_owned()],
            escalation: vec![EscalationStep { to: chief, timeout: Span::from_secs(1) }],
            ..Default::default()
        };
        let authorized = ["ada".to_owned(), "sam".to_owned()];
        let electorate = Electorate {
            requirement: &requirement,
            authorized: &authorized,
            requester: "rob",
            on_behalf_of: "",
            authors: &[],
            cost_high: None,
            escalated: 0,
        };
        let member = |id: &str, role: &str, group: &str| Member {
            id: id.to_owned(),
            roles: vec![role.to_owned()],
            groups: vec![group.to_owned()],
            tags: Vec::new(),
        };
        let (ada, sam, chief) =
            (member("ada", "lead", ""), member("sam", "", "security"), member("chief", "", ""));
        let dan = person("dan", &[]);
        assert_eq!(electorate.may_approve(&dan, &ada), Ok(()), "with ada's voice");
        assert_eq!(electorate.may_approve(&dan, &Member::of(&dan, &[])), Err(Ineligible::RoleTooLow));
        assert_eq!(electorate.may_approve(&person("rob", &[]), &ada), Err(Ineligible::Requester));
        assert_eq!(electorate.may_approve(&dan, &member("rob", "lead", "")), Err(Ineligible::NotAuthorized));
        assert_eq!(electorate.counts_for(&sam), ["security"], "an unknown cost is above every amount");
        let cheap = Electorate { cost_high: Some(Money::from_micros(5)), ..electorate };
        assert_eq!(cheap.may_approve(&person("sam", &[]), &sam), Err(Ineligible::RoleTooLow));
        assert_eq!(electorate.may_approve(&dan, &chief), Err(Ineligible::RoleTooLow));
        let escalated = Electorate { escalated: 1, ..electorate };
        assert_eq!(escalated.may_approve(&person("chief", &[]), &chief), Ok(()));
        assert_eq!(escalated.counts_for(&chief), ["quorum"]);
        let open = Electorate { authorized: &[], ..electorate };
        let auditor = member("aud", "auditor", "");
        assert_eq!(open.may_approve(&dan, &auditor), Err(Ineligible::RoleTooLow));
        assert_eq!(open.may_reject(&dan, &auditor), Ok(()));
    }
}
