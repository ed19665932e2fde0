//! Who drives which execution. A claim raises the fence; every later write of an older holder finds no row.

use assent_core::Timestamp;
use assent_core::id::ExecutionId;
use assent_events::{Fact, append_if};
use assent_store::{Db, Json, Sql, Statement, StoreError, Tx, Write};

use super::corrupt;
use super::executions::{micros, order_named};
use crate::domain::Execution;
use crate::domain::control::Order;

pub(super) const STATEMENTS: &[Sql] = &[
    CLAIMABLE,
    CLAIM,
    WRITE,
    HOLDER,
    RENEW,
    ORDERED,
    ORDERS,
    LOCK,
    ORDER,
    TAKE,
    UNLEASE_WAITING,
    RELEASE,
    RELEASE_ALL,
];

/// Ids of what is to be driven and has no lease that holds at `$now`, by kind, so that each is found by an index of its
/// own, however many executions have ended; the first of `$most`. Not those within `$own`.
///
/// A process never takes over from itself: while it drives, a lease that it was too slow to prolong, e.g. because the
/// machine slept, is still good as long as nobody else came.
macro_rules! adrift {
    ($now:literal, $most:literal, $own:literal) => {
        concat!(
            "SELECT id FROM (SELECT id FROM executions
                 WHERE state IN ('pending', 'running', 'rolling_back') AND lease_until IS NULL
                 ORDER BY created_at LIMIT ", $most, ") AS free
             UNION SELECT id FROM (SELECT id FROM executions
                 WHERE state IN ('pending', 'running', 'rolling_back') AND lease_until < ", $now, " AND id NOT IN ", $own, "
                 ORDER BY lease_until LIMIT ", $most, ") AS lost
             UNION SELECT id FROM executions
                 WHERE ordered <> '' AND (lease_until IS NULL OR (lease_until < ", $now, " AND id NOT IN ", $own, "))
             UNION SELECT id FROM executions
                 WHERE state = 'waiting' AND (lease_until IS NULL OR (lease_until < ", $now, " AND id NOT IN ", $own, "))
                     AND EXISTS (SELECT 1 FROM amendments
                         WHERE execution_id = executions.id AND amendments.state IN ('approved', 'refused'))"
        )
    };
}
const CLAIMABLE: Sql = Sql::split(
    concat!(
        "SELECT EXISTS (",
        adrift!("$1", "1", "(SELECT CAST(value AS UUID) FROM jsonb_array_elements_text(CAST($2 AS JSONB)))"),
        ")"
    ),
    concat!("SELECT EXISTS (", adrift!("$1", "1", "(SELECT unhex(value) FROM json_each($2))"), ")"),
);
// What another replica was faster to take is locked, or has a lease by now.
const CLAIM: Sql = Sql::split(
    concat!(
        "UPDATE executions SET lease_owner = $1, lease_until = $2, fence = fence + 1
         WHERE id IN (SELECT id FROM executions
             WHERE id = ANY (ARRAY(",
        adrift!(
            "$3",
            "1000",
            "(SELECT CAST(value AS UUID) FROM jsonb_array_elements_text(CAST($5 AS JSONB)))"
        ),
        ")) AND (state IN ('pending', 'running', 'rolling_back', 'waiting') OR ordered <> '')
                 AND (lease_until IS NULL OR lease_until < $3)
             ORDER BY created_at LIMIT $4 FOR UPDATE SKIP LOCKED)
         RETURNING id, fence"
    ),
    concat!(
        "UPDATE executions SET lease_owner = $1, lease_until = $2, fence = fence + 1
         WHERE id IN (SELECT id FROM executions WHERE id IN (",
        adrift!("$3", "1000", "(SELECT unhex(value) FROM json_each($5))"),
        ") ORDER BY created_at LIMIT $4)
         RETURNING id, fence"
    ),
);
// $10 is the order that this write answers; one that came meanwhile stays.
const WRITE: Sql = Sql::new(
    "UPDATE executions SET revision = revision + 1, lease_until = $4, state = $5, error = $6, cost_micros = $7,
         started_at = $8, ended_at = $9,
         ordered = CASE WHEN ordered = $10 THEN '' ELSE ordered END
     WHERE id = $1 AND fence = $2 AND revision = $3
     RETURNING ordered",
);
const HOLDER: Sql = Sql::new("SELECT fence, revision, ordered FROM executions WHERE id = $1");
const RENEW: Sql =
    Sql::new("UPDATE executions SET lease_until = $3 WHERE id = $1 AND fence = $2 RETURNING ordered");
const ORDERED: Sql = Sql::new("SELECT ordered FROM executions WHERE id = $1");
const ORDERS: Sql = Sql::new("SELECT id FROM executions WHERE lease_owner = $1 AND ordered <> '' LIMIT 1000");
const LOCK: Sql = Sql::split(
    "SELECT revision FROM executions WHERE id = $1 FOR UPDATE",
    "SELECT revision FROM executions WHERE id = $1",
);
const ORDER: Sql = Sql::new("UPDATE executions SET ordered = $2 WHERE id = $1");
// Raising the fence ends whatever lease there may be.
const TAKE: Sql = Sql::new(
    "UPDATE executions SET revision = revision + 1, fence = fence + 1, lease_owner = NULL, lease_until = NULL,
         ordered = $5, state = $2, error = $3, ended_at = $4
     WHERE id = $1",
);
const UNLEASE_WAITING: Sql = Sql::new(
    "UPDATE executions SET lease_owner = NULL, lease_until = NULL, fence = fence + 1
     WHERE id = $1 AND state = 'waiting'",
);
const RELEASE: Sql =
    Sql::new("UPDATE executions SET lease_owner = NULL, lease_until = NULL WHERE id = $1 AND fence = $2");
const RELEASE_ALL: Sql =
    Sql::new("UPDATE executions SET lease_owner = NULL, lease_until = NULL WHERE lease_owner <> $1");

/// The right to drive one execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    /// The execution.
    pub(crate) execution: ExecutionId,
    /// Nobody else's number.
    pub(crate) fence: i64,
}

/// Takes up to `most` executions that nobody drives. Those in `driven` the process of `owner` does.
pub(crate) async fn claim(
    db: &Db,
    owner: &str,
    driven: &[ExecutionId],
    now: Timestamp,
    until: Timestamp,
    most: usize,
) -> Result<Vec<Lease>, StoreError> {
    // Asked first, because an idle executor must not take the writer's turn again and again.
    let driven: Vec<String> = driven.iter().map(|id| id.hex()).collect();
    if most == 0 || !db.query(CLAIMABLE).bind(now).bind(Json(&driven)).scalar::<bool>().await? {
        return Ok(Vec::new());
    }
    let mut tx = db.begin().await?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<(ExecutionId, i64)> =
        tx.query(CLAIM).bind(owner).bind(until).bind(now).bind(most).bind(Json(&driven)).all().await?;
    tx.commit().await?;
    Ok(rows.into_iter().map(|(execution, fence)| Lease { execution, fence }).collect())
}

/// What became of a guarded write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guarded {
    /// The row is written; go on in the same transaction. With what a person has ordered.
    Written(Option<Order>),
    /// An earlier try of the same write was committed after all.
    Known(Option<Order>),
    /// Somebody else drives the execution.
    Lost,
}

/// What an execution becomes, if `lease` still holds and its revision is `revision`.
pub(crate) struct Change<'e> {
    pub(crate) lease: Lease,
    pub(crate) revision: i64,
    /// Until when the lease is prolonged.
    pub(crate) until: Timestamp,
    pub(crate) execution: &'e Execution,
    /// The order that it carries out.
    pub(crate) answered: Option<Order>,
}

impl Change<'_> {
    fn bind<'s>(&self, statement: Statement<'s>) -> Statement<'s> {
        let Self { lease, revision, until, execution, answered } = *self;
        let statement = statement.bind(lease.execution).bind(lease.fence).bind(revision).bind(until);
        let statement = statement.bind(execution.state.as_str()).bind(execution.error.as_str());
        let statement =
            statement.bind(micros(execution.cost)).bind(execution.started_at).bind(execution.ended_at);
        statement.bind(answered.map_or("", Order::as_str))
    }

    /// What it means that `ordered` was found, or no row; then [`HOLDER`] says why.
    async fn outcome(
        &self,
        ordered: Option<(String,)>,
        holder: Statement<'_>,
    ) -> Result<Guarded, StoreError> {
        let execution = self.lease.execution;
        if let Some((ordered,)) = ordered {
            return Ok(Guarded::Written(order(execution, &ordered)?));
        }
        let (fence, found, ordered): (i64, i64, String) = holder.bind(execution).one().await?;
        let known = fence == self.lease.fence && found == self.revision + 1;
        Ok(if known { Guarded::Known(order(execution, &ordered)?) } else { Guarded::Lost })
    }
}

