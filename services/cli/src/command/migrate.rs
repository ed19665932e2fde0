use std::path::PathBuf;

use anyhow::Context as _;
use assent_runtime::telemetry;

use crate::app::App;
use crate::failure::{Exit, stop};
use crate::output::{Tone, toned};
use crate::stack::{self, DevSettings, Sources};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent migrate --set database.url=postgres://assent@localhost/assent")]
pub(crate) struct Migrate {
    /// Directory of the databases where no other url is configured
    #[arg(long, default_value = ".assent", value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    sources: Sources,
}

impl Migrate {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let anywhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = DevSettings::below(&self.data, anywhere).load(&self.sources);
        let settings = settings.map_err(|error| stop(Exit::Usage, format!("configuration: {error}")))?;
        assent_runtime::install_tls();
        let guard = telemetry::init(&settings.telemetry, "migrate")?;
        let ended = stack::migrate(settings, app.source.clone()).await;
        guard.flush().await;
        ended.context("the databases are not up to date")?;
        app.console.say([toned("the databases of all services are up to date", Tone::Good)]);
        Ok(())
    }
}
