//! The keys that sign grants and tree heads. One is active; every replica signs with it, or for a moment after a change with the one
//! before. A key that another took the place of signs nothing more: its seed is erased, and its public half stays for as
//! long as a grant of its may be used.

use std::sync::{Arc, PoisonError, RwLock};

use assent_core::id::SigningKeyKind;
use assent_core::{ContextSource, Id, Timestamp};
use assent_store::{Db, StoreError, Tx};
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::store;
use crate::store::key::{ActiveKey, NewKey};
use crate::vault::{NotOurs, Vault};

/// RFC 8410: a PKCS #8 document without the 32 bytes of the Ed25519 seed that end it.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key is encrypted, and there is no secret.
    #[error("the signing key is encrypted, and service.key_encryption_secret_file names no secret")]
    NoSecret,
    /// The secret does not fit.
    #[error(transparent)]
    NotOurs(#[from] NotOurs),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Signs grants and tree heads.
pub(crate) struct Signer {
    active: RwLock<Arc<Active>>,
    vault: Option<Vault>,
}

struct Active {
    key_id: Id<SigningKeyKind>,
    created_at: Timestamp,
    key: EncodingKey,
}

impl Active {
    fn new(key_id: Id<SigningKeyKind>, created_at: Timestamp, seed: &[u8; 32]) -> Self {
        let document = [PKCS8_PREFIX.as_slice(), seed.as_slice()].concat();
        Self { key_id, created_at, key: EncodingKey::from_ed_der(&document) }
    }

    fn sign(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        let header = Header { kid: Some(self.key_id.to_string()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &self.key)
    }
}

impl Signer {
    /// Loads the active key; makes one where there is none. With a vault, a key that lies open is sealed.
    pub(crate) async fn open(
        db: &Db,
        source: &ContextSource,
        vault: Option<Vault>,
    ) -> Result<Self, KeyError> {
        if store::key::active(db).await?.is_none() {
            let key = new_key(source, vault.as_ref())?;
            let mut tx = db.begin().await?;
            store::key::offer(&mut tx, &key).await?;
            tx.commit().await?;
        }
        let key = active_key(db).await?;
        let seed = seed_of(&key, vault.as_ref())?;
        if let (Some(vault), None) = (&vault, &key.sealed_key) {
            let mut tx = db.begin().await?;
            store::key::seal(&mut tx, key.id, &vault.seal(source, key.id, &seed)?).await?;
            tx.commit().await?;
        }
        let active = Active::new(key.id, key.created_at, &seed);
        Ok(Self { active: RwLock::new(Arc::new(active)), vault })
    }

    fn active(&self) -> Arc<Active> {
        self.active.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key that signs, and when it was made.
    pub(crate) fn key(&self) -> (Id<SigningKeyKind>, Timestamp) {
        let active = self.active();
        (active.key_id, active.created_at)
    }

    /// The id of the key, which is the `kid`, and the JWT.
    pub(crate) fn sign(
        &self,
        claims: &impl Serialize,
    ) -> Result<(Id<SigningKeyKind>, String), jsonwebtoken::errors::Error> {
        let active = self.active();
        Ok((active.key_id, active.sign(claims)?))
    }

    /// Takes up the key that another replica made.
    pub(crate) async fn refresh(&self, db: &Db) -> Result<(), KeyError> {
        let key = active_key(db).await?;
        if key.id != self.key().0 {
            let seed = seed_of(&key, self.vault.as_ref())?;
            let active = Active::new(key.id, key.created_at, &seed);
            *self.active.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(active);
        }
        Ok(())
    }

    /// Puts a new key in the place of `old`; nothing, when another replica has done so. Take it up with
    /// [`Signer::refresh`] once it is committed.
    pub(crate) async fn replace(
        &self,
        tx: &mut Tx,
        source: &ContextSource,
        old: Id<SigningKeyKind>,
    ) -> Result<Option<Id<SigningKeyKind>>, KeyError> {
        let key = new_key(source, self.vault.as_ref())?;
        if !store::key::retire(tx, old, key.created_at).await? {
            return Ok(None);
        }
        store::key::offer(tx, &key).await?;
        Ok(Some(key.id))
    }
}

async fn active_key(db: &Db) -> Result<ActiveKey, StoreError> {
    let none = || StoreError::Corrupt { table: "signing_keys", column: "active", id: String::new() };
    store::key::active(db).await?.ok_or_else(none)
}

fn seed_of(key: &ActiveKey, vault: Option<&Vault>) -> Result<[u8; 32], KeyError> {
    match (&key.sealed_key, vault) {
        (Some(sealed), Some(vault)) => Ok(vault.open(key.id, sealed)?),
        (Some(_), None) => Err(KeyError::NoSecret),
        (None, _) => {
            let corrupt = |_| StoreError::Corrupt {
                table: "signing_keys",
                column: "private_key",
                id: key.id.to_string(),
            };
            Ok(key.private_key.as_slice().try_into().map_err(corrupt)?)
        }
    }
}

fn new_key(source: &ContextSource, vault: Option<&Vault>) -> Result<NewKey, KeyError> {
    let (id, mut seed) = (source.new_id(), [0; 32]);
    source.fill(&mut seed);
    let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    let sealed = vault.map(|vault| vault.seal(source, id, &seed)).transpose()?;
    let seed = if sealed.is_some() { [0; 32] } else { seed };
    Ok(NewKey { id, seed, sealed, public, created_at: source.now() })
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
        let signer = Active::new(source.new_id(), source.now(), &seed);
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
        assert_eq!(decoded.header.kid, Some(signer.key_id.to_string()));
        assert!(decode([8; 32]).is_err());
    }
}
