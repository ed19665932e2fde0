//! Between the messages of the contract and what Assent thinks in, once for all services.
//!
//! [`Wire::to_pb`] always works. [`Wire::from_pb`] reports everything wrong with a message at once, by
//! the paths of the fields, and asks only for what the value itself cannot do without: whether a plan
//! is sound is decided elsewhere. Fields that the server sets are carried as they are.

mod assessment;
mod basic;
mod choice;
mod condition;
mod edit;
mod field;
mod item;
mod json;
mod plan;
mod requirement;
#[cfg(test)]
mod tests;
mod version;

use assent_core::Violation;

pub use choice::WireEnum;
pub use edit::conflict_to_pb;
pub use field::{Field, Refused, read_message};
pub use json::MAX_DEPTH;
pub use version::validation_to_pb;

/// A value that travels as a message of the contract, or as a field of one.
pub trait Wire: Sized {
    /// What travels.
    type Pb;

    /// Writes the value.
    fn to_pb(&self) -> Self::Pb;

    /// Reads the value that stands in field `at`; what is wrong with it is refused there.
    fn read(pb: Self::Pb, at: &Field<'_>) -> Result<Self, Refused>;

    /// Reads the value that stands in `field` of a request (empty for the request itself).
    ///
    /// # Errors
    /// Everything that is wrong with it, by path.
    fn from_pb(pb: Self::Pb, field: &str) -> Result<Self, Vec<Violation>> {
        read_message(field, |at| Self::read(pb, at))
    }
}

/// Writes a list.
pub fn list_to_pb<T: Wire>(values: &[T]) -> Vec<T::Pb> {
    values.iter().map(T::to_pb).collect()
}
