//! From the domain to the messages of the contract. Nothing is read back: callers say nothing about executions.

use assent_proto::execution::v1 as pb;
use assent_proto::executor::v1::McpTool;
use assent_rpc::convert::{Wire as _, WireEnum as _};
use assent_rpc::wire_enum;

use crate::domain::control::Order;
use crate::domain::schedule::Runs;
use crate::domain::{Execution, ExecutionState, Run, RunState};
use crate::store::artifacts::Artifact;
use crate::tools::mcp::Described;

wire_enum!(ExecutionState => pb::ExecutionState {
    Pending,
    Running,
    Completed,
    Failed,
    RollingBack,
    RolledBack,
    RollbackFailed,
    Cancelled,
    Paused,
    Waiting,
});
wire_enum!(Order => pb::ExecutionOrder {
    Pause,
    Cancel,
    Rollback,
});
wire_enum!(RunState => pb::WorkItemRunState {
    Pending,
    Running,
    Retrying,
    Succeeded,
    Failed,
    Skipped,
    RolledBack,
    RollbackFailed,
    Held,
    RollingBack,
});

/// An execution without its runs.
pub(crate) fn execution(execution: &Execution) -> pb::Execution {
    pb::Execution {
        id: execution.id.to_string(),
        session_id: execution.session.to_string(),
        version: execution.version,
        digest: execution.digest.to_string(),
        state: execution.state.number(),
        runs: Vec::new(),
        create_time: Some(execution.created_at.to_pb()),
        start_time: execution.started_at.map(|at| at.to_pb()),
        end_time: execution.ended_at.map(|at| at.to_pb()),
        error: execution.error.clone(),
        cost: Some(execution.cost.to_pb()),
        goal: execution.goal.clone(),
        order: execution.order.map(|order| order.number()).unwrap_or_default(),
    }
}

/// An execution with its runs, without their outputs: what events carry.
pub(crate) fn outline(of: &Execution, runs: &Runs) -> pb::Execution {
    let runs = runs.values().map(|each| pb::WorkItemRun { output: None, ..run(each) });
    pb::Execution { runs: runs.collect(), ..execution(of) }
}

/// A run with its output.
pub(crate) fn run(run: &Run) -> pb::WorkItemRun {
    pb::WorkItemRun {
        id: run.id.to_string(),
        item_id: run.item.to_string(),
        item_name: run.name.clone(),
        tool: run.tool.clone(),
        state: run.state.number(),
        attempt: i32::try_from(run.attempt).unwrap_or(i32::MAX),
        start_time: run.started_at.map(|at| at.to_pb()),
        end_time: run.ended_at.map(|at| at.to_pb()),
        output: run.output.as_ref().map(|output| output.to_pb()),
        error: run.error.clone(),
        summary: run.summary.clone(),
        cost: Some(run.cost.to_pb()),
        retry_time: run.retry_at.map(|at| at.to_pb()),
        undo_attempt: i32::try_from(run.undo_attempt).unwrap_or(i32::MAX),
        amended_by: run.amended_by.map(|session| session.to_string()).unwrap_or_default(),
        agent_type: run.agent_type.clone(),
    }
}

/// An artifact.
pub(crate) fn artifact(artifact: &Artifact) -> pb::Artifact {
    pb::Artifact {
        id: artifact.id.to_string(),
        execution_id: artifact.execution.to_string(),
        item_id: artifact.item.to_string(),
        path: artifact.path.clone(),
        media_type: artifact.media_type.clone(),
        size: i64::try_from(artifact.size).unwrap_or(i64::MAX),
        digest: artifact.digest.to_string(),
        create_time: Some(artifact.created_at.to_pb()),
    }
}

/// A tool of an MCP server.
pub(crate) fn mcp_tool(tool: Described) -> McpTool {
    McpTool {
        name: tool.mcp.tool,
        description: tool.description,
        schema: Some(tool.schema.to_pb()),
        digest: tool.mcp.digest.to_string(),
        read_only: tool.read_only,
        idempotent: tool.idempotent,
    }
}
