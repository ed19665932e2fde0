//! Who there is besides what credentials say, and who votes for whom.

use std::time::Duration;

use assent_core::id::DelegationKind;
use assent_core::{Id, Role, Timestamp, Violation};
use serde::{Deserialize, Serialize};

use super::member::person;

/// Longest time for which somebody may delegate.
pub const LONGEST_DELEGATION: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Longest name of a user, a role, a group or a tag, in bytes.
const LONGEST_NAME: usize = 256;

/// What the directory says of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct User {
    /// Stable and unique.
    pub id: String,
    /// For display.
    pub name: String,
    /// Roles besides those of the credential.
    pub roles: Vec<Role>,
    /// Groups besides those of the credential.
    pub groups: Vec<String>,
    /// Whatever else rules may go by.
    pub tags: Vec<String>,
    /// How to reach the user.
    pub contacts: Contacts,
}

/// How to reach somebody; what is empty is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Contacts {
    /// Mail address.
    pub email: String,
    /// Slack user id.
    pub slack: String,
    /// Incoming webhook of Microsoft Teams.
    pub teams: String,
    /// HTTP endpoint.
    pub webhook: String,
}

/// The directory file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryFile {
    /// Entries by which the directory begins.
    pub users: Vec<User>,
}

/// One person's right to vote in another's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Its id.
    pub id: Id<DelegationKind>,
    /// In whose place.
    pub delegator: String,
    /// Who votes.
    pub delegate: String,
    /// From when on.
    pub starts_at: Timestamp,
    /// Until when, that moment excluded.
    pub ends_at: Timestamp,
    /// Why.
    pub reason: String,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Who ended it early, and when.
    pub revoked: Option<(String, Timestamp)>,
}

impl Delegation {
    /// Whether it is in force at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.starts_at <= now && now < self.ends_at
    }
}

/// Everything that is wrong with a window of delegation that is made at `now`.
pub fn check_window(start: Timestamp, end: Timestamp, now: Timestamp) -> Option<Violation> {
    let wrong = |field, text| Some(Violation::new(field, "OUT_OF_RANGE", text));
    if end <= now {
        wrong("end_time", "must not be over")
    } else if end <= start {
        wrong("end_time", "must be after start_time")
    } else if end > start.after(LONGEST_DELEGATION) {
        wrong("end_time", "must be at most 366 days after start_time")
    } else {
        None
    }
}

impl User {
    /// Everything that is wrong with an entry that stands in field `at` (empty for none).
    pub fn violations(&self, at: &str) -> Vec<Violation> {
        let path = |field: &str| if at.is_empty() { field.to_owned() } else { format!("{at}.{field}") };
        let mut found = Vec::new();
        if !is_name(&self.id) || self.id.trim() != self.id {
            found.push(Violation::new(path("id"), "MALFORMED", "must be a name without blanks around it"));
        }
        // These ids belong to Assent's own services.
        if person(&self.id).starts_with("system:") {
            found.push(Violation::new(path("id"), "MALFORMED", "must not begin with `system:`"));
        }
        for (field, names) in [("roles", &self.roles), ("groups", &self.groups), ("tags", &self.tags)] {
            for (index, name) in names.iter().enumerate().filter(|(_, name)| !is_name(name)) {
                let text = format!("{name:?} must be 1 to {LONGEST_NAME} bytes without control characters");
                found.push(Violation::new(format!("{}[{index}]", path(field)), "MALFORMED", text));
            }
        }
        // The role of Assent's own services is not for people.
        if let Some(index) = self.roles.iter().position(|role| role == assent_core::actor::SERVICE) {
            let text = "the role `service` is for Assent's services only";
            found.push(Violation::new(format!("{}[{index}]", path("roles")), "FORBIDDEN", text));
        }
        found.extend(self.contacts.violations(&path("contacts")));
        found
    }
}

impl Contacts {
    fn violations(&self, at: &str) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut refuse = |field: &str, text| {
            found.push(Violation::new(format!("{at}.{field}"), "MALFORMED", text));
        };
        let plain = |text: &str| !text.chars().any(|c| c.is_control() || c.is_whitespace());
        let mail =
            self.email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
        if !(self.email.is_empty() || mail && plain(&self.email)) {
            refuse("email", "must be a mail address");
        }
        if !plain(&self.slack) {
            refuse("slack", "must be the id of a Slack user");
        }
        for (field, url) in [("teams", &self.teams), ("webhook", &self.webhook)] {
            let http = url.starts_with("https://") || url.starts_with("http://");
            if !(url.is_empty() || http && plain(url)) {
                refuse(field, "must be an http or https URL");
            }
        }
        found
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_NAME && !text.chars().any(char::is_control)
}

impl DirectoryFile {
    /// Everything that is wrong with the file.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        for (index, user) in self.users.iter().enumerate() {
            let at = format!("users[{index}]");
            found.extend(user.violations(&at));
            let twice = self.users[..index].iter().any(|other| person(&other.id) == person(&user.id));
            if twice {
                found.push(Violation::new(format!("{at}.id"), "DUPLICATE", "stands in the file already"));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> User {
        User { id: id.to_owned(), ..User::default() }
    }

    #[test]
    fn what_is_no_entry_is_named() {
        let mut ada = user(" ada");
        ada.roles = vec!["lead".to_owned(), "service".to_owned()];
        ada.groups = vec![String::new()];
        ada.contacts = Contacts {
            email: "ada".to_owned(),
            slack: "U 1".to_owned(),
            teams: "ftp://x".to_owned(),
            webhook: "https://hooks.example.com/a".to_owned(),
        };
        let fields: Vec<_> = ada.violations("user").into_iter().map(|v| v.field).collect();
        let expected = [
            "user.id",
            "user.groups[0]",
            "user.roles[1]",
            "user.contacts.email",
            "user.contacts.slack",
            "user.contacts.teams",
        ];
        assert_eq!(fields, expected);
        assert_eq!(user("System:auto").violations("").len(), 1);
        assert!(user("ada@example.com").violations("").is_empty());
        let file = DirectoryFile { users: vec![user("ada"), user("ADA")] };
        assert_eq!(file.violations()[0].code, "DUPLICATE");
    }

    #[test]
    fn a_window_is_open_from_its_start_to_before_its_end() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000).unwrap();
        let ids = assent_core::ContextSource::seeded(assent_core::Clock::manual(at(0)), 1);
        let mut delegation = Delegation {
            id: ids.new_id(),
            delegator: "ada".to_owned(),
            delegate: "dan".to_owned(),
            starts_at: at(10),
            ends_at: at(20),
            reason: String::new(),
            created_by: "ada".to_owned(),
            created_at: at(0),
            revoked: None,
        };
        let active = |delegation: &Delegation| [9, 10, 19, 20].map(|time| delegation.is_active(at(time)));
        assert_eq!(active(&delegation), [false, true, true, false]);
        delegation.revoked = Some(("ada".to_owned(), at(5)));
        assert_eq!(active(&delegation), [false; 4]);
        assert_eq!(check_window(at(10), at(20), at(0)), None);
        for (start, end, now) in [(10, 20, 20), (20, 20, 0), (0, 400 * 24 * 60 * 60, 0)] {
            assert_eq!(check_window(at(start), at(end), at(now)).unwrap().field, "end_time");
        }
    }
}
