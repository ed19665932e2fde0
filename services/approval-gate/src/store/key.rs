//! Signing keys.

use assent_core::id::SigningKeyKind;
use assent_core::{Id, Timestamp};
use assent_store::{Db, Sql, StoreError, Tx};
use sqlx::FromRow;

pub(crate) const STATEMENTS: &[Sql] = &[OFFER, ACTIVE, SEAL, RETIRE, PUBLIC, ALL];

// Whoever is first has made the active key; the others find it there.
const OFFER: Sql = Sql::new(
    "INSERT INTO signing_keys (id, private_key, sealed_key, public_key, active, created_at)
     VALUES ($1, $2, $3, $4, TRUE, $5) ON CONFLICT DO NOTHING",
);
const ACTIVE: Sql = Sql::new("SELECT id, private_key, sealed_key, created_at FROM signing_keys WHERE active");
const SEAL: Sql = Sql::new("UPDATE signing_keys SET private_key = $2, sealed_key = $3 WHERE id = $1");
// A key that signs no more needs no seed.
const RETIRE: Sql = Sql::new(
    "UPDATE signing_keys SET active = FALSE, retired_at = $2, private_key = $3, sealed_key = NULL
     WHERE id = $1 AND active",
);
const PUBLIC: Sql = Sql::new(
    "SELECT id, public_key, created_at, retired_at FROM signing_keys
     WHERE active OR EXISTS (SELECT 1 FROM grants WHERE key_id = signing_keys.id AND expires_at > $1)
     ORDER BY created_at, id LIMIT 1000",
);

const ALL: Sql = Sql::new(
    "SELECT id, public_key, created_at, retired_at FROM signing_keys ORDER BY created_at, id LIMIT 1000",
);

/// In the place of a seed.
const NO_SEED: [u8; 32] = [0; 32];

/// A key that may become the active one.
pub(crate) struct NewKey {
    pub(crate) id: Id<SigningKeyKind>,
    /// Zeros where it is sealed.
    pub(crate) seed: [u8; 32],
    pub(crate) sealed: Option<Vec<u8>>,
    pub(crate) public: [u8; 32],
    pub(crate) created_at: Timestamp,
}

/// The key that signs.
#[derive(FromRow)]
pub(crate) struct ActiveKey {
    pub(crate) id: Id<SigningKeyKind>,
    pub(crate) private_key: Vec<u8>,
    pub(crate) sealed_key: Option<Vec<u8>>,
    pub(crate) created_at: Timestamp,
}

/// The public half of a key.
#[derive(Debug, FromRow)]
pub(crate) struct PublicKey {
    pub(crate) id: Id<SigningKeyKind>,
    pub(crate) public_key: Vec<u8>,
    pub(crate) created_at: Timestamp,
    pub(crate) retired_at: Option<Timestamp>,
}

/// Makes `key` the active one, unless one is active.
pub(crate) async fn offer(tx: &mut Tx, key: &NewKey) -> Result<(), StoreError> {
    let statement = tx.query(OFFER).bind(key.id).bind(key.seed.as_slice()).bind(key.sealed.as_deref());
    statement.bind(key.public.as_slice()).bind(key.created_at).execute().await.map(drop)
}

/// The active key.
pub(crate) async fn active(db: &Db) -> Result<Option<ActiveKey>, StoreError> {
    db.query(ACTIVE).optional().await
}

/// Puts a sealed seed in the place of an open one.
pub(crate) async fn seal(tx: &mut Tx, id: Id<SigningKeyKind>, sealed: &[u8]) -> Result<(), StoreError> {
    let statement = tx.query(SEAL).bind(id).bind(NO_SEED.as_slice()).bind(sealed);
    statement.execute().await.map(drop)
}

/// Has a key sign no more; false when it does not any more already.
pub(crate) async fn retire(tx: &mut Tx, id: Id<SigningKeyKind>, at: Timestamp) -> Result<bool, StoreError> {
    let statement = tx.query(RETIRE).bind(id).bind(at).bind(NO_SEED.as_slice());
    statement.execute().await.map(|changed| changed > 0)
}

/// Every key whose grants may still be used at `now`, oldest first.
pub(crate) async fn public(db: &Db, now: Timestamp) -> Result<Vec<PublicKey>, StoreError> {
    db.query(PUBLIC).bind(now).all().await
}

/// Every key that there ever was, oldest first.
pub(crate) async fn all(db: &Db) -> Result<Vec<PublicKey>, StoreError> {
    db.query(ALL).all().await
}
