//! Who may vote.

use assent_core::{Actor, ActorKind};
use assent_plan::ApprovalRequirement;

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
        }
    }

    /// For people.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::NotAPerson => "only people decide; agents and services cannot",
            Self::RoleTooLow => "none of your roles is among those that the policy asks for",
            Self::NotAuthorized => "the requester named other approvers",
            Self::Requester => "you asked for this approval, and the policy wants somebody else to give it",
            Self::OnBehalfOf => {
                "the plan was submitted for you, and the policy wants somebody else to approve it"
            }
            Self::Author => {
                "you made a version of this plan, and the policy wants somebody else to approve it"
            }
            Self::NotInvolved => "you neither asked for this approval nor may decide on it",
        }
    }
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
    /// Who made a version of the plan.
    pub authors: &'a [String],
}

impl Electorate<'_> {
    /// Whether `actor` may vote against the plan: a person with a role, and named where names were given.
    ///
    /// # Errors
    /// Why not.
    pub fn may_reject(&self, actor: &Actor) -> Result<(), Ineligible> {
        if actor.kind != ActorKind::User {
            return Err(Ineligible::NotAPerson);
        }
        if !self.requirement.roles.iter().any(|role| actor.has_role(role)) {
            return Err(Ineligible::RoleTooLow);
        }
        if !self.authorized.is_empty() && !self.authorized.contains(&actor.id) {
            return Err(Ineligible::NotAuthorized);
        }
        Ok(())
    }

    /// Whether `actor` may vote for the plan: as for a vote against it, and separate from those who made it.
    ///
    /// # Errors
    /// Why not.
    pub fn may_approve(&self, actor: &Actor) -> Result<(), Ineligible> {
        self.may_reject(actor)?;
        if !self.requirement.separation_of_duties {
            return Ok(());
        }
        // Spelling must not get anybody around the rule: whom an agent acts for is typed by hand.
        let is = |id: &str| actor.id.eq_ignore_ascii_case(id.trim());
        if is(self.requester) {
            Err(Ineligible::Requester)
        } else if is(self.on_behalf_of) {
            Err(Ineligible::OnBehalfOf)
        } else if self.authors.iter().any(|author| is(author)) {
            Err(Ineligible::Author)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn person(id: &str, roles: &[&str]) -> Actor {
        Actor {
            id: id.to_owned(),
            kind: ActorKind::User,
            name: String::new(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            groups: Vec::new(),
            credential: "static_token".to_owned(),
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
        let authors = ["edith".to_owned()];
        let electorate = Electorate {
            requirement: &requirement,
            authorized: &[],
            requester: "rob",
            on_behalf_of: "olga",
            authors: &authors,
        };
        let lead = |id| person(id, &["lead"]);
        let robot = Actor { kind: ActorKind::Agent, ..lead("bot") };
        assert_eq!(electorate.may_approve(&lead("ada")), Ok(()));
        assert_eq!(electorate.may_approve(&robot), Err(Ineligible::NotAPerson));
        assert_eq!(electorate.may_approve(&person("ada", &["developer"])), Err(Ineligible::RoleTooLow));
        assert_eq!(electorate.may_approve(&lead("rob")), Err(Ineligible::Requester));
        assert_eq!(electorate.may_approve(&lead("olga")), Err(Ineligible::OnBehalfOf));
        assert_eq!(electorate.may_approve(&lead("edith")), Err(Ineligible::Author));
        assert_eq!(electorate.may_approve(&lead("Olga")), Err(Ineligible::OnBehalfOf));
        for excluded in ["rob", "olga", "edith"] {
            assert_eq!(electorate.may_reject(&lead(excluded)), Ok(()));
        }
        let named = ["ben".to_owned()];
        let narrowed = Electorate { authorized: &named, ..electorate };
        assert_eq!(narrowed.may_reject(&lead("ada")), Err(Ineligible::NotAuthorized));
        assert_eq!(narrowed.may_approve(&lead("ben")), Ok(()));
        assert_eq!(narrowed.may_approve(&person("ben", &[])), Err(Ineligible::RoleTooLow));
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
            let electorate =
                Electorate { requirement, authorized: &[], requester: "rob", on_behalf_of: "", authors: &[] };
            electorate.may_approve(&person("rob", &["lead"]))
        };
        assert_eq!(vote(&requirement), Ok(()));
        requirement.roles.clear();
        assert_eq!(vote(&requirement), Err(Ineligible::RoleTooLow));
    }
}
