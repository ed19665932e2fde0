//! The demonstration: one goal from plan to proof, on a stack of its own that is gone afterwards.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use assent_core::Timestamp;
use assent_metrics::Metrics;
use assent_proto::approval::v1::SubmitForApprovalRequest;
use assent_proto::execution::v1::{Artifact, Execution};
use assent_proto::planner::v1::EstimatePlanRequest;
use assent_proto::review::v1::{ApprovalDecision, PlanReviewSession};
use assent_proto::risk::v1::AssessPlanRequest;
use assent_runtime::config::LogFormat;
use assent_runtime::{stop_signal, telemetry};

use super::{artifacts, audit, decide, plan, review, run};
use crate::app::{App, session};
use crate::client::{Client, Target, ask};
use crate::execution::{self, Steps, Told, state_name, verdict};
use crate::failure::{Exit, stop};
use crate::follow;
use crate::output::{Line, Tone, clean_lines, decode, elapsed, level, plain, size, toned};
use crate::review::{Answer, action_plan, details, prompt};
use crate::stack::{ADMIN, AGENT, DEV, DevSettings, LEAD, Stack, token_file};

const GOAL: &str =
    "Create a Python script that connects to our PostgreSQL database and exports user data to CSV";
const KEYS: &str = "[A]pprove  [R]eject  [?]Details  [Q]uit";
/// Lines of the generated file that are shown.
const HEAD: usize = 16;
/// Longest time that the demonstration waits for a machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent demo --yes --keep")]
pub(crate) struct Demo {
    /// Decide as the demo lead instead of asking
    #[arg(short, long)]
    yes: bool,
    /// Keep the data directory, and say where it is
    #[arg(long)]
    keep: bool,
}

impl Demo {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let directory = tempfile::Builder::new().prefix("assent-demo-").tempdir()?;
        let mut settings = DevSettings::below(directory.path(), SocketAddr::from(([127, 0, 0, 1], 0)));
        settings.telemetry.log = "warn".to_owned();
        settings.telemetry.format = LogFormat::Text;
        assent_runtime::install_tls();
        let guard = telemetry::init(&settings.telemetry, "demo")?;
        let stack = Stack::start(settings, directory.path(), app.source.clone(), Metrics::default()).await?;
        let story = Story::new(app, directory.path(), stack.address())?;
        let told = tokio::select! {
            told = story.tell(self.yes) => told,
            () = stop_signal() => Err(stop(Exit::Failure, "interrupted")),
        };
        let stopped = stack.shutdown().await;
        guard.flush().await;
        if self.keep {
            let path = directory.keep();
            app.console.print([plain(format!("kept: {}", path.display()))])?;
        } else {
            directory.close().context("the temporary directory cannot be removed")?;
        }
        told.and(stopped)
    }
}

/// Those who take part.
struct Story<'a> {
    app: &'a App,
    agent: Client,
    lead: Client,
    admin: Client,
    address: SocketAddr,
}

impl<'a> Story<'a> {
    fn new(app: &'a App, directory: &Path, address: SocketAddr) -> anyhow::Result<Self> {
        let client =
            |person| Client::new(&Target::plain(format!("http://{address}"), token_file(directory, person)));
        Ok(Self { app, agent: client(AGENT)?, lead: client(LEAD)?, admin: client(ADMIN)?, address })
    }

    fn print(&self, lines: impl IntoIterator<Item = Line>) -> anyhow::Result<()> {
        Ok(self.app.console.print(lines)?)
    }

    fn chapter(&self, title: &str) -> anyhow::Result<()> {
        self.print([Line::default(), toned(title, Tone::Bold)])
    }

    async fn tell(&self, yes: bool) -> anyhow::Result<()> {
        self.print([
            toned(format!("All services run in this process, on http://{}.", self.address), Tone::Dim),
            plain(format!("USER: {GOAL}")),
        ])?;
        self.plan().await?;
        let waiting = self.submit().await?;
        if !self.decide(&waiting, yes).await? {
            return Ok(());
        }
        self.execute(&waiting).await?;
        self.prove(&waiting).await
    }

    async fn plan(&self) -> anyhow::Result<()> {
        self.chapter("STEP 1: PLANNING")?;
        let (plan, _) = plan::create(&self.agent, GOAL.to_owned()).await?;
        let request = ask(EstimatePlanRequest { plan: Some(plan.clone()) });
        let expected = self.agent.planner().estimate_plan(request).await?.into_inner().estimate;
        let request = ask(AssessPlanRequest { plan: Some(plan.clone()) });
        let risk = self.agent.risk().assess_plan(request).await?.into_inner().risk;
        self.print(action_plan(&plan, expected.as_ref(), risk.as_ref()))
    }

    async fn submit(&self) -> anyhow::Result<PlanReviewSession> {
        self.chapter("STEP 2: APPROVAL")?;
        let request = ask(SubmitForApprovalRequest {
            goal: GOAL.to_owned(),
            on_behalf_of: DEV.id.to_owned(),
            ..Default::default()
        });
        let answer = self.agent.gate().submit_for_approval(request).await?.into_inner();
        let submitted = answer.session.ok_or_else(|| stop(Exit::Failure, "the answer holds no session"))?;
        self.print([plain(format!("{} submits it for {}; it waits for a person.", AGENT.id, DEV.id))])?;
        session(&self.lead, &submitted.id).await
    }

