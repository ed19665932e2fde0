//! Versions through their gRPC door, on SQLite and Postgres. Planner and risk are played, so that a test can say what
//! they answer.

#[cfg(test)]
mod closing;
#[cfg(test)]
mod creating;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod rig;
