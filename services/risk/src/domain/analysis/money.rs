//! Amounts of money in arguments.

use assent_plan::Map;
use serde_json::Value;

/// The amount that `text` names, without its currency: `$1,200.50`, `1.200,50 EUR`, `USD 12k`.
pub(in crate::domain) fn amount(text: &str) -> Option<f64> {
    const LONGEST: usize = 64;
    let plain: String =
        text.trim().chars().filter(|c| !c.is_whitespace() && *c != '_' && *c != '\'').collect();
    if plain.is_empty() || plain.len() > LONGEST {
        return None;
    }
    let start = plain.find(|c: char| c.is_ascii_digit())?;
    let (before, from) = plain.split_at(start);
    let end = from.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(from.len());
    let (number, after) = from.split_at(end);
    let is_negative = before.contains('-');
    let factor = match after.to_lowercase().as_str() {
        text if text.starts_with('k') && !text.starts_with("kr") => 1e3,
        text if text.starts_with("mio") || text.starts_with("mil") || text == "m" => 1e6,
        text if text.starts_with("bn") || text.starts_with("bil") => 1e9,
        _ => 1.0,
    };
    let sign = |c: char| !c.is_ascii_digit();
    // Words around a number make a sentence of it, not an amount.
    if before.chars().count() > 4
        || after.chars().count() > 12
        || after.contains(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let last = number.rfind(sign);
    let decimals = last.map_or(0, |at| number.len() - at - 1);
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let value: f64 = digits.parse().ok()?;
    let marks = number.matches(sign).count();
    // Three digits after the only mark are thousands: `1,200` and `1.200` alike, the greater reading.
    let scale = if decimals == 0 || (decimals == 3 && marks >= 1) { 0 } else { decimals };
    let value = value / 10_f64.powi(i32::try_from(scale).ok()?) * factor;
    Some(if is_negative { -value } else { value })
}

/// The greatest amount, either way, in arguments that are named for money.
pub(in crate::domain) fn greatest(arguments: &Map) -> Option<f64> {
    let mut greatest: Option<f64> = None;
    walk(
        "",
        &mut |name, value| {
            let Some(found) = named_amount(name, value) else { return };
            greatest = Some(greatest.map_or(found.abs(), |known| known.max(found.abs())));
        },
        &Value::Null,
        Some(arguments),
    );
    greatest
}

fn named_amount(name: &str, value: &Value) -> Option<f64> {
    const NAMES: &[&str] = &[
        "amount",
        "price",
        "total",
        "sum",
        "payment",
        "refund",
        "charge",
        "budget",
        "value_usd",
        "usd",
        "eur",
        "credit",
        "payout",
        "salary",
        "transfer_amount",
        "limit_usd",
        "fee",
    ];
    let name = name.to_lowercase();
    let is_minor = name.ends_with("_cents") || name.ends_with("_minor") || name.ends_with("cents");
    let words: Vec<&str> = name.split(['_', '-', '.']).collect();
    if !is_minor && !NAMES.iter().any(|known| name == *known || words.contains(known)) {
        return None;
    }
    let amount = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => amount(text)?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(if is_minor { amount / 100.0 } else { amount })
}

fn walk(name: &str, visit: &mut impl FnMut(&str, &Value), value: &Value, members: Option<&Map>) {
    if let Some(members) = members.or(value.as_object()) {
        for (name, value) in members {
            walk(name, visit, value, None);
        }
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(name, visit, item, None)),
        other => visit(name, other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_read_in_the_greater_sense() {
        for (text, expected) in [
            ("500", Some(500.0)),
            ("$1,200.50", Some(1200.5)),
            ("1.200,50 EUR", Some(1200.5)),
            ("1,200", Some(1200.0)),
            ("1.200", Some(1200.0)),
            ("12.5", Some(12.5)),
            ("USD 12k", Some(12_000.0)),
            ("2 million", Some(2e6)),
            ("-40", Some(-40.0)),
            ("kr 100 kr", Some(100.0)),
            ("none", None),
            ("", None),
            ("order number 5 of 7", None),
        ] {
            assert_eq!(amount(text), expected, "{text}");
        }
    }

    #[test]
    fn the_greatest_amount_counts_wherever_it_stands() {
        let of = |value: Value| greatest(value.as_object().unwrap());
        assert_eq!(
            of(json!({ "body": { "refunds": [{ "amount": 5 }, { "amount": "1,500" }] } })),
            Some(1500.0)
        );
        assert_eq!(of(json!({ "amount_cents": 12_345 })), Some(123.45));
        assert_eq!(of(json!({ "amount": -900 })), Some(900.0));
        assert_eq!(of(json!({ "count": 900, "total_rows": true })), None);
    }
}
