//! The provider's side: where its endpoints are, and what a code is worth.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::{Serializer, byte_serialize};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Response, Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::config::{Config, is_safe};
use super::visit::Visit;

/// Most bytes of an answer that are read.
const MAX_ANSWER: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why the provider could not be asked. Nothing of its answers: they may hold tokens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    /// It cannot be reached.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(#[from] reqwest::Error),
    /// It answered with an error.
    #[error("the provider answered with status {0}")]
    Status(u16),
    /// Its answer is not what the protocol says.
    #[error("the provider's answer cannot be used: {0}")]
    Answer(&'static str),
}

/// A provider that has said what it is.
#[derive(Debug)]
pub(super) struct Provider {
    client: Client,
    authorization: Url,
    token: Url,
    /// Whether the secret goes into the body, because the provider takes it in no header.
    secret_in_body: bool,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What a code was worth.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: String,
    #[serde(default)]
    pub(super) access_token: String,
    /// Seconds for which the access token holds.
    pub(super) expires_in: Option<u64>,
}

impl Provider {
    /// Asks the provider at `issuer` for its endpoints (OpenID Connect Discovery).
    pub(super) async fn discover(issuer: &str) -> Result<Self, ProviderError> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("assent-dashboard/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = read(client.get(address).send().await?).await?;
        if metadata.issuer != issuer {
            return Err(ProviderError::Answer("it calls itself otherwise than service.oidc.issuer"));
        }
        let endpoint = |address: &str| Url::parse(address).ok().filter(is_safe);
        let (Some(authorization), Some(token)) =
            (endpoint(&metadata.authorization_endpoint), endpoint(&metadata.token_endpoint))
        else {
            return Err(ProviderError::Answer("an endpoint has no https:// address"));
        };
        let methods = metadata.token_endpoint_auth_methods_supported;
        let takes = |method: &str| methods.as_ref().is_none_or(|all| all.iter().any(|one| one == method));
        Ok(Self { client, authorization, token, secret_in_body: !takes("client_secret_basic") })
    }

    /// Where the person signs in.
    pub(super) fn authorization(&self, config: &Config, visit: &Visit, callback: &str) -> String {
        let mut scope = "openid".to_owned();
        for other in &config.scopes {
            scope.push(' ');
            scope.push_str(other);
        }
        let mut address = self.authorization.clone();
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &config.client_id)
            .append_pair("redirect_uri", callback)
            .append_pair("scope", &scope)
            .append_pair("state", &visit.state)
            .append_pair("nonce", &visit.nonce)
            .append_pair("code_challenge", &visit.challenge())
            .append_pair("code_challenge_method", "S256");
        address.into()
    }

    /// Exchanges the code for tokens.
    pub(super) async fn exchange(
        &self,
        config: &Config,
        secret: &str,
        code: &str,
        visit: &Visit,
        callback: &str,
    ) -> Result<Tokens, ProviderError> {
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", callback),
            ("code_verifier", &visit.verifier),
        ];
        let mut request = self.client.post(self.token.clone());
        if secret.is_empty() || self.secret_in_body {
            pairs.push(("client_id", &config.client_id));
        }
        if !secret.is_empty() && self.secret_in_body {
            pairs.push(("client_secret", secret));
        } else if !secret.is_empty() {
            // RFC 6749, 2.3.1: both are encoded as in a form first.
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let both = format!("{}:{}", encoded(&config.client_id), encoded(secret));
            request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(both)));
        }
        let body = Serializer::new(String::new()).extend_pairs(pairs).finish();
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        read(request.send().await?).await
    }
}

async fn read<T: DeserializeOwned>(mut response: Response) -> Result<T, ProviderError> {
    if !response.status().is_success() {
        return Err(ProviderError::Status(response.status().as_u16()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_ANSWER {
            return Err(ProviderError::Answer("it is too long"));
        }
    }
    serde_json::from_slice(&bytes).map_err(|_| ProviderError::Answer("it is not what the protocol says"))
}
