//! Redaction: what looks like a secret is replaced before a text is stored, logged, shown or sent.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::item::Map;
use crate::json;
use crate::plan::Plan;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[REDACTED]";

const KEY: &str = r#"[A-Za-z0-9_-]*(?:password|passwd|api[_-]?key|secret|token)"#;

struct Patterns {
    /// Secrets beyond doubt: quoted assignments, passwords in URLs, bearer tokens, private keys.
    certain: Regex,
    /// `key=value` without quotes; in code the value may be a name.
    bare: Regex,
}

// A pattern that does not compile is a defect that every test of this module shows; the fallback
// keeps the promise of this crate not to panic.
static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let certain = [
        &format!(r#"(?P<key>(?i:{KEY})["']?\s*[=:]\s*)(?:"(?P<double>[^"]+)"|'(?P<single>[^']+)')"#),
        r"(?P<url>[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@{}$<>]*:)(?P<password>[^\s/@{}$<>\[\]]+)@",
        r"(?P<scheme>(?i:bearer)\s+)(?P<credential>[A-Za-z0-9._~+/-]{16,}=*)",
        r"(?P<pem>-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z))",
    ]
    .join("|");
    let bare = format!(
        r#"(?P<key>(?i:{KEY})\s*=\s*)(?P<value>[^\s"'`,;&()\[\]{{}}$<>=][^\s"'`,;&()\[\]{{}}$<>]*)(?P<after>[(\[]?)"#
    );
    Some(Patterns { certain: Regex::new(&certain).ok()?, bare: Regex::new(&bare).ok()? })
});

/// Replaces secrets in a text for readers: `password="x"`, `api_key=…`, `secret: "x"`, `token=…` (the
/// name stays), passwords in URLs, bearer tokens and private keys. References such as
/// `${secret:NAME}` stay.
pub fn redact(text: &str) -> Cow<'_, str> {
    let Some(patterns) = PATTERNS.as_ref() else { return Cow::Borrowed(REDACTED) };
    match redact_certain(patterns, text) {
        Cow::Borrowed(text) => patterns.bare.replace_all(text, bare),
        Cow::Owned(text) => Cow::Owned(patterns.bare.replace_all(&text, bare).into_owned()),
    }
}

fn redact_certain<'t>(patterns: &Patterns, text: &'t str) -> Cow<'t, str> {
    patterns.certain.replace_all(text, |found: &Captures<'_>| {
        let named = |name| found.name(name).map(|m| m.as_str());
        match (named("key"), named("double").or(named("single"))) {
            (Some(_), Some(value)) if value.starts_with("${") || value == REDACTED => found[0].to_owned(),
            (Some(key), _) => format!("{key}{REDACTED}"),
            _ => match (named("url"), named("scheme")) {
                (Some(url), _) => format!("{url}{REDACTED}@"),
                (_, Some(scheme)) => format!("{scheme}{REDACTED}"),
                _ => REDACTED.to_owned(),
            },
        }
    })
}

fn bare(found: &Captures<'_>) -> String {
    // A call or an index is code that fetches the secret from elsewhere.
    if found["after"].is_empty() { format!("{}{REDACTED}", &found["key"]) } else { found[0].to_owned() }
}

/// Path of the first text in `arguments` that holds a secret beyond doubt. Arguments are never
/// rewritten, because that would change what runs; a plan that carries a secret is refused instead.
pub fn literal_secret(arguments: &Map) -> Option<String> {
    let patterns = PATTERNS.as_ref()?;
    let mut found = None;
    json::walk(arguments, &mut |path, value| {
        if found.is_none() && value.as_str().is_some_and(|text| redact_certain(patterns, text) != text) {
            found = Some(path.to_owned());
        }
    });
    found
}

/// Redacts every text of `plan` that is for readers, and the texts of its context. Arguments stay:
/// see [`literal_secret`].
pub fn redact_plan(plan: &mut Plan) {
    let mut texts = vec![&mut plan.goal, &mut plan.intent];
    for item in &mut plan.items {
        texts.extend([&mut item.name, &mut item.description, &mut item.objective.goal]);
        texts.extend(item.objective.success_criteria.iter_mut());
        texts.extend(item.objective.inputs.iter_mut());
        texts.extend(item.objective.outputs.iter_mut());
        texts.extend(item.bounds.iter_mut().map(|bound| &mut bound.description));
    }
    texts.into_iter().for_each(redact_text);
    plan.context.values_mut().for_each(redact_value);
}

fn redact_text(text: &mut String) {
    if let Cow::Owned(redacted) = redact(text) {
        *text = redacted;
    }
}

fn redact_value(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => redact_text(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(redact_value),
        serde_json::Value::Object(members) => members.values_mut().for_each(redact_value),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        for (text, expected) in [
            (r#"use password="hunter2" now"#, "use password=[REDACTED] now"),
            ("API_KEY = 'abc'", "API_KEY = [REDACTED]"),
            (r#"{"client_secret": "x y"}"#, r#"{"client_secret": [REDACTED]}"#),
            ("?token=abc&x=1", "?token=[REDACTED]&x=1"),
            ("PGPASSWORD=abc psql", "PGPASSWORD=[REDACTED] psql"),
            ("postgres://app:pw@db/users", "postgres://app:[REDACTED]@db/users"),
            ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer [REDACTED]"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- end", "[REDACTED] end"),
            (r#"password = "${secret:DB}""#, r#"password = "${secret:DB}""#),
            (r#"password=os.environ["DB"]"#, r#"password=os.environ["DB"]"#),
            ("postgres://{user}:{password}@db", "postgres://{user}:{password}@db"),
            ("the token is checked", "the token is checked"),
        ] {
            assert_eq!(redact(text), expected);
        }
        assert!(matches!(redact("nothing to hide"), Cow::Borrowed(_)));
    }

    #[test]
    fn arguments_with_a_literal_secret_are_found() {
        let map = |value: serde_json::Value| value.as_object().unwrap().clone();
        let bad = map(json!({ "a": ["x", { "b": "api_key = \"k\"" }] }));
        assert_eq!(literal_secret(&bad).as_deref(), Some("a[1].b"));
        let fine = json!({ "a": "connect(token=token, password=os.environ['P'])", "b": "${secret:X}" });
        assert_eq!(literal_secret(&map(fine)), None);
    }

    proptest! {
        #[test]
        fn redacting_twice_changes_nothing_more(text in "(password|token|x|=|:|\"|'| |a|@|://|\\$\\{|\\[|\\(|bearer ){0,24}") {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once), once.as_str());
        }

        #[test]
        fn a_quoted_secret_never_survives(before in "[ -~]{0,10}", value in "[a-zA-Z0-9]{8,20}") {
            let text = format!("{before} password = \"{value}\"");
            let unbroken = !before.contains(['"', '\'']);
            prop_assert!(!unbroken || !redact(&text).contains(&value));
        }
    }
}
