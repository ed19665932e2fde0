use assent_proto::approval::v1::{
    AuditEntry, ListEntriesRequest, ListEntriesResponse, VerifyRequest, VerifyResponse,
};
use serde_json::Value;

use crate::app::App;
use crate::client::{Client, ask};
use crate::failure::{Exit, stop};
use crate::output::{Line, Tone, moment, table, to_json, toned};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent audit verify ses_0190163d8694739aaea5966c26f8ad91")]
pub(crate) struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List who did what, oldest first
    Show {
        /// The session
        session: String,
    },
    /// Recompute the chain of entries; fails when one was changed
    Verify {
        /// The session
        session: String,
    },
}

impl Audit {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        match self.action {
            Action::Show { session } => {
                let entries = ListEntriesResponse {
                    entries: entries(&client, &session).await?,
                    next_page_token: String::new(),
                };
                if !app.console.for_people() {
                    return app.console.message(&entries, Vec::new);
                }
                let rows: Vec<_> = entries.entries.iter().map(row).collect();
                Ok(app
                    .console
                    .text(&table(&["#", "TIME", "ACTION", "BY", "CREDENTIAL", "DETAILS"], &rows))?)
            }
            Action::Verify { session } => {
                let result = verify(&client, &session).await?;
                app.console.message(&result, || vec![verdict(&result)])?;
                if result.intact { Ok(()) } else { Err(stop(Exit::Failure, "the audit chain is broken")) }
            }
        }
    }
}

/// Every entry of a session.
pub(super) async fn entries(client: &Client, session: &str) -> anyhow::Result<Vec<AuditEntry>> {
    let mut request =
        ListEntriesRequest { session_id: session.to_owned(), page_size: 1000, ..Default::default() };
    let mut entries = Vec::new();
    loop {
        let page = client.audit().list_entries(ask(request.clone())).await?.into_inner();
        entries.extend(page.entries);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(entries);
        }
    }
}

pub(super) async fn verify(client: &Client, session: &str) -> anyhow::Result<VerifyResponse> {
    let request = ask(VerifyRequest { session_id: session.to_owned() });
    Ok(client.audit().verify(request).await?.into_inner())
}

pub(super) fn verdict(result: &VerifyResponse) -> Line {
    if result.intact {
        let text = format!("intact: {} entries, head {}", result.entries, result.head_digest);
        return toned("✓ ", Tone::Good).then(text, Tone::Plain);
    }
    toned("✗ ", Tone::Bad)
        .then(format!("broken at entry {}: {}", result.broken_at, result.problem), Tone::Plain)
}

fn row(entry: &AuditEntry) -> Vec<String> {
    let by = entry.actor.as_ref().map(|a| a.id.clone()).unwrap_or_default();
    vec![
        entry.sequence.to_string(),
        moment(entry.time.as_ref()),
        entry.action.clone(),
        by,
        entry.credential.clone(),
        particulars(entry),
    ]
}

/// The simple values of the details, as `key=value`.
fn particulars(entry: &AuditEntry) -> String {
    let Ok(Value::Object(json)) = to_json(entry) else { return String::new() };
    let Some(Value::Object(details)) = json.get("details") else { return String::new() };
    let shown = details.iter().filter_map(|(key, value)| match value {
        // Digests are in the JSON; here they would hide the rest.
        Value::String(text) if text.len() < 60 && !text.is_empty() => Some(format!("{key}={text}")),
        Value::Number(number) => Some(format!("{key}={number}")),
        Value::Bool(flag) => Some(format!("{key}={flag}")),
        _ => None,
    });
    shown.collect::<Vec<_>>().join(" ")
}
