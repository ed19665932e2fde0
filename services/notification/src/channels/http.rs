//! Calls to the outside: only to public addresses unless the operator names the host, never along a redirect, with
//! bounded time and bounded reading.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use assent_core::Timestamp;
use assent_core::net::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect};

use crate::domain::{Attempt, Blame};

/// Most bytes of an answer that are read.
const MAX_ANSWER: usize = 64 * 1024;

/// Which addresses may be called. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Guard(Arc<Vec<String>>);

impl Guard {
    /// Public addresses, and whatever `hosts` (names or addresses) are at.
    pub(crate) fn new(hosts: &[String]) -> Self {
        Self(Arc::new(hosts.iter().map(|host| host.to_ascii_lowercase()).collect()))
    }

    /// A client that goes nowhere else.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub(crate) fn client(&self, timeout: Duration) -> Result<Client, reqwest::Error> {
        Client::builder()
            .timeout(timeout)
            // A signed post goes where it was meant to go, or nowhere; and a proxy would resolve names for us.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(self.clone()))
            .user_agent(concat!("assent/", env!("CARGO_PKG_VERSION")))
            .build()
    }

    /// Whether the address in `url` may be called; one that holds a name is judged once it is resolved.
    pub(crate) fn admits(&self, url: &Url) -> Result<(), &'static str> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err("the address is neither http nor https");
        }
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        match literal {
            Some(address) if !self.allows(host, address) => Err(PRIVATE),
            _ => Ok(()),
        }
    }

    fn allows(&self, host: &str, address: IpAddr) -> bool {
        let host =
            host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        is_public(address) || self.0.contains(&host)
    }
}

const PRIVATE: &str = "the address is not public; allowed_private_hosts does not name it";

/// Resolves names and leaves out the addresses that are not allowed: checked here, where a name becomes the address
/// that is called, so that a second answer of the name server cannot differ.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| guard.allows(name.as_str(), address.ip())).collect();
            if allowed.is_empty() {
                return Err(PRIVATE.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// An address of an endpoint, read from a text.
pub(crate) fn endpoint(text: &str) -> Option<Url> {
    Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Sends, and says what the status means. The answer is left for the caller to read where it matters.
pub(crate) async fn send(
    guard: &Guard,
    url: &Url,
    request: RequestBuilder,
    now: Timestamp,
) -> Result<Response, Attempt> {
    guard.admits(url).map_err(|problem| Attempt::Gone(problem.to_owned()))?;
    // The address may carry a token.
    let failed = |error: reqwest::Error| Attempt::refused(Blame::Channel, describe(&error.without_url()));
    let response = request.send().await.map_err(failed)?;
    let status = response.status();
    let error = format!("the endpoint answered {status}");
    if status.is_success() {
        return Ok(response);
    }
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = wait.and_then(|text| retry_after(text, now));
    Err(match status {
        StatusCode::GONE => Attempt::Gone(error),
        StatusCode::TOO_MANY_REQUESTS => Attempt::Refused { error, blame: Blame::Channel, wait },
        status if status.is_server_error() => Attempt::Refused { error, blame: Blame::Channel, wait },
        status if status.is_redirection() => {
            Attempt::refused(Blame::Message, format!("{error}; redirects are not followed"))
        }
        _ => Attempt::Refused { error, blame: Blame::Message, wait },
    })
}

/// At most [`MAX_ANSWER`] bytes of an answer, as text.
pub(crate) async fn read(mut response: Response) -> Result<String, Attempt> {
    let mut read = Vec::new();
    while read.len() < MAX_ANSWER {
        match response.chunk().await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(Attempt::refused(Blame::Channel, describe(&error.without_url()))),
        }
    }
    read.truncate(MAX_ANSWER);
    Ok(String::from_utf8_lossy(&read).into_owned())
}

/// `Retry-After` as seconds or as a date.
pub(crate) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some(Timestamp::new(date.to_utc()).since(now))
}

/// The error and what it came from, on one line.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_refused_unless_named() {
        let guard = Guard::new(&["127.0.0.1".to_owned(), "Hooks.internal".to_owned()]);
        let admits = |text: &str| guard.admits(&Url::parse(text).unwrap()).is_ok();
        assert!(
            admits("http://127.0.0.1:8080/") && admits("https://8.8.8.8/") && admits("https://example.com/")
        );
        // The parser has made plain addresses of the odd ones.
        for private in [
            "http://127.0.0.2/",
            "http://0x7f000002/",
            "http://[::1]/",
            "http://169.254.169.254/",
            "http://[::ffff:10.0.0.1]/",
            "http://2130706434/",
            "ftp://8.8.8.8/",
        ] {
            assert!(!admits(private), "{private}");
        }
        assert!(guard.allows("hooks.internal.", "10.0.0.1".parse().unwrap()));
        assert!(!guard.allows("example.com", "10.0.0.1".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_private_address_is_not_called() {
        // Only refuses when it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Guard::new(&[]).client(Duration::from_secs(5)).unwrap();
        let error = client.get("http://localhost:1/").send().await.unwrap_err();
        assert!(describe(&error).contains(PRIVATE), "{}", describe(&error));
    }

    #[test]
    fn a_delay_is_seconds_or_a_date() {
        let now = Timestamp::from_micros(1_445_412_475_000_000).unwrap();
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::from_secs(5)));
        assert_eq!(retry_after("soon", now), None);
    }
}
