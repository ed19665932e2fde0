//! One SQL text on two databases: Postgres for a cluster, SQLite embedded in one process.
//!
//! A service opens one [`Db`], migrates its own tables, reads with [`Db::query`] and changes state
//! only inside a [`Tx`]. Statements are [`Sql`] constants; a test of each service prepares all of
//! them on both databases, which stands in for compile-time checking.
//!
//! Columns: `UUID | BLOB`, `TIMESTAMPTZ | TEXT`, `JSONB | TEXT CHECK (json_valid(..))`,
//! `BYTEA | BLOB`, `BOOLEAN`, `BIGINT`; `$n` placeholders, `RETURNING` and `ON CONFLICT` mean the same
//! on both. No clock, interval, column of an array or `ILIKE` of the database is used: times are bound, and lists as JSON.
//! On Postgres ids in a list are sought as `id = ANY (ARRAY(SELECT …))`, which it plans for ten of them: for `IN (SELECT …)`
//! it plans for a hundred, and scans the table.

#![warn(missing_docs)]

mod db;
mod error;
pub mod idempotency;
mod migrate;
mod scope;
mod sql;
mod statement;
mod together;
mod tx;
mod write;

pub use db::{Backend, Connections, Db, DbOptions};
pub use error::StoreError;
pub use migrate::Migrations;
pub use scope::in_transaction;
pub use sql::Sql;
pub use sqlx::types::Json;
pub use statement::{Row, Scalar, Statement, Value};
pub use together::{CutOff, Together};
pub use tx::Tx;
pub use write::Write;