/// Writes what the execution becomes.
pub(crate) async fn write(tx: &mut Tx, change: &Change<'_>) -> Result<Guarded, StoreError> {
    let ordered = change.bind(tx.query(WRITE)).optional().await?;
    change.outcome(ordered, tx.query(HOLDER)).await
}

/// The same in a transaction of its own, with the runs that change and what becomes true.
pub(crate) async fn write_alone(
    db: &Db,
    change: &Change<'_>,
    facts: &[&Fact],
    runs: Vec<Write>,
) -> Result<Guarded, StoreError> {
    let ordered = append_if(db, WRITE, |statement| change.bind(statement), facts, runs).await?;
    change.outcome(ordered, db.query(HOLDER)).await
}

fn order(execution: ExecutionId, name: &str) -> Result<Option<Order>, StoreError> {
    order_named(name).ok_or_else(|| corrupt("executions", "ordered", execution))
}

/// What became of prolonging a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewed {
    /// It holds; with what a person has ordered.
    Held(Option<Order>),
    /// Somebody else drives the execution.
    Lost,
}

/// Prolongs the lease.
pub(crate) async fn renew(db: &Db, lease: Lease, until: Timestamp) -> Result<Renewed, StoreError> {
    let Lease { execution, fence } = lease;
    let held: Option<(String,)> =
        db.write_if(RENEW, |statement| statement.bind(execution).bind(fence).bind(until), &[]).await?;
    match held {
        Some((ordered,)) => Ok(Renewed::Held(order(lease.execution, &ordered)?)),
        None => Ok(Renewed::Lost),
    }
}

