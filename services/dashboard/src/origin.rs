//! Whether a request comes from a page of the dashboard itself. A cookie is sent by the browser of its own accord, so a
//! request that acts on it must prove that.

use axum::http::{HeaderMap, HeaderName, Uri, header};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origin of the dashboard, where it is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins {
    /// As browsers write it: scheme, host, and a port that is not the scheme's own.
    public: Option<String>,
}

impl Origins {
    /// # Errors
    /// When the address is none of a site.
    pub(crate) fn new(public_url: &str) -> Result<Self, String> {
        if public_url.is_empty() {
            return Ok(Self::default());
        }
        let wrong = || format!("service.public_url: {public_url:?} is no http://HOST or https://HOST");
        let uri: Uri = public_url.parse().map_err(|_| wrong())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong());
        };
        if !["http", "https"].contains(&scheme) || uri.path() != "/" || uri.query().is_some() {
            return Err(wrong());
        }
        Ok(Self { public: Some(format!("{scheme}://{}", authority.as_str().to_lowercase())) })
    }

    /// The address of one of the dashboard's own pages, as browsers reach it; none when nothing says how they do.
    pub(crate) fn address(&self, headers: &HeaderMap, path: &str) -> Option<String> {
        if let Some(public) = &self.public {
            return Some(format!("{public}{path}"));
        }
        let host = headers.get(header::HOST)?.to_str().ok()?;
        Some(format!("http://{host}{path}"))
    }

    /// Whether browsers reach the dashboard through TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.public.as_deref().is_some_and(|origin| origin.starts_with("https://"))
    }

    /// Whether the request may act on its cookie. A browser names the origin of every request that is no plain GET; one
    /// that names none is denied.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        if text(FETCH_SITE).is_some_and(|site| site != "same-origin") {
            return false;
        }
        let Some(origin) = text(header::ORIGIN) else { return false };
        match &self.public {
            Some(public) => origin == public,
            None => text(header::HOST).is_some_and(|host| {
                origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(header).collect()
    }

    #[test]
    fn only_pages_of_the_same_origin_act() {
        let any = Origins::new("").unwrap();
        let host = ("host", "localhost:7100");
        let own = ("origin", "http://localhost:7100");
        assert!(any.admits(&headers(&[host, own])));
        assert!(any.admits(&headers(&[host, own, ("sec-fetch-site", "same-origin")])));
        // Another port of the same host is another site's program.
        assert!(!any.admits(&headers(&[host, ("origin", "http://localhost:8000")])));
        assert!(!any.admits(&headers(&[host, own, ("sec-fetch-site", "same-site")])));
        assert!(!any.admits(&headers(&[host, ("origin", "null")])));
        assert!(!any.admits(&headers(&[host])));

        let public = Origins::new("https://assent.example.com/").unwrap();
        assert!(public.is_secure() && !any.is_secure());
        assert!(public.admits(&headers(&[("host", "10.0.0.7"), ("origin", "https://assent.example.com")])));
        assert!(!public.admits(&headers(&[("host", "evil.example"), ("origin", "https://evil.example")])));
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        for wrong in ["assent.example.com", "ftp://assent.example.com", "https://assent.example.com/ui", "/"]
        {
            assert!(Origins::new(wrong).is_err(), "{wrong}");
        }
    }
}
