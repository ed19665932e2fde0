use std::path::PathBuf;

use assent_plan::{Span, TimeoutAction};
use assent_proto::approval::v1::SubmitForApprovalRequest;
use assent_proto::review::v1::{ApprovalPriority, ApprovalRequestOptions, PlanReviewSession, SubmissionMode};
use assent_rpc::convert::{Wire as _, WireEnum as _};

use super::priority::Priority;
use super::wait;
use crate::app::App;
use crate::client::ask;
use crate::failure::{Exit, stop};
use crate::output::{Line, Tone, deadline, level, plain, toned};
use crate::plan_file;
use crate::review::{is_open, requirement, state_name};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent submit -f plan.yaml --mode by-risk --timeout 30m --wait")]
pub(crate) struct Submit {
    /// What to reach, in plain words
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    goal: Option<String>,
    /// Submit the plan in this file instead (- for stdin)
    #[arg(short, long, value_name = "PLAN")]
    file: Option<PathBuf>,
    /// How much review is wanted; HIGH and CRITICAL plans are reviewed in every mode
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Time to decide, e.g. 30m; the policy's when not given
    #[arg(long, value_name = "TIME")]
    timeout: Option<Span>,
    /// What happens when nobody decides in time: cancel, proceed, escalate, remind or hold; as the policy says when not
    /// given
    #[arg(long, value_name = "ACTION")]
    timeout_action: Option<TimeoutAction>,
    /// The whole plan is approved or nothing
    #[arg(long)]
    all_or_nothing: bool,
    /// Only tell what would happen
    #[arg(long, conflicts_with = "wait")]
    validate_only: bool,
    /// Only this user may decide; may be repeated
    #[arg(long = "approver", value_name = "USER")]
    approvers: Vec<String>,
    /// For the reviewers
    #[arg(long, default_value = "", hide_default_value = true)]
    message: String,
    /// How much it hurries
    #[arg(long, value_enum)]
    priority: Option<Priority>,
    /// The person for whom you act
    #[arg(long, value_name = "USER", default_value = "", hide_default_value = true)]
    on_behalf_of: String,
    /// UUID that makes it safe to submit again for 24 hours
    #[arg(long, value_name = "UUID", default_value = "", hide_default_value = true)]
    request_id: String,
    /// Wait for the decision and for the end of the execution
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Mode {
    /// A person decides
    Always,
    /// LOW plans run without a person where the policy allows that
    ByRisk,
    /// LOW and MEDIUM plans do
    Direct,
}

impl Submit {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let wait = self.wait;
        let answer = client.gate().submit_for_approval(ask(self.request()?)).await?.into_inner();
        let session =
            answer.session.ok_or_else(|| stop(Exit::Failure, "the server's answer holds no session"))?;
        if wait {
            // The outcome is the data then.
            app.console.say(summary(&session, app));
            return wait::through(app, &client, &session.id, None, true).await;
        }
        app.console.message(&session, || summary(&session, app))?;
        if is_open(&session) && !session.id.is_empty() {
            app.console
                .say([toned(format!("next: assent show {0}; assent wait {0}", session.id), Tone::Dim)]);
        }
        Ok(())
    }

    fn request(self) -> anyhow::Result<SubmitForApprovalRequest> {
        let mode = match self.mode {
            None => SubmissionMode::Unspecified,
            Some(Mode::Always) => SubmissionMode::ReviewAlways,
            Some(Mode::ByRisk) => SubmissionMode::ReviewByRisk,
            Some(Mode::Direct) => SubmissionMode::Direct,
        };
        let priority = self.priority.map_or(ApprovalPriority::Unspecified, Into::into);
        Ok(SubmitForApprovalRequest {
            goal: self.goal.unwrap_or_default(),
            plan: self.file.as_deref().map(plan_file::read).transpose()?,
            options: Some(ApprovalRequestOptions {
                approval_timeout: self.timeout.map(|span| span.to_pb()),
                authorized_approvers: self.approvers,
                reviewer_message: self.message,
                priority: priority.into(),
                timeout_action: self.timeout_action.map_or(0, |action| action.number()),
                allow_partial_approval: self.all_or_nothing.then_some(false),
                ..Default::default()
            }),
            mode: mode.into(),
            on_behalf_of: self.on_behalf_of,
            request_id: self.request_id,
            validate_only: self.validate_only,
            ..Default::default()
        })
    }
}

fn summary(session: &PlanReviewSession, app: &App) -> Vec<Line> {
    let field = |name: &str| toned(format!("{name:<12}"), Tone::Dim);
    let (name, tone) = level(session.risk.as_ref().map_or(0, |r| r.level));
    let mut lines = vec![
        field("session")
            .then(if session.id.is_empty() { "none: only tried" } else { &session.id }, Tone::Bold),
        field("state").then(state_name(session.state), Tone::Plain),
        field("risk").then(name, tone),
    ];
    if is_open(session) {
        if let Some(needed) = session.risk.as_ref().and_then(|r| r.requirement.as_ref()) {
            lines.push(field("needs").then(requirement(needed), Tone::Plain));
        }
        let end = deadline(session.expire_time.as_ref(), app.source.now());
        lines.push(field("deadline").then(end, Tone::Plain));
    } else if let Some(by) = session.decision.as_ref().and_then(|d| d.decided_by.as_ref()) {
        lines.push(field("decided by").joined(&plain(&by.id)));
    }
    lines
}
