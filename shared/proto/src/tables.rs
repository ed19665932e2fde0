//! What the contract asks of calls, as tables that cost nothing at start. Written by the build script.

/// A method of the contract.
#[derive(Debug)]
pub struct Method {
    /// `/assent.event.v1.EventService/ReadEvents`
    pub path: &'static str,
    /// Whether it takes a stream.
    pub streams_in: bool,
    /// Whether it answers with a stream.
    pub streams_out: bool,
    /// Whether the contract says that it may be called again: `idempotency_level`.
    pub idempotent: bool,
}

/// A message of the contract.
#[derive(Debug)]
pub struct Message {
    /// With its package.
    pub name: &'static str,
    /// Those that have something to check.
    pub fields: &'static [Field],
}

/// A field of a message.
#[derive(Debug)]
pub struct Field {
    /// As the protos spell it.
    pub name: &'static str,
    /// Its tag.
    pub number: u32,
    /// How many values it has.
    pub shape: Shape,
    /// What its values are.
    pub kind: Kind,
    /// What its values must be.
    pub rules: Rules,
}

/// How many values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// At most one.
    One,
    /// A `repeated` field.
    List,
    /// A `map` field.
    Map,
}

/// What the values of a field are, as far as they are checked.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A text.
    Text,
    /// Bytes.
    Bytes,
    /// An `int32` or `int64`.
    Integer,
    /// One of these numbers.
    Enum(&'static [i32]),
    /// The message of [`MESSAGES`] at this place.
    Message(usize),
    /// Only whether it is there is asked.
    Other,
}

/// The rules of a field: `assent.annotations.v1.FieldRules` in `proto/`, where each is described.
#[derive(Debug)]
pub struct Rules {
    /// Must be set.
    pub required: bool,
    /// Set by the server only.
    pub output_only: bool,
    /// Most bytes; 0 for no bound.
    pub max_len: u32,
    /// Most elements; 0 for no bound.
    pub max_items: u32,
    /// Prefix of an id; empty when it is none.
    pub id: &'static str,
    /// Smallest number.
    pub min: Option<i64>,
    /// Largest number.
    pub max: Option<i64>,
    /// Must be a digest.
    pub digest: bool,
    /// Must be a UUID.
    pub uuid: bool,
    /// Required fields may be left out below it.
    pub partial: bool,
}

impl Rules {
    const NONE: Self = Self {
        required: false,
        output_only: false,
        max_len: 0,
        max_items: 0,
        id: "",
        min: None,
        max: None,
        digest: false,
        uuid: false,
        partial: false,
    };
}

/// All methods, by path.
pub static METHODS: &[Method] = include!(concat!(env!("OUT_DIR"), "/methods.rs"));

/// All messages, by name.
pub static MESSAGES: &[Message] = include!(concat!(env!("OUT_DIR"), "/messages.rs"));

/// The method with this path.
pub fn method(path: &str) -> Option<&'static Method> {
    METHODS.binary_search_by(|method| method.path.cmp(path)).ok().map(|found| &METHODS[found])
}

/// The message with this name.
pub fn message(name: &str) -> Option<&'static Message> {
    MESSAGES.binary_search_by(|message| message.name.cmp(name)).ok().map(|found| &MESSAGES[found])
}
