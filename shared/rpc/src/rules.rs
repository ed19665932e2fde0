//! Checks a message against the field rules of its proto (`assent.annotations.v1.rules`).

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use assent_core::{Digest, Violation};
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value};

/// The rules of one field, read once from the descriptors.
#[derive(Debug, Default, Clone)]
struct Rules {
    required: bool,
    output_only: bool,
    max_len: usize,
    max_items: usize,
    id: String,
    min: Option<i64>,
    max: Option<i64>,
    digest: bool,
    uuid: bool,
    partial: bool,
}

static RULES: LazyLock<HashMap<String, Rules>> = LazyLock::new(read_rules);
/// Messages below which some rule or enum stands; others are not walked.
static CHECKED: LazyLock<HashSet<String>> = LazyLock::new(checked_messages);

fn read_rules() -> HashMap<String, Rules> {
    let mut all = HashMap::new();
    let Some(extension) = assent_proto::pool().get_extension_by_name("assent.annotations.v1.rules") else {
        tracing::error!("the contract carries no field rules");
        return all;
    };
    for field in assent_proto::pool().all_messages().flat_map(|m| m.fields().collect::<Vec<_>>()) {
        let options = field.options();
        if !options.has_extension(&extension) {
            continue;
        }
        let value = options.get_extension(&extension);
        let Some(message) = value.as_message() else { continue };
        let number = |name| {
            let wanted = message.has_field_by_name(name);
            wanted.then(|| message.get_field_by_name(name).and_then(|v| v.as_i64())).flatten()
        };
        let flag = |name| message.get_field_by_name(name).and_then(|v| v.as_bool()).unwrap_or_default();
        let size =
            |name| message.get_field_by_name(name).and_then(|v| v.as_u32()).unwrap_or_default() as usize;
        let id =
            message.get_field_by_name("id").and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let rules = Rules {
            required: flag("required"),
            output_only: flag("output_only"),
            max_len: size("max_len"),
            max_items: size("max_items"),
            id,
            min: number("min"),
            max: number("max"),
            digest: flag("digest"),
            uuid: flag("uuid"),
            partial: flag("partial"),
        };
        all.insert(field.full_name().to_owned(), rules);
    }
    all
}

fn checked_messages() -> HashSet<String> {
    let messages: Vec<_> = assent_proto::pool().all_messages().collect();
    let mut checked = HashSet::new();
    // To a fixed point, because messages contain each other.
    loop {
        let before = checked.len();
        for message in &messages {
            let wanted = message.fields().any(|field| {
                RULES.contains_key(field.full_name())
                    || match field.kind() {
                        Kind::Enum(e) => e.full_name().starts_with("assent."),
                        Kind::Message(m) => checked.contains(m.full_name()),
                        _ => false,
                    }
            });
            if wanted {
                checked.insert(message.full_name().to_owned());
            }
        }
        if checked.len() == before {
            return checked;
        }
    }
}

/// Everything that is wrong with the fields of `message`, with proto paths; empty when nothing is.
pub fn validate<M: Message + Name>(message: &M) -> Vec<Violation> {
    let mut violations = Vec::new();
    let Some(descriptor) = assent_proto::pool().get_message_by_name(&M::full_name()) else {
        return vec![Violation::new("", "UNKNOWN_MESSAGE", "is not part of the contract")];
    };
    match DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()) {
        Ok(dynamic) => check_message(&dynamic, "", false, &mut violations),
        // Only nesting too deep to decode can end here: the message was decoded once already.
        Err(error) => violations.push(Violation::new("", "UNREADABLE", error.to_string())),
    }
    violations
}

fn check_message(message: &DynamicMessage, path: &str, partial: bool, out: &mut Vec<Violation>) {
    let descriptor: MessageDescriptor = message.descriptor();
    if !CHECKED.contains(descriptor.full_name()) {
        return;
    }
    for field in descriptor.fields() {
        let path = if path.is_empty() { field.name().to_owned() } else { format!("{path}.{}", field.name()) };
        let rules = RULES.get(field.full_name()).map_or_else(|| Cow::Owned(Rules::default()), Cow::Borrowed);
        if !message.has_field(&field) {
            if rules.required && !partial {
                out.push(Violation::new(path, "REQUIRED", "must be set"));
            }
            continue;
        }
        if rules.output_only {
            out.push(Violation::new(path, "OUTPUT_ONLY", "is set by the server"));
            continue;
        }
        check_field(&field, &message.get_field(&field), &rules, &path, out);
    }
}

