//! Facts that services publish, and how others follow them without losing or skipping one.
//!
//! A service appends its facts to its `events` table in the transaction that changes its state
//! ([`append`]). The [`Relay`] gives every committed fact a position and rings the [`Bus`]. Readers go
//! by position only: the table is the truth and the bus merely says that it is worth a look, so a lost
//! message makes nothing but a delay. A [`Consumer`] commits its position with its effect.

#![warn(missing_docs)]

mod backoff;
mod bus;
mod consumer;
mod cursor;
mod log;
mod metrics;
mod outbox;
mod payload;
mod redis;
mod relay;
mod server;
mod watch;

pub use backoff::Backoff;
pub use bus::{Bus, Doorbell};
pub use consumer::{Consumer, Handled, Pace};
pub use cursor::Cursor;
pub use log::{Log, LogError, Page};
pub use metrics::EventMetrics;
pub use outbox::{Fact, append, append_all, append_facts, append_if};
pub use payload::type_name;
pub use redis::{BusError, RedisDriver};
pub use relay::Relay;
pub use server::EventServer;
pub use watch::{Watching, watch};

use assent_store::{Migrations, Sql};

/// The tables `events`, `event_relay` and `consumer_cursors`, which every stateful service migrates
/// beside its own.
pub static MIGRATIONS: Migrations = Migrations {
    name: "events",
    postgres: sqlx::migrate!("migrations/postgres"),
    sqlite: sqlx::migrate!("migrations/sqlite"),
};

/// Every statement of this crate, by module.
pub const STATEMENTS: &[&[Sql]] =
    &[outbox::STATEMENTS, relay::STATEMENTS, log::STATEMENTS, cursor::STATEMENTS];
