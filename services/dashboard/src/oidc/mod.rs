//! Signing in through an OpenID provider: authorization code with PKCE (RFC 7636), `state` and `nonce`. Between the two
//! visits of the browser everything rests in a cookie of its own, so any replica can end what another began.
//!
//! What comes back is the person's own credential, which the services check with the provider's keys as they do any other;
//! this server believes nothing of it but what the sign-in itself needs.

mod claims;
mod config;
mod provider;
mod visit;

use assent_core::ContextSource;
use assent_runtime::BuildError;
use axum::http::HeaderMap;
use tokio::sync::OnceCell;

pub use self::config::{Config, Credential};
use self::provider::{Provider, ProviderError};
use self::visit::Visit;
pub(crate) use self::visit::{forget, keep};

/// Where people go to be known. Cheap questions only: the provider is asked once where its endpoints are.
#[derive(Debug)]
pub(crate) struct Oidc {
    config: Config,
    secret: String,
    source: ContextSource,
    provider: OnceCell<Provider>,
}

/// Where a browser is sent, and the cookie it takes along.
pub(crate) struct Begun {
    pub(crate) location: String,
    pub(crate) visit: Visit,
}

/// The credential of whoever came back, and for how many seconds it holds.
pub(crate) struct Ended {
    pub(crate) token: String,
    pub(crate) lifetime: Option<u64>,
    pub(crate) to: String,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    /// Whoever comes back did not leave from here, or too long ago.
    #[error("the sign-in was not begun by this browser")]
    NotBegun,
    /// The provider sent the person back without a code.
    #[error("the provider said {0:?}")]
    Refused(String),
    /// The provider's answers do not fit together.
    #[error("the provider's token cannot be used: {0}")]
    Claims(#[from] claims::ClaimsError),
    /// The provider could not be asked.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

impl Oidc {
    /// None when no provider is configured.
    ///
    /// # Errors
    /// When the configuration does not make sense, or the file with the secret cannot be read.
    pub(crate) fn new(config: &Config, source: ContextSource) -> Result<Option<Self>, BuildError> {
        if config.issuer.is_empty() {
            return Ok(None);
        }
        config.check().map_err(BuildError::Config)?;
        let secret = config.secret()?;
        Ok(Some(Self { config: config.clone(), secret, source, provider: OnceCell::new() }))
    }

    /// What the page calls the provider.
    pub(crate) fn name(&self) -> &str {
        if self.config.name.is_empty() { &self.config.issuer } else { &self.config.name }
    }

    async fn provider(&self) -> Result<&Provider, ProviderError> {
        self.provider.get_or_try_init(|| Provider::discover(&self.config.issuer)).await
    }

    /// Sends a person to the provider, who comes back to `callback` and then goes on to the page `to`.
    ///
    /// # Errors
    /// When the provider does not say where people sign in.
    pub(crate) async fn begin(&self, callback: &str, to: &str) -> Result<Begun, SignInError> {
        let visit = Visit::new(&self.source, to);
        let location = self.provider().await?.authorization(&self.config, &visit, callback);
        Ok(Begun { location, visit })
    }

    /// Turns what the provider sent the person back with into their credential.
    ///
    /// # Errors
    /// When this browser did not begin the sign-in, or the provider does not vouch for it.
    pub(crate) async fn end(
        &self,
        headers: &HeaderMap,
        query: &str,
        callback: &str,
    ) -> Result<Ended, SignInError> {
        let visit = Visit::read(headers).ok_or(SignInError::NotBegun)?;
        let code = visit.code(query, &self.config.issuer)?;
        let tokens =
            self.provider().await?.exchange(&self.config, &self.secret, &code, &visit, callback).await?;
        let now = self.source.now().micros() / 1_000_000;
        let expires = claims::check(&tokens.id_token, &self.config, &visit.nonce, now)?;
        let (token, lifetime) = match self.config.credential {
            Credential::IdToken => (tokens.id_token, u64::try_from(expires - now).ok()),
            Credential::AccessToken => (tokens.access_token, tokens.expires_in),
        };
        Ok(Ended { token, lifetime, to: visit.to })
    }
}
