//! RFC 8785 canonical JSON of anything that serde can serialise, written into one buffer: members are put into order
//! where they lie once their object is complete.

use std::cmp::Ordering;

use serde::{Serialize, ser};

/// A value that has no canonical form: a number that is not finite, an object with a member twice or with names that
/// are no texts, or JSON that somebody else has written already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no canonical JSON form: {0}")]
pub struct NotCanonical(String);

impl ser::Error for NotCanonical {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// The canonical form of `value`.
///
/// # Errors
/// When it has none.
pub fn canonical(value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::with_capacity(256);
    write_canonical(&mut out, value)?;
    Ok(out)
}

/// Appends the canonical form of `value` to `out`.
///
/// # Errors
/// When it has none; then what was appended is meaningless.
pub fn write_canonical(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<(), NotCanonical> {
    value.serialize(Writer { out })
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

/// Where a member of an unfinished object lies in the buffer; the comma or brace before it belongs to nobody.
#[derive(Clone, Copy)]
struct Member {
    start: usize,
    /// Right behind the name and its quotes.
    name_end: usize,
    end: usize,
    /// Whether the name is all ASCII with nothing escaped.
    plain: bool,
}

/// RFC 8785 compares names as UTF-16, which is the order of bytes where all is ASCII and nothing escaped.
fn order((a, a_plain): (&[u8], bool), (b, b_plain): (&[u8], bool)) -> Ordering {
    if a_plain && b_plain {
        // Without the closing quotes, or a name would not come before those that go on from it.
        return a[..a.len() - 1].cmp(&b[..b.len() - 1]);
    }
    let units = |name: &[u8]| -> Vec<u16> {
        serde_json::from_slice::<String>(name).unwrap_or_default().encode_utf16().collect()
    };
    units(a).cmp(&units(b))
}

/// Whether `name` is all ASCII with nothing escaped.
fn is_plain(name: &[u8]) -> bool {
    name.is_ascii() && !name.contains(&b'\\')
}

fn not_finite() -> NotCanonical {
    NotCanonical("a number is not finite".to_owned())
}

fn text(out: &mut Vec<u8>, value: &str) -> Result<(), NotCanonical> {
    // serde_json escapes exactly what RFC 8785 wants escaped, in the same way.
    serde_json::to_writer(out, value).map_err(ser::Error::custom)
}

fn whole(out: &mut Vec<u8>, negative: bool, magnitude: u64) -> Result<(), NotCanonical> {
    if magnitude > crate::json::MAX_EXACT {
        let double = magnitude as f64;
        return double_number(out, if negative { -double } else { double });
    }
    if negative {
        out.push(b'-');
    }
    serde_json::to_writer(out, &magnitude).map_err(ser::Error::custom)
}

fn double_number(out: &mut Vec<u8>, value: f64) -> Result<(), NotCanonical> {
    if !value.is_finite() {
        return Err(not_finite());
    }
    // Numbers as ECMAScript writes them are an art of their own.
    serde_json_canonicalizer::to_writer(&value, out).map_err(ser::Error::custom)
}

macro_rules! numbers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), NotCanonical> {
            whole(self.out, value.is_negative(), u64::from(value.unsigned_abs()))
        })*
    };
}

macro_rules! naturals {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), NotCanonical> {
            whole(self.out, false, u64::from(value))
        })*
    };
}

impl<'o> ser::Serializer for Writer<'o> {
    type Ok = ();
    type Error = NotCanonical;
    type SerializeSeq = List<'o>;
    type SerializeTuple = List<'o>;
    type SerializeTupleStruct = List<'o>;
    type SerializeTupleVariant = List<'o>;
    type SerializeMap = Object<'o>;
    type SerializeStruct = Object<'o>;
    type SerializeStructVariant = Object<'o>;

