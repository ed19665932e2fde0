//! `http_request`: one request to an allowed host, without redirects.

use std::net::IpAddr;
use std::sync::Arc;

use assent_plan::Map;
use assent_rpc::{TRACEPARENT, traceparent_of};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response, Url, redirect};
use serde_json::{Value, json};

use super::hosts::{Hosts, Rule};
use super::{Call, Outcome, ToolError, size, text};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

#[derive(Debug, Clone)]
pub(super) struct Http {
    client: Client,
    hosts: Hosts,
    max_body: usize,
}

/// A client that goes only where it is told to.
pub(super) fn client(resolver: Option<Hosts>) -> Result<Client, reqwest::Error> {
    // Harmless when the process has chosen its TLS provider before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().redirect(redirect::Policy::none()).no_proxy().user_agent("assent");
    match resolver {
        Some(hosts) => builder.dns_resolver(Arc::new(hosts)).build(),
        None => builder.build(),
    }
}

/// Whether HTTP itself says that the request may be repeated. A key makes a POST repeatable only where the other
/// side honours it, which nobody here knows.
pub(super) fn is_repeatable(arguments: &Map) -> bool {
    matches!(arguments.get("method").and_then(Value::as_str), Some("GET" | "HEAD" | "PUT" | "DELETE"))
}

/// Whether HTTP says that the request asks for nothing but an answer.
pub(super) fn only_reads(arguments: &Map) -> bool {
    matches!(arguments.get("method").and_then(Value::as_str), Some("GET" | "HEAD"))
}

impl Http {
    pub(super) fn new(hosts: &[String], max_body: usize) -> Result<Self, reqwest::Error> {
        let hosts = Hosts::new(hosts);
        Ok(Self { client: client(Some(hosts.clone()))?, hosts, max_body })
    }

    pub(super) fn problem(&self) -> Option<&'static str> {
        self.hosts.is_empty().then_some("service.http_allowed_hosts names no host")
    }

    pub(super) async fn send(&self, call: &Call) -> Result<Outcome, ToolError> {
        let url = self.url(text(&call.arguments, "url")?)?;
        let method = text(&call.arguments, "method")?;
        let invalid = |what: &str| ToolError::lasting("ARGUMENTS_INVALID", format!("{what} cannot be sent"));
        let verb = Method::from_bytes(method.as_bytes()).map_err(|_| invalid("the method"))?;
        let mut request = self.client.request(verb, url.clone()).header(IDEMPOTENCY_KEY, &call.key);
        if let Some(trace) = traceparent_of(&tracing::Span::current()) {
            request = request.header(TRACEPARENT, trace);
        }
        match call.arguments.get("body") {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => request = request.body(text.clone()),
            Some(body) => request = request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
        }
        if let Some(Value::Object(headers)) = call.arguments.get("headers") {
            let mut own = reqwest::header::HeaderMap::new();
            for (name, value) in headers {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("a header"))?;
                let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok());
                own.insert(name, value.ok_or_else(|| invalid("a header"))?);
            }
            // Replaces what was set above under the same names.
            request = request.headers(own);
        }
        let place = place(&url);
        let response = request.send().await.map_err(|e| failed(method, &place, &e))?;
        let (status, headers) = (response.status(), headers(&response));
        let (body, whole) = body(response, self.max_body).await.map_err(|e| failed(method, &place, &e))?;
        let answer = format!("{method} {place} answered {}", status.as_u16());
        if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
            return Err(ToolError::passing("HTTP_FAILED", answer));
        }
        if !status.is_success() {
            return Err(ToolError::lasting("HTTP_FAILED", answer));
        }
        let cut = if whole { "" } else { ", cut off" };
        let summary = format!("{answer} ({}{cut})", size(body.len() as u64));
        let text = String::from_utf8_lossy(&body);
        let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned()));
        let output = json!({ "status": status.as_u16(), "headers": headers, "body": body });
        let output = output.as_object().cloned().unwrap_or_default();
        Ok(Outcome { output, summary, files: Vec::new() })
    }

    fn url(&self, text: &str) -> Result<Url, ToolError> {
        let url = Url::parse(text)
            .map_err(|_| ToolError::lasting("ARGUMENTS_INVALID", "the url cannot be read"))?;
        let denied = |host: &str| {
            let text =
                format!("the host `{host}` is not allowed; service.http_allowed_hosts names those that are");
            ToolError::lasting("HOST_NOT_ALLOWED", text)
        };
        let host = url.host_str().ok_or_else(|| denied(""))?;
        // An address needs no name server, so the resolver never sees it.
        let address: Result<IpAddr, _> = host.trim_start_matches('[').trim_end_matches(']').parse();
        let allowed = match address {
            Ok(address) => self.hosts.allows_address(host, address),
            Err(_) => self.hosts.rule(host) != Rule::Denied,
        };
        if allowed { Ok(url) } else { Err(denied(host)) }
    }
}

/// Where a request goes, without what may be private in it.
fn place(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

fn failed(method: &str, place: &str, error: &reqwest::Error) -> ToolError {
    let why = if error.is_timeout() {
        "took too long"
    } else if error.is_connect() {
        "could not connect"
    } else {
        "was not answered"
    };
    ToolError::passing("HTTP_FAILED", format!("{method} {place} {why}"))
}

fn headers(response: &Response) -> Map {
    let text = |value: &HeaderValue| Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned());
    response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

/// The first `most` bytes of the body, and whether that is all of it.
pub(super) async fn body(mut response: Response, most: usize) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = most.saturating_sub(body.len()).min(chunk.len());
        body.extend_from_slice(&chunk[..room]);
        if room < chunk.len() {
            return Ok((body, false));
        }
    }
    Ok((body, true))
}
