//! What can be configured about signing in.

use assent_runtime::BuildError;
use reqwest::Url;
use serde::{Deserialize, Serialize};

/// The section `service.oidc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address of the OpenID provider, exactly as it calls itself, e.g. `https://login.example.com/realms/main`. Empty:
    /// people sign in with tokens only.
    pub issuer: String,
    /// What this dashboard is called there.
    pub client_id: String,
    /// File with the secret that the provider gave this dashboard; empty for a public client, which PKCE alone protects.
    pub client_secret_file: String,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// Which of the provider's tokens is the person's credential for the services: `id_token` or `access_token`.
    pub credential: Credential,
    /// What the page calls the provider; its address when empty.
    pub name: String,
}

/// Which of the provider's tokens speaks for a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// The one about the person; its audience is the client's id.
    #[default]
    IdToken,
    /// The one for the services, where the provider gives JWTs with their audience.
    AccessToken,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: String::new(),
            client_secret_file: String::new(),
            scopes: vec!["profile".to_owned(), "email".to_owned()],
            credential: Credential::default(),
            name: String::new(),
        }
    }
}

impl Config {
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn check(&self) -> Result<(), String> {
        if !Url::parse(&self.issuer).is_ok_and(|issuer| is_safe(&issuer)) {
            return Err(format!("service.oidc.issuer: {:?} is no https:// address", self.issuer));
        }
        if self.client_id.is_empty() {
            return Err("service.oidc.client_id is missing".to_owned());
        }
        Ok(())
    }

    pub(super) fn secret(&self) -> Result<String, BuildError> {
        let path = &self.client_secret_file;
        if path.is_empty() {
            return Ok(String::new());
        }
        let text = std::fs::read_to_string(path)
            .map_err(|source| BuildError::File { path: path.clone(), source })?;
        Ok(text.trim().to_owned())
    }
}

/// Whether codes and tokens may be sent there: through TLS, or within this machine.
pub(super) fn is_safe(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let local = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_tokens_go_through_tls() {
        let with = |issuer: &str, client_id: &str| {
            Config { issuer: issuer.to_owned(), client_id: client_id.to_owned(), ..Config::default() }.check()
        };
        assert!(with("https://login.example.com/realms/main", "assent").is_ok());
        assert!(with("http://127.0.0.1:8080", "assent").is_ok() && with("http://[::1]/", "assent").is_ok());
        assert!(with("http://login.example.com", "assent").is_err());
        assert!(with("login.example.com", "assent").is_err());
        assert!(with("https://login.example.com", "").is_err());
    }
}
