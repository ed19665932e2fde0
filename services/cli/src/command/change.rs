//! What is done about an open session beside deciding on it.

use assent_plan::Span;
use assent_proto::approval::v1::{
    CancelRequest, ExtendDeadlineRequest, ReassignRequest, RequestModificationRequest, ResubmitRequest,
    RevokeGrantRequest,
};
use assent_proto::review::v1::PlanReviewSession;
use assent_rpc::convert::Wire as _;

use super::decide::seen;
use crate::app::{App, session};
use crate::client::ask;
use crate::output::{Line, Tone, deadline, plain, toned};
use crate::plan_file;
use crate::review::state_name;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: assent cancel ses_0190163d8694739aaea5966c26f8ad91 --reason \"done by hand\""
)]
pub(crate) struct Cancel {
    /// The session
    session: String,
    /// Why
    #[arg(long)]
    reason: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent extend ses_0190163d8694739aaea5966c26f8ad91 2h")]
pub(crate) struct Extend {
    /// The session
    session: String,
    /// How much more time there is, e.g. 30m, 2h or 1d
    more: Span,
    /// Why
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent reassign ses_0190163d8694739aaea5966c26f8ad91 ada@example.com")]
pub(crate) struct Reassign {
    /// The session
    session: String,
    /// Who should look at it
    reviewer: String,
    /// Why
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: assent request-changes ses_0190163d8694739aaea5966c26f8ad91 \"drop item api_call\""
)]
pub(crate) struct RequestChanges {
    /// The session
    session: String,
    /// What is wrong, and what would be right
    feedback: String,
    /// Comments to answer; every open one when none is given
    #[arg(long = "comment", value_name = "COMMENT")]
    comments: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: assent resubmit ses_0190163d8694739aaea5966c26f8ad91 --message \"it is meant so\""
)]
pub(crate) struct Resubmit {
    /// The session
    session: String,
    /// To the reviewers
    #[arg(long, default_value = "", hide_default_value = true)]
    message: String,
    /// The plan in its place, as YAML or JSON
    #[arg(short, long, value_name = "FILE")]
    file: Option<std::path::PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: assent revoke ses_0190163d8694739aaea5966c26f8ad91 --reason \"wrong customer\""
)]
pub(crate) struct Revoke {
    /// The session
    session: String,
    /// Why
    #[arg(long)]
    reason: String,
}

impl Cancel {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let request =
            CancelRequest { session_id: self.session, reason: self.reason, request_id: String::new() };
        let answer = app.client()?.gate().cancel(ask(request)).await?.into_inner();
        told(app, answer.session)
    }
}

impl Extend {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let request = ExtendDeadlineRequest {
            session_id: self.session,
            extension: Some(self.more.to_pb()),
            reason: self.reason,
            ..Default::default()
        };
        let answer = app.client()?.gate().extend_deadline(ask(request)).await?.into_inner();
        told(app, answer.session)
    }
}

impl Reassign {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let request = ReassignRequest {
            session_id: self.session,
            reviewer: self.reviewer,
            reason: self.reason,
            request_id: String::new(),
        };
        let answer = app.client()?.gate().reassign(ask(request)).await?.into_inner();
        told(app, answer.session)
    }
}

impl RequestChanges {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let (session_id, version, digest) = seen(&session(&client, &self.session).await?);
        let request = RequestModificationRequest {
            session_id,
            version,
            digest,
            feedback: self.feedback,
            comment_ids: self.comments,
            request_id: String::new(),
        };
        let answer = client.gate().request_modification(ask(request)).await?.into_inner();
        told(app, answer.session)
    }
}

impl Resubmit {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let request = ResubmitRequest {
            session_id: self.session,
            message: self.message,
            plan: self.file.as_deref().map(plan_file::read).transpose()?,
            request_id: String::new(),
        };
        let answer = app.client()?.gate().resubmit(ask(request)).await?.into_inner();
        told(app, answer.session)
    }
}

impl Revoke {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let request =
            RevokeGrantRequest { session_id: self.session, reason: self.reason, request_id: String::new() };
        let answer = app.client()?.gate().revoke_grant(ask(request)).await?.into_inner();
        app.console.message(&answer, || vec![plain("the permission to execute is taken back")])
    }
}

fn told(app: &App, session: Option<PlanReviewSession>) -> anyhow::Result<()> {
    let session = session.unwrap_or_default();
    app.console.message(&session, || {
        let field = |name: &str| toned(format!("{name:<12}"), Tone::Dim);
        let mut lines: Vec<Line> = vec![field("state").then(state_name(session.state), Tone::Bold)];
        if session.decision.is_none() {
            let end = deadline(session.expire_time.as_ref(), app.source.now());
            lines.push(field("deadline").then(end, Tone::Plain));
        }
        if !session.assigned_reviewer.is_empty() {
            lines.push(field("reviewer").joined(&plain(&session.assigned_reviewer)));
        }
        lines
    })
}
