//! Values of conditions. They borrow from the plan and from the policy wherever they can.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use assent_plan::Map;
use serde_json::Value as Json;

#[derive(Debug, Clone)]
pub(in crate::domain) enum Val<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'v, str>),
    /// A list of texts that the service made.
    Names(&'v [String]),
    Array(&'v [Json]),
    Object(&'v Map),
    /// A list that the condition made.
    List(Rc<Vec<Val<'v>>>),
}

impl<'v> Val<'v> {
    pub(in crate::domain) const fn text(text: &'v str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(in crate::domain) fn count(number: usize) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// Whole numbers become signed, as in the bounds of a plan: CEL has no arithmetic between `5` and `5u`.
    pub(in crate::domain) fn json(value: &'v Json) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(yes) => Self::Bool(*yes),
            Json::Number(n) => {
                n.as_i64().map_or_else(|| n.as_f64().map_or(Self::Null, Self::Float), Self::Int)
            }
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::Array(items),
            Json::Object(members) => Self::Object(members),
        }
    }

    /// How many elements a list or map has.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Self::Names(names) => Some(names.len()),
            Self::Array(items) => Some(items.len()),
            Self::Object(members) => Some(members.len()),
            Self::List(items) => Some(items.len()),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Text(_) => None,
        }
    }

    /// The element of a list at `index`.
    pub(super) fn at(&self, index: usize) -> Option<Self> {
        match self {
            Self::Names(names) => names.get(index).map(|name| Self::text(name)),
            Self::Array(items) => items.get(index).map(Self::json),
            Self::List(items) => items.get(index).cloned(),
            _ => None,
        }
    }

    /// Elements of a list, keys of a map.
    pub(super) fn elements(&self) -> Option<Elements<'v>> {
        match self {
            Self::Names(names) => Some(Box::new(names.iter().map(|name| Self::text(name)))),
            Self::Array(items) => Some(Box::new(items.iter().map(Self::json))),
            Self::Object(members) => Some(Box::new(members.keys().map(|key| Self::text(key)))),
            Self::List(items) => {
                let items = items.clone();
                Some(Box::new((0..items.len()).filter_map(move |index| items.get(index).cloned())))
            }
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Text(_) => None,
        }
    }

    /// How much work it is to look at the whole value.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len() / 64,
            Self::Names(names) => names.iter().map(|name| 1 + name.len() / 64).sum(),
            other => other.len().unwrap_or_default(),
        }
    }

    /// CEL's equality: numbers by value, anything else only with its own kind.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Int(_) | Self::Float(_), Self::Int(_) | Self::Float(_)) => {
                self.order(other) == Some(Ordering::Equal)
            }
            (Self::Object(a), Self::Object(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, value)| {
                        b.get(key).is_some_and(|other| Val::json(value).equals(&Val::json(other)))
                    })
            }
            (Self::Object(_), _) | (_, Self::Object(_)) => false,
            (a, b) => match (a.elements(), b.elements()) {
                (Some(one), Some(two)) => a.len() == b.len() && one.zip(two).all(|(a, b)| a.equals(&b)),
                _ => false,
            },
        }
    }

    /// CEL's order; none between kinds that have none.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (Self::Int(a), Self::Float(b)) => (*a as f64).partial_cmp(b),
            (Self::Float(a), Self::Int(b)) => a.partial_cmp(&(*b as f64)),
            _ => None,
        }
    }
}

pub(super) type Elements<'v> = Box<dyn Iterator<Item = Val<'v>> + 'v>;
