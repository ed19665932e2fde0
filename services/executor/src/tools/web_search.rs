//! `web_search`: asks the search service of the configuration.

use reqwest::{Client, Url};
use serde_json::{Value, json};

use super::{Call, Outcome, ToolError, http_request, text};

const DEFAULT_RESULTS: u64 = 10;

#[derive(Debug)]
pub(super) struct Search {
    client: Client,
    template: String,
    max_body: usize,
}

impl Search {
    pub(super) fn new(template: &str, max_body: usize) -> Result<Self, reqwest::Error> {
        // The operator named this address, so it may be private.
        Ok(Self { client: http_request::client(None)?, template: template.to_owned(), max_body })
    }

    pub(super) fn problem(&self) -> Option<&'static str> {
        self.template.is_empty().then_some("service.web_search_url is not set")
    }

    pub(super) async fn find(&self, call: &Call) -> Result<Outcome, ToolError> {
        if let Some(problem) = self.problem() {
            return Err(ToolError::lasting("TOOL_NOT_CONFIGURED", problem));
        }
        let query = text(&call.arguments, "query")?;
        let most = call.arguments.get("max_results").and_then(Value::as_u64).unwrap_or(DEFAULT_RESULTS);
        let url = address(&self.template, query, most).ok_or_else(|| {
            ToolError::lasting("TOOL_NOT_CONFIGURED", "service.web_search_url is no usable address")
        })?;
        let lost = |_| ToolError::passing("SEARCH_FAILED", "the search service does not answer");
        let response =
            self.client.get(url).header("accept", "application/json").send().await.map_err(lost)?;
        let status = response.status();
        if !status.is_success() {
            let text = format!("the search service answered {}", status.as_u16());
            return Err(if status.is_server_error() || status.as_u16() == 429 {
                ToolError::passing("SEARCH_FAILED", text)
            } else {
                ToolError::lasting("SEARCH_FAILED", text)
            });
        }
        // Large answers are cut below, after they are read as JSON.
        let (body, _) = http_request::body(response, self.max_body.saturating_mul(8)).await.map_err(lost)?;
        let answer: Value = serde_json::from_slice(&body).map_err(|_| {
            ToolError::lasting("SEARCH_FAILED", "the search service did not answer with JSON")
        })?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let results: Vec<Value> = listed(&answer).iter().filter_map(result).take(most).collect();
        let found = results.len();
        let summary = format!("found {found} result{} for \"{query}\"", if found == 1 { "" } else { "s" });
        let output = json!({ "results": results }).as_object().cloned().unwrap_or_default();
        Ok(Outcome { output, summary, files: Vec::new() })
    }
}

/// Fills in the address. The query is encoded as a part of a query string.
fn address(template: &str, query: &str, most: u64) -> Option<Url> {
    let encoded: String = query
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    Url::parse(&template.replace("{max_results}", &most.to_string()).replace("{query}", &encoded)).ok()
}

/// The list of results, where the usual services have it.
fn listed(answer: &Value) -> &[Value] {
    let places = ["/results", "/web/results", "/items", "/data", "/organic_results", ""];
    places.iter().find_map(|place| answer.pointer(place)?.as_array()).map(Vec::as_slice).unwrap_or_default()
}

/// Title, address and snippet, under the names that the usual services give them.
fn result(entry: &Value) -> Option<Value> {
    let first = |names: &[&str]| names.iter().find_map(|name| entry.get(name)?.as_str()).map(str::to_owned);
    let url = first(&["url", "link", "href"])?;
    let title = first(&["title", "name"]).unwrap_or_default();
    let snippet = first(&["snippet", "content", "description", "body"]).unwrap_or_default();
    Some(json!({ "title": title, "url": url, "snippet": snippet }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_several_services_are_understood() {
        let expected = json!({ "title": "T", "url": "https://x", "snippet": "S" });
        for answer in [
            json!({ "results": [{ "title": "T", "url": "https://x", "content": "S" }] }),
            json!({ "web": { "results": [{ "title": "T", "url": "https://x", "description": "S" }] } }),
            json!([{ "name": "T", "link": "https://x", "snippet": "S" }]),
        ] {
            assert_eq!(
                listed(&answer).iter().filter_map(result).collect::<Vec<_>>(),
                std::slice::from_ref(&expected)
            );
        }
        assert!(listed(&json!({ "error": "no" })).is_empty());
    }

    #[test]
    fn the_query_cannot_leave_its_place() {
        let url = address("http://h/s?q={query}&n={max_results}", "a&b=c #é {max_results}", 3).unwrap();
        assert_eq!(url.query(), Some("q=a%26b%3Dc%20%23%C3%A9%20%7Bmax_results%7D&n=3"));
    }
}