    numbers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64);
    naturals!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_bool(self, value: bool) -> Result<(), NotCanonical> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), NotCanonical> {
        double_number(self.out, f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), NotCanonical> {
        double_number(self.out, value)
    }

    fn serialize_char(self, value: char) -> Result<(), NotCanonical> {
        text(self.out, value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), NotCanonical> {
        text(self.out, value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), NotCanonical> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<(), NotCanonical> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotCanonical> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotCanonical> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NotCanonical> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), NotCanonical> {
        text(self.out, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NotCanonical> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), NotCanonical> {
        wrap(self.out, variant)?;
        value.serialize(Writer { out: self.out })?;
        self.out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'o>, NotCanonical> {
        Ok(List::new(self.out, b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'o>, NotCanonical> {
        Ok(List::new(self.out, b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'o>, NotCanonical> {
        Ok(List::new(self.out, b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'o>, NotCanonical> {
        wrap(self.out, variant)?;
        Ok(List::new(self.out, b"]}"))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Object<'o>, NotCanonical> {
        Ok(Object::new(self.out, len.unwrap_or_default(), b"}"))
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Object<'o>, NotCanonical> {
        if name.starts_with("$serde_json::private") {
            return Err(NotCanonical("it holds JSON that is written already".to_owned()));
        }
        Ok(Object::new(self.out, len, b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Object<'o>, NotCanonical> {
        wrap(self.out, variant)?;
        Ok(Object::new(self.out, len, b"}}"))
    }
}

/// Begins the object of one member that serde makes of a variant.
fn wrap(out: &mut Vec<u8>, variant: &'static str) -> Result<(), NotCanonical> {
    out.push(b'{');
    text(out, variant)?;
    out.push(b':');
    Ok(())
}

/// An array that is being written.
struct List<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
    close: &'static [u8],
}

impl<'o> List<'o> {
    fn new(out: &'o mut Vec<u8>, close: &'static [u8]) -> Self {
        out.push(b'[');
        Self { out, first: true, close }
    }

    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        value.serialize(Writer { out: self.out })
    }

    fn close(self) -> Result<(), NotCanonical> {
        self.out.extend_from_slice(self.close);
        Ok(())
    }
}

/// An object that is being written.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    /// Of the first member.
    start: usize,
    members: Vec<Member>,
    /// Start and end of a name whose value is still to come, and whether it is plain.
    name: Option<(usize, usize, bool)>,
    close: &'static [u8],
}

impl<'o> Object<'o> {
    fn new(out: &'o mut Vec<u8>, members: usize, close: &'static [u8]) -> Self {
        out.push(b'{');
        let start = out.len();
        Self { out, start, members: Vec::with_capacity(members), name: None, close }
    }

    fn name(&mut self, name: &(impl Serialize + ?Sized)) -> Result<(), NotCanonical> {
        if !self.members.is_empty() {
            self.out.push(b',');
        }
        let start = self.out.len();
        name.serialize(Writer { out: self.out })?;
        if self.out.get(start) != Some(&b'"') {
            return Err(NotCanonical("the name of a member is no text".to_owned()));
        }
        self.name = Some((start, self.out.len(), is_plain(&self.out[start..])));
        Ok(())
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), NotCanonical> {
        let name = self.name.take();
        let (start, name_end, plain) = name.ok_or_else(|| NotCanonical("a member has no name".to_owned()))?;
        self.out.push(b':');
        value.serialize(Writer { out: self.out })?;
        self.members.push(Member { start, name_end, end: self.out.len(), plain });
        Ok(())
    }

    fn close(mut self) -> Result<(), NotCanonical> {
        let name = |member: &Member| (&self.out[member.start..member.name_end], member.plain);
        if !self.members.is_sorted_by(|a, b| order(name(a), name(b)).is_lt()) {
            self.sort()?;
        }
        self.out.extend_from_slice(self.close);
        Ok(())
    }

    fn sort(&mut self) -> Result<(), NotCanonical> {
        let written = self.out.split_off(self.start);
        let part = |start: usize, end: usize| &written[start - self.start..end - self.start];
        let name = |member: &Member| (part(member.start, member.name_end), member.plain);
        self.members.sort_by(|a, b| order(name(a), name(b)));
        if self.members.windows(2).any(|two| name(&two[0]) == name(&two[1])) {
            return Err(NotCanonical("an object has two members of one name".to_owned()));
        }
        for (place, member) in self.members.iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(part(member.start, member.end));
        }
        Ok(())
    }
}

macro_rules! lists {
    ($($part:ident: $method:ident),*) => {
        $(impl ser::$part for List<'_> {
            type Ok = ();
            type Error = NotCanonical;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
                self.add(value)
            }

            fn end(self) -> Result<(), NotCanonical> {
                self.close()
            }
        })*
    };
}

lists!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

macro_rules! structs {
    ($($part:ident),*) => {
        $(impl ser::$part for Object<'_> {
            type Ok = ();
            type Error = NotCanonical;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), NotCanonical> {
                self.name(name)?;
                self.value(value)
            }

            fn end(self) -> Result<(), NotCanonical> {
                self.close()
            }
        })*
    };
}

structs!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Object<'_> {
    type Ok = ();
    type Error = NotCanonical;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotCanonical> {
        self.name(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotCanonical> {
        self.value(value)
    }

    fn end(self) -> Result<(), NotCanonical> {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (-3..=3i64).prop_map(|n| Value::from(n + (1 << 53))),
        ];
        let text = prop_oneof![any::<String>(), "[a-c\"\\\\\u{0}-\u{20}\u{e000}\u{ffff}\u{10000}]{0,3}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            number,
            text.clone().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(text.clone(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    #[derive(Serialize)]
    enum Shape {
        Unit,
        Newtype(u8),
        Tuple(u8, char),
        Fields { z: Option<f32>, a: () },
    }

    #[derive(Serialize)]
    struct Everything {
        z: Vec<Shape>,
        pair: (i8, u16),
        a: BTreeMap<String, Shape>,
    }

    proptest! {
        #[test]
        fn it_is_what_another_program_makes_of_it(value in value()) {
            let expected = serde_json_canonicalizer::to_vec(&value).unwrap();
            prop_assert_eq!(String::from_utf8(canonical(&value).unwrap()), String::from_utf8(expected));
        }
    }

    #[test]
    fn records_are_written_like_their_values() {
        let shapes = || {
            vec![Shape::Unit, Shape::Newtype(1), Shape::Tuple(2, 'é'), Shape::Fields { z: Some(0.3), a: () }]
        };
        let named = [("b", Shape::Unit), ("ab", Shape::Fields { z: None, a: () }), ("a", Shape::Newtype(3))];
        let named = named.map(|(name, shape)| (name.to_owned(), shape)).into();
        let record = Everything { z: shapes(), pair: (-1, 2), a: named };
        assert_eq!(canonical(&record).unwrap(), serde_json_canonicalizer::to_vec(&record).unwrap());
    }

    #[test]
    fn what_has_no_canonical_form_is_refused() {
        struct Twice;
        impl Serialize for Twice {
            fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([("a", 1), ("b", 2), ("a", 3)])
            }
        }
        assert!(canonical(&Twice).is_err());
        assert!(canonical(&f64::NAN).is_err() && canonical(&f32::INFINITY).is_err());
        assert!(canonical(&BTreeMap::from([(1, 2)])).is_err());
        let raw = serde_json::value::to_raw_value(&json!({ "b": 1, "a": 2 })).unwrap();
        assert!(canonical(&raw).is_err());
    }
}
