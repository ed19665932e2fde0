//! What the claims of a proven token say; pure.

use assent_core::{Actor, ActorKind, Timestamp, actor};
use serde_json::{Map, Value};

use super::config::Issuer;
use super::error::TokenError;

/// Ids that only Assent itself carries begin so.
const RESERVED: &str = "system:";
/// Longest id, name, role or group that is taken, in bytes.
const LONGEST: usize = 256;

type Proven = Map<String, Value>;

/// Whether the token is valid now, and for us.
pub(super) fn check(claims: &Proven, issuer: &Issuer, now: Timestamp) -> Result<(), TokenError> {
    let now = now.micros().div_euclid(1_000_000);
    let skew = i64::try_from(issuer.clock_skew_seconds).unwrap_or(i64::MAX);
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        // Seconds, and fractions of them are allowed.
        Some(value) => {
            let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
            seconds.map(Some).ok_or_else(|| TokenError::Claim(name.to_owned()))
        }
    };
    let expires = time("exp")?.ok_or_else(|| TokenError::Claim("exp".to_owned()))?;
    if now.saturating_sub(skew) >= expires {
        return Err(TokenError::Expired);
    }
    if time("nbf")?.is_some_and(|begins| now.saturating_add(skew) < begins) {
        return Err(TokenError::NotYetValid);
    }
    let audience = claims.get("aud").ok_or_else(|| TokenError::Claim("aud".to_owned()))?;
    let meant = |value: &Value| value.as_str().is_some_and(|a| issuer.audiences.iter().any(|b| a == b));
    let fits = match audience {
        Value::Array(all) => all.iter().any(meant),
        one => meant(one),
    };
    if fits { Ok(()) } else { Err(TokenError::Audience) }
}

/// Whom the token names.
pub(super) fn actor(claims: &Proven, issuer: &Issuer) -> Result<Actor, TokenError> {
    let names = &issuer.claims;
    let id = |claim: &str| {
        let text = find(claims, claim).and_then(Value::as_str).filter(|text| is_usable(text));
        text.filter(|text| !(issuer.prefix.is_empty() && text.starts_with(RESERVED)))
            .map(|text| format!("{}{text}", issuer.prefix))
            .ok_or_else(|| TokenError::Claim(claim.to_owned()))
    };
    let subject = id(&names.id)?;
    let (id, kind, on_behalf_of) = match find(claims, &names.agent) {
        None | Some(Value::Null | Value::Bool(false)) => (subject, ActorKind::User, String::new()),
        Some(said) => {
            let (agent, person) = match said {
                Value::String(_) => (id(&names.agent)?, subject),
                _ => (subject, String::new()),
            };
            let named = find(claims, &names.on_behalf_of).map(|_| id(&names.on_behalf_of)).transpose()?;
            (agent, ActorKind::Agent, named.unwrap_or(person))
        }
    };
    let name = find(claims, &names.name).and_then(Value::as_str).filter(|text| is_usable(text));
    let roles = list(claims, &names.roles).into_iter().filter_map(|role| match issuer.roles.is_empty() {
        true => Some(role),
        false => issuer.roles.get(&role).cloned(),
    });
    // What services may do hangs on the kind as well; a token that asks for it gets nothing.
    let roles = roles.filter(|role| role != actor::SERVICE).collect();
    let groups =
        list(claims, &names.groups).iter().map(|group| format!("{}{group}", issuer.prefix)).collect();
    Ok(Actor {
        id,
        kind,
        name: name.unwrap_or_default().to_owned(),
        roles,
        groups,
        credential: "jwt".to_owned(),
        on_behalf_of,
    })
}

fn find<'a>(claims: &'a Proven, name: &str) -> Option<&'a Value> {
    if name.is_empty() {
        return None;
    }
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        find(claims.get(first)?.as_object()?, rest)
    })
}

fn list(claims: &Proven, name: &str) -> Vec<String> {
    let texts: Vec<&str> = match find(claims, name) {
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    texts.into_iter().filter(|text| is_usable(text)).map(str::to_owned).collect()
}

/// Something to show and to compare: not empty, not endless, nothing that hides.
fn is_usable(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn issuer(settings: Value) -> Issuer {
        let mut all = json!({"issuer": "i", "audiences": ["assent"], "jwks_url": "https://i/keys"});
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn read(settings: Value, claims: Value) -> Result<Actor, TokenError> {
        actor(claims.as_object().unwrap(), &issuer(settings))
    }

    #[test]
    fn claims_are_found_where_the_configuration_says() {
        let settings = json!({
            "prefix": "corp:",
            "roles": {"approver-prod": "lead", "svc": "service"},
            "claims": {"id": "email", "roles": "realm_access.roles", "groups": "https://i/groups"},
        });
        let claims = json!({
            "email": "ada@example.com", "name": "Ada", "https://i/groups": "db ops",
            "realm_access": {"roles": ["approver-prod", "offline", "svc", 7]},
        });
        let ada = read(settings, claims).unwrap();
        assert_eq!((ada.id.as_str(), ada.name.as_str()), ("corp:ada@example.com", "Ada"));
        assert_eq!(
            (ada.roles, ada.groups),
            (vec!["lead".to_owned()], vec!["corp:db".into(), "corp:ops".into()])
        );
        assert_eq!((ada.kind, ada.credential.as_str()), (ActorKind::User, "jwt"));
    }

    #[test]
    fn an_agent_is_one_only_where_the_claim_says_so() {
        let act = json!({"claims": {"agent": "act.sub"}});
        let bot = read(act.clone(), json!({"sub": "ada", "act": {"sub": "bot"}})).unwrap();
        assert_eq!((bot.id.as_str(), bot.kind, bot.on_behalf_of.as_str()), ("bot", ActorKind::Agent, "ada"));
        let ada = read(act, json!({"sub": "ada"})).unwrap();
        assert_eq!((ada.id.as_str(), ada.kind, ada.on_behalf_of.as_str()), ("ada", ActorKind::User, ""));
        let flag = json!({"claims": {"agent": "is_agent", "on_behalf_of": "user"}});
        let bot = read(flag.clone(), json!({"sub": "bot", "is_agent": true, "user": "ada"})).unwrap();
        assert_eq!((bot.id.as_str(), bot.kind, bot.on_behalf_of.as_str()), ("bot", ActorKind::Agent, "ada"));
        let person = read(flag, json!({"sub": "eve", "is_agent": false, "user": "ada"})).unwrap();
        assert_eq!((person.kind, person.on_behalf_of.as_str()), (ActorKind::User, ""));
    }

    #[test]
    fn nobody_becomes_a_service_or_nobody() {
        let eve = read(json!({}), json!({"sub": "eve", "roles": ["service", "lead"]})).unwrap();
        assert!(!eve.is_service() && eve.roles == ["lead"]);
        for id in [json!("system:auto"), json!(""), json!(7), json!("a\u{0}b"), json!("x".repeat(300))] {
            assert_eq!(read(json!({}), json!({ "sub": id })), Err(TokenError::Claim("sub".to_owned())));
        }
    }
}
