use assent_proto::approval::v1::GetCallerRequest;
use assent_proto::types::v1::ActorKind;

use crate::app::App;
use crate::client::ask;
use crate::failure::{Exit, stop};
use crate::output::{Tone, state, toned};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent whoami --token-file .assent/tokens/lead")]
pub(crate) struct Whoami {}

impl Whoami {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let answer = app.client()?.directory().get_caller(ask(GetCallerRequest {})).await?.into_inner();
        let caller =
            answer.caller.ok_or_else(|| stop(Exit::Failure, "the server's answer holds no caller"))?;
        app.console.message(&caller, || {
            let kind = ActorKind::try_from(caller.kind).unwrap_or_default().as_str_name();
            let field = |name: &str| toned(format!("{name:<8}"), Tone::Dim);
            vec![
                field("id").then(&caller.id, Tone::Bold),
                field("kind").then(state(kind, "ACTOR_KIND_").to_lowercase(), Tone::Plain),
                field("name").then(&caller.name, Tone::Plain),
                field("roles").then(caller.roles.join(", "), Tone::Plain),
                field("groups").then(caller.groups.join(", "), Tone::Plain),
            ]
        })
    }
}
