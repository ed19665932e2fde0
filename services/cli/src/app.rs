//! What every command works with.

use assent_core::ContextSource;
use assent_proto::approval::v1::GetSessionRequest;
use assent_proto::review::v1::PlanReviewSession;

use crate::client::{Client, Target, ask};
use crate::failure::{Exit, stop};
use crate::output::Console;

/// The terminal, the server to talk to, and the time.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) console: Console,
    pub(crate) target: Target,
    pub(crate) source: ContextSource,
}

impl App {
    /// Clients in the name of the caller.
    ///
    /// # Errors
    /// When address or token cannot be used.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.target)
    }
}

/// Reads a session.
///
/// # Errors
/// As the server says.
pub(crate) async fn session(client: &Client, id: &str) -> anyhow::Result<PlanReviewSession> {
    let request = ask(GetSessionRequest { session_id: id.to_owned(), ..Default::default() });
    let session = client.gate().get_session(request).await?.into_inner().session;
    session.ok_or_else(|| stop(Exit::Failure, "the server's answer holds no session"))
}
