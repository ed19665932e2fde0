//! Three-way merge of records, field by field and member by member.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Conflict, ConflictKind, Sides};
use crate::item::{ItemId, Map};
use crate::json;
use crate::record::{ITEM_FIELDS, Record, has_members};

/// Whether two records, or their absence, mean the same.
pub(super) fn same(a: Option<&Record>, b: Option<&Record>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => json::same_members(&a.0, &b.0),
        (a, b) => a.is_none() && b.is_none(),
    }
}

pub(super) fn merge_item(sides: Sides<&Record>, id: &ItemId, conflicts: &mut Vec<Conflict>) -> Record {
    merge(&ITEM_FIELDS.map(|(field, _)| field), sides, Some(id), conflicts)
}

/// The merged record; where there is a conflict, it holds what `ours` has.
pub(super) fn merge(
    fields: &[&str],
    sides: Sides<&Record>,
    item: Option<&ItemId>,
    conflicts: &mut Vec<Conflict>,
) -> Record {
    let mut merged = sides.ours.clone();
    for field in fields {
        let values = sides.map(|record| record.field(field));
        let mut clash = |path: String, values: Sides<Option<&Value>>| {
            let Sides { base, ours, theirs } = values.map(|value| value.cloned().unwrap_or_default());
            let kind = ConflictKind::FieldChanged;
            conflicts.push(Conflict { kind, item_id: item.cloned(), field: path, base, theirs, yours: ours });
        };
        let value = match values.settled(|a, b| json::same(a, b)) {
            Some(value) => value.clone(),
            None => match values.map(Value::as_object) {
                Sides { base: Some(base), ours: Some(ours), theirs: Some(theirs) } if has_members(field) => {
                    let members = Sides { base, ours, theirs };
                    Value::Object(merge_members(members, |name, values| {
                        clash(format!("{field}.{name}"), values);
                    }))
                }
                _ => {
                    clash((*field).to_owned(), values.map(Some));
                    continue;
                }
            },
        };
        merged.0.insert((*field).to_owned(), value);
    }
    merged
}

fn merge_members(sides: Sides<&Map>, mut clash: impl FnMut(&str, Sides<Option<&Value>>)) -> Map {
    let same = |a: &Option<&Value>, b: &Option<&Value>| match (a, b) {
        (Some(a), Some(b)) => json::same(a, b),
        (a, b) => a.is_none() && b.is_none(),
    };
    let names: BTreeSet<&String> = sides.ours.keys().chain(sides.theirs.keys()).collect();
    let mut merged = Map::new();
    for name in names {
        let values = sides.map(|members| members.get(name));
        match values.settled(same) {
            Some(value) => drop(value.map(|value| merged.insert(name.clone(), value.clone()))),
            None => clash(name, values),
        }
    }
    merged
}
