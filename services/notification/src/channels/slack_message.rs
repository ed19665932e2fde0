//! Block Kit. Whatever people wrote stands in `plain_text`, where Slack interprets nothing.

use assent_core::id::SessionId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::{Delivery, Kind};

/// Most characters of a header, of a section, and of the value of a button.
const HEADER: usize = 150;
const SECTION: usize = 3000;

/// For or against, as a button says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Vote {
    Approve,
    Reject,
}

/// What a button carries: which message it belongs to, and what its reader saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Button {
    pub(crate) delivery: String,
    pub(crate) session: SessionId,
    pub(crate) version: i32,
    pub(crate) digest: String,
}

/// The blocks of a message. Buttons that vote come only `with_votes`.
pub(crate) fn blocks(delivery: &Delivery, link: Option<&str>, with_votes: bool) -> Value {
    let mut blocks = vec![json!({ "type": "header", "text": plain(&delivery.title, HEADER) })];
    if !delivery.body.is_empty() {
        blocks.push(json!({ "type": "section", "text": plain(&delivery.body, SECTION) }));
    }
    let mut buttons = Vec::new();
    if let Some(button) = with_votes.then(|| button(delivery)).flatten() {
        let value = serde_json::to_string(&button).unwrap_or_default();
        buttons.push(vote("approve", "Approve", "primary", &value));
        buttons.push(vote("reject", "Reject", "danger", &value));
    }
    if let Some(link) = link {
        buttons.push(
            json!({ "type": "button", "action_id": "open", "text": plain("Open in Assent", 75), "url": link }),
        );
    }
    if !buttons.is_empty() {
        blocks.push(json!({ "type": "actions", "block_id": "decide", "elements": buttons }));
    }
    Value::Array(blocks)
}

/// What a notification shows of the message; Slack interprets it, so what it would interpret is escaped.
pub(crate) fn fallback(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// For requests of LOW and MEDIUM risk only: for more, somebody has to look at the plan.
fn button(delivery: &Delivery) -> Option<Button> {
    let asks = Kind::from_name(&delivery.kind).is_some_and(Kind::asks);
    let details = &delivery.details;
    let small = matches!(details.risk.as_str(), "LOW" | "MEDIUM");
    (asks && small && details.version > 0 && !details.digest.is_empty()).then_some(())?;
    Some(Button {
        delivery: delivery.id.to_string(),
        session: delivery.session?,
        version: details.version,
        digest: details.digest.clone(),
    })
}

fn vote(action: &str, text: &str, style: &str, value: &str) -> Value {
    json!({
        "type": "button",
        "action_id": action,
        "text": plain(text, 75),
        "style": style,
        "value": value,
        "confirm": {
            "title": plain(text, 100),
            "text": plain("You vote on the version that this message is about.", 300),
            "confirm": plain(text, 30),
            "deny": plain("Back", 30),
        },
    })
}

fn plain(text: &str, most: usize) -> Value {
    let text: String = match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
        None => text.to_owned(),
    };
    json!({ "type": "plain_text", "text": text, "emoji": false })
}
