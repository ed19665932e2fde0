//! Which issuers are believed, and what their claims mean here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};

use super::error::IssuerError;

/// An identity provider whose tokens are believed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// As in the claim `iss`, byte by byte.
    pub issuer: String,
    /// Values of the claim `aud` of which a token must carry one.
    pub audiences: Vec<String>,
    /// Where it publishes its keys, e.g. `https://id.example.com/keys`. Either this or `jwks_file`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub jwks_url: String,
    /// Certificates (PEM) that `jwks_url` is trusted by, in the place of those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_ca_file: Option<PathBuf>,
    /// File with its keys, as a JSON Web Key Set; read again as often as an URL is fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_file: Option<PathBuf>,
    /// By which it may sign. Only algorithms with public keys exist here.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<SignatureAlgorithm>,
    /// Seconds by which its clock and ours may differ.
    #[serde(default = "clock_skew_seconds")]
    pub clock_skew_seconds: u64,
    /// Seconds between two looks at its keys.
    #[serde(default = "refresh_seconds")]
    pub refresh_seconds: u64,
    /// Least seconds between two looks because of a key that is not known.
    #[serde(default = "min_refresh_seconds")]
    pub min_refresh_seconds: u64,
    /// Put before every id and group of this issuer, so that those of two issuers cannot be the same.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// The role here for each of its roles; a role that is not listed is dropped. Empty: its names are ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, String>,
    /// Where its tokens say what.
    #[serde(default)]
    pub claims: Claims,
}

/// Names of claims; `a.b` is the member `b` of the claim `a`, unless a claim is named so itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Claims {
    /// Who it is, for ever the same.
    pub id: String,
    /// Name for display; may be missing.
    pub name: String,
    /// Roles, as a list or separated by spaces; may be missing.
    pub roles: String,
    /// Groups, likewise.
    pub groups: String,
    /// Says that the bearer is an agent: `true`, or the agent's own id (`act.sub` of RFC 8693), and then `id` names the
    /// person for whom it acts. Empty: no token of this issuer is an agent's.
    pub agent: String,
    /// For whom an agent acts; only of use beside `agent`.
    pub on_behalf_of: String,
}

impl Default for Claims {
    fn default() -> Self {
        let name = str::to_owned;
        Self {
            id: name("sub"),
            name: name("name"),
            roles: name("roles"),
            groups: name("groups"),
            agent: String::new(),
            on_behalf_of: String::new(),
        }
    }
}

/// How tokens may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "names of RFC 7518 and RFC 8037")]
pub enum SignatureAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl SignatureAlgorithm {
    /// As tokens say it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    pub(crate) const fn algorithm(self) -> Algorithm {
        match self {
            Self::RS256 => Algorithm::RS256,
            Self::RS384 => Algorithm::RS384,
            Self::RS512 => Algorithm::RS512,
            Self::PS256 => Algorithm::PS256,
            Self::PS384 => Algorithm::PS384,
            Self::PS512 => Algorithm::PS512,
            Self::ES256 => Algorithm::ES256,
            Self::ES384 => Algorithm::ES384,
            Self::EdDSA => Algorithm::EdDSA,
        }
    }
}

fn algorithms() -> Vec<SignatureAlgorithm> {
    vec![SignatureAlgorithm::RS256, SignatureAlgorithm::ES256, SignatureAlgorithm::EdDSA]
}

fn clock_skew_seconds() -> u64 {
    60
}

fn refresh_seconds() -> u64 {
    300
}

fn min_refresh_seconds() -> u64 {
    10
}

impl Issuer {
    pub(crate) fn wrong(&self, problem: &str) -> IssuerError {
        IssuerError { issuer: self.issuer.clone(), problem: problem.to_owned() }
    }

    pub(crate) fn validate(&self) -> Result<(), IssuerError> {
        let checks = [
            (!self.issuer.is_empty(), "its name is empty"),
            (self.audiences.iter().any(|audience| !audience.is_empty()), "audiences must name this server"),
            (self.jwks_url.is_empty() == self.jwks_file.is_some(), "needs either jwks_url or jwks_file"),
            (self.jwks_url.is_empty() || is_private(&self.jwks_url), "jwks_url must begin with https://"),
            (!self.algorithms.is_empty(), "algorithms must name at least one"),
            (!self.claims.id.is_empty(), "claims.id must name a claim"),
            (self.clock_skew_seconds <= 600, "clock_skew_seconds must be at most 600"),
            (self.refresh_seconds >= 1, "refresh_seconds must be at least 1"),
        ];
        match checks.iter().find(|(fits, _)| !fits) {
            Some((_, problem)) => Err(self.wrong(problem)),
            None => Ok(()),
        }
    }

    pub(crate) fn refresh_every(&self) -> Duration {
        Duration::from_secs(self.refresh_seconds)
    }
}

/// Whoever could change the keys on their way could be anybody. Within one machine nobody is on the way.
fn is_private(url: &str) -> bool {
    let local = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"];
    url.starts_with("https://") || local.iter().any(|local| url.starts_with(local))
}
