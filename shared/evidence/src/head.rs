//! Signed heads of the log.

use std::collections::BTreeMap;

use assent_core::grant::ISSUER;
use assent_core::id::SigningKeyKind;
use assent_core::{Digest, Id};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a head says, signed as an EdDSA JWT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadClaims {
    /// `assent`.
    pub iss: String,
    /// When it was signed, in whole seconds since the Unix epoch.
    pub iat: i64,
    /// Entries that it covers.
    pub tree_size: u64,
    /// Merkle root over their digests.
    pub root: Digest,
}

/// Why something that should be signed is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// It is no EdDSA JWT, or names no key.
    #[error("it is no token that a key of Assent signs")]
    Malformed,
    /// The key is not among those that are trusted.
    #[error("it is signed by the key {0}, which is not among the trusted ones")]
    UnknownKey(String),
    /// The signature does not fit, or the claims are not of this kind.
    #[error("its signature does not fit")]
    Signature,
}

/// The keys that are trusted, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicKeys(pub BTreeMap<Id<SigningKeyKind>, [u8; 32]>);

impl PublicKeys {
    /// The claims of a token, when one of these keys signed it. Times in it are not judged.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn verify<C: DeserializeOwned + Clone>(&self, token: &str) -> Result<C, HeadError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| HeadError::Malformed)?;
        let named = header.kid.ok_or(HeadError::Malformed)?;
        let id: Option<Id<SigningKeyKind>> = named.parse().ok();
        let key = id.and_then(|id| self.0.get(&id)).ok_or(HeadError::UnknownKey(named))?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        validation.set_issuer(&[ISSUER]);
        let decoded = jsonwebtoken::decode::<C>(token, &DecodingKey::from_ed_der(key), &validation);
        decoded.map(|token| token.claims).map_err(|_| HeadError::Signature)
    }
}
