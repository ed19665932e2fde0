//! What only the whole can show, through the ports and programs that people use.

#[cfg(test)]
mod access;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod authorization;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod chaos;
#[cfg(test)]
mod chart;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod comments;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod dashboard;
#[cfg(test)]
mod editing;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod footprint;
#[cfg(test)]
mod healthy;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod models;
#[cfg(test)]
mod notify;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod playbooks;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod polyglot;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod rolling;
#[cfg(test)]
mod secured;
#[cfg(test)]
mod skew;
#[cfg(test)]
mod startup;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tracing;
#[cfg(test)]
mod versions;
#[cfg(test)]
mod writers;
