//! An issuer's public keys: fetched when they are needed, kept when the issuer is away.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use assent_core::{ContextSource, Timestamp};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::{Certificate, Client};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::config::Issuer;
use super::error::{IssuerError, TokenError};

/// Longest wait for a set of keys: a caller stands behind it.
const FETCH_WITHIN: Duration = Duration::from_secs(5);
/// Largest set that is read, in bytes.
const LARGEST: usize = 512 * 1024;

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct KeySet {
    issuer: String,
    origin: Origin,
    /// Least time between two looks that callers cause.
    apart: Duration,
    source: ContextSource,
    /// None before the first set was had.
    keys: RwLock<Option<Arc<Vec<Key>>>>,
    /// When the last look began; held during it, so that one fetches and the others wait for it.
    looked: Mutex<Option<Timestamp>>,
}

#[derive(Debug)]
enum Origin {
    Url { client: Client, url: String },
    File(PathBuf),
}

struct Key {
    kid: Option<String>,
    /// The only algorithm it may be used with, where its issuer says so.
    algorithm: Option<Algorithm>,
    key: Arc<DecodingKey>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Key").field(&self.kid).finish()
    }
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("cannot be fetched: {0}")]
    Http(#[from] reqwest::Error),
    #[error("cannot be read: {0}")]
    File(#[from] std::io::Error),
    #[error("is no JSON Web Key Set: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("is larger than 512 KiB")]
    Large,
    #[error("holds no public key that can be used")]
    Empty,
}

impl KeySet {
    /// # Errors
    /// When the CA file cannot be used, or the file of keys cannot be read. An URL is fetched when first needed.
    pub(super) fn new(issuer: &Issuer, source: ContextSource) -> Result<Self, IssuerError> {
        let origin = match &issuer.jwks_file {
            Some(path) => Origin::File(path.clone()),
            None => {
                let client = client(issuer).map_err(|problem| issuer.wrong(&problem))?;
                Origin::Url { client, url: issuer.jwks_url.clone() }
            }
        };
        let first = match &origin {
            Origin::File(path) => {
                let read = std::fs::read(path).map_err(FetchError::from).and_then(|text| parse(&text));
                let keys = read.map_err(|error| issuer.wrong(&format!("{} {error}", path.display())))?;
                Some(Arc::new(keys))
            }
            Origin::Url { .. } => None,
        };
        Ok(Self {
            issuer: issuer.issuer.clone(),
            origin,
            apart: Duration::from_secs(issuer.min_refresh_seconds),
            source,
            keys: RwLock::new(first),
            looked: Mutex::default(),
        })
    }

    /// The key named `kid`, to be used with `algorithm`. Looks for it at the issuer's when it is not known, but not too often.
    pub(super) async fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<DecodingKey>, TokenError> {
        if let Some(found) = self.known(kid, algorithm)? {
            return Ok(found);
        }
        {
            let mut looked = self.looked.lock().await;
            // Somebody else may have looked while this one waited.
            if let Some(found) = self.known(kid, algorithm)? {
                return Ok(found);
            }
            let now = self.source.now();
            if looked.is_none_or(|last| now.since(last) >= self.apart) {
                *looked = Some(now);
                self.look().await;
            }
        }
        if self.current().is_none() {
            return Err(TokenError::KeysUnavailable);
        }
        self.known(kid, algorithm)?.ok_or(TokenError::Key)
    }

    /// Looks at the issuer's now. What cannot be had stays as it was.
    pub(super) async fn refresh(&self) {
        let mut looked = self.looked.lock().await;
        *looked = Some(self.source.now());
        self.look().await;
    }

    async fn look(&self) {
        match self.fetch().await {
            Ok(keys) => {
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
            }
            Err(error) => {
                tracing::warn!(issuer = self.issuer, %error, "the issuer's set of keys; the last good one is kept");
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<Key>, FetchError> {
        match &self.origin {
            Origin::File(path) => parse(&tokio::fs::read(path).await?),
            Origin::Url { client, url } => {
                let mut answer = client.get(url).send().await?.error_for_status()?;
                let mut text = Vec::new();
                while let Some(chunk) = answer.chunk().await? {
                    if text.len() + chunk.len() > LARGEST {
                        return Err(FetchError::Large);
                    }
                    text.extend_from_slice(&chunk);
                }
                parse(&text)
            }
        }
    }

    fn current(&self) -> Option<Arc<Vec<Key>>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn known(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Option<Arc<DecodingKey>>, TokenError> {
        let Some(keys) = self.current() else { return Ok(None) };
        let found = match (kid, keys.as_slice()) {
            (Some(kid), all) => all.iter().find(|key| key.kid.as_deref() == Some(kid)),
            // Nothing to choose between.
            (None, [only]) => Some(only),
            (None, _) => return Err(TokenError::Key),
        };
        let Some(key) = found else { return Ok(None) };
        let fits = key.key.family() == algorithm.family() && key.algorithm.is_none_or(|own| own == algorithm);
        if fits { Ok(Some(Arc::clone(&key.key))) } else { Err(TokenError::Algorithm) }
    }
}

fn client(issuer: &Issuer) -> Result<Client, String> {
    let mut builder = Client::builder().timeout(FETCH_WITHIN).redirect(reqwest::redirect::Policy::none());
    if let Some(path) = &issuer.jwks_ca_file {
        let pem = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let trusted = Certificate::from_pem_bundle(&pem).map_err(|error| error.to_string())?;
        builder = builder.tls_certs_only(trusted);
    }
    builder.build().map_err(|error| error.to_string())
}

/// The public keys for signatures; what else may be in the set is left out.
fn parse(text: &[u8]) -> Result<Vec<Key>, FetchError> {
    let published: Published = serde_json::from_slice(text)?;
    let keys: Vec<Key> = published.keys.into_iter().filter_map(key).collect();
    if keys.is_empty() { Err(FetchError::Empty) } else { Ok(keys) }
}

fn key(published: Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(published).ok()?;
    let signs = jwk.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    // A secret in a published set is no secret.
    let public = !matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_));
    let key = (signs && public).then(|| DecodingKey::from_jwk(&jwk).ok()).flatten()?;
    let algorithm = match jwk.common.key_algorithm {
        Some(named) => Some(named.try_into().ok()?),
        None => None,
    };
    Some(Key { kid: jwk.common.key_id, algorithm, key: Arc::new(key) })
}
