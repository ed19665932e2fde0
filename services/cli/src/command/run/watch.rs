use super::{cost, get};
use crate::app::{App, session};
use crate::execution::{self, Steps, Told, must_complete, verdict};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent run watch ses_0190163d8694739aaea5966c26f8ad91")]
pub(super) struct Watch {
    /// The session
    session: String,
}

impl Watch {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let plan = session(&client, &self.session).await?.plan;
        let steps = Steps::of(plan.as_ref());
        let people = app.console.for_people();
        let followed = execution::follow(&client, &self.session, &steps, |told| {
            match told {
                Told::Line(line) => {
                    app.console.status(None);
                    if people {
                        app.console.print([line])?;
                    } else {
                        app.console.say([line]);
                    }
                }
                Told::Progress(bar) => app.console.status(Some(&bar)),
            }
            Ok(())
        });
        let followed = followed.await;
        app.console.status(None);
        followed?;
        let ended = get(&client, &self.session).await?;
        app.console.message(&ended, || vec![verdict(&ended), cost(&ended)])?;
        must_complete(&ended)
    }
}
