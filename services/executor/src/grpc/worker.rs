//! The contract with workers.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use assent_core::{OpContext, Violation};
use assent_plan::Map;
use assent_proto::executor::v1::worker_service_server::WorkerService;
use assent_proto::executor::v1::{
    CompleteWorkRequest, CompleteWorkResponse, FailWorkRequest, FailWorkResponse, HeartbeatRequest,
    HeartbeatResponse, LeaseWorkRequest, LeaseWorkResponse, UploadArtifactRequest, UploadArtifactResponse,
};
use assent_rpc::accept;
use assent_rpc::convert::Wire as _;
use futures_util::{Stream, stream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::{Request, Response, Status, Streaming};

use crate::app::App;
use crate::domain::work::DEFAULT_QUEUE;
use crate::error::ExecutorError;
use crate::store::work::{Report, Worker};
use crate::work::Told;

/// How long a lease lasts where the worker does not say.
const USUAL_LEASE: Duration = Duration::from_secs(30);
/// Shortest and longest lease.
const LEASES: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);

/// `WorkerService` over the use cases.
pub(crate) struct WorkerGrpc(pub(crate) Arc<App>);

#[tonic::async_trait]
impl WorkerService for WorkerGrpc {
    type LeaseWorkStream = Pin<Box<dyn Stream<Item = Result<LeaseWorkResponse, Status>> + Send>>;

    async fn lease_work(
        &self,
        request: Request<LeaseWorkRequest>,
    ) -> Result<Response<Self::LeaseWorkStream>, Status> {
        let (ctx, body) = accept(request)?;
        let app = Arc::clone(&self.0);
        let mut leasing = app.leasing(worker(&ctx, body)?);
        // In a task of its own: a stream whose client does not read is not polled, and must not hold a transaction
        // meanwhile. The task ends with the stream.
        let (sender, receiver) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Ok(room) = sender.reserve().await {
                let next = app.next_work(&mut leasing).await;
                let is_last = next.is_err();
                room.send(next.map(|work| LeaseWorkResponse { work: Some(work) }));
                if is_last {
                    return;
                }
            }
        });
        let works = stream::unfold((receiver, task), async |(mut receiver, task)| {
            receiver.recv().await.map(|next| (next, (receiver, task)))
        });
        Ok(Response::new(Box::pin(works)))
    }

    async fn heartbeat(
        &self,
        request: Request<HeartbeatRequest>,
    ) -> Result<Response<HeartbeatResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let progress = if body.progress.is_finite() { body.progress } else { 0.0 };
        let told = Told { progress, message: body.message, steps: body.steps };
        let until = self.0.heartbeat(&ctx, &body.lease, told).await?;
        Ok(Response::new(HeartbeatResponse { lease_expire_time: Some(until.to_pb()) }))
    }

    async fn upload_artifact(
        &self,
        request: Request<Streaming<UploadArtifactRequest>>,
    ) -> Result<Response<UploadArtifactResponse>, Status> {
        let (metadata, extensions, mut pieces) = request.into_parts();
        let first = pieces.message().await?.unwrap_or_default();
        let (ctx, first) = accept(Request::from_parts(metadata, extensions, first))?;
        let UploadArtifactRequest { lease, path, media_type, data } = first;
        let mut file = self.0.receive(&ctx, &lease, &path, media_type).await?;
        let mut next = Some(data);
        while let Some(data) = next {
            file.write(&data).await?;
            next = pieces.message().await?.map(|piece| piece.data);
        }
        let kept = self.0.received(file).await?;
        let size = i64::try_from(kept.size).unwrap_or(i64::MAX);
        Ok(Response::new(UploadArtifactResponse { digest: kept.digest.to_string(), size }))
    }

    async fn complete_work(
        &self,
        request: Request<CompleteWorkRequest>,
    ) -> Result<Response<CompleteWorkResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let output = body.output.map(|output| Map::from_pb(output, "output")).transpose();
        let output = output.map_err(ExecutorError::Invalid)?.unwrap_or_default();
        let report = Report::Done { output, summary: body.summary };
        self.0.report(&ctx, &body.lease, &report).await?;
        Ok(Response::new(CompleteWorkResponse {}))
    }

    async fn fail_work(
        &self,
        request: Request<FailWorkRequest>,
    ) -> Result<Response<FailWorkResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let reason = "REPORTED".to_owned();
        let report = Report::Failed { reason, message: body.message, retryable: body.retryable };
        self.0.report(&ctx, &body.lease, &report).await?;
        Ok(Response::new(FailWorkResponse {}))
    }
}

fn worker(ctx: &OpContext, body: LeaseWorkRequest) -> Result<Worker, ExecutorError> {
    let refuse = |text: &str| {
        ExecutorError::Invalid(vec![Violation::new("lease_duration", "OUT_OF_RANGE", text.to_owned())])
    };
    let lease = match body.lease_duration {
        None => USUAL_LEASE,
        Some(duration) => Duration::try_from(duration).map_err(|_| refuse("must not be negative"))?,
    };
    if !LEASES.contains(&lease) {
        return Err(refuse("must be between 1 second and 10 minutes"));
    }
    Ok(Worker {
        name: body.worker,
        actor: ctx.actor().id.clone(),
        queue: if body.queue.is_empty() { DEFAULT_QUEUE.to_owned() } else { body.queue },
        capabilities: body.capabilities,
        agent_type: body.agent_type,
        most: i64::from(body.max_items.max(1)),
        lease,
    })
}