    /// Whether the plan may run.
    async fn decide(&self, waiting: &PlanReviewSession, yes: bool) -> anyhow::Result<bool> {
        let asks = !yes && self.app.console.interactive();
        self.print(review::print_screen(self.app, waiting, if asks { KEYS } else { "" }))?;
        if !asks {
            let why = if yes { "--yes" } else { "no terminal to ask at" };
            let text = format!("Decided here as the demo lead, {} ({why}): approve.", LEAD.id);
            self.print([toned(text, Tone::Warn)])?;
        }
        loop {
            let answer = if asks { prompt(&self.app.console, KEYS).await? } else { Answer::Approve };
            match answer {
                Answer::Approve => {
                    let reason = "reviewed in the demonstration".to_owned();
                    let answer =
                        decide::approve(&self.lead, decide::seen(waiting), reason, String::new()).await?;
                    self.print(decide::approved(&answer))?;
                    return Ok(true);
                }
                Answer::Reject(reason) => {
                    let answer =
                        decide::reject(&self.lead, decide::seen(waiting), reason, String::new()).await?;
                    self.print(decide::rejected(&answer))?;
                    self.print([plain("Nothing runs, and the audit keeps why. That is all.")])?;
                    return Ok(false);
                }
                Answer::Details => self.print(details(waiting))?,
                Answer::Modify | Answer::Quit => {
                    self.print([plain("Nothing was decided, so nothing runs.")])?;
                    return Ok(false);
                }
            }
        }
    }

    async fn execute(&self, waiting: &PlanReviewSession) -> anyhow::Result<()> {
        self.chapter("STEP 3: EXECUTION")?;
        let steps = Steps::of(waiting.plan.as_ref());
        let work = execution::follow(&self.agent, &waiting.id, &steps, |told| match told {
            Told::Line(line) => self.print([line]),
            Told::Progress(_) => Ok(()),
        });
        let ended = tokio::time::timeout(PATIENCE, work)
            .await
            .map_err(|_| stop(Exit::Failure, "the execution takes too long"))??;
        self.print([Line::default(), verdict(&ended)])?;
        execution::must_complete(&ended)
    }

    async fn prove(&self, waiting: &PlanReviewSession) -> anyhow::Result<()> {
        self.chapter("STEP 4: ARTIFACTS & AUDIT")?;
        let files = artifacts::list(&self.agent, &waiting.id).await?.artifacts;
        for file in &files {
            self.print([plain(format!(
                "• File: {} ({}, sha256 {})",
                file.path,
                size(file.size),
                file.digest
            ))])?;
        }
        if let Some(file) = files.first() {
            let content = artifacts::download(&self.agent, file).await?;
            self.print(head(&String::from_utf8_lossy(&content)))?;
        }
        let ended = self.audited(waiting).await?;
        let decided = follow::decision(&self.admin, &self.app.source, &waiting.id, Some(PATIENCE)).await?;
        let result = audit::verify(&self.admin, &waiting.id).await?;
        self.print([Line::default(), plain("Audit: ").joined(&audit::verdict(&result))])?;
        if !result.intact {
            return Err(stop(Exit::Failure, "the audit chain is broken"));
        }
        let entry = Summary::of(waiting, &ended, decided.decision.as_ref(), &files);
        self.print(clean_lines(&serde_json::to_string_pretty(&entry)?).map(plain))
    }

    /// The execution, once its end stands in the audit: that is told by an event and takes a moment.
    async fn audited(&self, waiting: &PlanReviewSession) -> anyhow::Result<Execution> {
        let end: Timestamp = self.app.source.now().after(PATIENCE);
        while self.app.source.now() < end {
            let entries = audit::entries(&self.admin, &waiting.id).await?;
            if entries.iter().any(|e| e.action.starts_with("execution.") && e.action != "execution.started") {
                return run::get(&self.admin, &waiting.id).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(stop(Exit::Failure, "the end of the execution does not reach the audit"))
    }
}

fn head(text: &str) -> Vec<Line> {
    let count = text.lines().count();
    let mut lines: Vec<_> =
        clean_lines(text).take(HEAD).map(|line| toned(format!("  │ {line}"), Tone::Dim)).collect();
    if count > HEAD {
        lines.push(toned(format!("  │ … {} more lines", count - HEAD), Tone::Dim));
    }
    lines
}

/// The workflow in one record.
#[derive(serde::Serialize)]
struct Summary<'a> {
    workflow_id: &'a str,
    user_query: &'a str,
    plan_risk: &'a str,
    plan_digest: &'a str,
    approved_by: &'a str,
    approved_at: Option<Timestamp>,
    execution_time_ms: Option<u128>,
    artifacts: Vec<&'a str>,
    status: &'a str,
}

impl<'a> Summary<'a> {
    fn of(
        waiting: &'a PlanReviewSession,
        ended: &'a Execution,
        decision: Option<&'a ApprovalDecision>,
        files: &'a [Artifact],
    ) -> Self {
        let took = elapsed(ended.start_time.as_ref(), ended.end_time.as_ref());
        let approver = decision.and_then(|d| d.decided_by.as_ref());
        Self {
            workflow_id: &waiting.id,
            user_query: GOAL,
            plan_risk: level(waiting.risk.as_ref().map_or(0, |r| r.level)).0,
            plan_digest: &waiting.digest,
            approved_by: approver.map(|a| a.id.as_str()).unwrap_or_default(),
            approved_at: decode(decision.and_then(|d| d.decide_time.as_ref())),
            execution_time_ms: took.map(|t| t.as_millis()),
            artifacts: files.iter().map(|f| f.path.as_str()).collect(),
            status: state_name(ended.state),
        }
    }
}
