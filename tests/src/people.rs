//! Who there is in tests. A token is `token-of-` and the name before the `@`.

use assent_core::{ActorKind, Digest};
use assent_rpc::{Identities, Identity};

/// A developer.
pub const DEV: &str = "dev@example.com";
/// A lead.
pub const LEAD: &str = "lead@example.com";
/// Another lead.
pub const LEAD2: &str = "lead2@example.com";
/// An administrator.
pub const ADMIN: &str = "admin@example.com";
/// Another administrator.
pub const ADMIN2: &str = "admin2@example.com";
/// An AI agent.
pub const AGENT: &str = "agent@example.com";
/// A worker.
pub const WORKER: &str = "worker@example.com";
/// Assent's services, which share one token in tests.
pub const SERVICE: &str = "service@example.com";

/// The token of one of the above.
pub fn token(id: &str) -> String {
    format!("token-of-{}", id.split('@').next().unwrap_or(id))
}

/// All of the above.
pub fn identities() -> Identities {
    let person = |id: &str, kind: ActorKind, role: &str| Identity {
        id: id.to_owned(),
        kind,
        name: String::new(),
        roles: vec![role.to_owned()],
        groups: Vec::new(),
        token_sha256: Some(Digest::of(&[token(id).as_bytes()])),
        certificate: None,
    };
    Identities {
        identities: vec![
            person(DEV, ActorKind::User, "developer"),
            person(LEAD, ActorKind::User, "lead"),
            person(LEAD2, ActorKind::User, "lead"),
            person(ADMIN, ActorKind::User, "admin"),
            person(ADMIN2, ActorKind::User, "admin"),
            person(AGENT, ActorKind::Agent, "developer"),
            person(WORKER, ActorKind::Agent, "worker"),
            person(SERVICE, ActorKind::Service, "service"),
        ],
    }
}
