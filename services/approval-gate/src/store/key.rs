//! Signing keys.

use assent_core::id::SigningKeyKind;
use assent_core::{Id, Timestamp};
use assent_store::{Db, Sql, StoreError, Tx};
use sqlx::FromRow;

pub(crate) const STATEMENTS: &[Sql] = &[OFFER, ACTIVE, PUBLIC];

// Whoever is first has made the active key; the others find it there.
const OFFER: Sql = Sql::new(
    "INSERT INTO signing_keys (id, private_key, public_key, active, created_at) VALUES ($1, $2, $3, TRUE, $4)
     ON CONFLICT DO NOTHING",
);
const ACTIVE: Sql = Sql::new("SELECT id, private_key FROM signing_keys WHERE active");
const PUBLIC: Sql =
    Sql::new("SELECT id, public_key, created_at FROM signing_keys ORDER BY created_at, id LIMIT 1000");

/// A key that may become the active one.
pub(crate) struct NewKey {
    pub(crate) id: Id<SigningKeyKind>,
    pub(crate) seed: [u8; 32],
    pub(crate) public: [u8; 32],
    pub(crate) created_at: Timestamp,
}

#[derive(FromRow)]
struct ActiveRow {
    id: Id<SigningKeyKind>,
    private_key: Vec<u8>,
}

/// The public half of a key.
#[derive(Debug, FromRow)]
pub(crate) struct PublicKey {
    pub(crate) id: Id<SigningKeyKind>,
    pub(crate) public_key: Vec<u8>,
    pub(crate) created_at: Timestamp,
}

/// Makes `key` the active one, unless one is active.
pub(crate) async fn offer(tx: &mut Tx, key: &NewKey) -> Result<(), StoreError> {
    let statement = tx.query(OFFER).bind(key.id).bind(key.seed.as_slice()).bind(key.public.as_slice());
    statement.bind(key.created_at).execute().await.map(drop)
}

/// Id and seed of the active key.
pub(crate) async fn active(db: &Db) -> Result<Option<(Id<SigningKeyKind>, [u8; 32])>, StoreError> {
    let row: Option<ActiveRow> = db.query(ACTIVE).optional().await?;
    row.map(|row| {
        let seed = row.private_key.try_into();
        let corrupt =
            |_| StoreError::Corrupt { table: "signing_keys", column: "private_key", id: row.id.to_string() };
        seed.map(|seed| (row.id, seed)).map_err(corrupt)
    })
    .transpose()
}

/// Every key, oldest first.
pub(crate) async fn public(db: &Db) -> Result<Vec<PublicKey>, StoreError> {
    db.query(PUBLIC).all().await
}
