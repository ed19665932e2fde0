use assent_proto::executor::v1::{ListToolsRequest, Tool};

use crate::app::App;
use crate::client::ask;
use crate::output::table;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent tools")]
pub(crate) struct Tools {}

impl Tools {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let tools = app.client()?.executor().list_tools(ask(ListToolsRequest {})).await?.into_inner();
        if !app.console.for_people() {
            return app.console.message(&tools, Vec::new);
        }
        let rows: Vec<_> = tools.tools.iter().map(row).collect();
        Ok(app.console.text(&table(&["TOOL", "READY", "WHAT IT DOES"], &rows))?)
    }
}

fn row(tool: &Tool) -> Vec<String> {
    let ready = if tool.ready { "yes".to_owned() } else { format!("no: {}", tool.problem) };
    vec![tool.name.clone(), ready, tool.description.clone()]
}
