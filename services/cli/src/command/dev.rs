use std::net::SocketAddr;
use std::path::PathBuf;

use assent_metrics::Metrics;
use assent_runtime::{config, stop_signal, telemetry};

use crate::app::App;
use crate::failure::{Exit, stop};
use crate::output::{Tone, plain, toned};
use crate::stack::{self, DevSettings, Sources, Stack, token_file};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent dev --data /tmp/assent --set telemetry.log=debug\n\n\
Configuration comes from defaults, then the file, then ASSENT_<SECTION>__<KEY> variables, then --set.")]
pub(crate) struct Dev {
    /// Loopback address and port; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:7100", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Directory of everything that is kept
    #[arg(long, default_value = ".assent", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    sources: Sources,
    /// Print the configuration that would be used, and end
    #[arg(long)]
    print_config: bool,
}

impl Dev {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let settings = DevSettings::below(&self.data, self.listen).load(&self.sources);
        let settings = settings.map_err(|error| stop(Exit::Usage, format!("configuration: {error}")))?;
        if self.print_config {
            return Ok(app.console.text(&config::print(&settings)?)?);
        }
        assent_runtime::install_tls();
        let guard = telemetry::init(&settings.telemetry, "dev")?;
        let ended = Box::pin(self.serve(app, settings, guard.metrics().clone())).await;
        guard.flush().await;
        ended
    }

    async fn serve(&self, app: &App, settings: DevSettings, metrics: Metrics) -> anyhow::Result<()> {
        let stack = Stack::start(settings, &self.data, app.source.clone(), metrics).await?;
        let tokens = self.data.join("tokens");
        let lead = token_file(&self.data, stack::LEAD);
        app.console.say([
            toned(format!("assent serves on http://{}", stack.address()), Tone::Bold),
            plain(format!("  tokens: {} (dev, lead, admin, admin2, agent)", tokens.display())),
            plain(format!(
                "  export ASSENT_SERVER=http://{} ASSENT_TOKEN_FILE={}",
                stack.address(),
                lead.display()
            )),
            plain(format!(
                "  dashboard: open http://{} in a browser, and sign in with a token",
                stack.address()
            )),
            toned(
                "  for development only: fixed identities, tokens in files, no TLS, this machine only",
                Tone::Warn,
            ),
        ]);
        tokio::select! {
            () = stop_signal() => app.console.say([toned("stopping; once more to stop at once", Tone::Dim)]),
            () = stack.stopped().cancelled_owned() => {}
        }
        tokio::select! {
            ended = stack.shutdown() => ended,
            () = stop_signal() => Err(stop(Exit::Failure, "stopped at once")),
        }
    }
}
