//! The contract: reads requests, asks the use cases, writes answers.

mod worker;

use std::pin::Pin;
use std::sync::Arc;

use assent_core::page::Page;
use assent_core::{Id, Kind, OpContext, Violation};
use assent_events::watch;
use assent_plan::Map;
use assent_proto::event::v1::watch_events_response::Message as Fact;
use assent_proto::execution::v1::{self as pb, WorkItemRun};
use assent_proto::executor::v1::executor_service_server::ExecutorService;
use assent_proto::executor::v1::{
    CancelRequest, CancelResponse, DescribeMcpServerRequest, DescribeMcpServerResponse,
    DownloadArtifactRequest, DownloadArtifactResponse, GetExecutionRequest, GetExecutionResponse,
    ListArtifactsRequest, ListArtifactsResponse, ListExecutionsRequest, ListExecutionsResponse,
    ListToolsRequest, ListToolsResponse, PauseRequest, PauseResponse, ResumeRequest, ResumeResponse,
    RetryItemRequest, RetryItemResponse, RollbackRequest, RollbackResponse, StartExecutionRequest,
    StartExecutionResponse, Tool, WatchExecutionRequest, WatchExecutionResponse, watch_execution_response,
};
use assent_rpc::accept;
use assent_rpc::convert::{Wire, read_message};
use futures_util::{Stream, StreamExt as _, stream};
use prost::Message;
use tonic::{Request, Response, Status};

pub(crate) use self::worker::WorkerGrpc;
use crate::app::App;
use crate::app::control::Asked;
use crate::convert;
use crate::domain::control::Command;
use crate::domain::work::WORKER;
use crate::domain::{Execution, ExecutionState};
use crate::error::ExecutorError;
use crate::store::executions::Key;

/// Bytes of all outputs in one answer, at most: half of what clients accept by default.
const OUTPUT_BYTES: usize = 2 << 20;

/// `ExecutorService` over the use cases.
pub(crate) struct Grpc(pub(crate) Arc<App>);

impl Grpc {
    /// An execution with its runs.
    async fn shown(&self, found: &Execution) -> Result<pb::Execution, ExecutorError> {
        let runs = self.0.runs(found).await?;
        let runs = fitting(runs.iter().map(convert::run));
        Ok(pb::Execution { runs, ..convert::execution(found) })
    }

    async fn control(
        &self,
        ctx: &OpContext,
        command: Command,
        session: String,
        reason: &str,
    ) -> Result<pb::Execution, ExecutorError> {
        let asked = Asked { session: id(session, "session_id")?, command, reason };
        self.shown(&self.0.control(ctx, asked).await?).await
    }
}

