//! Tables. The only module that names them.

pub(crate) mod heads;
pub(crate) mod versions;

use assent_store::{Migrations, Sql};

/// The tables of this service.
pub static MIGRATIONS: Migrations = Migrations {
    name: "versioning",
    postgres: sqlx::migrate!("migrations/postgres"),
    sqlite: sqlx::migrate!("migrations/sqlite"),
};

/// Every statement of this service, by module.
pub const STATEMENTS: &[&[Sql]] = &[heads::STATEMENTS, versions::STATEMENTS];
