//! Removes Jobs for which nobody waits any more. The database says which these are: a Job that was removed while its
//! attempt is under way would be made a second time by whoever takes the attempt up.

use std::sync::Arc;
use std::time::Duration;

use assent_core::id::SessionId;
use assent_plan::ItemId;
use k8s_openapi::api::batch::v1::Job;
use kube::Error;
use kube::api::{DeleteParams, ListParams};
use tokio_util::sync::CancellationToken;

use super::Cluster;
use super::spec::{ITEM, KEY, MANAGED_BY, SESSION};
use crate::app::App;
use crate::domain::{RunState, retry};
use crate::error::ExecutorError;
use crate::store::{executions, runs};

/// How often Jobs are looked through.
const OFTEN: Duration = Duration::from_secs(60);
/// How long what ended an attempt may take to be committed.
const COMMITTED: Duration = Duration::from_secs(1);

/// Removes Jobs until the process stops. Does nothing where there is no cluster.
pub(crate) async fn sweep(app: Arc<App>, stop: CancellationToken) -> Result<(), std::convert::Infallible> {
    let Some(cluster) = &app.jobs.cluster else { return Ok(()) };
    loop {
        if let Err(error) = sweep_once(&app, cluster).await {
            tracing::warn!(error, "Jobs that are over cannot be removed now");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(OFTEN) => {}
            () = cluster.left.notified() => tokio::time::sleep(COMMITTED).await,
        }
    }
}

async fn sweep_once(app: &App, cluster: &Cluster) -> Result<(), String> {
    let (name, value) = MANAGED_BY;
    let wanted = ListParams::default().labels(&format!("{name}={value}"));
    let found = cluster.jobs.list(&wanted).await.map_err(|error| error.to_string())?;
    for job in found.items {
        if !is_over(app, &job).await.map_err(|error| error.to_string())? {
            continue;
        }
        let name = job.metadata.name.unwrap_or_default();
        match cluster.jobs.delete(&name, &DeleteParams::background()).await {
            Ok(_) => {}
            // Another replica was faster.
            Err(Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

/// Whether the attempt of `job` is over. One of an execution that is not known here is somebody else's.
async fn is_over(app: &App, job: &Job) -> Result<bool, ExecutorError> {
    let said = |name: &str| job.metadata.annotations.as_ref()?.get(name).cloned();
    let (Some(key), Some(session), Some(item)) = (said(KEY), said(SESSION), said(ITEM)) else {
        return Ok(false);
    };
    let (Ok(session), Ok(item)) = (session.parse::<SessionId>(), item.parse::<ItemId>()) else {
        return Ok(false);
    };
    let Some(execution) = executions::of_session(&app.db, session).await? else { return Ok(false) };
    let all = runs::of_execution(&app.db, execution.id).await?;
    let Some(run) = all.into_iter().find(|run| run.item == item) else { return Ok(true) };
    let (item, _) = runs::item(&app.db, run.id).await?;
    let wanted = match run.state {
        RunState::Running => retry::idempotency_key(session, execution.version, &item, run.attempt),
        RunState::RollingBack => {
            retry::rollback_attempt_key(session, execution.version, &item, run.undo_attempt)
        }
        _ => return Ok(true),
    };
    Ok(wanted != key)
}
