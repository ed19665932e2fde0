//! One person's way to the provider and back.

use std::collections::HashMap;

use assent_core::ContextSource;
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::SignInError;

/// Name of the cookie that goes along.
const COOKIE: &str = "assent_sign_in";
/// Seconds that a person may take at the provider.
const PATIENCE: u32 = 600;

/// What is remembered until the person is back. It is theirs alone, so it may rest in their browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Visit {
    /// Comes back in the address; ties the answer to this browser.
    pub(super) state: String,
    /// Comes back in the token; ties the token to this sign-in.
    pub(super) nonce: String,
    /// Shows the provider that whoever has the code has asked for it.
    pub(super) verifier: String,
    /// The page to go on to.
    pub(super) to: String,
}

impl Visit {
    pub(super) fn new(source: &ContextSource, to: &str) -> Self {
        let secret = || {
            let mut bytes = [0; 32];
            source.fill(&mut bytes);
            URL_SAFE_NO_PAD.encode(bytes)
        };
        Self { state: secret(), nonce: secret(), verifier: secret(), to: own_page(to).to_owned() }
    }

    /// The one that this browser began.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, text) = pairs.find(|(name, _)| *name == COOKIE)?;
        let visit: Self = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        Some(Self { to: own_page(&visit.to).to_owned(), ..visit })
    }

    /// What the provider is told of the verifier before it sees it.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier))
    }

    /// The code in the address with which the provider sent the person back.
    ///
    /// # Errors
    /// When it is the answer to another visit, from another provider (RFC 9207), or none.
    pub(super) fn code(&self, query: &str, issuer: &str) -> Result<String, SignInError> {
        let mut pairs: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let same =
            pairs.get("state") == Some(&self.state) && pairs.get("iss").is_none_or(|iss| iss == issuer);
        if !same {
            return Err(SignInError::NotBegun);
        }
        if let Some(error) = pairs.remove("error") {
            return Err(SignInError::Refused(error));
        }
        pairs.remove("code").ok_or(SignInError::NotBegun)
    }
}

/// A page of this dashboard; the first one for anything else, so that nobody is led away.
fn own_page(to: &str) -> &str {
    let plain = to.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if to.starts_with('/') && !to.starts_with("//") && plain && to.len() <= 512 { to } else { "/" }
}

/// A `set-cookie` for the way. `Lax`, because the way back begins at another site.
pub(crate) fn keep(visit: &Visit, secure: bool) -> Option<HeaderValue> {
    let value = URL_SAFE_NO_PAD.encode(serde_json::to_vec(visit).ok()?);
    cookie(&value, PATIENCE, secure)
}

/// A `set-cookie` that ends the visit.
pub(crate) fn forget(secure: bool) -> Option<HeaderValue> {
    cookie("", 0, secure)
}

fn cookie(value: &str, age: u32, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/oidc; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use assent_core::Clock;

    use super::*;

    fn visit(to: &str) -> Visit {
        Visit::new(&ContextSource::seeded(Clock::System, 7), to)
    }

    #[test]
    fn what_the_browser_keeps_comes_back_as_it_was() {
        let visit = visit("/sessions/ses_1?item=a");
        let cookie = keep(&visit, true).unwrap();
        let text = cookie.to_str().unwrap();
        assert!(text.ends_with("; Path=/oidc; HttpOnly; SameSite=Lax; Max-Age=600; Secure"), "{text}");
        let (pair, _) = text.split_once(';').unwrap();
        let headers = HeaderMap::from_iter([(header::COOKIE, format!("a=b; {pair}").parse().unwrap())]);
        assert_eq!(Visit::read(&headers), Some(visit));
        for wrong in ["assent_sign_in=x", "assent_sign_in=", "xassent_sign_in=e30"] {
            let headers = HeaderMap::from_iter([(header::COOKIE, wrong.parse().unwrap())]);
            assert_eq!(Visit::read(&headers), None, "{wrong}");
        }
    }

    #[test]
    fn secrets_differ_and_the_challenge_is_the_verifiers() {
        let visit = visit("/");
        assert!(visit.state != visit.nonce && visit.nonce != visit.verifier && visit.verifier.len() == 43);
        // The example of RFC 7636, appendix B.
        let example = Visit { verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(), ..visit };
        assert_eq!(example.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn nobody_is_led_away() {
        for away in
            ["https://evil.example", "//evil.example", "/\\evil.example", "", "/a b", "/\t/evil.example"]
        {
            assert_eq!(visit(away).to, "/", "{away}");
        }
    }

    #[test]
    fn only_the_answer_to_this_visit_has_a_code() {
        let visit = Visit { state: "s".to_owned(), ..visit("/") };
        let code = |query: &str| visit.code(query, "https://login.example.com");
        assert_eq!(code("state=s&code=a%2Fb").unwrap(), "a/b");
        assert_eq!(code("state=s&code=c&iss=https%3A%2F%2Flogin.example.com").unwrap(), "c");
        assert!(
            matches!(code("state=s&error=access_denied"), Err(SignInError::Refused(e)) if e == "access_denied")
        );
        for wrong in
            ["state=t&code=c", "code=c", "state=s", "", "state=s&code=c&iss=https%3A%2F%2Fevil.example"]
        {
            assert!(matches!(code(wrong), Err(SignInError::NotBegun)), "{wrong}");
        }
    }
}