/// What a person has ordered.
pub(crate) async fn ordered(db: &Db, execution: ExecutionId) -> Result<Option<Order>, StoreError> {
    let name: String = db.query(ORDERED).bind(execution).scalar().await?;
    order(execution, &name)
}

/// Executions that `owner` drives and for which there is an order.
pub(crate) async fn orders(db: &Db, owner: &str) -> Result<Vec<ExecutionId>, StoreError> {
    let rows: Vec<(ExecutionId,)> = db.query(ORDERS).bind(owner).all().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Keeps every other writer of the execution waiting until `tx` ends.
pub(crate) async fn lock(tx: &mut Tx, execution: ExecutionId) -> Result<(), StoreError> {
    tx.query(LOCK).bind(execution).scalar::<i64>().await.map(drop)
}

/// Tells the driver of a locked execution what to do; none for nothing.
pub(crate) async fn tell(
    tx: &mut Tx,
    execution: ExecutionId,
    order: Option<Order>,
) -> Result<(), StoreError> {
    let name = order.map_or("", Order::as_str);
    tx.query(ORDER).bind(execution).bind(name).execute().await.map(drop)
}

/// Writes a locked execution that nobody drives, so that whoever claims it goes on from there.
pub(crate) async fn take(tx: &mut Tx, execution: &Execution) -> Result<(), StoreError> {
    let statement = tx.query(TAKE).bind(execution.id).bind(execution.state.as_str());
    let statement = statement.bind(execution.error.as_str()).bind(execution.ended_at);
    statement.bind(execution.order.map_or("", Order::as_str)).execute().await.map(drop)
}

/// Has a locked execution that waits for a review claimed by whoever comes first.
pub(crate) async fn unlease_waiting(tx: &mut Tx, execution: ExecutionId) -> Result<(), StoreError> {
    tx.query(UNLEASE_WAITING).bind(execution).execute().await.map(drop)
}

/// Lets others drive the execution at once.
pub(crate) async fn release(db: &Db, lease: Lease) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    tx.query(RELEASE).bind(lease.execution).bind(lease.fence).execute().await?;
    tx.commit().await
}

