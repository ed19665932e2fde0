//! The keys that are trusted.

use std::collections::BTreeMap;

use assent_core::Id;
use assent_core::grant::ISSUER;
use assent_core::id::SigningKeyKind;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Why something that should be signed is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no EdDSA JWT, or names no key.
    #[error("is no token that a key of Assent signs")]
    Malformed,
    /// The key is not among those that are trusted.
    #[error("is signed by the key {0}, which is not among the trusted ones")]
    UnknownKey(String),
    /// The signature does not fit, or the claims are not of this kind.
    #[error("has a signature that does not fit")]
    Signature,
}

/// A public key as RFC 8037 writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// `OKP`
    pub kty: String,
    /// `Ed25519`
    pub crv: String,
    /// The key's id.
    pub kid: String,
    /// The 32 bytes in base64url without padding.
    pub x: String,
}

/// A set of public keys (RFC 7517).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<Jwk>,
}

impl Jwk {
    /// How the key with this id is written.
    pub fn new(id: Id<SigningKeyKind>, key: &[u8; 32]) -> Self {
        Self {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            kid: id.to_string(),
            x: URL_SAFE_NO_PAD.encode(key),
        }
    }

    fn read(&self) -> Option<(Id<SigningKeyKind>, [u8; 32])> {
        let fits = self.kty == "OKP" && self.crv == "Ed25519";
        let key: [u8; 32] = URL_SAFE_NO_PAD.decode(&self.x).ok()?.try_into().ok()?;
        fits.then(|| self.kid.parse().ok().map(|id| (id, key))).flatten()
    }
}

/// Public keys by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicKeys(pub BTreeMap<Id<SigningKeyKind>, [u8; 32]>);

impl PublicKeys {
    /// Every key of a set; none when one of them is no Ed25519 key.
    pub fn read(set: &[Jwk]) -> Option<Self> {
        set.iter().map(Jwk::read).collect::<Option<_>>().map(Self)
    }

    /// The claims of a token, when one of these keys signed it. Times in it are not judged.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn verify<C: DeserializeOwned + Clone>(&self, token: &str) -> Result<C, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        let named = header.kid.ok_or(TokenError::Malformed)?;
        let id: Option<Id<SigningKeyKind>> = named.parse().ok();
        let key = id.and_then(|id| self.0.get(&id)).ok_or(TokenError::UnknownKey(named))?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        validation.set_issuer(&[ISSUER]);
        let decoded = jsonwebtoken::decode::<C>(token, &DecodingKey::from_ed_der(key), &validation);
        decoded.map(|token| token.claims).map_err(|_| TokenError::Signature)
    }
}
