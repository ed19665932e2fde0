//! The table `approval_notifications`. Only this module names it.

pub(crate) mod inbox;
pub(crate) mod outgoing;
mod row;

use assent_store::{Migrations, Sql};

/// The tables of this service.
pub static MIGRATIONS: Migrations = Migrations {
    name: "notification",
    postgres: sqlx::migrate!("migrations/postgres"),
    sqlite: sqlx::migrate!("migrations/sqlite"),
};

/// Every statement of this service, by module.
pub const STATEMENTS: &[&[Sql]] = &[inbox::STATEMENTS, outgoing::STATEMENTS];
