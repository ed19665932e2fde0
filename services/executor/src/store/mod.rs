//! The tables of the executor, and nothing that decides.

pub(crate) mod amendments;
pub(crate) mod artifacts;
pub(crate) mod executions;
pub(crate) mod leases;
pub(crate) mod runs;
pub(crate) mod work;
pub(crate) mod work_files;

use assent_store::{Migrations, Sql, StoreError};

/// The tables of this service.
pub static MIGRATIONS: Migrations = Migrations {
    name: "executor",
    postgres: sqlx::migrate!("migrations/postgres"),
    sqlite: sqlx::migrate!("migrations/sqlite"),
};

/// Every statement of this service, by module.
pub const STATEMENTS: &[&[Sql]] = &[
    executions::STATEMENTS,
    leases::STATEMENTS,
    runs::STATEMENTS,
    artifacts::STATEMENTS,
    work::STATEMENTS,
    work_files::STATEMENTS,
    amendments::STATEMENTS,
];

fn corrupt(table: &'static str, column: &'static str, id: impl ToString) -> StoreError {
    StoreError::Corrupt { table, column, id: id.to_string() }
}

/// An amount or a count as a column holds it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
