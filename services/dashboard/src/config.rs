//! What can be configured.

use serde::{Deserialize, Serialize};

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
}
