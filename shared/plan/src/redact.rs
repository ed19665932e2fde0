//! Redaction: what looks like a secret is replaced before a text is stored, logged, shown or sent.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::item::Map;
use crate::json;
use crate::plan::Plan;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[REDACTED]";

/// Names of what holds a secret.
const KEY: &str = r#"[A-Za-z0-9_.-]*(?:password|passwd|passphrase|api[_-]?key|(?:access|private|secret|signing|encryption|account)[_-]?key|secret|token)"#;

/// Shapes that say by themselves that they are secret, whatever stands around them.
const SHAPES: &[&str] = &[
    // Private keys, also cut off.
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
    r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b",
    // JSON web tokens.
    r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    // Clouds: AWS, Google, DigitalOcean, Databricks, HashiCorp Vault.
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b",
    r"\bAIza[0-9A-Za-z_-]{35}\b",
    r"\bya29\.[0-9A-Za-z_-]{20,}",
    r"\bGOCSPX-[0-9A-Za-z_-]{28}",
    r"\bdo[opr]_v1_[0-9a-f]{64}\b",
    r"\bdapi[0-9a-f]{32}\b",
    r"\bhv[sbr]\.[0-9A-Za-z_-]{20,}",
    // Code and packages: GitHub, GitLab, npm, PyPI, crates.io, Docker.
    r"\bgh[pousr]_[0-9A-Za-z]{36,}\b",
    r"\bgithub_pat_[0-9A-Za-z_]{22,}\b",
    r"\bgl(?:pat|rt|dt|cbt|ptt)-[0-9A-Za-z_-]{20,}",
    r"\bnpm_[0-9A-Za-z]{36}\b",
    r"\bpypi-[0-9A-Za-z_-]{50,}",
    r"\bcio[0-9A-Za-z]{32}\b",
    r"\bdckr_(?:pat|oat)_[0-9A-Za-z_-]{20,}",
    // Chat and mail: Slack, Telegram, SendGrid, Mailgun, Twilio.
    r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}",
    r"\bxapp-[0-9]-[0-9A-Za-z-]{10,}",
    r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[0-9A-Za-z/_-]{16,}",
    r"\b[0-9]{8,10}:AA[0-9A-Za-z_-]{33}\b",
    r"\bSG\.[0-9A-Za-z_-]{16,32}\.[0-9A-Za-z_-]{16,64}",
    r"\bkey-[0-9a-f]{32}\b",
    r"\bSK[0-9a-f]{32}\b",
    // Payment and shops: Stripe, Square, Shopify.
    r"\b[sr]k_(?:live|test)_[0-9A-Za-z]{16,}\b",
    r"\bwhsec_[0-9A-Za-z+/]{24,}={0,2}",
    r"\bsq0(?:atp|csp)-[0-9A-Za-z_-]{22,}",
    r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b",
    // Language models: OpenAI, Anthropic, Hugging Face, and those who took over their prefix.
    r"\bsk-[0-9A-Za-z_-]{20,}",
    r"\bhf_[0-9A-Za-z]{30,}\b",
    // Assent's own development tokens.
    r"\bassent_dev_[0-9a-f]{64}\b",
];

/// What stays, before a secret that goes.
const LEADS: &[&str] = &[
    // Headers.
    r"(?i:bearer)\s+",
    r"(?i:(?:proxy-)?authorization)[\x22']?\s*:\s*[\x22']?(?i:basic|token|apikey|digest)\s+",
    r"(?i:x-api-key|api-key|x-auth-token|private-token|x-vault-token|x-functions-key)[\x22']?\s*:\s*[\x22']?",
    // Connection strings and signed addresses of Azure, and what follows another field of a connection string.
    r"(?i:accountkey|sharedaccesskey|sharedsecretvalue)\s*=\s*",
    r"[?&](?i:sig|x-amz-signature|x-amz-security-token|x-goog-signature)=",
    // Names and passwords on a command line.
    r"\bcurl\b[^\n|;]*?\s(?:-u|--user)[ =]?[\x22']?[^\s:$\x22']+:",
];

struct Patterns {
    /// `password="x"`: the name stays.
    quoted: Regex,
    /// `scheme://user:password@host`: all but the password stays.
    address: Regex,
    shape: Regex,
    led: Regex,
    /// `;pwd=x` of a connection string.
    field: Regex,
    /// `key=value` without quotes; in code the value may be a name.
    bare: Regex,
    /// `password: hunter2` without quotes; in prose the value may be a word.
    noted: Regex,
}

