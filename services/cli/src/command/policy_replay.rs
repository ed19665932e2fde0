use std::path::PathBuf;

use assent_proto::approval::v1::ListSessionsRequest;
use assent_proto::plan::v1::Plan;
use assent_proto::risk::v1::{PolicyChange, PolicyChangeSummary, ReplayPolicyRequest, ReplayPolicyResponse};
use assent_proto::versioning::v1::GetVersionRequest;

use super::policy::read;
use crate::app::App;
use crate::client::{Client, ask};
use crate::output::{Line, Tone, level, plain, toned};
use crate::plan_file;

#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// The policy to try
    policy: PathBuf,
    /// Plans to try it on; those of the newest sessions when absent
    plans: Vec<PathBuf>,
    /// How many sessions to take
    #[arg(long, default_value_t = 100, value_name = "NUMBER", conflicts_with = "plans")]
    sessions: u16,
}

impl Replay {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let text = read(&self.policy)?;
        let client = app.client()?;
        let plans = if self.plans.is_empty() {
            stored(&client, usize::from(self.sessions.clamp(1, 1000))).await?
        } else {
            self.plans.iter().map(|path| plan_file::read(path)).collect::<anyhow::Result<_>>()?
        };
        if plans.is_empty() {
            app.console.say([toned("there is no session whose plan could be tried", Tone::Dim)]);
            return Ok(());
        }
        let request = ReplayPolicyRequest { text, plans };
        let replayed = client.risk().replay_policy(ask(request)).await?.into_inner();
        app.console.message(&replayed, || told(&replayed))
    }
}

/// Plans of the newest sessions.
async fn stored(client: &Client, most: usize) -> anyhow::Result<Vec<Plan>> {
    let mut request = ListSessionsRequest::default();
    let mut plans = Vec::new();
    while plans.len() < most {
        request.page_size = i32::try_from(most - plans.len()).unwrap_or(i32::MAX);
        let page = client.gate().list_sessions(ask(request.clone())).await?.into_inner();
        for session in page.sessions {
            // Lists show no items.
            let request =
                GetVersionRequest { session_id: session.id, version_number: Some(session.current_version) };
            let version = client.versioning().get_version(ask(request)).await?.into_inner().version;
            plans.extend(version.and_then(|version| version.plan));
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    plans.truncate(most);
    Ok(plans)
}

fn told(replayed: &ReplayPolicyResponse) -> Vec<Line> {
    let mut lines: Vec<Line> = replayed.changes.iter().flat_map(change).collect();
    lines.extend(replayed.summary.iter().map(|summary| plain(summed_up(summary))));
    lines
}

fn change(change: &PolicyChange) -> Vec<Line> {
    let ((from, _), (to, tone)) = (level(change.from_level), level(change.to_level));
    let mut lines =
        vec![toned(format!("{from} → {to}"), tone).then(format!("  {}", change.goal), Tone::Plain)];
    let factors = |sign: &str, factors: &[assent_proto::plan::v1::RiskFactor]| {
        let line = |factor: &assent_proto::plan::v1::RiskFactor| {
            plain(format!("  {sign} {}: {}", factor.code, factor.explanation))
        };
        factors.iter().map(line).collect::<Vec<_>>()
    };
    lines.extend(factors("+", &change.factors_added));
    lines.extend(factors("-", &change.factors_removed));
    if change.requirement_changed {
        lines.push(plain("  other people would have to agree, or in another way"));
    }
    lines
}

fn summed_up(summary: &PolicyChangeSummary) -> String {
    format!(
        "{} plans: {} raised, {} lowered, {} for other reasons; {} more and {} fewer could run without a person",
        summary.plans,
        summary.raised,
        summary.lowered,
        summary.reasons_changed,
        summary.newly_auto_approvable,
        summary.no_longer_auto_approvable,
    )
}
