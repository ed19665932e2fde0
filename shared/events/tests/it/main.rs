//! The event log, its relay and its followers through their public doors, on SQLite and Postgres.

#[cfg(test)]
mod consuming;
#[cfg(test)]
mod log;
#[cfg(test)]
mod over_redis;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod watching;
