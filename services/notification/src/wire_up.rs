//! The channels that are configured.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use assent_runtime::BuildError;
use reqwest::{Client, Url};

use crate::channels::{Courier, Couriers, Email, Guard, Signing, Slack, Teams, Webhook, endpoint};
use crate::config::Config;
use crate::templates::Templates;

/// What is made of the configuration.
pub(crate) struct Ways {
    pub(crate) couriers: Couriers,
    pub(crate) buttons: Option<Buttons>,
}

/// Where buttons of Slack report to.
pub(crate) struct Buttons {
    pub(crate) address: SocketAddr,
    pub(crate) signing: Signing,
    pub(crate) guard: Guard,
    pub(crate) client: Client,
}

/// Opens every channel that has what it needs.
///
/// # Errors
/// Names what is missing or wrong.
pub(crate) fn open(config: &Config, templates: &Arc<Templates>) -> Result<Ways, BuildError> {
    if config.keep_days == 0 {
        return Err(invalid("service.keep_days must be at least 1"));
    }
    let guard = Guard::new(&config.allowed_private_hosts);
    let timeout = Duration::from_secs(config.attempt_timeout_seconds.max(1));
    let client = guard.client(timeout).map_err(invalid)?;
    let secret = |name| secret(&config.secrets_dir, name);
    let mut couriers: Vec<Arc<dyn Courier>> = Vec::new();

    if !config.smtp_host.is_empty() {
        let email = Email::new(config, secret("smtp_password")?, timeout, Arc::clone(templates));
        couriers.push(Arc::new(email.map_err(invalid)?));
    }
    let buttons = match config.slack_listen.as_str() {
        "" => None,
        address => {
            let signing = secret("slack_signing_secret")?.and_then(|text| Signing::new(&text));
            let signing = signing.ok_or_else(|| missing("slack_listen", "slack_signing_secret"))?;
            let address =
                address.parse().map_err(|_| invalid(format!("slack_listen is no address: {address}")))?;
            Some(Buttons { address, signing, guard: guard.clone(), client: client.clone() })
        }
    };
    let (token, room) = (secret("slack_token")?, secret("slack_webhook_url")?);
    if token.is_some() || room.is_some() {
        let api = config.slack_api_url.trim_end_matches('/');
        let method = url("slack_api_url", &format!("{api}/chat.postMessage"))?;
        couriers.push(Arc::new(Slack {
            client: client.clone(),
            guard: guard.clone(),
            bot: token.map(|token| (method, token)),
            room: room.map(|text| url("slack_webhook_url", &text)).transpose()?,
            with_votes: buttons.is_some(),
            templates: Arc::clone(templates),
        }));
    }
    let shared = secret("teams_webhook_url")?.map(|text| url("teams_webhook_url", &text)).transpose()?;
    // Without a workflow of its own it still reaches people who have one.
    couriers.push(Arc::new(Teams {
        client: client.clone(),
        guard: guard.clone(),
        shared,
        templates: Arc::clone(templates),
    }));
    match (config.webhook_url.as_str(), config.webhook_secret_file.as_str()) {
        ("", "") => {}
        (_, "") => return Err(missing("webhook_url", "webhook_secret_file")),
        (address, path) => {
            let secrets = read(Path::new(path))?;
            couriers.push(Arc::new(Webhook::new(address, &secrets, guard, client).map_err(invalid)?));
        }
    }
    Ok(Ways { couriers: Couriers::new(couriers), buttons })
}

/// A secret of the folder; none when it has no such file.
fn secret(folder: &str, name: &str) -> Result<Option<String>, BuildError> {
    let path = Path::new(folder).join(name);
    if folder.is_empty() || !path.exists() {
        return Ok(None);
    }
    let text = read(&path)?.trim().to_owned();
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn read(path: &Path) -> Result<String, BuildError> {
    std::fs::read_to_string(path)
        .map_err(|source| BuildError::File { path: path.display().to_string(), source })
}

fn url(key: &str, text: &str) -> Result<Url, BuildError> {
    // The address may be a secret.
    endpoint(text).ok_or_else(|| invalid(format!("{key} is no http or https address")))
}

fn missing(key: &str, needed: &str) -> BuildError {
    invalid(format!("{key} is set and {needed} is missing"))
}

fn invalid(problem: impl std::fmt::Display) -> BuildError {
    BuildError::Config(problem.to_string())
}
