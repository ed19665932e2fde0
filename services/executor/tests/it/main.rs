//! The executor through its doors: decisions come in as events of a gate, and what happened is read over gRPC.

#[cfg(test)]
mod amending;
#[cfg(test)]
mod artifacts;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod control;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod mcp;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod running;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod server;
#[cfg(test)]
mod sql;
#[cfg(test)]
mod workers;
