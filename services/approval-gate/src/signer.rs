//! The key that signs grants and tree heads. Made at the first start and kept; every replica signs with the same one.

use assent_core::id::SigningKeyKind;
use assent_core::{ContextSource, Id};
use assent_store::{Db, StoreError};
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::store;

/// RFC 8410: a PKCS #8 document without the 32 bytes of the Ed25519 seed that end it.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Signs grants and tree heads.
pub(crate) struct Signer {
    key_id: Id<SigningKeyKind>,
    key: EncodingKey,
}

impl Signer {
    /// Loads the active key; makes one where there is none.
    pub(crate) async fn open(db: &Db, source: &ContextSource) -> Result<Self, StoreError> {
        let (key_id, seed) = match store::key::active(db).await? {
            Some(active) => active,
            None => {
                offer(db, source).await?;
                let corrupt =
                    || StoreError::Corrupt { table: "signing_keys", column: "active", id: String::new() };
                store::key::active(db).await?.ok_or_else(corrupt)?
            }
        };
        Ok(Self::new(key_id, &seed))
    }

    fn new(key_id: Id<SigningKeyKind>, seed: &[u8; 32]) -> Self {
        let document = [PKCS8_PREFIX.as_slice(), seed.as_slice()].concat();
        Self { key_id, key: EncodingKey::from_ed_der(&document) }
    }

    /// The key's id, the `kid` of its grants.
    pub(crate) fn key_id(&self) -> Id<SigningKeyKind> {
        self.key_id
    }

    /// The JWT.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        let header = Header { kid: Some(self.key_id.to_string()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &self.key)
    }
}

async fn offer(db: &Db, source: &ContextSource) -> Result<(), StoreError> {
    let mut seed = [0; 32];
    source.fill(&mut seed);
    let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    let key = store::key::NewKey { id: source.new_id(), seed, public, created_at: source.now() };
    let mut tx = db.begin().await?;
    store::key::offer(&mut tx, &key).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use assent_core::grant::GrantClaims;
    use assent_core::{Clock, Digest};
    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;

    #[test]
    fn what_is_signed_verifies_with_the_public_key_only() {
        let source = ContextSource::seeded(Clock::System, 3);
        let seed = [7; 32];
        let signer = Signer::new(source.new_id(), &seed);
        let claims = GrantClaims {
            iss: assent_core::grant::ISSUER.to_owned(),
            sub: source.new_id(),
            jti: source.new_id(),
            ver: 1,
            dig: Digest::of(&[b"plan"]),
            items: BTreeMap::from([("a".to_owned(), Digest::of(&[b"a"]))]),
            conditions: Vec::new(),
            amends: None,
            iat: 0,
            nbf: 0,
            exp: 4_000_000_000,
        };
        let token = signer.sign(&claims).unwrap();
        let decode = |seed: [u8; 32]| {
            let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
            jsonwebtoken::decode::<GrantClaims>(
                &token,
                &DecodingKey::from_ed_der(&public),
                &Validation::new(Algorithm::EdDSA),
            )
        };
        let decoded = decode(seed).unwrap();
        assert_eq!(decoded.claims, claims);
        assert_eq!(decoded.header.kid, Some(signer.key_id().to_string()));
        assert!(decode([8; 32]).is_err());
    }
}
