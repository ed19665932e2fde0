use anyhow::Context as _;
use assent_plan::catalog::SideEffects;
use assent_plan::{Map, RiskLevel, Span};
use assent_proto::executor::v1::{DescribeMcpServerRequest, ListToolsRequest, McpTool, Tool};
use assent_rpc::convert::Wire as _;
use serde::Serialize;

use crate::app::App;
use crate::client::ask;
use crate::output::table;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples: assent tools
          assent tools mcp files    entries for the catalog, of the tools of an MCP server")]
pub(crate) struct Tools {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// What an MCP server of the executor has, as entries for the catalog
    Mcp {
        /// Its name in service.mcp_servers
        server: String,
    },
}

/// An entry of the catalog, to be looked at by whoever adds it.
#[derive(Serialize)]
struct Entry {
    name: String,
    description: String,
    schema: Map,
    side_effects: SideEffects,
    idempotent: bool,
    reversible: bool,
    default_timeout: Span,
    typical_duration: Span,
    default_risk: RiskLevel,
    mcp: Pinned,
}

#[derive(Serialize)]
struct Pinned {
    server: String,
    tool: String,
    digest: String,
}

impl Tools {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        if let Some(What::Mcp { server }) = self.what {
            return describe(app, server).await;
        }
        let tools = app.client()?.executor().list_tools(ask(ListToolsRequest {})).await?.into_inner();
        if !app.console.for_people() {
            return app.console.message(&tools, Vec::new);
        }
        let rows: Vec<_> = tools.tools.iter().map(row).collect();
        Ok(app.console.text(&table(&["TOOL", "READY", "WHAT IT DOES"], &rows))?)
    }
}

async fn describe(app: &App, server: String) -> anyhow::Result<()> {
    let request = ask(DescribeMcpServerRequest { server: server.clone() });
    let found = app.client()?.executor().describe_mcp_server(request).await?.into_inner();
    if !app.console.for_people() {
        return app.console.message(&found, Vec::new);
    }
    let entries: Vec<Entry> =
        found.tools.into_iter().map(|tool| entry(&server, tool)).collect::<anyhow::Result<_>>()?;
    let text = serde_saphyr::to_string(&entries).context("the entries cannot be written")?;
    Ok(app.console.text(&text)?)
}

/// What the server says is a hint: whatever it does not call read-only may change anything and is of high risk.
fn entry(server: &str, tool: McpTool) -> anyhow::Result<Entry> {
    let McpTool { name, description, schema, digest, read_only, idempotent } = tool;
    Ok(Entry {
        name: format!("{server}_{name}").replace('-', "_"),
        description: description.lines().next().unwrap_or_default().to_owned(),
        schema: Map::from_pb(schema.unwrap_or_default(), "schema")
            .map_err(|_| anyhow::anyhow!("the schema of {name} cannot be read"))?,
        side_effects: if read_only { SideEffects::Read } else { SideEffects::External },
        idempotent: idempotent || read_only,
        reversible: read_only,
        default_timeout: Span::from_secs(60),
        typical_duration: Span::from_secs(1),
        default_risk: if read_only { RiskLevel::Medium } else { RiskLevel::High },
        mcp: Pinned { server: server.to_owned(), tool: name, digest },
    })
}

fn row(tool: &Tool) -> Vec<String> {
    let ready = if tool.ready { "yes".to_owned() } else { format!("no: {}", tool.problem) };
    vec![tool.name.clone(), ready, tool.description.clone()]
}
