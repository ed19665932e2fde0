//! Tools of MCP servers: the reference servers, over standard input and output and over HTTP.

use std::path::{Path, PathBuf};

use assent_executor::McpServer;
use assent_plan::{DependencyType, Plan, Rollback};
use assent_proto::execution::v1::{Execution, ExecutionState, WorkItemRunState as Run};
use assent_proto::executor::v1::{DescribeMcpServerRequest, ListToolsRequest, McpTool};
use assent_testkit::{Storage, both_storages};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::gate::{claims, sign};
use crate::rig::{Rig, assert_state, item, object, plan, run};
use crate::server::Server;

both_storages!(
    a_server_works_in_the_workspace_and_nowhere_else,
    a_server_is_called_over_http,
    a_tool_that_its_server_describes_otherwise_is_not_called,
    a_rollback_by_a_tool_that_its_server_describes_otherwise_is_not_gone,
    a_server_sees_the_environment_that_it_is_given,
    a_server_that_does_not_start_is_quoted,
);

/// Where the servers are installed.
fn installed() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = std::process::Command::new(root.join("tests/mcp/install.sh")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

fn script(name: &str) -> String {
    let path = installed().join("node_modules/@modelcontextprotocol").join(name).join("dist/index.js");
    path.to_str().unwrap().to_owned()
}

/// A server that is a program, with its packages in reach.
fn program(name: &str, arguments: &[&str]) -> McpServer {
    let rest = arguments.iter().map(|text| (*text).to_owned());
    McpServer {
        command: "node".to_owned(),
        args: [script(name)].into_iter().chain(rest).collect(),
        readable_paths: vec![installed().to_str().unwrap().to_owned()],
        ..McpServer::default()
    }
}

async fn with_server(storage: Storage, name: &str, server: McpServer) -> Rig {
    let mut rig = Rig::new(storage).await;
    rig.stop().await;
    rig.config.mcp_servers.insert(name.to_owned(), server);
    rig.secret("API_KEY", "swordfish");
    rig.start().await;
    rig
}

async fn described(rig: &Rig, server: &str) -> Vec<McpTool> {
    let request = DescribeMcpServerRequest { server: server.to_owned() };
    rig.client().describe_mcp_server(request).await.unwrap().into_inner().tools
}

/// Starts the rig anew with tools of `server` in its catalog, as `(name, tool, digest)`.
async fn with_tools(rig: &mut Rig, server: &str, tools: &[(&str, &str, String)]) {
    let entry = |(name, tool, digest): &(&str, &str, String)| {
        json!({
            "name": name, "description": name, "schema": { "type": "object" }, "side_effects": "external",
            "idempotent": true, "reversible": true, "default_timeout": "30s", "typical_duration": "1s",
            "mcp": { "server": server, "tool": tool, "digest": digest },
        })
    };
    let catalog = json!({ "extends": "builtin", "tools": tools.iter().map(entry).collect::<Vec<_>>() });
    rig.stop().await;
    rig.catalog(&catalog.to_string());
    rig.start().await;
}

fn digest(tools: &[McpTool], name: &str) -> String {
    tools.iter().find(|tool| tool.name == name).unwrap().digest.clone()
}

fn text(execution: &Execution, item: &str) -> String {
    let output = run(execution, item).output.clone().unwrap();
    match output.fields["text"].kind.clone() {
        Some(prost_types::value::Kind::StringValue(text)) => text,
        other => panic!("{other:?}"),
    }
}

async fn executed(rig: &Rig, plan: &Plan) -> Execution {
    let session = rig.approve(plan).await;
    rig.ended(session).await;
    rig.execution(session).await
}

async fn a_server_works_in_the_workspace_and_nowhere_else(storage: Storage) {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "hidden").unwrap();
    let shown = outside.path().to_str().unwrap();
    // It is told that it may read the other folder, too; the kernel knows better.
    let server = program("server-filesystem", &["{workspace}", shown]);
    let mut rig = with_server(storage, "files", server).await;
    let found = described(&rig, "files").await;
    let read = found.iter().find(|tool| tool.name == "read_text_file").unwrap();
    assert!(read.read_only && read.schema.as_ref().unwrap().fields.contains_key("properties"));
    let tools = [
        ("write_note", "write_file", digest(&found, "write_file")),
        ("read_note", "read_text_file", digest(&found, "read_text_file")),
    ];
    with_tools(&mut rig, "files", &tools).await;
    let listed = rig.client().list_tools(ListToolsRequest {}).await.unwrap().into_inner().tools;
    assert!(listed.iter().any(|tool| tool.name == "write_note" && tool.ready), "{listed:#?}");

    let write = item("write", "write_note", json!({ "path": "note.txt", "content": "hello" }));
    let read = item("read", "read_note", json!({ "path": "note.txt" }));
    let both = plan(vec![write, read], &[("write", "read", DependencyType::Dependency)]);
    let ended = executed(&rig, &both).await;
    assert_state(&ended, ExecutionState::Completed);
    assert_eq!(text(&ended, "read"), "hello");
    assert_eq!(run(&ended, "read").summary, "called read_note: hello");
    assert_eq!(std::fs::read_to_string(rig.workspace(&ended.id).join("note.txt")).unwrap(), "hello");

    for path in ["/etc/hostname".to_owned(), format!("{shown}/secret")] {
        let escape = item("escape", "read_note", json!({ "path": path }));
        let ended = executed(&rig, &plan(vec![escape], &[])).await;
        assert_state(&ended, ExecutionState::Failed);
        let error = &run(&ended, "escape").error;
        assert!(error.starts_with("MCP_FAILED: ") && !error.contains("hidden"), "{error}");
    }
    rig.stop().await;
}

