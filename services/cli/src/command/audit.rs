use std::path::{Path, PathBuf};

use anyhow::Context as _;
use assent_core::Digest;
use assent_evidence::{Jwk, Jwks, log};
use assent_proto::approval::v1::{
    AuditEntry, ExportEvidenceRequest, ExportRequest, GetKeysRequest, GetTreeHeadRequest, ListEntriesRequest,
    ListEntriesResponse, TreeHead, VerifyRequest, VerifyResponse, VerifyingKey,
};
use assent_proto::json::from_json;
use serde_json::Value;
use tonic::Request;

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
    #[command(visible_alias = "log")]
    Show {
        /// The session
        session: String,
    },
    /// Recompute the chain of entries; fails when one was changed
    Verify {
        /// The session
        session: String,
    },
    /// Write one JSON record per session: what was asked, who allowed it, what came of it
    Export {
        /// Only this session; all without it
        session: Option<String>,
    },
    /// Write the evidence bundle of a session: one file that `assent verify bundle` checks without any server
    Bundle {
        /// The session
        session: String,
        /// Where to; stdout without it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Print the public keys that sign grants, tree heads and bundles, as JWKS
    Keys,
    /// Show the newest signed head of the log over all sessions; keep it to prove later that the log only grew
    Head {
        /// A head that was kept, as JSON; fails when the log is not a continuation of it
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
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
            Action::Export { session } => export(app, &client, session.unwrap_or_default()).await,
            Action::Bundle { session, out } => bundle(app, &client, session, out.as_deref()).await,
            Action::Keys => keys(app, &client).await,
            Action::Head { since } => head(app, &client, since.as_deref()).await,
        }
    }
}

async fn export(app: &App, client: &Client, session_id: String) -> anyhow::Result<()> {
    let request = ExportRequest { session_id, ..Default::default() };
    // As long as it takes: the stream ends by itself.
    let mut records = client.audit().export(Request::new(request)).await?.into_inner();
    while let Some(answer) = records.message().await? {
        app.console.row(&to_json(&answer.record.unwrap_or_default())?)?;
    }
    Ok(())
}

async fn bundle(app: &App, client: &Client, session_id: String, out: Option<&Path>) -> anyhow::Result<()> {
    let request = ExportEvidenceRequest { session_id };
    let mut chunks = client.audit().export_evidence(Request::new(request)).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.message().await? {
        bytes.extend(chunk.data);
    }
    let Some(path) = out else { return Ok(app.console.bytes(&bytes)?) };
    std::fs::write(path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    app.console.say([toned(format!("{} bytes in {}", bytes.len(), path.display()), Tone::Dim)]);
    Ok(())
}

async fn keys(app: &App, client: &Client) -> anyhow::Result<()> {
    let keys = client.gate().get_keys(ask(GetKeysRequest {})).await?.into_inner().keys;
    let read = |key: VerifyingKey| {
        Some(Jwk::new(key.key_id.parse().ok()?, &key.public_key.as_slice().try_into().ok()?))
    };
    let set = Jwks { keys: keys.into_iter().filter_map(read).collect() };
    // For programs in every format: it is what `assent verify bundle --keys` reads.
    Ok(app.console.text(&format!("{}\n", serde_json::to_string_pretty(&set)?))?)
}

async fn head(app: &App, client: &Client, since: Option<&Path>) -> anyhow::Result<()> {
    let kept: Option<TreeHead> = match since {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the head {}", path.display()))?;
            Some(from_json(serde_json::from_str(&text)?)?)
        }
        None => None,
    };
    let known_size = kept.as_ref().map_or(0, |head| head.tree_size);
    let request = GetTreeHeadRequest { tree_size: 0, known_size };
    let answer = client.audit().get_tree_head(ask(request)).await?.into_inner();
    let head = answer.head.unwrap_or_default();
    if let Some(kept) = &kept
        && !continues(kept, &head, &answer.consistency_proof)
    {
        return Err(stop(Exit::Failure, "the log is no continuation of the head that was kept"));
    }
    app.console.message(&head, || {
        let size = format!("{} entries, root {}", head.tree_size, head.root_digest);
        let signed = format!(", signed {}", moment(head.sign_time.as_ref()));
        vec![toned("✓ ", Tone::Good).then(size, Tone::Plain).then(signed, Tone::Dim)]
    })
}

/// Whether the log of `head` begins with the log of `kept`.
fn continues(kept: &TreeHead, head: &TreeHead, proof: &[String]) -> bool {
    let read = || {
        let proof: Vec<Digest> = proof.iter().map(|d| d.parse().ok()).collect::<Option<_>>()?;
        let (old, new) = (kept.root_digest.parse().ok()?, head.root_digest.parse().ok()?);
        let (from, to) = (u64::try_from(kept.tree_size).ok()?, u64::try_from(head.tree_size).ok()?);
        Some(log::is_consistent(from, &old, to, &new, &proof))
    };
    read().unwrap_or(false)
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
        let text = format!(
            "intact: {} entries, {} under a signed tree head, head {}",
            result.entries, result.logged_entries, result.head_digest
        );
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
