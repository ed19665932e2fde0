//! Changing the plan of a session in a text editor.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use assent_plan::{Edit as PlanEdit, Plan, edits_between};
use assent_proto::plan::v1::{Edit as EditPb, Plan as PlanPb, PlanConflicts, PlanVersion};
use assent_proto::versioning::v1::{ApplyEditsRequest, GetVersionRequest, PreviewEditsRequest};
use assent_rpc::convert::{Wire as _, list_to_pb};
use prost::Message as _;
use tonic::Status;

use crate::app::App;
use crate::client::{Client, ask};
use crate::failure::{Exit, explain, stop};
use crate::output::{Tone, plain, toned};
use crate::plan_file;
use crate::review::{changes, conflicts};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: EDITOR=nano assent plan edit ses_0190163d8694739aaea5966c26f8ad91")]
pub(crate) struct Edit {
    /// The session
    session: String,
    /// Take the changed plan from this file instead of an editor (- for stdin)
    #[arg(short, long, value_name = "PLAN")]
    file: Option<PathBuf>,
    /// The version that the file was made from; the newest when not given
    #[arg(long, value_name = "N", requires = "file")]
    base: Option<i32>,
    /// Why
    #[arg(short, long, default_value = "")]
    message: String,
    /// Do not ask before the new version is made
    #[arg(short, long)]
    yes: bool,
}

impl Edit {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let shown = version(&client, &self.session, self.base).await?;
        let Some(file) = self.file else {
            return edit_in_editor(app, &client, &shown, &self.message, self.yes).await;
        };
        if !self.yes && !app.console.interactive() {
            return Err(stop(Exit::Usage, "nobody can be asked here: use --yes"));
        }
        let edits = edits_of(&shown, plan_file::read(&file)?)?;
        propose(app, &client, &shown, &edits, &self.message, self.yes).await.map(drop)
    }
}

/// One version; the newest when no number is given.
pub(super) async fn version(
    client: &Client,
    session: &str,
    number: Option<i32>,
) -> anyhow::Result<PlanVersion> {
    let request = ask(GetVersionRequest { session_id: session.to_owned(), version_number: number });
    let version = client.versioning().get_version(request).await?.into_inner().version;
    version.ok_or_else(|| stop(Exit::Failure, "the server's answer holds no version"))
}

/// Opens the plan in the caller's editor and makes a version of what comes back.
pub(super) async fn edit_in_editor(
    app: &App,
    client: &Client,
    shown: &PlanVersion,
    message: &str,
    yes: bool,
) -> anyhow::Result<()> {
    if !app.console.interactive() {
        return Err(stop(Exit::Usage, "there is no terminal for an editor: use --file and --yes"));
    }
    let plan = shown.plan.as_ref().ok_or_else(|| stop(Exit::Failure, "the version holds no plan"))?;
    let file = tempfile::Builder::new().prefix("assent-plan-").suffix(".yaml").tempfile()?;
    let head = format!(
        "# The plan of {}, version {}. What you save becomes a new version, after you have seen what it changes.\n",
        shown.session_id, shown.version_number
    );
    std::fs::write(file.path(), head + &plan_file::write(plan)?)?;
    let path = file.into_temp_path();
    loop {
        open_editor(&path)?;
        let made = match plan_file::read(&path).and_then(|plan| edits_of(shown, plan)) {
            Ok(edits) => propose(app, client, shown, &edits, message, yes).await,
            Err(error) => Err(error),
        };
        let error = match made {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match error.downcast_ref::<Status>() {
            Some(status) => app.console.say(explain(status)),
            None => app.console.say([toned("error: ", Tone::Bad).then(format!("{error:#}"), Tone::Plain)]),
        }
        let again = app.console.ask(&toned("[E]dit again or [Q]uit?", Tone::Bold)).await?;
        if !again.is_some_and(|answer| answer.eq_ignore_ascii_case("e")) {
            let kept = path.keep()?;
            app.console.say([plain(format!("your text is kept in {}", kept.display()))]);
            return Err(error);
        }
    }
}

fn open_editor(path: &Path) -> anyhow::Result<()> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| std::env::var(name).ok());
    let editor =
        named.into_iter().find(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    // Through the shell, because the variable may hold arguments, as in `code --wait`.
    let script = format!("{editor} \"$1\"");
    let status = Command::new("sh").args(["-c", &script, "editor"]).arg(path).status();
    let status = status.with_context(|| format!("cannot start the editor {editor}"))?;
    if status.success() { Ok(()) } else { Err(stop(Exit::Failure, format!("the editor {editor} failed"))) }
}

