//! Adaptive Cards (<https://adaptivecards.io>). Whatever people wrote stands in text runs, where nothing is
//! interpreted; a text block would read Markdown.

use serde_json::{Value, json};

use crate::domain::Delivery;

/// Most characters of one line; a card may take 28 KB in all.
const LINE: usize = 1000;

/// A card as a workflow takes it.
pub(crate) fn envelope(delivery: &Delivery, link: Option<&str>) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card(delivery, link),
        }],
    })
}

fn card(delivery: &Delivery, link: Option<&str>) -> Value {
    let mut body = vec![line(&delivery.title, json!({ "weight": "Bolder", "size": "Medium" }))];
    body.extend(delivery.body.lines().take(30).map(|text| line(text, json!({}))));
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    });
    if let Some(link) = link {
        card["actions"] = json!([{ "type": "Action.OpenUrl", "title": "Open in Assent", "url": link }]);
    }
    card
}

fn line(text: &str, style: Value) -> Value {
    let text: String = text.chars().take(LINE).collect();
    let mut run = json!({ "type": "TextRun", "text": text });
    if let (Value::Object(run), Value::Object(style)) = (&mut run, style) {
        run.extend(style);
    }
    json!({ "type": "RichTextBlock", "inlines": [run] })
}
