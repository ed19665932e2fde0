//! What people and programs see. Stdout is data, stderr is talk; only this module writes to either.
//!
//! Text that others wrote (goals, names, reasons, artifacts) never reaches a terminal as it is: what would move
//! the cursor, hide or reorder characters is shown as an escape.

mod console;
mod frame;
mod style;
mod table;
mod text;
mod words;

pub(crate) use console::{Console, Format, to_json};
pub(crate) use frame::Frame;
pub(crate) use style::{Line, Tone, plain, toned};
pub(crate) use table::table;
pub(crate) use text::clean_lines;
pub(crate) use words::{amount, deadline, decode, elapsed, level, moment, seconds, short_time, size, state};
