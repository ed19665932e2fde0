//! Who may call: from a file that holds only digests of tokens, and by the issuers that are believed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use assent_core::{Actor, ActorKind, ContextSource, Digest};
use serde::{Deserialize, Serialize};

use crate::jwt::{Issuer, IssuerError, Issuers, LONGEST, SharedIssuers, TokenError};

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
    /// A name of the client certificate that proves it, as its subject alternative names have it: a DNS name, or an URI
    /// such as `spiffe://cluster.local/ns/assent/sa/versioning`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
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
    #[error("identity {0} appears twice, or shares its token or certificate with another")]
    Duplicate(String),
    /// An issuer of tokens cannot be used.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
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
            on_behalf_of: String::new(),
        }
    }
}

/// Finds the actor behind a credential. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    by_token: Arc<HashMap<Digest, Actor>>,
    by_certificate: Arc<HashMap<String, Actor>>,
    known: Arc<Vec<Actor>>,
    issuers: SharedIssuers,
}

impl Credentials {
    /// Indexes `identities`; `credential` names how they prove themselves (`static_token`, `dev_token`).
    ///
    /// # Errors
    /// When two share an id, a token or a certificate.
    pub fn new(identities: &Identities, credential: &str) -> Result<Self, IdentityError> {
        let mut by_token = HashMap::new();
        let mut by_certificate = HashMap::new();
        let mut known: Vec<Actor> = Vec::new();
        for identity in &identities.identities {
            let actor = identity.actor(credential);
            let taken = identity.token_sha256.is_some_and(|t| by_token.insert(t, actor.clone()).is_some());
            let held = identity.certificate.as_ref().is_some_and(|name| {
                let actor = Actor { credential: "certificate".to_owned(), ..actor.clone() };
                by_certificate.insert(name.clone(), actor).is_some()
            });
            if taken || held || known.iter().any(|other| other.id == actor.id) {
                return Err(IdentityError::Duplicate(identity.id.clone()));
            }
            known.push(actor);
        }
        known.sort_by(|a, b| a.id.cmp(&b.id));
        let (by_token, by_certificate) = (Arc::new(by_token), Arc::new(by_certificate));
        Ok(Self { by_token, by_certificate, known: Arc::new(known), issuers: Arc::default() })
    }

    /// The same, also believing the tokens of `issuers`; `source` tells the time.
    ///
    /// # Errors
    /// When an issuer's settings make no sense, or a file that it names cannot be used.
    pub fn with_issuers(self, issuers: Vec<Issuer>, source: &ContextSource) -> Result<Self, IdentityError> {
        Ok(Self { issuers: Arc::new(Issuers::new(issuers, source)?), ..self })
    }

    /// Who carries this static token. Looked up by digest, so that timing tells nothing about the token.
    pub fn authenticate(&self, token: &str) -> Option<&Actor> {
        self.by_token.get(&Digest::of(&[token.as_bytes()]))
    }

    /// Who carries this bearer token, static or of an issuer.
    ///
    /// # Errors
    /// Why it proves nobody.
    pub async fn recognise(&self, token: &str, source: &ContextSource) -> Result<Actor, TokenError> {
        if self.issuers.concerns(token) {
            return self.issuers.verify(token, source).await;
        }
        if token.len() > LONGEST {
            return Err(TokenError::Malformed("longer than 16 KiB"));
        }
        self.authenticate(token).cloned().ok_or(TokenError::Unknown)
    }

    /// Whom a client certificate proves, by its names.
    pub(crate) fn of_certificate(&self, names: &[String]) -> Option<&Actor> {
        names.iter().find_map(|name| self.by_certificate.get(name))
    }

    /// How often [`Credentials::refresh`] is due; none when there is nothing to refresh.
    pub fn refresh_every(&self) -> Option<Duration> {
        self.issuers.refresh_every()
    }

    /// Looks at the issuers' keys anew.
    pub async fn refresh(&self) {
        self.issuers.refresh().await;
    }

    /// Everybody, by id.
    pub fn known(&self) -> &[Actor] {
        &self.known
    }
}
