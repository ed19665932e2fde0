//! What can be configured.

use serde::{Deserialize, Serialize};

/// The section `service`. A channel without its address or secret is off; the inbox is always on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where people see a session, e.g. `https://assent.example.com/sessions/{session}`; no links when empty.
    pub session_url: String,
    /// Folder with the secrets of the channels, one a file: `smtp_password`, `slack_token` (of a bot),
    /// `slack_webhook_url` (of a room), `slack_signing_secret` (for buttons), `teams_webhook_url`. A file that is
    /// not there is a secret that is not needed.
    pub secrets_dir: String,
    /// Folder with templates `NAME.j2` that replace those of Assent.
    pub templates_dir: String,
    /// Ids of users who are told of alarms: damaged versions, grants that do not match.
    pub alarm_recipients: Vec<String>,

    /// Mail server; no mail when empty.
    pub smtp_host: String,
    /// Its port.
    pub smtp_port: u16,
    /// How the connection is protected.
    pub smtp_tls: SmtpTls,
    /// PEM file with the authority of the server's certificate; the usual ones when empty.
    pub smtp_ca_file: String,
    /// User at the mail server; none when empty.
    pub smtp_user: String,
    /// Sender, e.g. `Assent <assent@example.com>`.
    pub email_from: String,

    /// Slack's Web API; another one for a gateway.
    pub slack_api_url: String,
    /// Address and port where Slack's interactions are taken (path `/slack/actions`); no buttons when empty.
    pub slack_listen: String,

    /// Endpoint that gets a post for everybody who is told; none when empty.
    pub webhook_url: String,
    /// File with the secrets that sign the posts, one a line (Standard Webhooks: `whsec_` and base64 of at least 24
    /// bytes). Needed where there is an endpoint.
    pub webhook_secret_file: String,

    /// Hosts, by name or address, that may be posted to although their addresses are not public.
    pub allowed_private_hosts: Vec<String>,
    /// Seconds that one attempt may take.
    pub attempt_timeout_seconds: u64,
    /// Attempts of one channel at the same time, per replica.
    pub channel_concurrency: usize,
    /// How often a delivery is tried before it is given up.
    pub max_attempts: u32,
    /// Seconds before the second attempt; they double with each further one, up to an hour.
    pub first_retry_seconds: u64,
    /// Failures in a row after which a channel is left alone.
    pub breaker_failures: u32,
    /// Seconds for which it is.
    pub breaker_seconds: u64,

    /// Seconds between two messages to a person about the same session, unless they hurry; 0 for none.
    pub aggregation_seconds: u64,
    /// Seconds between two digests of what does not hurry; 0 for no digests.
    pub digest_seconds: u64,
    /// Most messages to a person over one channel within an hour; urgent ones come on top.
    pub hourly_cap: u32,
    /// Seconds before the end of the time to decide at which those who can are told, at most a quarter of that time;
    /// 0 for never.
    pub expiring_soon_seconds: u64,

    /// Days for which notifications and deliveries are kept, read or not; what is still to be sent stays.
    pub keep_days: u32,
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// Plain at first, then TLS, or nothing is sent (usually port 587).
    Starttls,
    /// TLS from the start (usually port 465).
    Implicit,
    /// Not at all: for a relay on the same machine.
    None,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session_url: String::new(),
            secrets_dir: String::new(),
            templates_dir: String::new(),
            alarm_recipients: Vec::new(),
            smtp_host: String::new(),
            smtp_port: 587,
            smtp_tls: SmtpTls::Starttls,
            smtp_ca_file: String::new(),
            smtp_user: String::new(),
            email_from: "Assent <assent@localhost>".to_owned(),
            slack_api_url: "https://slack.com/api".to_owned(),
            slack_listen: String::new(),
            webhook_url: String::new(),
            webhook_secret_file: String::new(),
            allowed_private_hosts: Vec::new(),
            attempt_timeout_seconds: 10,
            channel_concurrency: 16,
            max_attempts: 8,
            first_retry_seconds: 5,
            breaker_failures: 5,
            breaker_seconds: 30,
            aggregation_seconds: 60,
            digest_seconds: 900,
            hourly_cap: 30,
            expiring_soon_seconds: 3600,
            keep_days: 90,
        }
    }
}
