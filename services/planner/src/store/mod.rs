//! Tables. The only module that names them.

pub(crate) mod makings;
pub(crate) mod samples;

use assent_store::{Migrations, Sql};

/// The tables of this service.
pub static MIGRATIONS: Migrations = Migrations {
    name: "planner",
    postgres: sqlx::migrate!("migrations/postgres"),
    sqlite: sqlx::migrate!("migrations/sqlite"),
};

/// Every statement of this service, by module.
pub const STATEMENTS: &[&[Sql]] = &[makings::STATEMENTS, samples::STATEMENTS];

/// As both databases keep counts and amounts.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
