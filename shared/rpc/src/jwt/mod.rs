//! Bearer tokens of identity providers: JSON Web Tokens, verified by the keys that their issuer publishes.

mod claims;
mod config;
mod error;
mod keys;

use std::sync::Arc;

use assent_core::{Actor, ContextSource};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Validation;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use config::{Claims, Issuer, SignatureAlgorithm};
pub use error::{IssuerError, TokenError};

use self::keys::KeySet;

/// Longest token that is looked at, in bytes.
pub(crate) const LONGEST: usize = 16 * 1024;

/// The issuers that are believed.
#[derive(Debug, Default)]
pub(crate) struct Issuers(Vec<Believed>);

#[derive(Debug)]
struct Believed {
    issuer: Issuer,
    keys: KeySet,
}

/// What the head of a token may say. Extensions that must be understood are not.
#[derive(Deserialize)]
struct Head {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

impl Issuers {
    /// # Errors
    /// When a setting makes no sense, or a file of keys cannot be used.
    pub(crate) fn new(issuers: Vec<Issuer>, source: &ContextSource) -> Result<Self, IssuerError> {
        let mut believed: Vec<Believed> = Vec::new();
        for issuer in issuers {
            issuer.validate()?;
            if believed.iter().any(|other| other.issuer.issuer == issuer.issuer) {
                return Err(issuer.wrong("appears twice"));
            }
            let keys = KeySet::new(&issuer, source.clone())?;
            believed.push(Believed { issuer, keys });
        }
        Ok(Self(believed))
    }

    /// Whether `token` is to be judged here: a static token is no object in base64.
    pub(crate) fn concerns(&self, token: &str) -> bool {
        !self.0.is_empty() && token.starts_with("eyJ")
    }

    /// Fetches every issuer's keys anew. What cannot be fetched stays as it was.
    pub(crate) async fn refresh(&self) {
        for believed in &self.0 {
            believed.keys.refresh().await;
        }
    }

    /// How often to do so; none without issuers.
    pub(crate) fn refresh_every(&self) -> Option<std::time::Duration> {
        self.0.iter().map(|believed| believed.issuer.refresh_every()).min()
    }

    /// The actor whom a token proves.
    ///
    /// # Errors
    /// Why it proves nobody.
    pub(crate) async fn verify(&self, token: &str, source: &ContextSource) -> Result<Actor, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed("longer than 16 KiB"));
        }
        let mut parts = token.split('.');
        let (Some(head), Some(claims), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed("not of three parts"));
        };
        let head: Head = read(head).ok_or(TokenError::Malformed("its head cannot be read"))?;
        let unproven: Map<String, Value> =
            read(claims).ok_or(TokenError::Malformed("its claims cannot be read"))?;
        if head.crit.is_some() {
            return Err(TokenError::Malformed("it demands an extension"));
        }
        let named = unproven.get("iss").and_then(Value::as_str).unwrap_or_default();
        let believed = self.0.iter().find(|believed| believed.issuer.issuer == named);
        let Believed { issuer, keys } = believed.ok_or(TokenError::Issuer)?;
        let algorithm = issuer.algorithms.iter().find(|allowed| allowed.name() == head.alg);
        let algorithm = algorithm.ok_or(TokenError::Algorithm)?.algorithm();

        let key = keys.find(head.kid.as_deref(), algorithm).await?;
        let mut validation = Validation::new(algorithm);
        // Only the signature is judged by the library: times by our clock, each claim with a reason of its own.
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation);
        let proven = decoded.map_err(|_| TokenError::Signature)?.claims;

        claims::check(&proven, issuer, source.now())?;
        claims::actor(&proven, issuer)
    }
}

fn read<T: for<'a> Deserialize<'a>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Shared by the clones of credentials.
pub(crate) type SharedIssuers = Arc<Issuers>;
