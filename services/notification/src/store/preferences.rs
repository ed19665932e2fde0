//! How people want to be told.

use std::collections::HashMap;

use assent_core::Timestamp;
use assent_store::{Db, Json, Sql, StoreError, Tx};

use crate::domain::Preferences;

pub(super) const STATEMENTS: &[Sql] = &[ONE, OF, SET];

const ONE: Sql = Sql::new("SELECT body, revision FROM notification_preferences WHERE user_id = $1");
const OF: Sql = Sql::split(
    "SELECT user_id, body FROM notification_preferences
     WHERE user_id IN (SELECT jsonb_array_elements_text($1))",
    "SELECT user_id, body FROM notification_preferences WHERE user_id IN (SELECT value FROM json_each($1))",
);
// The first are set where none are expected, or whatever is expected; later ones only over what is expected.
const SET: Sql = Sql::new(
    "INSERT INTO notification_preferences (user_id, body, revision, updated_at) VALUES ($1, $2, 1, $3)
     ON CONFLICT (user_id) DO UPDATE
         SET body = excluded.body, revision = notification_preferences.revision + 1, updated_at = excluded.updated_at
         WHERE CAST($4 AS BIGINT) < 0 OR notification_preferences.revision = $4
     RETURNING revision",
);

/// Those of `user`, with their revision; none where none were set.
pub(crate) async fn one(db: &Db, user: &str) -> Result<Option<(Preferences, i64)>, StoreError> {
    let row: Option<(Json<Preferences>, i64)> = db.query(ONE).bind(user).optional().await?;
    Ok(row.map(|(body, revision)| (body.0, revision)))
}

/// Those of `users` who have set some.
pub(crate) async fn of(tx: &mut Tx, users: &[&str]) -> Result<HashMap<String, Preferences>, StoreError> {
    let rows: Vec<(String, Json<Preferences>)> = tx.query(OF).bind(Json(users)).all().await?;
    Ok(rows.into_iter().map(|(user, body)| (user, body.0)).collect())
}

/// Sets those of `user` if they have the revision that is expected (any, when none is named); returns the new one,
/// or none when they have another.
pub(crate) async fn set(
    tx: &mut Tx,
    user: &str,
    wanted: &Preferences,
    expected: Option<i64>,
    now: Timestamp,
) -> Result<Option<i64>, StoreError> {
    let expected = expected.unwrap_or(-1);
    let statement = tx.query(SET).bind(user).bind(Json(wanted)).bind(now).bind(expected);
    let new: Option<(i64,)> = statement.optional().await?;
    // Somebody who expects a revision where there is none has read something that is gone.
    Ok(new.map(|(revision,)| revision).filter(|revision| expected <= 0 || *revision == expected + 1))
}
