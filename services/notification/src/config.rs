//! What can be configured.

use serde::{Deserialize, Serialize};

/// The section `service`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Endpoint that every notification is posted to, beside the inboxes; none when empty.
    pub webhook_url: String,
    /// File with the secret that signs the posts (Standard Webhooks: `whsec_` and base64 of at least 24 bytes).
    /// Needed where there is an endpoint.
    pub webhook_secret_file: String,
    /// How often a post is tried before it is given up.
    pub max_attempts: u32,
    /// Seconds before the second attempt; they double with each further one, up to an hour.
    pub first_retry_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            webhook_url: String::new(),
            webhook_secret_file: String::new(),
            max_attempts: 8,
            first_retry_seconds: 5,
        }
    }
}
