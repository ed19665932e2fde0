use assent_proto::approval::v1::StartReviewRequest;
use assent_proto::review::v1::PlanReviewSession;

use super::decide::{approve, approved, reject, rejected, seen};
use super::plan_edit::{edit_in_editor, version};
use crate::app::{App, session};
use crate::client::ask;
use crate::failure::{Exit, explain, stop};
use crate::output::{Line, Tone, toned};
use crate::review::{Answer, details, is_open, prompt, screen, state_name};

const KEYS: &str = "[A]pprove  [R]eject  [M]odify  [?]Details  [Q]uit";

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent show ses_0190163d8694739aaea5966c26f8ad91 --details")]
pub(crate) struct Show {
    /// The session
    session: String,
    /// Show everything that has an effect, and why the risk is what it is
    #[arg(long)]
    details: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent review ses_0190163d8694739aaea5966c26f8ad91")]
pub(crate) struct Review {
    /// The session
    session: String,
}

/// The lines of the review screen.
pub(super) fn print_screen(app: &App, session: &PlanReviewSession, keys: &str) -> Vec<Line> {
    screen(session, app.source.now(), app.console.columns(), keys).draw()
}

impl Show {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let session = session(&app.client()?, &self.session).await?;
        app.console.message(&session, || {
            let mut lines = print_screen(app, &session, "");
            if self.details {
                lines.extend(details(&session));
            }
            lines
        })?;
        if is_open(&session) && app.console.interactive() {
            app.console.say([toned(format!("decide: assent review {}", session.id), Tone::Dim)]);
        }
        Ok(())
    }
}

impl Review {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let shown = session(&client, &self.session).await?;
        if !app.console.interactive() {
            return Err(stop(Exit::Usage, "nobody can be asked here: use assent show, approve and reject"));
        }
        if !is_open(&shown) {
            app.console.say(print_screen(app, &shown, ""));
            return Err(stop(Exit::Conflict, format!("the session is decided: {}", state_name(shown.state))));
        }
        let started =
            client.gate().start_review(ask(StartReviewRequest { session_id: shown.id.clone() })).await;
        app.console.say(print_screen(app, &shown, KEYS));
        if let Err(status) = started {
            // Looking is allowed to everybody; whether a decision is will be said when it is made.
            app.console.say(explain(&status));
        }
        loop {
            match prompt(&app.console, KEYS).await? {
                Answer::Approve => {
                    let answer = approve(&client, seen(&shown), String::new(), String::new()).await?;
                    return app.console.message(&answer, || approved(&answer));
                }
                Answer::Reject(reason) => {
                    let answer = reject(&client, seen(&shown), reason, String::new()).await?;
                    return app.console.message(&answer, || rejected(&answer));
                }
                Answer::Details => app.console.say(details(&shown)),
                Answer::Modify => {
                    let seen = version(&client, &shown.id, Some(shown.current_version)).await?;
                    edit_in_editor(app, &client, &seen, "", false).await?;
                    app.console.say([toned(format!("look again: assent review {}", shown.id), Tone::Dim)]);
                    return Ok(());
                }
                Answer::Quit => {
                    app.console.say([toned("nothing was decided", Tone::Dim)]);
                    return Ok(());
                }
            }
        }
    }
}
