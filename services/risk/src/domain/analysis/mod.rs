//! What texts of a call mean: commands as a shell would read them, SQL as a database would, hosts, paths, money and
//! classes of data. Every reader is bounded, and says so when it cannot read a text.

pub(super) mod data;
pub(super) mod glob;
pub(super) mod money;
pub(super) mod shell;
pub(super) mod sql;