/// What leads from the version that was shown to `changed`.
fn edits_of(shown: &PlanVersion, changed: PlanPb) -> anyhow::Result<Vec<PlanEdit>> {
    let read = |plan: PlanPb| {
        Plan::from_pb(plan, "plan").map_err(|violations| {
            let told: Vec<_> = violations.iter().map(|v| format!("{}: {}", v.field, v.description)).collect();
            stop(Exit::Usage, format!("the plan cannot be read: {}", told.join("; ")))
        })
    };
    Ok(edits_between(&read(shown.plan.clone().unwrap_or_default())?, &read(changed)?))
}

/// Shows what the edits would do, asks, and makes the version; false when it was not wanted.
async fn propose(
    app: &App,
    client: &Client,
    shown: &PlanVersion,
    edits: &[PlanEdit],
    message: &str,
    yes: bool,
) -> anyhow::Result<bool> {
    if edits.is_empty() {
        app.console.say([toned("nothing was changed", Tone::Dim)]);
        return Ok(false);
    }
    let edits: Vec<EditPb> = list_to_pb(edits);
    let (session_id, base_version) = (shown.session_id.clone(), shown.version_number);
    let preview = PreviewEditsRequest { session_id: session_id.clone(), base_version, edits: edits.clone() };
    let preview = client.versioning().preview_edits(ask(preview)).await;
    let preview = preview.map_err(|status| told(app, status))?.into_inner();
    app.console.say(changes(&preview.comparison.unwrap_or_default()));
    if let Some(head) = preview.merged_from {
        app.console.say([plain(format!("somebody else made version {head}; your edits are merged into it"))]);
    }
    if !yes {
        let answer = app.console.ask(&toned("Make this version? [y/N]", Tone::Bold)).await?;
        if !answer.is_some_and(|answer| matches!(answer.to_lowercase().as_str(), "y" | "yes")) {
            app.console.say([toned("no version was made", Tone::Dim)]);
            return Ok(false);
        }
    }
    let request = ApplyEditsRequest {
        session_id,
        base_version,
        edits,
        change_description: message.to_owned(),
        request_id: app.source.new_uuid().to_string(),
    };
    let answer = client.editor().apply_edits(ask(request)).await.map_err(|status| told(app, status))?;
    let version = answer.into_inner().version.unwrap_or_default();
    app.console.message(&version, || made(&version))?;
    Ok(true)
}

/// What is said of a new version.
pub(super) fn made(version: &PlanVersion) -> Vec<crate::output::Line> {
    let text =
        format!("version {} was made; votes for earlier ones do not count for it", version.version_number);
    vec![plain(text), toned(format!("  digest {}", version.digest), Tone::Dim)]
}

/// A refusal, after its conflicts have been shown.
fn told(app: &App, status: Status) -> anyhow::Error {
    let rich = tonic_types::pb::Status::decode(status.details()).unwrap_or_default();
    let detail = rich.details.iter().find(|any| any.type_url.ends_with("/assent.plan.v1.PlanConflicts"));
    if let Some(found) = detail.and_then(|any| PlanConflicts::decode(any.value.as_slice()).ok()) {
        app.console.say(conflicts(&found));
    }
    status.into()
}
