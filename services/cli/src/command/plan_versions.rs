//! Looking at the versions of a plan, and going back to one.

use assent_proto::versioning::v1::{CompareVersionsRequest, ListVersionsRequest, RestoreVersionRequest};

use super::plan_edit::{made, version};
use crate::app::App;
use crate::client::ask;
use crate::output::{level, moment, table};
use crate::review::changes;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent plan diff ses_0190163d8694739aaea5966c26f8ad91 1 3")]
pub(crate) struct Diff {
    /// The session
    session: String,
    /// The version to start from
    from: i32,
    /// The version to arrive at; the newest when not given
    to: Option<i32>,
}

impl Diff {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let to_version = match self.to {
            Some(number) => number,
            None => version(&client, &self.session, None).await?.version_number,
        };
        let request =
            CompareVersionsRequest { session_id: self.session, from_version: self.from, to_version };
        let answer = client.versioning().compare_versions(ask(request)).await?.into_inner();
        let comparison = answer.comparison.unwrap_or_default();
        app.console.message(&comparison, || changes(&comparison))
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent plan log ses_0190163d8694739aaea5966c26f8ad91")]
pub(crate) struct Log {
    /// The session
    session: String,
    /// Most versions to show
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    limit: i32,
}

impl Log {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let request = ListVersionsRequest {
            session_id: self.session,
            page_size: self.limit,
            page_token: String::new(),
            brief: false,
        };
        let page = client.versioning().list_versions(ask(request)).await?.into_inner();
        if !app.console.for_people() {
            return app.console.message(&page, Vec::new);
        }
        let rows = page.versions.iter().map(|version| {
            vec![
                version.version_number.to_string(),
                moment(version.create_time.as_ref()),
                version.modified_by.as_ref().map(|author| author.id.clone()).unwrap_or_default(),
                level(version.risk.as_ref().map_or(0, |risk| risk.level)).0.to_owned(),
                version.changes.len().to_string(),
                version.change_description.clone(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        Ok(app.console.text(&table(&["VERSION", "MADE", "AUTHOR", "RISK", "CHANGES", "WHY"], &rows))?)
    }
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent plan restore ses_0190163d8694739aaea5966c26f8ad91 1")]
pub(crate) struct Restore {
    /// The session
    session: String,
    /// The version whose plan comes back, as a new version
    version: i32,
    /// Why
    #[arg(short, long, default_value = "")]
    message: String,
}

impl Restore {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let head = version(&client, &self.session, None).await?;
        let request = RestoreVersionRequest {
            session_id: self.session,
            version_number: self.version,
            base_version: head.version_number,
            change_description: self.message,
            request_id: app.source.new_uuid().to_string(),
        };
        let answer = client.versioning().restore_version(ask(request)).await?.into_inner();
        let version = answer.version.unwrap_or_default();
        app.console.message(&version, || made(&version))
    }
}
