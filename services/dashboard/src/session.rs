//! Signing in and out. The bearer token rests in a cookie that scripts cannot read and other sites cannot send; the
//! server itself keeps nothing, so any replica serves anybody.

use axum::http::{HeaderMap, HeaderValue, header};

/// Name of the cookie.
const COOKIE: &str = "assent_token";
/// Longest token that is taken; browsers keep 4096 bytes of a cookie.
pub(crate) const MAX_TOKEN: usize = 3800;

/// A token that a cookie can hold.
pub(crate) fn is_token(token: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    !token.is_empty() && token.len() <= MAX_TOKEN && token.bytes().all(allowed)
}

/// The `authorization` of a request: what it says itself, else what its cookie holds.
pub(crate) fn authorization(headers: &HeaderMap) -> Option<HeaderValue> {
    if let Some(own) = headers.get(header::AUTHORIZATION) {
        return Some(own.clone());
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let token = pairs.find_map(|(name, value)| (name == COOKIE && is_token(value)).then_some(value))?;
    bearer(token)
}

/// The `authorization` that a token makes.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A `set-cookie` that keeps `token` for so many seconds, or until the browser ends; it forgets it when it is empty.
pub(crate) fn set_cookie(token: &str, lifetime: Option<u64>, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let lifetime = if token.is_empty() { Some(0) } else { lifetime };
    let age = lifetime.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let text = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}{age}");
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_cookie_is_found_among_others_and_what_is_none_is_not() {
        let found = |cookie| authorization(&with(header::COOKIE, cookie));
        assert_eq!(found("a=b; assent_token=tok.en-1; c=d").unwrap(), "Bearer tok.en-1");
        assert_eq!(found("assent_token=; xassent_token=t"), None);
        assert_eq!(found("assent_token=a\"b"), None);
        assert_eq!(authorization(&with(header::AUTHORIZATION, "Bearer own")).unwrap(), "Bearer own");
    }

    #[test]
    fn scripts_cannot_read_it_and_other_sites_cannot_send_it() {
        let text = set_cookie("t", None, true).unwrap();
        assert_eq!(text, "assent_token=t; Path=/; HttpOnly; SameSite=Strict; Secure");
        assert!(set_cookie("t", Some(60), false).unwrap().to_str().unwrap().ends_with("; Max-Age=60"));
        assert!(
            set_cookie("", None, false).unwrap().to_str().unwrap().ends_with("SameSite=Strict; Max-Age=0")
        );
        assert!(!is_token("a b") && !is_token("a;b") && !is_token("") && !is_token(&"x".repeat(5000)));
    }
}
