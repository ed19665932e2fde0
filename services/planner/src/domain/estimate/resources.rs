//! What must be at hand before a plan runs.

use std::collections::BTreeSet;

use assent_plan::Map;
use assent_plan::references::{self, Reference};
use serde_json::Value;

/// Secrets and networks that arguments ask for.
pub(super) fn require(resources: &mut BTreeSet<String>, arguments: &Map) {
    for found in references::find(arguments) {
        if let Ok(Reference::Secret(name)) = found.reference {
            resources.insert(format!("secret:{name}"));
        }
    }
    arguments.values().for_each(|value| require_networks(resources, value));
}

fn require_networks(resources: &mut BTreeSet<String>, value: &Value) {
    match value {
        Value::String(text) => resources.extend(host(text).map(|host| format!("network:{host}"))),
        Value::Array(items) => items.iter().for_each(|item| require_networks(resources, item)),
        Value::Object(members) => members.values().for_each(|member| require_networks(resources, member)),
        _ => {}
    }
}

/// The host of a text that is a URL; `any` when only a run will tell.
fn host(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host {
        "" => None,
        host if host.contains("${") => Some("any".to_owned()),
        host => Some(host.to_lowercase()),
    }
}