type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl ExecutorService for Grpc {
    async fn get_execution(
        &self,
        request: Request<GetExecutionRequest>,
    ) -> Result<Response<GetExecutionResponse>, Status> {
        let (_, body) = accept(request)?;
        let found = self.0.execution(id(body.session_id, "session_id")?).await?;
        Ok(Response::new(GetExecutionResponse { execution: Some(self.shown(&found).await?) }))
    }

    async fn start_execution(
        &self,
        request: Request<StartExecutionRequest>,
    ) -> Result<Response<StartExecutionResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let started = self.0.start(&ctx, id(body.session_id, "session_id")?).await?;
        Ok(Response::new(StartExecutionResponse { execution: Some(self.shown(&started).await?) }))
    }

    async fn pause(&self, request: Request<PauseRequest>) -> Result<Response<PauseResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let execution = Some(self.control(&ctx, Command::Pause, body.session_id, &body.reason).await?);
        Ok(Response::new(PauseResponse { execution }))
    }

    async fn resume(&self, request: Request<ResumeRequest>) -> Result<Response<ResumeResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let execution = Some(self.control(&ctx, Command::Resume, body.session_id, &body.reason).await?);
        Ok(Response::new(ResumeResponse { execution }))
    }

    async fn cancel(&self, request: Request<CancelRequest>) -> Result<Response<CancelResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let execution = Some(self.control(&ctx, Command::Cancel, body.session_id, &body.reason).await?);
        Ok(Response::new(CancelResponse { execution }))
    }

    async fn rollback(
        &self,
        request: Request<RollbackRequest>,
    ) -> Result<Response<RollbackResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let execution = Some(self.control(&ctx, Command::Rollback, body.session_id, &body.reason).await?);
        Ok(Response::new(RollbackResponse { execution }))
    }

    async fn retry_item(
        &self,
        request: Request<RetryItemRequest>,
    ) -> Result<Response<RetryItemResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let item = body
            .item_id
            .parse()
            .map_err(|_| refuse(Violation::new("item_id", "MALFORMED_ITEM_ID", "is no id of a work item")))?;
        let session = id(body.session_id, "session_id")?;
        let asked = Asked { session, command: Command::RetryItem, reason: &body.reason };
        let execution = self.0.retry(&ctx, asked, &item).await?;
        Ok(Response::new(RetryItemResponse { execution: Some(self.shown(&execution).await?) }))
    }

    async fn list_executions(
        &self,
        request: Request<ListExecutionsRequest>,
    ) -> Result<Response<ListExecutionsResponse>, Status> {
        let (_, body) = accept(request)?;
        let states: Vec<ExecutionState> = states(body.states)?;
        let names: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
        let page: Page<Key> = Page::parse(body.page_size, &body.page_token, &names).map_err(refuse)?;
        let (found, next_page_token) = self.0.executions(&states, &page).await?;
        let executions = found.iter().map(convert::execution).collect();
        Ok(Response::new(ListExecutionsResponse { executions, next_page_token }))
    }

    type WatchExecutionStream = Streamed<WatchExecutionResponse>;

    async fn watch_execution(
        &self,
        request: Request<WatchExecutionRequest>,
    ) -> Result<Response<Self::WatchExecutionStream>, Status> {
        let (_, body) = accept(request)?;
        let session = id(body.session_id, "session_id")?;
        let (log, watching) = (self.0.log.clone(), self.0.watching.clone());
        let facts = watch(log, watching, Some(session), body.after_position).map(|fact| fact.map(watched));
        Ok(Response::new(Box::pin(facts)))
    }

    async fn list_artifacts(
        &self,
        request: Request<ListArtifactsRequest>,
    ) -> Result<Response<ListArtifactsResponse>, Status> {
        let (_, body) = accept(request)?;
        let found = self.0.artifacts(id(body.session_id, "session_id")?).await?;
        Ok(Response::new(ListArtifactsResponse { artifacts: found.iter().map(convert::artifact).collect() }))
    }

    type DownloadArtifactStream = Streamed<DownloadArtifactResponse>;

    async fn download_artifact(
        &self,
        request: Request<DownloadArtifactRequest>,
    ) -> Result<Response<Self::DownloadArtifactStream>, Status> {
        let (_, body) = accept(request)?;
        let download = self.0.download(id(body.artifact_id, "artifact_id")?).await?;
        let pieces = stream::unfold(Some(download), async |download| {
            let mut download = download?;
            match download.next().await {
                Ok(Some(data)) => Some((Ok(DownloadArtifactResponse { data }), Some(download))),
                Ok(None) => None,
                Err(error) => Some((Err(error.into()), None)),
            }
        });
        Ok(Response::new(Box::pin(pieces)))
    }

    async fn list_tools(
        &self,
        request: Request<ListToolsRequest>,
    ) -> Result<Response<ListToolsResponse>, Status> {
        accept(request)?;
        let tools = self.0.catalog.tools().map(|tool| {
            let problem =
                self.0.toolbox.problem(&tool.name).filter(|_| tool.name != WORKER).unwrap_or_default();
            Tool {
                name: tool.name.clone(),
                description: tool.description.clone(),
                schema: tool.schema.as_object().map(Map::to_pb),
                ready: problem.is_empty(),
                problem: problem.to_owned(),
            }
        });
        let catalog_digest = self.0.catalog.digest().to_string();
        Ok(Response::new(ListToolsResponse { tools: tools.collect(), catalog_digest }))
    }

    async fn describe_mcp_server(
        &self,
        request: Request<DescribeMcpServerRequest>,
    ) -> Result<Response<DescribeMcpServerResponse>, Status> {
        let (_, body) = accept(request)?;
        let tools = self.0.mcp_server(&body.server).await?;
        let tools = tools.into_iter().map(convert::mcp_tool).collect();
        Ok(Response::new(DescribeMcpServerResponse { tools }))
    }
}

/// Leaves out the outputs that would make the answer too large, and says so: the runs themselves are all there.
fn fitting(runs: impl Iterator<Item = WorkItemRun>) -> Vec<WorkItemRun> {
    let mut room = OUTPUT_BYTES;
    let fit = |mut run: WorkItemRun| {
        let size = run.output.as_ref().map_or(0, Message::encoded_len);
        match room.checked_sub(size) {
            Some(left) => room = left,
            None => {
                run.output = None;
                run.summary.push_str(" (the output is too large to be shown with the others)");
            }
        }
        run
    };
    runs.map(fit).collect()
}

fn id<K: Kind>(text: String, field: &str) -> Result<Id<K>, ExecutorError> {
    Id::from_pb(text, field).map_err(ExecutorError::Invalid)
}

fn states(numbers: Vec<i32>) -> Result<Vec<ExecutionState>, ExecutorError> {
    let read = read_message("states", |at| {
        let all = numbers.iter().enumerate().map(|(index, number)| at.index(index).choice(*number));
        all.collect::<Result<Vec<_>, _>>()
    });
    read.map_err(ExecutorError::Invalid)
}

fn refuse(violation: Violation) -> ExecutorError {
    ExecutorError::Invalid(vec![violation])
}

fn watched(message: Fact) -> WatchExecutionResponse {
    let message = match message {
        Fact::Event(event) => watch_execution_response::Message::Event(event),
        Fact::Bookmark(bookmark) => watch_execution_response::Message::Bookmark(bookmark),
    };
    WatchExecutionResponse { message: Some(message) }
}