/// A server on a port of loopback.
async fn listening() -> (Server, String) {
    let mut command = Command::new("node");
    command.arg("--import").arg(installed().join("loopback.mjs")).arg(script("server-everything"));
    command.arg("streamableHttp").env("PORT", "0");
    let (server, port) = Server::start(command, |line| line.strip_prefix("port ").map(str::to_owned)).await;
    (server, format!("http://127.0.0.1:{port}/mcp"))
}

async fn a_server_is_called_over_http(storage: Storage) {
    let (mut everything, url) = listening().await;
    let token_secret = "API_KEY".to_owned();
    let server = McpServer { url, token_secret, ..McpServer::default() };
    let mut rig = with_server(storage, "everything", server).await;
    let found = described(&rig, "everything").await;
    let tools = [
        ("echo", "echo", digest(&found, "echo")),
        ("weather", "get-structured-content", digest(&found, "get-structured-content")),
        ("image", "get-tiny-image", digest(&found, "get-tiny-image")),
    ];
    with_tools(&mut rig, "everything", &tools).await;
    let echo = item("echo", "echo", json!({ "message": "${items.weather.output.structured.conditions}" }));
    let weather = item("weather", "weather", json!({ "location": "New York" }));
    let both = plan(vec![weather, echo], &[("weather", "echo", DependencyType::Data)]);
    let ended = executed(&rig, &both).await;
    assert_state(&ended, ExecutionState::Completed);
    assert_eq!(text(&ended, "echo"), "Echo: Cloudy");

    let (ended, artifacts) = rig.execute(&plan(vec![item("draw", "image", json!({}))], &[])).await;
    assert_state(&ended, ExecutionState::Completed);
    let told: Vec<_> = artifacts.iter().map(|a| (a.path.as_str(), a.media_type.as_str())).collect();
    assert_eq!(told, [("draw/1.png", "image/png")]);

    everything.child.kill().await.unwrap();
    let echo = item("echo", "echo", json!({ "message": "hello" }));
    let ended = executed(&rig, &plan(vec![echo], &[])).await;
    let error = &run(&ended, "echo").error;
    assert!(error.starts_with("MCP_UNAVAILABLE: ") && !error.contains("swordfish"), "{error}");
    rig.stop().await;
}

async fn a_tool_that_its_server_describes_otherwise_is_not_called(storage: Storage) {
    let mut rig = with_server(storage, "files", program("server-filesystem", &["{workspace}"])).await;
    let found = described(&rig, "files").await;
    // What the catalog has pinned is the description of another tool, and one that is not there.
    let tools = [
        ("write_note", "write_file", digest(&found, "read_file")),
        ("lost", "no_such_tool", digest(&found, "read_file")),
    ];
    with_tools(&mut rig, "files", &tools).await;
    for dry_run in [false, true] {
        for tool in ["write_note", "lost"] {
            let write = item("write", tool, json!({ "path": "note.txt", "content": "hello" }));
            let plan = plan(vec![write], &[]);
            let session = rig.session();
            let mut claims = claims(&rig.source, session, &plan);
            if dry_run {
                claims.conditions.push(json!({ "dry_run_first": true }));
            }
            rig.gate.approve(&rig.source, session, &plan, sign(&claims, 1)).await;
            assert_eq!(rig.refusal(session).await.expect("no alarm").reason, "TOOL_CHANGED");
            let ended = rig.execution(session).await;
            assert_state(&ended, ExecutionState::Failed);
            assert!(!rig.workspace(&ended.id).join("note.txt").exists());
        }
    }
    rig.stop().await;
}

