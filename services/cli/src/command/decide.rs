use assent_plan::{Condition, Money};
use assent_proto::approval::v1::{
    ApproveRequest, ApproveResponse, BreakGlassRequest, RejectRequest, RejectResponse,
};
use assent_proto::review::v1::PlanReviewSession;
use assent_rpc::convert::list_to_pb;

use super::review::print_screen;
use crate::app::{App, session};
use crate::client::{Client, ask};
use crate::failure::{Exit, stop};
use crate::output::{Line, Tone, plain, toned};
use crate::review::{is_open, state_name};

/// What was seen, and is therefore decided on.
#[derive(Debug, clap::Args)]
struct Seen {
    /// The session
    session: String,
    /// The version that you saw; without it the plan is shown first
    #[arg(long, requires = "digest", value_name = "NUMBER")]
    version: Option<i32>,
    /// The digest that you saw
    #[arg(long, requires = "version", value_name = "DIGEST")]
    digest: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assent approve ses_0190163d8694739aaea5966c26f8ad91 --reason \"reads only\"\n  \
                  assent approve ses_0190163d8694739aaea5966c26f8ad91 --items code_gen,check --condition max-cost=5\n\n\
                  Conditions: max-cost=DOLLARS, not-before=TIME, not-after=TIME, dry-run-first, expression=CEL"
)]
pub(crate) struct Approve {
    #[command(flatten)]
    seen: Seen,
    /// Why
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// In whose place, where that person delegated to you
    #[arg(long = "for", value_name = "USER", default_value = "", hide_default_value = true)]
    delegator: String,
    /// Approve these items only
    #[arg(long, value_delimiter = ',', value_name = "ITEM,…")]
    items: Vec<String>,
    /// What the execution must keep to; may be given several times
    #[arg(long = "condition", value_name = "CONDITION", value_parser = condition)]
    conditions: Vec<Condition>,
}

/// A condition as people write it: `max-cost=5`, `dry-run-first`, `not-after=2030-01-31T18:00:00Z`.
fn condition(text: &str) -> Result<Condition, String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let json = match name {
        "max-cost" => {
            let limit: Money =
                value.parse().map_err(|e: assent_plan::money::ParseMoneyError| e.to_string())?;
            return Ok(Condition::MaxCost(limit));
        }
        "dry-run-first" if value.is_empty() => return Ok(Condition::DryRunFirst),
        "not-before" => serde_json::json!({ "not_before": value }),
        "not-after" => serde_json::json!({ "not_after": value }),
        "expression" => serde_json::json!({ "expression": value }),
        _ => {
            let known = "max-cost=DOLLARS, not-before=TIME, not-after=TIME, dry-run-first or expression=CEL";
            return Err(format!("expected {known}"));
        }
    };
    let condition = Condition::of_json(&json).map_err(|e| e.to_string())?;
    condition.check().map(|()| condition).map_err(|e| e.to_string())
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: assent reject ses_0190163d8694739aaea5966c26f8ad91 --reason \"exports too much\""
)]
pub(crate) struct Reject {
    #[command(flatten)]
    seen: Seen,
    /// Why
    #[arg(long)]
    reason: String,
    /// In whose place, where that person delegated to you
    #[arg(long = "for", value_name = "USER", default_value = "", hide_default_value = true)]
    delegator: String,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: assent break-glass ses_0190163d8694739aaea5966c26f8ad91 --reason \"the site is down\""
)]
pub(crate) struct BreakGlass {
    #[command(flatten)]
    seen: Seen,
    /// Why it cannot wait
    #[arg(long)]
    reason: String,
}