/// Ends every lease but those of `owner`: right only for a process that has the database to itself.
pub(crate) async fn release_all(db: &Db, owner: &str) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    tx.query(RELEASE_ALL).bind(owner).execute().await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use assent_core::{Clock, ContextSource, Digest};
    use assent_plan::{Money, Plan};
    use assent_testkit::{Storage, both_storages};

    use super::*;
    use crate::domain::{ExecutionFact, ExecutionState};
    use crate::store::executions::{self, Approved};

    fn change(
        lease: Lease,
        revision: i64,
        until: Timestamp,
        execution: &Execution,
        answered: Option<Order>,
    ) -> Change<'_> {
        Change { lease, revision, until, execution, answered }
    }

    both_storages!(an_old_holder_cannot_write);

    async fn an_old_holder_cannot_write(storage: Storage) {
        let db = storage.open("executor").await;
        db.migrate(&crate::MIGRATIONS).await.unwrap();
        let now = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        let source = ContextSource::seeded(Clock::manual(now), 1);
        let mut execution = Execution {
            id: source.new_id(),
            session: source.new_id(),
            version: 1,
            digest: Digest::of(&[]),
            goal: "g".to_owned(),
            state: ExecutionState::Pending,
            order: None,
            error: String::new(),
            cost: Money::ZERO,
            created_at: now,
            started_at: None,
            ended_at: None,
        };
        let approved =
            Approved { grant: String::new(), plan: Plan::new("g"), traceparent: None, risk_level: None };
        let mut tx = db.begin().await.unwrap();
        assert!(executions::insert(&mut tx, &execution, &approved, None).await.unwrap());
        let twin = Execution { id: source.new_id(), ..execution.clone() };
        assert!(!executions::insert(&mut tx, &twin, &approved, None).await.unwrap());
        tx.commit().await.unwrap();

        let until = now.after(Duration::from_secs(15));
        let later = now.after(Duration::from_secs(16));
        let first = claim(&db, "a", &[], now, until, 9).await.unwrap();
        assert_eq!(first.iter().map(|lease| lease.execution).collect::<Vec<_>>(), [execution.id]);
        assert_eq!(claim(&db, "b", &[], now, until, 9).await.unwrap(), []);
        assert_eq!(claim(&db, "a", &[execution.id], later, until, 9).await.unwrap(), []);
        let second = claim(&db, "b", &[], later, later.after(Duration::from_secs(15)), 9).await.unwrap();
        assert!(second[0].fence > first[0].fence);

        execution.apply(ExecutionFact::Started, later).unwrap();
        let lost = change(first[0], 0, until, &execution, None);
        assert_eq!(write_alone(&db, &lost, &[], Vec::new()).await.unwrap(), Guarded::Lost);
        let mut tx = db.begin().await.unwrap();
        assert_eq!(
            write(&mut tx, &change(first[0], 0, until, &execution, None)).await.unwrap(),
            Guarded::Lost
        );
        assert_eq!(
            write(&mut tx, &change(second[0], 0, until, &execution, None)).await.unwrap(),
            Guarded::Written(None)
        );
        let written = write(&mut tx, &change(second[0], 0, until, &execution, None)).await.unwrap();
        assert_eq!(written, Guarded::Known(None));
        tx.commit().await.unwrap();
        assert_eq!(renew(&db, first[0], until).await.unwrap(), Renewed::Lost);

        let mut tx = db.begin().await.unwrap();
        lock(&mut tx, execution.id).await.unwrap();
        tell(&mut tx, execution.id, Some(Order::Pause)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(orders(&db, "b").await.unwrap(), [execution.id]);
        assert_eq!(renew(&db, second[0], until).await.unwrap(), Renewed::Held(Some(Order::Pause)));
        let mut tx = db.begin().await.unwrap();
        let written = write(&mut tx, &change(second[0], 1, until, &execution, None)).await.unwrap();
        assert_eq!(written, Guarded::Written(Some(Order::Pause)));
        execution.apply(ExecutionFact::Paused, later).unwrap();
        let written =
            write(&mut tx, &change(second[0], 2, until, &execution, Some(Order::Pause))).await.unwrap();
        assert_eq!(written, Guarded::Written(None));
        execution.apply(ExecutionFact::Resumed, later).unwrap();
        take(&mut tx, &execution).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(renew(&db, second[0], until).await.unwrap(), Renewed::Lost);
        let second = claim(&db, "b", &[], later, until, 9).await.unwrap();
        assert!(second[0].fence > first[0].fence);

        // Its own lease, which it does not know of: the answer to a commit was lost.
        let forgotten = claim(&db, "b", &[], until.after(Duration::from_secs(1)), until, 9).await.unwrap();
        assert_eq!(forgotten.len(), 1);
        assert!(forgotten[0].fence > second[0].fence);
        let second = forgotten;

        release(&db, first[0]).await.unwrap();
        assert_eq!(claim(&db, "c", &[], now, until, 9).await.unwrap(), []);
        release(&db, second[0]).await.unwrap();
        assert_eq!(claim(&db, "c", &[], now, until, 9).await.unwrap().len(), 1);
        release_all(&db, "c").await.unwrap();
        assert_eq!(claim(&db, "d", &[], now, until, 9).await.unwrap(), []);
        release_all(&db, "d").await.unwrap();
        assert_eq!(claim(&db, "d", &[], now, until, 9).await.unwrap().len(), 1);
    }
}