async fn a_rollback_by_a_tool_that_its_server_describes_otherwise_is_not_gone(storage: Storage) {
    let mut rig = with_server(storage, "files", program("server-filesystem", &["{workspace}"])).await;
    let found = described(&rig, "files").await;
    with_tools(&mut rig, "files", &[("write_note", "write_file", digest(&found, "read_file"))]).await;
    let undo = json!({ "path": "undone.txt", "content": "undone" });
    let mut done = item("done", "shell", json!({ "command": "touch done" }));
    done.rollback = Some(Rollback { tool: "write_note".to_owned(), arguments: object(undo) });
    let items = vec![done, item("fails", "shell", json!({ "command": "false" }))];
    let plan = plan(items, &[("done", "fails", DependencyType::Dependency)]);
    for dry_run in [false, true] {
        let session = rig.session();
        let mut claims = claims(&rig.source, session, &plan);
        if dry_run {
            claims.conditions.push(json!({ "dry_run_first": true }));
        }
        rig.gate.approve(&rig.source, session, &plan, sign(&claims, 1)).await;
        let refused = rig.refusal(session).await.expect("no alarm");
        assert_eq!(refused.reason, "TOOL_CHANGED");
        assert!(refused.message.contains("`write_note`"), "{}", refused.message);
        let ended = rig.execution(session).await;
        let workspace = rig.workspace(&ended.id);
        assert!(!workspace.join("undone.txt").exists());
        if dry_run {
            assert_state(&ended, ExecutionState::Failed);
            assert!(!workspace.join("done").exists(), "it began without a way back");
        } else {
            assert_state(&ended, ExecutionState::RollbackFailed);
            assert_eq!(run(&ended, "done").state(), Run::RollbackFailed);
            assert!(run(&ended, "done").error.starts_with("TOOL_CHANGED: "), "{ended:#?}");
        }
    }
    rig.stop().await;
}

async fn a_server_sees_the_environment_that_it_is_given(storage: Storage) {
    let mut server = program("server-everything", &["stdio"]);
    server.environment = vec!["CARGO_PKG_NAME".to_owned()];
    server.secrets.insert("EVERYTHING_KEY".to_owned(), "API_KEY".to_owned());
    let mut rig = with_server(storage, "everything", server).await;
    let found = described(&rig, "everything").await;
    with_tools(&mut rig, "everything", &[("environment", "get-env", digest(&found, "get-env"))]).await;
    let ended = executed(&rig, &plan(vec![item("env", "environment", json!({}))], &[])).await;
    assert_state(&ended, ExecutionState::Completed);
    let said = text(&ended, "env");
    assert!(!said.contains("swordfish"));
    let seen: Value = serde_json::from_str(&said).unwrap();
    let seen = seen.as_object().unwrap();
    assert_eq!(seen["CARGO_PKG_NAME"], "assent-executor");
    assert_eq!(seen["EVERYTHING_KEY"], assent_plan::redact::REDACTED);
    for name in ["CARGO_MANIFEST_DIR", "USER", "SSH_AUTH_SOCK", "ASSENT_TOOLS"] {
        assert!(!seen.contains_key(name), "{name}");
    }
    rig.stop().await;
}

async fn a_server_that_does_not_start_is_quoted(storage: Storage) {
    let mut server = program("server-filesystem", &[]);
    server.args =
        vec!["-e".to_owned(), "console.error('out of ' + process.env.KEY); process.exit(1)".to_owned()];
    server.secrets.insert("KEY".to_owned(), "API_KEY".to_owned());
    let mut rig = with_server(storage, "broken", server).await;
    let request = DescribeMcpServerRequest { server: "broken".to_owned() };
    let error = rig.client().describe_mcp_server(request).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::Unavailable);
    assert!(error.message().contains("it says: out of "), "{error:?}");
    assert!(!error.message().contains("swordfish"), "{error:?}");
    let request = DescribeMcpServerRequest { server: "other".to_owned() };
    assert_eq!(rig.client().describe_mcp_server(request).await.unwrap_err().code(), tonic::Code::NotFound);
    rig.stop().await;
}