// A pattern that does not compile is a defect that every test of this module shows; the fallback
// keeps the promise of this crate not to panic.
static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let compile = |text: &str| Regex::new(text).ok();
    Some(Patterns {
        quoted: compile(&format!(
            r#"(?P<key>(?i:{KEY})["']?\s*[=:]\s*)(?:"(?P<double>[^"]+)"|'(?P<single>[^']+)')"#
        ))?,
        address: compile(
            r"(?P<url>[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@{}$<>]*:)(?P<password>[^\s/@{}$<>\[\]]+)@",
        )?,
        shape: compile(&SHAPES.join("|"))?,
        led: compile(&format!(r"(?P<lead>{})(?P<value>[A-Za-z0-9._~+/%!#*^=-]{{8,}})", LEADS.join("|")))?,
        field: compile(r"(?P<lead>;\s*(?i:pwd|password)\s*=\s*)(?P<value>[^;\s\x22'$\[{<]+)")?,
        bare: compile(&format!(
            r#"(?P<key>(?i:{KEY})\s*=\s*)(?P<value>[^\s"'`,;&()\[\]{{}}$<>=][^\s"'`,;&()\[\]{{}}$<>]*)(?P<after>[(\[]?)"#
        ))?,
        noted: compile(&format!(
            r#"(?P<key>(?i:{KEY})["']?\s*:\s+|(?i:password|passphrase)\s+(?:is|was)\s+)(?P<value>[^\s"'`,;&()\[\]{{}}$<>=]{{6,}})"#
        ))?,
    })
});

/// Replaces secrets in a text for readers: values of `password="x"`, `api_key=…`, `secret: "x"`, `token=…` (the
/// name stays), passwords in URLs and connection strings, credentials of headers, private keys, JSON web tokens, and
/// the keys of clouds and services that are known by their shape. References such as `${secret:NAME}` stay.
pub fn redact(text: &str) -> Cow<'_, str> {
    let Some(patterns) = PATTERNS.as_ref() else { return Cow::Borrowed(REDACTED) };
    let text = redact_certain(patterns, text);
    let text = then(text, |text| patterns.bare.replace_all(text, bare));
    then(text, |text| patterns.noted.replace_all(text, noted))
}

/// One replacement after the other, without a copy where nothing is found.
fn then(text: Cow<'_, str>, replace: impl for<'t> Fn(&'t str) -> Cow<'t, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => replace(text),
        Cow::Owned(text) => match replace(&text) {
            Cow::Owned(replaced) => Cow::Owned(replaced),
            Cow::Borrowed(_) => Cow::Owned(text),
        },
    }
}

fn redact_certain<'t>(patterns: &Patterns, text: &'t str) -> Cow<'t, str> {
    let text = patterns.quoted.replace_all(text, |found: &Captures<'_>| {
        let value = found.name("double").or(found.name("single")).map_or("", |m| m.as_str());
        if value.starts_with("${") || value == REDACTED {
            found[0].to_owned()
        } else {
            format!("{}{REDACTED}", &found["key"])
        }
    });
    let text = then(text, |text| {
        patterns.address.replace_all(text, |found: &Captures<'_>| format!("{}{REDACTED}@", &found["url"]))
    });
    let text = then(text, |text| patterns.shape.replace_all(text, REDACTED));
    let led = |found: &Captures<'_>| format!("{}{REDACTED}", &found["lead"]);
    let text = then(text, |text| patterns.led.replace_all(text, led));
    then(text, |text| patterns.field.replace_all(text, led))
}

fn bare(found: &Captures<'_>) -> String {
    // A call or an index is code that fetches the secret from elsewhere.
    if found["after"].is_empty() { format!("{}{REDACTED}", &found["key"]) } else { found[0].to_owned() }
}

fn noted(found: &Captures<'_>) -> String {
    // Words of prose hold no digits; paths, dates and addresses are no secrets.
    let value = &found["value"];
    let mixed = value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_alphabetic());
    if mixed && !value.contains("://") && !value.starts_with(['/', '.', '~']) {
        format!("{}{REDACTED}", &found["key"])
    } else {
        found[0].to_owned()
    }
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
            ("the password is hunter22 for now", "the password is [REDACTED] for now"),
            ("password: hunter22", "password: [REDACTED]"),
            ("password: required", "password: required"),
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
