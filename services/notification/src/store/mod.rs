//! The tables of this service. Only this module names them.

pub(crate) mod attempts;
pub(crate) mod inbox;
pub(crate) mod outgoing;
pub(crate) mod preferences;
pub(crate) mod reminders;
pub(crate) mod retention;
mod row;

use assent_store::{Migrations, Sql};

/// The tables of this service.
pub static MIGRATIONS: Migrations = Migrations {
    name: "notification",
    postgres: sqlx::migrate!("migrations/postgres"),
    sqlite: sqlx::migrate!("migrations/sqlite"),
};

/// Every statement of this service, by module.
pub const STATEMENTS: &[&[Sql]] = &[
    attempts::STATEMENTS,
    inbox::STATEMENTS,
    outgoing::STATEMENTS,
    preferences::STATEMENTS,
    reminders::STATEMENTS,
    retention::STATEMENTS,
];