fn check_field(field: &FieldDescriptor, value: &Value, rules: &Rules, path: &str, out: &mut Vec<Violation>) {
    match value {
        Value::List(items) => {
            if rules.max_items > 0 && items.len() > rules.max_items {
                let text = format!("has {} elements; at most {} are allowed", items.len(), rules.max_items);
                out.push(Violation::new(path, "TOO_MANY", text));
                return;
            }
            for (index, item) in items.iter().enumerate() {
                check_value(field, item, rules, &format!("{path}[{index}]"), out);
            }
        }
        Value::Map(entries) if rules.max_items > 0 && entries.len() > rules.max_items => {
            let text = format!("has {} entries; at most {} are allowed", entries.len(), rules.max_items);
            out.push(Violation::new(path, "TOO_MANY", text));
        }
        other => check_value(field, other, rules, path, out),
    }
}

fn check_value(field: &FieldDescriptor, value: &Value, rules: &Rules, path: &str, out: &mut Vec<Violation>) {
    match value {
        Value::Message(message) => check_message(message, path, rules.partial, out),
        Value::String(text) => check_text(text, rules, path, out),
        Value::Bytes(bytes) => check_len(bytes.len(), rules, path, out),
        Value::EnumNumber(number) => {
            let known = match field.kind() {
                Kind::Enum(e) => e.get_value(*number).is_some(),
                _ => true,
            };
            if !known {
                out.push(Violation::new(path, "UNKNOWN_ENUM", format!("has no value {number}")));
            }
        }
        Value::I32(number) => check_range(i64::from(*number), rules, path, out),
        Value::I64(number) => check_range(*number, rules, path, out),
        _ => {}
    }
}

fn check_text(text: &str, rules: &Rules, path: &str, out: &mut Vec<Violation>) {
    check_len(text.len(), rules, path, out);
    if !rules.id.is_empty() && !is_id(text, &rules.id) {
        let wanted = format!("must be an id such as {}_0190163d8694739aaea5966c26f8ad91", rules.id);
        out.push(Violation::new(path, "MALFORMED_ID", wanted));
    }
    if rules.digest && text.parse::<Digest>().is_err() {
        out.push(Violation::new(path, "MALFORMED_DIGEST", "must be 64 lowercase hexadecimal digits"));
    }
    if rules.uuid && uuid::Uuid::try_parse(text).is_err() {
        out.push(Violation::new(path, "MALFORMED_UUID", "must be a UUID"));
    }
    if text.contains('\0') {
        // Postgres cannot store it, and no text that people read needs it.
        out.push(Violation::new(path, "NUL", "must not contain U+0000"));
    }
}

fn is_id(text: &str, prefix: &str) -> bool {
    let hex = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    hex.is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

fn check_len(len: usize, rules: &Rules, path: &str, out: &mut Vec<Violation>) {
    if rules.max_len > 0 && len > rules.max_len {
        let text = format!("has {len} bytes; at most {} are allowed", rules.max_len);
        out.push(Violation::new(path, "TOO_LONG", text));
    }
}

fn check_range(number: i64, rules: &Rules, path: &str, out: &mut Vec<Violation>) {
    let low = rules.min.is_some_and(|min| number < min);
    let high = rules.max.is_some_and(|max| number > max);
    if low || high {
        let bounds = match (rules.min, rules.max) {
            (Some(min), Some(max)) => format!("between {min} and {max}"),
            (Some(min), None) => format!("at least {min}"),
            (None, Some(max)) => format!("at most {max}"),
            (None, None) => return,
        };
        out.push(Violation::new(path, "OUT_OF_RANGE", format!("must be {bounds}")));
    }
}

#[cfg(test)]
mod tests {
    use assent_proto::approval::v1::{ApproveRequest, SubmitForApprovalRequest};
    use assent_proto::plan::v1::{Plan, WorkItem};

    use super::*;

    fn found<M: Message + Name>(message: &M) -> Vec<(String, String)> {
        validate(message).into_iter().map(|v| (v.field, v.code.into_owned())).collect()
    }

    #[test]
    fn every_broken_rule_is_reported_at_once_with_its_path() {
        let request = ApproveRequest { session_id: "ses_x".into(), version: -1, ..ApproveRequest::default() };
        let expected = [("session_id", "MALFORMED_ID"), ("version", "OUT_OF_RANGE"), ("digest", "REQUIRED")];
        assert_eq!(found(&request), expected.map(|(f, c)| (f.to_owned(), c.to_owned())));
    }

    #[test]
    fn rules_hold_inside_nested_messages_and_lists() {
        let item = WorkItem { id: "a".into(), name: "A\0".into(), r#type: 99, ..WorkItem::default() };
        let plan = Plan { goal: "x".repeat(8193), items: vec![item], ..Plan::default() };
        let request = SubmitForApprovalRequest { plan: Some(plan), ..Default::default() };
        let expected = [
            ("plan.goal", "TOO_LONG"),
            ("plan.items[0].name", "NUL"),
            ("plan.items[0].type", "UNKNOWN_ENUM"),
            ("plan.items[0].tool", "REQUIRED"),
        ];
        assert_eq!(found(&request), expected.map(|(f, c)| (f.to_owned(), c.to_owned())));
    }
}
