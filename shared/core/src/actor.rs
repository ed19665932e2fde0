//! Who did it. An actor always comes from a verified credential, never from a request field.

use serde::{Deserialize, Serialize};

/// A role by its name in the directory. The names Assent itself knows are constants here; an
/// organisation may use others in its policy.
pub type Role = String;

/// May approve LOW and MEDIUM by the default policy.
pub const DEVELOPER: &str = "developer";
/// May approve up to HIGH by the default policy.
pub const LEAD: &str = "lead";
/// May approve everything by the default policy, and administers.
pub const ADMIN: &str = "admin";
/// May lease approved work and report on it.
pub const WORKER: &str = "worker";
/// Carried by Assent's own services only: it may act for others and read every event.
pub const SERVICE: &str = "service";

/// What kind of being acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person.
    User,
    /// One of Assent's services.
    Service,
    /// An AI agent or orchestrator.
    Agent,
}

impl ActorKind {
    /// The name used in text, SQL and audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
            Self::Agent => "agent",
        }
    }
}

/// Who acts, as established by the credential of the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Stable and unique, e.g. `ada@example.com` or `system:auto`.
    pub id: String,
    /// User, service or agent.
    pub kind: ActorKind,
    /// For display.
    #[serde(default)]
    pub name: String,
    /// Names of roles, as the credential's issuer gave them.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Names of groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// How the identity was proved: `static_token`, `dev_token`, `jwt`, `certificate`, `in_process`, …
    #[serde(default)]
    pub credential: String,
    /// Id of the person for whom an agent acts, where its credential proves one; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub on_behalf_of: String,
}

impl Actor {
    /// The actor that a service is when it acts by itself, e.g. `system:approval-gate`.
    pub fn system(name: &str) -> Self {
        Self {
            id: format!("system:{name}"),
            kind: ActorKind::Service,
            name: name.to_owned(),
            roles: vec![SERVICE.to_owned()],
            groups: Vec::new(),
            credential: "in_process".to_owned(),
            on_behalf_of: String::new(),
        }
    }

    /// Whether the actor carries `role`.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|r| r == role)
    }

    /// Whether this is one of Assent's own services.
    pub fn is_service(&self) -> bool {
        self.kind == ActorKind::Service && self.has_role(SERVICE)
    }

    /// The name to show: the display name, or the id where there is none.
    pub fn display(&self) -> &str {
        if self.name.is_empty() { &self.id } else { &self.name }
    }
}
