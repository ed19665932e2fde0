//! Inboxes and posts, on SQLite and Postgres, with an approval gate and an executor that are played and an endpoint
//! that answers as a test says.

#[cfg(test)]
mod endpoint;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod posting;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod telling;
