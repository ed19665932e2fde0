use assent_proto::approval::v1::ListPendingSessionsRequest;

use crate::app::App;
use crate::client::ask;
use crate::output::{Tone, level, moment, table, toned};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent pending --limit 10")]
pub(crate) struct Pending {
    /// Most sessions to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000), value_name = "NUMBER")]
    limit: i32,
}

impl Pending {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let request = ListPendingSessionsRequest { page_size: self.limit, ..Default::default() };
        let found = app.client()?.gate().list_pending_sessions(ask(request)).await?.into_inner();
        if !app.console.for_people() {
            return app.console.message(&found, Vec::new);
        }
        let row = |pending: &assent_proto::approval::v1::PendingSession| {
            let session = pending.session.clone().unwrap_or_default();
            vec![
                session.id.clone(),
                level(session.risk.as_ref().map_or(0, |risk| risk.level)).0.to_owned(),
                session.requester.map(|requester| requester.id).unwrap_or_default(),
                moment(session.expire_time.as_ref()),
                session.plan.map(|plan| plan.goal).unwrap_or_default(),
                pending.why.clone(),
            ]
        };
        let rows: Vec<_> = found.sessions.iter().map(row).collect();
        app.console.text(&table(&["SESSION", "RISK", "REQUESTER", "DEADLINE", "GOAL", "WHY"], &rows))?;
        if !found.next_page_token.is_empty() {
            app.console.say([toned(format!("there are more than {}; see --limit", self.limit), Tone::Dim)]);
        }
        Ok(())
    }
}
