//! What Slack sends when somebody presses a button: checked as Slack asks for
//! (<https://docs.slack.dev/authentication/verifying-requests-from-slack>), then read.

use std::time::Duration;

use assent_core::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;

use super::slack_message::{Button, Vote};

/// Older requests, and those from the future, are replays or clocks gone wrong.
const WITHIN: Duration = Duration::from_secs(5 * 60);

/// The signing secret of the Slack app.
pub(crate) struct Signing(Hmac<Sha256>);

/// A press of a button that votes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Click {
    /// Slack's id of who pressed it.
    pub(crate) slack_user: String,
    pub(crate) vote: Vote,
    pub(crate) button: Button,
    /// Where the message can be replaced; empty when Slack gave none.
    pub(crate) response_url: String,
}

impl Signing {
    /// None for an empty secret.
    pub(crate) fn new(secret: &str) -> Option<Self> {
        let secret = secret.trim();
        (!secret.is_empty()).then(|| Hmac::new_from_slice(secret.as_bytes()).ok()).flatten().map(Self)
    }

    /// Whether Slack signed `body` just now.
    pub(crate) fn verifies(&self, timestamp: &str, signature: &str, body: &[u8], now: Timestamp) -> bool {
        let Some(at) = timestamp.parse::<i64>().ok().and_then(|s| s.checked_mul(1_000_000)) else {
            return false;
        };
        let Some(at) = Timestamp::from_micros(at) else { return false };
        if now.since(at) > WITHIN || at.since(now) > WITHIN {
            return false;
        }
        let Some(given) = signature.strip_prefix("v0=").and_then(hex) else { return false };
        let mut mac = self.0.clone();
        for part in [b"v0:", timestamp.as_bytes(), b":", body] {
            mac.update(part);
        }
        // In constant time.
        mac.verify_slice(&given).is_ok()
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(pair).collect()
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    user: User,
    #[serde(default)]
    actions: Vec<Action>,
    #[serde(default)]
    response_url: String,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

#[derive(Deserialize)]
struct Action {
    action_id: String,
    #[serde(default)]
    value: String,
}

/// The vote in the JSON of an interaction; none when it is about something else.
pub(crate) fn read_click(payload: &str) -> Option<Click> {
    let payload: Payload = serde_json::from_str(payload).ok()?;
    let [action] = payload.actions.as_slice() else { return None };
    let vote = match action.action_id.as_str() {
        "approve" => Vote::Approve,
        "reject" => Vote::Reject,
        _ => return None,
    };
    let button = serde_json::from_str(&action.value).ok()?;
    (payload.kind == "block_actions").then_some(())?;
    Some(Click { slack_user: payload.user.id, vote, button, response_url: payload.response_url })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000).unwrap()
    }

    #[test]
    fn signatures_are_those_of_slack() {
        // The example of Slack's documentation.
        let signing = Signing::new("8f742231b10e8888abcd99yyyzzz85a5").unwrap();
        let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let verifies = |time: &str, signature: &str, now| signing.verifies(time, signature, body, at(now));
        assert!(verifies("1531420618", signature, 1_531_420_618));
        assert!(verifies("1531420618", signature, 1_531_420_918));
        assert!(!verifies("1531420618", signature, 1_531_420_919), "too old");
        assert!(!verifies("1531420618", signature, 1_531_420_317), "from the future");
        assert!(!verifies("1531420619", signature, 1_531_420_618));
        assert!(!verifies("1531420618", &signature.replace("v0=a2", "v0=a3"), 1_531_420_618));
        assert!(!verifies("soon", signature, 1_531_420_618) && !verifies("1531420618", "", 1_531_420_618));
        assert!(Signing::new(" \n").is_none());
    }

    proptest! {
        #[test]
        fn any_payload_is_read_or_not(payload in "\\PC{0,200}", signature in "(v0=)?\\PC{0,80}", time in "\\PC{0,20}") {
            let _ = read_click(&payload);
            prop_assert!(!Signing::new("secret").unwrap().verifies(&time, &signature, b"", at(0)));
        }
    }
}
