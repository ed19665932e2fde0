//! Reads what the table of a message knows from its bytes, without making the message.

use assent_proto::tables::{Kind, Message, Shape};

/// A value as it travels: https://protobuf.dev/programming-guides/encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'m> {
    /// A number of variable length.
    Number(i64),
    /// A text, bytes, a message or the entry of a map.
    Bytes(&'m [u8]),
    /// A number of four or eight bytes, which nothing is asked of.
    Fixed,
}

/// Bytes that are no such message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot be read")]
pub(crate) struct Malformed;

impl From<std::str::Utf8Error> for Malformed {
    fn from(_: std::str::Utf8Error) -> Self {
        Self
    }
}

/// Every value of the fields of `message`, in the order of the bytes, with the place of its field; lists value by value.
pub(crate) fn values<'m>(
    message: &Message,
    mut bytes: &'m [u8],
) -> Result<Vec<(usize, Value<'m>)>, Malformed> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        let key = number(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Number(number(&mut bytes)?.cast_signed()),
            1 => fixed(&mut bytes, 8)?,
            2 => {
                let length = usize::try_from(number(&mut bytes)?).map_err(|_| Malformed)?;
                Value::Bytes(take(&mut bytes, length)?)
            }
            5 => fixed(&mut bytes, 4)?,
            // Groups, which proto3 has not.
            _ => return Err(Malformed),
        };
        let Some(index) = message.fields.iter().position(|field| u64::from(field.number) == key >> 3) else {
            continue;
        };
        let field = &message.fields[index];
        match (field.shape, field.kind, value) {
            (Shape::List, Kind::Integer | Kind::Enum(_), Value::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    values.push((index, Value::Number(number(&mut packed)?.cast_signed())));
                }
            }
            _ => values.push((index, value)),
        }
    }
    Ok(values)
}

fn number(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    prost::encoding::decode_varint(bytes).map_err(|_| Malformed)
}

fn take<'m>(bytes: &mut &'m [u8], length: usize) -> Result<&'m [u8], Malformed> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
    *bytes = rest;
    Ok(taken)
}

fn fixed<'m>(bytes: &mut &'m [u8], length: usize) -> Result<Value<'m>, Malformed> {
    take(bytes, length).map(|_| Value::Fixed)
}

#[cfg(test)]
mod tests {
    use assent_proto::tables;

    use super::*;

    #[test]
    fn bytes_that_are_no_message_are_told_from_one() {
        let message = tables::message("assent.approval.v1.ApproveRequest").unwrap();
        assert_eq!(values(message, &[]), Ok(Vec::new()));
        for bytes in [&[0x0a][..], &[0x0a, 5, b'a'], &[0x08, 0xff], &[0x0b], &[0x0d, 1, 2], &[0xff; 11]] {
            assert_eq!(values(message, bytes), Err(Malformed), "{bytes:?}");
        }
        // What later versions of the contract say is left out.
        assert_eq!(values(message, &[0xf8, 0xff, 0x03, 1]), Ok(Vec::new()));
    }
}
