//! The storage layer through its public door, on SQLite and Postgres.

#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod together;
#[cfg(test)]
mod transactions;
#[cfg(test)]
mod writes;