impl Seen {
    /// Version and digest: those given, or those of the plan that is shown and confirmed now.
    async fn confirmed(
        self,
        app: &App,
        client: &Client,
        verb: &str,
    ) -> anyhow::Result<(String, i32, String)> {
        if let (Some(version), Some(digest)) = (self.version, self.digest) {
            return Ok((self.session, version, digest));
        }
        if !self.yes && !app.console.interactive() {
            let text = "nobody can be asked here: give --version and --digest as they were seen, or --yes";
            return Err(stop(Exit::Usage, text));
        }
        let shown = session(client, &self.session).await?;
        app.console.say(print_screen(app, &shown, ""));
        // A decided session is refused by the server, which says why.
        if !self.yes && is_open(&shown) {
            let question =
                toned(format!("{verb} version {} of this plan? [y/N]", shown.current_version), Tone::Bold);
            let answer = app.console.ask(&question).await?.unwrap_or_default();
            if !matches!(answer.to_lowercase().as_str(), "y" | "yes") {
                return Err(stop(Exit::Failure, "nothing was decided"));
            }
        }
        Ok((shown.id, shown.current_version, shown.digest))
    }
}

impl Approve {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let seen = self.seen.confirmed(app, &client, "Approve").await?;
        let (session_id, version, digest) = seen;
        let request = ask(ApproveRequest {
            session_id,
            version,
            digest,
            reason: self.reason,
            items: self.items,
            conditions: list_to_pb(&self.conditions),
            delegator: self.delegator,
        });
        let answer = client.gate().approve(request).await?.into_inner();
        app.console.message(&answer, || approved(&answer))
    }
}

impl Reject {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let seen = self.seen.confirmed(app, &client, "Reject").await?;
        let answer = reject(&client, seen, self.reason, self.delegator).await?;
        app.console.message(&answer, || rejected(&answer))
    }
}

impl BreakGlass {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let (session_id, version, digest) = self.seen.confirmed(app, &client, "Alone, approve").await?;
        let request =
            BreakGlassRequest { session_id, version, digest, reason: self.reason, request_id: String::new() };
        let answer = client.gate().break_glass(ask(request)).await?.into_inner();
        app.console.message(&answer, || {
            let state = answer.session.as_ref().map_or("UNKNOWN", |session| state_name(session.state));
            let review = format!("to be signed afterwards in {}", answer.after_review_session_id);
            vec![toned(state, Tone::Good), plain(review)]
        })
    }
}

pub(super) async fn approve(
    client: &Client,
    (session_id, version, digest): (String, i32, String),
    reason: String,
    delegator: String,
) -> anyhow::Result<ApproveResponse> {
    let request =
        ask(ApproveRequest { session_id, version, digest, reason, delegator, ..Default::default() });
    Ok(client.gate().approve(request).await?.into_inner())
}

pub(super) async fn reject(
    client: &Client,
    (session_id, version, digest): (String, i32, String),
    reason: String,
    delegator: String,
) -> anyhow::Result<RejectResponse> {
    let request = ask(RejectRequest { session_id, version, digest, reason, delegator });
    Ok(client.gate().reject(request).await?.into_inner())
}

/// What a session asks to be decided on.
pub(super) fn seen(session: &PlanReviewSession) -> (String, i32, String) {
    (session.id.clone(), session.current_version, session.digest.clone())
}

pub(super) fn approved(answer: &ApproveResponse) -> Vec<Line> {
    let state = answer.session.as_ref().map_or("UNKNOWN", |s| state_name(s.state));
    if answer.approvals_missing > 0 {
        return vec![plain(format!(
            "approved by you; {state}: approvals still missing: {}",
            answer.approvals_missing
        ))];
    }
    let mut lines = vec![toned(state, Tone::Good)];
    let decision = answer.session.as_ref().and_then(|session| session.decision.as_ref());
    for (what, items) in [
        ("approved", decision.map(|d| d.approved_items.join(", "))),
        ("rejected", decision.map(|d| d.rejected_items.join(", "))),
        ("skipped", decision.map(|d| d.skipped_items.join(", "))),
    ] {
        // Which items matters only where not all of them are.
        let whole = decision.is_none_or(|d| d.rejected_items.is_empty() && d.skipped_items.is_empty());
        if let Some(items) = items.filter(|items| !items.is_empty() && !whole) {
            lines.push(toned(format!("{what:<10}"), Tone::Dim).joined(&plain(items)));
        }
    }
    lines
}

pub(super) fn rejected(answer: &RejectResponse) -> Vec<Line> {
    vec![toned(answer.session.as_ref().map_or("UNKNOWN", |s| state_name(s.state)), Tone::Bad)]
}
