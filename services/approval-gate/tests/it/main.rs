//! The approval gate through its doors, on both storages. What it asks of versioning is answered by a small stand-in, so
//! that a test chooses the risk of a plan, and a log in place of the executor's says what the test wants.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod comments;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod deadline;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod executions;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod license;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod modification;
#[cfg(test)]
mod partial;
#[cfg(test)]
mod planner;
#[cfg(test)]
mod play;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod waits;
