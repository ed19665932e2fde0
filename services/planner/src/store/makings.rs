//! The table `plan_makings`.

use assent_core::id::PlanKind;
use assent_core::{Id, Timestamp};
use assent_plan::Money;
use assent_store::{Db, Sql, StoreError};

use super::signed;

pub(super) const STATEMENTS: &[Sql] = &[ADD, OF_PLAN, FORGET];

// A plan that is revised was made by all who worked on it.
const ADD: Sql = Sql::new(
    "INSERT INTO plan_makings (plan_id, tokens, cost_micros, made_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (plan_id) DO UPDATE SET tokens = plan_makings.tokens + EXCLUDED.tokens,
         cost_micros = plan_makings.cost_micros + EXCLUDED.cost_micros",
);
const OF_PLAN: Sql = Sql::new("SELECT tokens, cost_micros FROM plan_makings WHERE plan_id = $1");
const FORGET: Sql = Sql::new("DELETE FROM plan_makings WHERE made_at < $1");

/// Adds to what making a plan took.
pub(crate) async fn add(
    db: &Db,
    plan: Id<PlanKind>,
    tokens: u64,
    cost: Money,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    tx.query(ADD).bind(plan).bind(signed(tokens)).bind(signed(cost.micros())).bind(now).execute().await?;
    tx.commit().await
}

/// Tokens and cost of making a plan; none for one that no model made.
pub(crate) async fn of_plan(db: &Db, plan: Id<PlanKind>) -> Result<Option<(u64, Money)>, StoreError> {
    let row: Option<(i64, i64)> = db.query(OF_PLAN).bind(plan).optional().await?;
    let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(row.map(|(tokens, cost)| (unsigned(tokens), Money::from_micros(unsigned(cost)))))
}

/// Forgets what was made before `time`.
pub(crate) async fn forget_before(db: &Db, time: Timestamp) -> Result<u64, StoreError> {
    let mut tx = db.begin().await?;
    let gone = tx.query(FORGET).bind(time).execute().await?;
    tx.commit().await?;
    Ok(gone)
}
