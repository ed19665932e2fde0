//! Keeps the seeds of signing keys from whoever reads the database: AES-256-GCM under a key that comes from a secret
//! of the operator (HKDF-SHA256). A seed is bound to its key's id, so that rows cannot be exchanged.

use assent_core::id::SigningKeyKind;
use assent_core::{ContextSource, Id};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

/// Shortest secret, in bytes.
pub(crate) const SHORTEST_SECRET: usize = 32;
/// A nonce, a seed and the tag of the cipher.
pub(crate) const SEALED: usize = NONCE_LEN + 32 + 16;

/// Seals and opens seeds.
pub(crate) struct Vault(LessSafeKey);

/// A seed that was not sealed with this secret, or was changed since.
#[derive(Debug, thiserror::Error)]
#[error(
    "a signing key cannot be opened: the secret that encrypts the keys is another one, or the key was changed"
)]
pub struct NotOurs;

impl Vault {
    /// The vault of a secret; none when the secret is too short.
    pub(crate) fn new(secret: &[u8]) -> Option<Self> {
        if secret.len() < SHORTEST_SECRET {
            return None;
        }
        let derived = Salt::new(HKDF_SHA256, b"assent signing keys").extract(secret);
        let key = derived.expand(&[b"aes-256-gcm"], &AES_256_GCM).ok()?;
        Some(Self(LessSafeKey::new(UnboundKey::from(key))))
    }

    /// The seed of key `id`, sealed.
    pub(crate) fn seal(
        &self,
        source: &ContextSource,
        id: Id<SigningKeyKind>,
        seed: &[u8; 32],
    ) -> Result<Vec<u8>, NotOurs> {
        let mut nonce = [0; NONCE_LEN];
        source.fill(&mut nonce);
        let mut sealed = seed.to_vec();
        let aad = Aad::from(id.to_string());
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(nonce_used, aad, &mut sealed).map_err(|_| NotOurs)?;
        Ok([nonce.as_slice(), sealed.as_slice()].concat())
    }

    /// The seed of key `id`.
    pub(crate) fn open(&self, id: Id<SigningKeyKind>, sealed: &[u8]) -> Result<[u8; 32], NotOurs> {
        if sealed.len() != SEALED {
            return Err(NotOurs);
        }
        let (nonce, rest) = sealed.split_at(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOurs)?;
        let mut rest = rest.to_vec();
        let seed = self.0.open_in_place(nonce, Aad::from(id.to_string()), &mut rest).map_err(|_| NotOurs)?;
        (&*seed).try_into().map_err(|_| NotOurs)
    }
}

#[cfg(test)]
mod tests {
    use assent_core::Clock;

    use super::*;

    #[test]
    fn only_the_secret_and_the_right_id_open_a_seed() {
        let source = ContextSource::seeded(Clock::System, 5);
        let (id, other) = (source.new_id(), source.new_id());
        let vault = Vault::new(&[1; 32]).unwrap();
        let sealed = vault.seal(&source, id, &[7; 32]).unwrap();
        assert_eq!(sealed.len(), SEALED);
        assert!(!sealed.windows(32).any(|window| window == [7; 32]));
        assert_eq!(vault.open(id, &sealed).unwrap(), [7; 32]);
        assert!(vault.open(other, &sealed).is_err());
        assert!(Vault::new(&[2; 32]).unwrap().open(id, &sealed).is_err());
        for at in [0, 20, SEALED - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open(id, &changed).is_err(), "{at}");
        }
        assert!(vault.open(id, &sealed[1..]).is_err());
        assert!(Vault::new(&[1; 31]).is_none());
    }
}
