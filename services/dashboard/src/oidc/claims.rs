//! What an id token must say. It came from the provider's token endpoint through TLS, which vouches for it in the place of
//! its signature (OpenID Connect Core 3.1.3.7, 6); the services check the signature of whatever they are shown.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::config::Config;

/// How far the provider's clock may be behind, in seconds.
const LEEWAY: i64 = 60;

/// Why an id token is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClaimsError {
    /// It is no JWT with these claims.
    #[error("it cannot be read")]
    Unreadable,
    /// Somebody else made it.
    #[error("its issuer is another")]
    Issuer,
    /// It is for somebody else.
    #[error("it is not for this client")]
    Audience,
    /// It belongs to another sign-in.
    #[error("its nonce is another")]
    Nonce,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    nonce: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// When the token expires, in seconds of the Unix epoch; `now` is the same.
pub(super) fn check(token: &str, config: &Config, nonce: &str, now: i64) -> Result<i64, ClaimsError> {
    let payload = token.split('.').nth(1).ok_or(ClaimsError::Unreadable)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload).map_err(|_| ClaimsError::Unreadable)?;
    let claims: Claims = serde_json::from_slice(&bytes).map_err(|_| ClaimsError::Unreadable)?;
    if claims.iss != config.issuer {
        return Err(ClaimsError::Issuer);
    }
    let own = match &claims.aud {
        Audience::One(audience) => audience == &config.client_id,
        // Of several, the token must say that it was made for this client.
        Audience::Many(all) => {
            all.contains(&config.client_id)
                && (all.len() == 1 || claims.azp.as_ref() == Some(&config.client_id))
        }
    };
    if !own || claims.azp.as_ref().is_some_and(|party| party != &config.client_id) {
        return Err(ClaimsError::Audience);
    }
    if claims.nonce.as_deref() != Some(nonce) {
        return Err(ClaimsError::Nonce);
    }
    if claims.exp + LEEWAY <= now {
        return Err(ClaimsError::Expired);
    }
    Ok(claims.exp)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn verdict(claims: &Value) -> Result<i64, ClaimsError> {
        let config = Config {
            issuer: "https://login.example.com".to_owned(),
            client_id: "assent".to_owned(),
            ..Config::default()
        };
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
        check(&token, &config, "n", 1000)
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims =
            json!({ "iss": "https://login.example.com", "aud": "assent", "exp": 1500, "nonce": "n" });
        claims[name] = value;
        claims
    }

    #[test]
    fn a_token_of_this_sign_in_is_taken() {
        assert_eq!(verdict(&with("sub", json!("ada"))), Ok(1500));
        assert_eq!(verdict(&with("aud", json!(["assent"]))), Ok(1500));
        let mut several = with("aud", json!(["assent", "other"]));
        several["azp"] = json!("assent");
        assert_eq!(verdict(&several), Ok(1500));
    }

    #[test]
    fn a_token_of_another_is_not() {
        let wrong = [
            ("iss", json!("https://login.example.com.evil"), ClaimsError::Issuer),
            ("aud", json!("other"), ClaimsError::Audience),
            ("aud", json!(["assent", "other"]), ClaimsError::Audience),
            ("azp", json!("other"), ClaimsError::Audience),
            ("nonce", json!("m"), ClaimsError::Nonce),
            ("nonce", Value::Null, ClaimsError::Nonce),
            ("exp", json!(900), ClaimsError::Expired),
            ("exp", json!("never"), ClaimsError::Unreadable),
        ];
        for (name, value, error) in wrong {
            assert_eq!(verdict(&with(name, value)), Err(error), "{name}");
        }
        let config = Config::default();
        assert_eq!(check("no token", &config, "n", 0), Err(ClaimsError::Unreadable));
        assert_eq!(check("a.!.c", &config, "n", 0), Err(ClaimsError::Unreadable));
    }
}
