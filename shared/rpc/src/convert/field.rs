//! Reading a message field by field, remembering what is wrong and where.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use assent_core::Violation;
use assent_plan::ItemId;

use super::{Wire, WireEnum};

/// Proof that something was refused: only [`Field::refuse`] makes one, so no value goes missing
/// without a violation that says why.
#[derive(Debug)]
pub struct Refused(());

/// A field of the message being read. Its path is written out only when something is wrong with it.
#[derive(Debug)]
pub struct Field<'a> {
    found: &'a RefCell<Vec<Violation>>,
    parent: Option<&'a Field<'a>>,
    step: Step<'a>,
}

#[derive(Debug)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

/// Runs `read` over the message in `field` of a request (empty for the request itself).
///
/// # Errors
/// Everything that `read` refused. A value is returned only when nothing was.
pub fn read_message<T>(
    field: &str,
    read: impl FnOnce(&Field<'_>) -> Result<T, Refused>,
) -> Result<T, Vec<Violation>> {
    let found = RefCell::default();
    let value = read(&Field { found: &found, parent: None, step: Step::Name(field) });
    let found = found.into_inner();
    match value {
        Ok(value) if found.is_empty() => Ok(value),
        _ => Err(found),
    }
}

impl Field<'_> {
    /// The field `name` of this message, or the member of this object.
    pub fn field<'b>(&'b self, name: &'b str) -> Field<'b> {
        Field { found: self.found, parent: Some(self), step: Step::Name(name) }
    }

    /// The element `index` of this list.
    pub fn index(&self, index: usize) -> Field<'_> {
        Field { found: self.found, parent: Some(self), step: Step::Index(index) }
    }

    /// Notes that this field is wrong.
    pub fn refuse(&self, code: &'static str, description: impl Into<String>) -> Refused {
        self.found.borrow_mut().push(Violation::new(self.to_string(), code, description));
        Refused(())
    }

    /// Reads what this field holds.
    ///
    /// # Errors
    /// When it is refused, as for all methods below.
    pub fn read<T: Wire>(&self, pb: T::Pb) -> Result<T, Refused> {
        T::read(pb, self)
    }

    /// Reads a message that may be absent.
    pub fn optional<T: Wire>(&self, pb: Option<T::Pb>) -> Result<Option<T>, Refused> {
        pb.map(|pb| self.read(pb)).transpose()
    }

    /// Reads a message that must be there.
    pub fn required<T: Wire>(&self, pb: Option<T::Pb>) -> Result<T, Refused> {
        self.read(pb.ok_or_else(|| self.refuse("REQUIRED", "must be set"))?)
    }

    /// Reads a text that stands for a value, where the empty text stands for none.
    pub fn unless_empty<T: Wire<Pb = String>>(&self, text: String) -> Result<Option<T>, Refused> {
        if text.is_empty() { Ok(None) } else { self.read(text).map(Some) }
    }

    /// Reads every element of a list, also behind one that is refused.
    pub fn list<T: Wire>(&self, list: Vec<T::Pb>) -> Result<Vec<T>, Refused> {
        self.each(list, |pb, at| at.read(pb))
    }

    /// Reads a list of which each element tells something about another item.
    pub(super) fn by_item<P, T>(
        &self,
        list: Vec<P>,
        read: impl Fn(P, &Field<'_>) -> Result<(ItemId, T), Refused>,
    ) -> Result<BTreeMap<ItemId, T>, Refused> {
        let mut all = BTreeMap::new();
        for (index, (id, value)) in self.each(list, read)?.into_iter().enumerate() {
            if all.contains_key(&id) {
                return Err(self.index(index).refuse("DUPLICATE", format!("tells of `{id}` a second time")));
            }
            all.insert(id, value);
        }
        Ok(all)
    }

    /// Reads every element, also behind one that is refused.
    pub(super) fn each<P, T>(
        &self,
        list: impl IntoIterator<Item = P>,
        read: impl Fn(P, &Field<'_>) -> Result<T, Refused>,
    ) -> Result<Vec<T>, Refused> {
        // Into results first: collecting values at once would stop at the first that is refused.
        let all: Vec<_> =
            list.into_iter().enumerate().map(|(index, pb)| read(pb, &self.index(index))).collect();
        all.into_iter().collect()
    }

    /// Reads an enum that must not be unspecified.
    pub fn choice<E: WireEnum>(&self, number: i32) -> Result<E, Refused> {
        self.optional_choice(number)?.ok_or_else(|| self.refuse("REQUIRED", "must be set"))
    }

    /// Reads an enum whose unspecified value means none.
    pub fn optional_choice<E: WireEnum>(&self, number: i32) -> Result<Option<E>, Refused> {
        let text = || format!("has no value {number}");
        E::Pb::try_from(number).map(E::from_pb).map_err(|_| self.refuse("UNKNOWN_ENUM", text()))
    }

    /// Reads a number that the contract carries signed and that is never negative.
    pub fn unsigned<S, U: TryFrom<S>>(&self, number: S) -> Result<U, Refused> {
        U::try_from(number).map_err(|_| self.refuse("OUT_OF_RANGE", "must not be negative"))
    }
}

/// The path, e.g. `items[2].arguments.path`.
impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Name(name) if self.parent.is_none_or(Field::is_message) => f.write_str(name),
            Step::Name(name) => write!(f, ".{name}"),
        }
    }
}

impl Field<'_> {
    /// Whether this is the request itself, which has no path.
    fn is_message(&self) -> bool {
        self.parent.is_none() && matches!(self.step, Step::Name(""))
    }
}
