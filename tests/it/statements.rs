//! Every SQL text of every service is understood by both databases.

use assent_store::{Db, Migrations, Sql};
use assent_testkit::{Storage, both_storages};

both_storages!(every_statement_can_be_prepared);

type Service = (&'static str, &'static Migrations, &'static [&'static [Sql]]);

fn services() -> [Service; 5] {
    [
        ("planner", &assent_planner::MIGRATIONS, assent_planner::STATEMENTS),
        ("versioning", &assent_versioning::MIGRATIONS, assent_versioning::STATEMENTS),
        ("approval_gate", &assent_approval_gate::MIGRATIONS, assent_approval_gate::STATEMENTS),
        ("executor", &assent_executor::MIGRATIONS, assent_executor::STATEMENTS),
        ("notification", &assent_notification::MIGRATIONS, assent_notification::STATEMENTS),
    ]
}

async fn every_statement_can_be_prepared(storage: Storage) {
    for (schema, migrations, modules) in services() {
        let db: Db = storage.open(schema).await;
        db.migrate(&assent_store::idempotency::MIGRATIONS).await.unwrap();
        db.migrate(&assent_events::MIGRATIONS).await.unwrap();
        db.migrate(migrations).await.unwrap();
        // Again, as every start does.
        db.migrate(migrations).await.unwrap();
        let mut prepared = 0;
        for sql in modules.iter().copied().flatten() {
            db.prepare(*sql).await.unwrap_or_else(|error| panic!("{schema}: {error:?}: {sql:?}"));
            prepared += 1;
        }
        assert!(prepared > 3, "{schema} lists only {prepared} statements");
        db.close().await;
    }
}
