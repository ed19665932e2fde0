//! What rules know of a person.

use assent_core::{Actor, Role};
use assent_plan::Voters;
use serde::{Deserialize, Serialize};

/// One person, one key: ids that differ only in case or in blanks around them are the same person's, so that nobody
/// becomes two by another spelling.
pub fn person(id: &str) -> String {
    id.trim().to_ascii_lowercase()
}

/// Somebody as rules see them: by what credential and directory say together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Id of the user.
    pub id: String,
    /// Names of roles.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Names of groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Names of tags.
    #[serde(default)]
    pub tags: Vec<String>,
}

impl Member {
    /// `actor`, with the tags that the directory gives.
    pub fn of(actor: &Actor, tags: &[String]) -> Self {
        Self {
            id: actor.id.clone(),
            roles: actor.roles.clone(),
            groups: actor.groups.clone(),
            tags: tags.to_vec(),
        }
    }

    /// The person's key.
    pub fn person(&self) -> String {
        person(&self.id)
    }

    /// Whether this is the user `id`.
    pub fn is(&self, id: &str) -> bool {
        self.id.trim().eq_ignore_ascii_case(id.trim())
    }

    /// Whether one of `roles` is among the member's.
    pub fn has_any_role(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.roles.contains(role))
    }

    /// Whether the member is one of `voters`: each list that is not empty holds one of theirs, and one is not empty.
    pub fn belongs(&self, voters: &Voters) -> bool {
        let fits = |wanted: &[String], own: &[String]| {
            wanted.is_empty() || wanted.iter().any(|name| own.contains(name))
        };
        !voters.is_nobody()
            && fits(&voters.roles, &self.roles)
            && fits(&voters.groups, &self.groups)
            && fits(&voters.tags, &self.tags)
            && (voters.users.is_empty() || voters.users.iter().any(|id| self.is(id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_that_is_not_empty_must_hold_one() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let ada = Member {
            id: "Ada".to_owned(),
            roles: names(&["lead"]),
            groups: names(&["security"]),
            tags: names(&["oncall"]),
        };
        let voters = |roles, groups, tags, users| Voters {
            roles: names(roles),
            groups: names(groups),
            tags: names(tags),
            users: names(users),
        };
        assert!(ada.belongs(&voters(&["admin", "lead"], &["security"], &["oncall"], &["ada"])));
        assert!(ada.belongs(&voters(&[], &["security"], &[], &[])));
        assert!(!ada.belongs(&voters(&["lead"], &["data"], &[], &[])));
        assert!(!ada.belongs(&voters(&["lead"], &[], &["night"], &[])));
        assert!(!ada.belongs(&voters(&["lead"], &[], &[], &["ben"])));
        assert!(!ada.belongs(&Voters::default()), "a rule that names nobody is met by nobody");
    }
}
