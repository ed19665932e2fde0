//! Static tokens: who may call, from a file that holds only digests of tokens.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use assent_core::{Actor, ActorKind, Digest};
use serde::{Deserialize, Serialize};

/// One line of the identities file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Stable and unique, e.g. `ada@example.com`.
    pub id: String,
    /// `user`, `service` or `agent`.
    #[serde(default = "user")]
    pub kind: ActorKind,
    /// For display.
    #[serde(default)]
    pub name: String,
    /// Names of roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Names of groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// SHA-256 of the bearer token, 64 hexadecimal digits. Without one the identity is known and cannot call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_sha256: Option<Digest>,
}

fn user() -> ActorKind {
    ActorKind::User
}

/// The identities file: everybody who is known, for authentication and for the directory.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identities {
    /// Everybody.
    pub identities: Vec<Identity>,
}

/// An identities file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not YAML of the right form.
    #[error("{path}: {message}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong, with line and column.
        message: String,
    },
    /// Two entries share an id or a token.
    #[error("identity {0} appears twice, or shares its token with another")]
    Duplicate(String),
}

impl Identities {
    /// Reads a YAML file.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| IdentityError::Unreadable { path: shown.clone(), source })?;
        serde_saphyr::from_str(&text)
            .map_err(|e| IdentityError::Malformed { path: shown, message: e.to_string() })
    }
}

impl Identity {
    /// The actor that this identity is, proved by `credential`.
    pub fn actor(&self, credential: &str) -> Actor {
        Actor {
            id: self.id.clone(),
            kind: self.kind,
            name: self.name.clone(),
            roles: self.roles.clone(),
            groups: self.groups.clone(),
            credential: credential.to_owned(),
        }
    }
}

/// Finds the actor behind a bearer token. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    by_token: Arc<HashMap<Digest, Actor>>,
    known: Arc<Vec<Actor>>,
}

impl Credentials {
    /// Indexes `identities`; `credential` names how they prove themselves (`static_token`, `dev_token`).
    ///
    /// # Errors
    /// When two share an id or a token.
    pub fn new(identities: &Identities, credential: &str) -> Result<Self, IdentityError> {
        let mut by_token = HashMap::new();
        let mut known: Vec<Actor> = Vec::new();
        for identity in &identities.identities {
            let actor = identity.actor(credential);
            let taken = identity.token_sha256.is_some_and(|t| by_token.insert(t, actor.clone()).is_some());
            if taken || known.iter().any(|other| other.id == actor.id) {
                return Err(IdentityError::Duplicate(identity.id.clone()));
            }
            known.push(actor);
        }
        known.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Self { by_token: Arc::new(by_token), known: Arc::new(known) })
    }

    /// Who carries this token. Looked up by digest, so that timing tells nothing about the token.
    pub fn authenticate(&self, token: &str) -> Option<&Actor> {
        self.by_token.get(&Digest::of(&[token.as_bytes()]))
    }

    /// Everybody, by id.
    pub fn known(&self) -> &[Actor] {
        &self.known
    }
}
