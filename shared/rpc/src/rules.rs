//! Checks a message against the field rules of its proto (`assent.annotations.v1.rules`).

use assent_core::{Digest, Violation};
use assent_proto::tables::{self, Field, Kind, Rules, Shape};
use prost::{Message, Name};

use crate::wire::{self, Malformed, Value};

/// Everything that is wrong with the fields of `message`, with proto paths; empty when nothing is.
pub fn validate<M: Message + Name>(message: &M) -> Vec<Violation> {
    let Some(known) = tables::message(&M::full_name()) else {
        return vec![Violation::new("", "UNKNOWN_MESSAGE", "is not part of the contract")];
    };
    let mut check = Check { path: String::new(), violations: Vec::new() };
    if !known.fields.is_empty()
        && let Err(error) = check.message(known, &message.encode_to_vec(), false)
    {
        check.report("UNREADABLE", error.to_string());
    }
    check.violations
}

/// What has been found, and where is being looked.
struct Check {
    path: String,
    violations: Vec<Violation>,
}

impl Check {
    fn report(&mut self, code: &'static str, text: impl Into<String>) {
        self.violations.push(Violation::new(self.path.clone(), code, text));
    }

    fn below(
        &mut self,
        name: &str,
        look: impl FnOnce(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let outer = self.path.len();
        if outer > 0 && !name.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(name);
        let looked = look(self);
        self.path.truncate(outer);
        looked
    }

    fn message(&mut self, message: &tables::Message, bytes: &[u8], partial: bool) -> Result<(), Malformed> {
        let values = wire::values(message, bytes)?;
        for (index, field) in message.fields.iter().enumerate() {
            let values = values.iter().filter(|(of, _)| *of == index).map(|(_, value)| *value);
            self.below(field.name, |check| check.field(field, values, partial))?;
        }
        Ok(())
    }

    fn field<'m>(
        &mut self,
        field: &Field,
        mut values: impl Iterator<Item = Value<'m>> + Clone,
        partial: bool,
    ) -> Result<(), Malformed> {
        let rules = &field.rules;
        let count = values.clone().count();
        if count == 0 {
            if rules.required && !partial {
                self.report("REQUIRED", "must be set");
            }
            return Ok(());
        }
        if rules.output_only {
            self.report("OUTPUT_ONLY", "is set by the server");
            return Ok(());
        }
        let most = rules.max_items as usize;
        let too_many = most > 0 && count > most;
        match field.shape {
            Shape::One => values.try_for_each(|value| self.value(field, value)),
            Shape::List if too_many => {
                self.report("TOO_MANY", format!("has {count} elements; at most {most} are allowed"));
                Ok(())
            }
            Shape::List => values.enumerate().try_for_each(|(index, value)| {
                self.below(&format!("[{index}]"), |check| check.value(field, value))
            }),
            Shape::Map => {
                if too_many {
                    self.report("TOO_MANY", format!("has {count} entries; at most {most} are allowed"));
                }
                Ok(())
            }
        }
    }

    fn value(&mut self, field: &Field, value: Value<'_>) -> Result<(), Malformed> {
        match (field.kind, value) {
            (Kind::Message(index), Value::Bytes(bytes)) => {
                self.message(&tables::MESSAGES[index], bytes, field.rules.partial)?;
            }
            (Kind::Text, Value::Bytes(bytes)) => self.text(std::str::from_utf8(bytes)?, &field.rules),
            (Kind::Bytes, Value::Bytes(bytes)) => self.len(bytes.len(), &field.rules),
            (Kind::Enum(known), Value::Number(number)) => {
                if !known.iter().any(|one| i64::from(*one) == number) {
                    self.report("UNKNOWN_ENUM", format!("has no value {number}"));
                }
            }
            (Kind::Integer, Value::Number(number)) => self.range(number, &field.rules),
            (Kind::Other, _) => {}
            _ => return Err(Malformed),
        }
        Ok(())
    }

    fn text(&mut self, text: &str, rules: &Rules) {
        self.len(text.len(), rules);
        if !rules.id.is_empty() && !is_id(text, rules.id) {
            let wanted = format!("must be an id such as {}_0190163d8694739aaea5966c26f8ad91", rules.id);
            self.report("MALFORMED_ID", wanted);
        }
        if rules.digest && text.parse::<Digest>().is_err() {
            self.report("MALFORMED_DIGEST", "must be 64 lowercase hexadecimal digits");
        }
        if rules.uuid && uuid::Uuid::try_parse(text).is_err() {
            self.report("MALFORMED_UUID", "must be a UUID");
        }
        if text.contains('\0') {
            // Postgres cannot store it, and no text that people read needs it.
            self.report("NUL", "must not contain U+0000");
        }
    }

    fn len(&mut self, len: usize, rules: &Rules) {
        if rules.max_len > 0 && len > rules.max_len as usize {
            self.report("TOO_LONG", format!("has {len} bytes; at most {} are allowed", rules.max_len));
        }
    }

    fn range(&mut self, number: i64, rules: &Rules) {
        let low = rules.min.is_some_and(|min| number < min);
        let high = rules.max.is_some_and(|max| number > max);
        if low || high {
            let bounds = match (rules.min, rules.max) {
                (Some(min), Some(max)) => format!("between {min} and {max}"),
                (Some(min), None) => format!("at least {min}"),
                (None, Some(max)) => format!("at most {max}"),
                (None, None) => return,
            };
            self.report("OUT_OF_RANGE", format!("must be {bounds}"));
        }
    }
}

fn is_id(text: &str, prefix: &str) -> bool {
    let hex = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    hex.is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use assent_proto::approval::v1::{ApproveRequest, ListSessionsRequest, SubmitForApprovalRequest};
    use assent_proto::plan::v1::{Plan, WorkItem};
    use assent_proto::review::v1::PlanModificationRequest;

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
    fn lists_are_counted_and_looked_at_value_by_value_however_they_travel() {
        let request = ListSessionsRequest { states: vec![1, 77, 2], ..Default::default() };
        assert_eq!(found(&request), [("states[1]".to_owned(), "UNKNOWN_ENUM".to_owned())]);
        let request = ListSessionsRequest { states: vec![77; 11], ..Default::default() };
        assert_eq!(found(&request), [("states".to_owned(), "TOO_MANY".to_owned())]);
        let request = ListSessionsRequest { states: vec![-1; 10], ..Default::default() };
        assert_eq!(found(&request).len(), 10);
    }

    #[test]
    fn no_text_may_hold_what_cannot_be_stored_even_without_a_rule_of_its_own() {
        let request = PlanModificationRequest { feedback: "a\0b".into(), ..Default::default() };
        assert!(found(&request).contains(&("feedback".to_owned(), "NUL".to_owned())));
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
