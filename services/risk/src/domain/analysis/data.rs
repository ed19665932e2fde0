//! Classes of data that a text holds, or speaks of.

use std::sync::LazyLock;

use regex::bytes::{RegexSet, RegexSetBuilder};

/// A class of data. Named as policies name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::domain) enum Class {
    Personal,
    Secret,
    Financial,
    Health,
}

impl Class {
    pub(in crate::domain) const ALL: [Self; 4] =
        [Self::Personal, Self::Secret, Self::Financial, Self::Health];

    pub(in crate::domain) const fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Secret => "secret",
            Self::Financial => "financial",
            Self::Health => "health",
        }
    }
}

/// Class by class: words and names of columns, then values.
const SIGNS: &[(Class, &str)] = &[
    (
        Class::Personal,
        r"(?:^|[^a-z])(?:pii|gdpr|personal[ _-](?:data|information|details)|personally identifiable|data subject|e-?mail[ _-]?address(?:es)?|phone[ _-]?numbers?|home[ _-]address|date[ _-]of[ _-]birth|birth[ _-]?date|\bdob\b|passport(?:[ _-](?:no|numbers?))?|driver'?s?[ _-]licen[cs]e|social[ _-]security|\bssn\b|national[ _-]id|first_name|last_name|full_name|ip_address(?:es)?)(?:[^a-z]|$)",
    ),
    (
        Class::Personal,
        r"\b(?:users?|customers?|members?|patients?|employees?|clients?|subscribers?|contacts?|people|person)[ _-](?:data|records?|details|list|table|profiles?|information|emails?|addresses|export|dump)\b",
    ),
    (Class::Personal, r"\b\d{3}-\d{2}-\d{4}\b"),
    (
        Class::Secret,
        r"\b(?:pass(?:word|wd|phrase)s?|api[ _-]?keys?|secret[ _-]?(?:access[ _-]?)?keys?|private[ _-]?keys?|access[ _-]?tokens?|refresh[ _-]?tokens?|client[ _-]?secrets?|id_rsa|id_ed25519|aws_secret_access_key|credentials|\.pgpass|bearer [a-z0-9._-]{8,}|authorization)\b|\$\{secret:",
    ),
    (
        Class::Secret,
        r"-----begin [a-z ]*private key-----|\b(?:akia|asia)[a-z0-9]{16}\b|\bgh[pousr]_[a-z0-9]{20,}|\bxox[abprs]-",
    ),
    (
        Class::Financial,
        r"\b(?:credit[ _-]?cards?|card[ _-]?numbers?|cvv|iban|bic|swift[ _-]?code|bank[ _-]?accounts?|account[ _-]?numbers?|routing[ _-]?numbers?|sort[ _-]?code|payroll|salar(?:y|ies)|invoices?|payments?|payouts?|refunds?|tax[ _-]?returns?|general ledger|wire transfers?)\b",
    ),
    (Class::Financial, r"\b[a-z]{2}\d{2} ?(?:[a-z0-9]{4} ?){3,7}[a-z0-9]{1,4}\b"),
    (
        Class::Health,
        r"\b(?:phi|hipaa|medical[ _-](?:records?|history|data)|health[ _-](?:records?|data)|diagnos[ei]s|prescriptions?|patients?)\b",
    ),
];

static SET: LazyLock<RegexSet> = LazyLock::new(|| {
    let patterns = SIGNS.iter().map(|(_, pattern)| pattern);
    RegexSetBuilder::new(patterns)
        .case_insensitive(true)
        .unicode(false)
        .build()
        .unwrap_or_else(|_| RegexSet::empty())
});

/// The classes of which `text` holds or names something.
pub(in crate::domain) fn classes(text: &str) -> Vec<Class> {
    let matches = SET.matches(text.as_bytes());
    let has = |class: Class| {
        SIGNS.iter().enumerate().any(|(index, (of, _))| *of == class && matches.matched(index))
            || (class == Class::Financial && has_card_number(text))
    };
    Class::ALL.into_iter().filter(|class| has(*class)).collect()
}

/// Thirteen to nineteen digits, grouped or not, whose check digit is right.
fn has_card_number(text: &str) -> bool {
    let mut digits: Vec<u32> = Vec::new();
    let mut groups_before = false;
    for character in text.chars().chain(['.']) {
        match character.to_digit(10) {
            Some(digit) if digits.len() < 20 => digits.push(digit),
            Some(_) => {}
            None if matches!(character, ' ' | '-') && !digits.is_empty() && !groups_before => {
                groups_before = true
            }
            None => {
                if is_card_number(&digits) {
                    return true;
                }
                digits.clear();
            }
        }
        if character.is_ascii_digit() {
            groups_before = false;
        }
    }
    false
}

fn is_card_number(digits: &[u32]) -> bool {
    let known_start = matches!(digits.first(), Some(2..=6));
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) => double / 10 + double % 10,
        })
        .sum();
    (13..=19).contains(&digits.len()) && known_start && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_found_by_name_and_by_value() {
        for (text, expected) in [
            ("nothing of note", vec![]),
            ("the number of users grew", vec![]),
            ("Export the user data", vec!["personal"]),
            ("SELECT first_name, ssn FROM x", vec!["personal"]),
            ("078-05-1120", vec!["personal"]),
            ("password: x", vec!["secret"]),
            ("-----BEGIN RSA PRIVATE KEY-----", vec!["secret"]),
            ("4111 1111 1111 1111", vec!["financial"]),
            ("4111-1111-1111-1112", vec![]),
            ("20261122101500123", vec![]),
            ("DE89 3704 0044 0532 0130 00", vec!["financial"]),
            ("pay out salaries", vec!["financial"]),
            ("patients' diagnosis", vec!["health"]),
        ] {
            let found: Vec<&str> = classes(text).into_iter().map(Class::as_str).collect();
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(SET.len(), SIGNS.len());
    }
}
