//! What can be configured.

use serde::{Deserialize, Serialize};

use crate::oidc;

/// The section `service`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where people reach the dashboard, e.g. `https://assent.example.com`. Requests that change something must come
    /// from pages of that origin, and with `https` the cookie is for TLS only. Empty: the origin that the browser itself
    /// names as its target.
    pub public_url: String,
    /// Folder with a web UI that is served in the place of the one in the program; that one when empty.
    pub assets_dir: String,
    /// Address of the page of a trace, with `{trace_id}` in the place of its id, e.g.
    /// `https://jaeger.example.com/trace/{trace_id}`. Empty: executions have no link to their trace.
    pub trace_url: String,
    /// How people sign in with their browser's provider.
    pub oidc: oidc::Config,
}
