//! Running a program as a Job: it is created unless it is there, watched to its end, and its log read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use kube::Error;
use kube::api::{ListParams, LogParams, PostParams, WatchEvent, WatchParams};
use kube::core::Status;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::spec::{self, KEY, Program};
use super::{Cluster, Jobs, image};
use crate::tools::{Call, Outcome, ToolError, ended};

/// First and longest wait before the API server is asked again.
const SOON: Duration = Duration::from_millis(200);
const LATE: Duration = Duration::from_secs(5);
/// Label by which the pods of a Job are found.
const JOB_NAME: &str = "batch.kubernetes.io/job-name";

/// Says that nobody waits for the Job any more, whichever way the attempt ends.
struct Left(Arc<Notify>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Jobs {
    /// Runs `argv` in the image that `call` names.
    pub(crate) async fn run(&self, call: &Call, argv: &[String]) -> Result<Outcome, ToolError> {
        let image = image(&call.arguments).unwrap_or_default();
        if let Some(problem) = self.problem(image) {
            return Err(problem);
        }
        let cluster = self.cluster()?;
        let environment: BTreeMap<String, String> = match call.arguments.get("env") {
            Some(Value::Object(own)) => own
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            _ => BTreeMap::new(),
        };
        let network = call.arguments.get("network").and_then(Value::as_bool).unwrap_or_default();
        let program = Program { call, image, argv, environment: &environment, network };
        let _left = Left(Arc::clone(&cluster.left));
        let job = cluster.begin(&program, &spec::job(&program, &self.limits)).await?;
        let why = cluster.ended(job).await?;
        let (state, log) = cluster.result(&spec::name(&call.key), self.limits.max_output).await?;
        let Some(state) = state else {
            let why = why.unwrap_or_else(|| "its pod is gone".to_owned());
            return Err(ToolError::passing("JOB_FAILED", format!("the Job came to nothing: {why}")));
        };
        ended(&argv[0], state.exit_code, &log)
    }
}

impl Cluster {
    /// The Job of `program`: the one that is there, or a new one.
    async fn begin(&self, program: &Program<'_>, wanted: &Job) -> Result<Job, ToolError> {
        let name = spec::name(&program.call.key);
        let job = patiently(async || match self.jobs.create(&PostParams::default(), wanted).await {
            Err(Error::Api(status)) if is_there(&status) => self.jobs.get(&name).await,
            other => other,
        })
        .await?;
        let key = job.metadata.annotations.as_ref().and_then(|all| all.get(KEY));
        if key != Some(&program.call.key) {
            let text = format!("there is another Job of the name {name}");
            return Err(ToolError::lasting("JOB_REFUSED", text));
        }
        if !program.environment.is_empty() {
            let secret = spec::secret(program, &job);
            patiently(async || match self.secrets.create(&PostParams::default(), &secret).await {
                Err(Error::Api(status)) if is_there(&status) => Ok(()),
                other => other.map(drop),
            })
            .await?;
        }
        Ok(job)
    }

    /// Waits until the Job has ended. Why it failed, if the cluster says so.
    async fn ended(&self, mut job: Job) -> Result<Option<String>, ToolError> {
        let name = job.metadata.name.clone().unwrap_or_default();
        loop {
            if let Some(end) = end(&job) {
                return Ok(end);
            }
            let version = job.metadata.resource_version.clone().unwrap_or_default();
            let watched = self.next(&name, &version).await;
            job = match watched {
                Some(job) => job,
                // The stream has ended, as all do in time, or was never there: ask.
                None => {
                    let found = patiently(async || self.jobs.get_opt(&name).await).await?;
                    let gone = || ToolError::passing("JOB_FAILED", "somebody has removed the Job");
                    found.ok_or_else(gone)?
                }
            };
        }
    }

    /// The Job when it has changed; none when that is not known.
    async fn next(&self, name: &str, version: &str) -> Option<Job> {
        let wanted = WatchParams::default().fields(&format!("metadata.name={name}"));
        let Ok(events) = self.jobs.watch(&wanted, version).await else {
            sleep(SOON).await;
            return None;
        };
        let mut events = std::pin::pin!(events);
        loop {
            match events.try_next().await {
                Ok(Some(WatchEvent::Added(job) | WatchEvent::Modified(job))) => return Some(job),
                Ok(Some(WatchEvent::Bookmark(_))) => {}
                _ => {
                    sleep(SOON).await;
                    return None;
                }
            }
        }
    }

    /// How the program of a Job ended, and what it wrote. None when its pod is gone or never ran.
    async fn result(
        &self,
        name: &str,
        max_output: usize,
    ) -> Result<(Option<ContainerStateTerminated>, String), ToolError> {
        let wanted = ListParams::default().labels(&format!("{JOB_NAME}={name}"));
        let pods = patiently(async || self.pods.list(&wanted).await).await?;
        let ended = pods.items.into_iter().find_map(|pod| terminated(&pod).map(|state| (pod, state)));
        let Some((pod, state)) = ended else { return Ok((None, String::new())) };
        let pod = pod.metadata.name.unwrap_or_default();
        let most = i64::try_from(max_output).unwrap_or(i64::MAX);
        let params = LogParams { limit_bytes: Some(most), ..LogParams::default() };
        let log = patiently(async || match self.pods.logs(&pod, &params).await {
            // The node is gone, and the log with it.
            Err(Error::Api(status)) if status.code == 404 => Ok(String::new()),
            other => other,
        })
        .await?;
        Ok((Some(state), log))
    }
}

/// Whether the Job has ended: none while it has not, else why it failed, if it did.
fn end(job: &Job) -> Option<Option<String>> {
    let conditions = job.status.as_ref()?.conditions.as_deref().unwrap_or_default();
    conditions.iter().filter(|condition| condition.status == "True").find_map(|condition| {
        match condition.type_.as_str() {
            "Complete" => Some(None),
            "Failed" => {
                let why = [condition.reason.as_deref(), condition.message.as_deref()];
                Some(Some(why.into_iter().flatten().collect::<Vec<_>>().join(": ")))
            }
            _ => None,
        }
    })
}

fn terminated(pod: &Pod) -> Option<ContainerStateTerminated> {
    let statuses = pod.status.as_ref()?.container_statuses.as_deref()?;
    statuses.iter().find_map(|status| status.state.as_ref()?.terminated.clone())
}

fn is_there(status: &Status) -> bool {
    status.code == 409 && status.reason == "AlreadyExists"
}

/// Asks until the API server answers: the Job goes on meanwhile, and the attempt has its time.
async fn patiently<T, F: Future<Output = Result<T, Error>>>(ask: impl Fn() -> F) -> Result<T, ToolError> {
    let mut wait = SOON;
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(Error::Api(status)) if status.code < 500 && status.code != 429 => {
                let text = format!("Kubernetes refuses ({}): {}", status.code, status.message);
                return Err(ToolError::lasting("JOB_REFUSED", text));
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a Job waits for the API server");
                sleep(wait).await;
                wait = (wait * 2).min(LATE);
            }
        }
    }
}
