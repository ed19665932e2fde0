//! An API server of Kubernetes, as far as the executor asks one. What its nodes do, the test says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path as Segments, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

#[derive(Default)]
struct Objects {
    jobs: BTreeMap<String, Value>,
    secrets: BTreeMap<String, Value>,
    /// Exit code and log of the pods that have ended, by Job.
    ended: BTreeMap<String, (i32, String)>,
    /// How many Jobs were ever made.
    made: usize,
    version: u64,
    /// Requests that are still to be refused because the server is overloaded.
    overloaded: u32,
}

/// What is in the cluster. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Cluster {
    objects: Arc<Mutex<Objects>>,
    changed: watch::Sender<u64>,
    /// Ends with the test.
    _server: Arc<Mutex<JoinSet<()>>>,
}

type Answer = Result<Response, Refused>;

/// What the server refuses with.
struct Refused(StatusCode, &'static str);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(code, reason) = self;
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason,
            "code": code.as_u16(),
        });
        (code, Json(status)).into_response()
    }
}

impl Cluster {
    /// Serves a cluster, and writes a file into `folder` that says how to reach it.
    pub(crate) async fn start(folder: &Path) -> (Self, PathBuf) {
        let server = Arc::new(Mutex::new(JoinSet::new()));
        let cluster = Self { objects: Arc::default(), changed: watch::Sender::new(0), _server: server };
        let jobs = "/apis/batch/v1/namespaces/work/jobs";
        let routes = Router::new()
            .route(jobs, post(make_job).get(list_jobs))
            .route(&format!("{jobs}/{{name}}"), get(get_job).delete(remove_job))
            .route("/api/v1/namespaces/work/pods", get(list_pods))
            .route("/api/v1/namespaces/work/pods/{name}/log", get(log))
            .route("/api/v1/namespaces/work/secrets", post(make_secret))
            .with_state(cluster.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        cluster._server.lock().unwrap().spawn(async move { axum::serve(listener, routes).await.unwrap() });
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{ "name": "test", "cluster": { "server": address } }],
            "users": [{ "name": "test", "user": { "token": "t" } }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
        });
        let path = folder.join("kubeconfig");
        std::fs::write(&path, config.to_string()).unwrap();
        (cluster, path)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Objects) -> T) -> T {
        let mut objects = self.objects.lock().unwrap();
        objects.version += 1;
        let version = objects.version;
        let changed = change(&mut objects);
        self.changed.send_replace(version);
        changed
    }

    fn busy(&self) -> Result<(), Refused> {
        let mut objects = self.objects.lock().unwrap();
        if objects.overloaded == 0 {
            return Ok(());
        }
        objects.overloaded -= 1;
        Err(Refused(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"))
    }

    /// Has the next requests fail.
    pub(crate) fn overload(&self, requests: u32) {
        self.objects.lock().unwrap().overloaded = requests;
    }

    /// Waits until `find` finds something.
    async fn until<T>(&self, find: impl Fn(&Objects) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        let wait = async {
            loop {
                if let Some(found) = find(&self.objects.lock().unwrap()) {
                    return found;
                }
                changed.changed().await.unwrap();
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), wait).await.expect("not in time")
    }

    /// A Job that has not ended.
    pub(crate) async fn running(&self) -> Value {
        let is_running = |job: &&Value| job["status"].is_null();
        self.until(|objects| objects.jobs.values().find(is_running).cloned()).await
    }

    /// Waits until all Jobs are gone, and what they own.
    pub(crate) async fn emptied(&self) {
        self.until(|objects| (objects.jobs.is_empty() && objects.secrets.is_empty()).then_some(())).await;
    }

    /// The variables that a Job is given.
    pub(crate) async fn secret(&self, name: &str) -> Value {
        self.until(|objects| objects.secrets.get(name).cloned()).await
    }

    /// How many Jobs were ever made.
    pub(crate) fn made(&self) -> usize {
        self.objects.lock().unwrap().made
    }

    /// Has the program of a Job end.
    pub(crate) fn end(&self, job: &Value, code: i32, log: &str) {
        let name = job["metadata"]["name"].as_str().unwrap();
        self.change(|objects| {
            objects.ended.insert(name.to_owned(), (code, log.to_owned()));
            let version = objects.version.to_string();
            let job = objects.jobs.get_mut(name).unwrap();
            let kind = if code == 0 { "Complete" } else { "Failed" };
            job["status"] = json!({ "conditions": [{ "type": kind, "status": "True", "reason": "Ended" }] });
            job["metadata"]["resourceVersion"] = json!(version);
        });
    }
}

async fn make_job(State(cluster): State<Cluster>, Json(mut job): Json<Value>) -> Answer {
    cluster.busy()?;
    cluster.change(|objects| {
        let name = job["metadata"]["name"].as_str().unwrap().to_owned();
        if objects.jobs.contains_key(&name) {
            return Err(Refused(StatusCode::CONFLICT, "AlreadyExists"));
        }
        objects.made += 1;
        job["metadata"]["uid"] = json!(format!("uid-{}", objects.made));
        job["metadata"]["resourceVersion"] = json!(objects.version.to_string());
        objects.jobs.insert(name, job.clone());
        Ok((StatusCode::CREATED, Json(job)).into_response())
    })
}

async fn make_secret(State(cluster): State<Cluster>, Json(secret): Json<Value>) -> Answer {
    cluster.busy()?;
    cluster.change(|objects| {
        let name = secret["metadata"]["name"].as_str().unwrap().to_owned();
        if objects.secrets.contains_key(&name) {
            return Err(Refused(StatusCode::CONFLICT, "AlreadyExists"));
        }
        objects.secrets.insert(name, secret.clone());
        Ok((StatusCode::CREATED, Json(secret)).into_response())
    })
}

async fn get_job(State(cluster): State<Cluster>, Segments(name): Segments<String>) -> Answer {
    cluster.busy()?;
    let found = cluster.objects.lock().unwrap().jobs.get(&name).cloned();
    found.map(|job| Json(job).into_response()).ok_or(Refused(StatusCode::NOT_FOUND, "NotFound"))
}

async fn remove_job(State(cluster): State<Cluster>, Segments(name): Segments<String>) -> Answer {
    cluster.busy()?;
    cluster.change(|objects| {
        let removed = objects.jobs.remove(&name).ok_or(Refused(StatusCode::NOT_FOUND, "NotFound"))?;
        // As its owner goes, it goes.
        let uid = removed["metadata"]["uid"].clone();
        objects.secrets.retain(|_, secret| secret["metadata"]["ownerReferences"][0]["uid"] != uid);
        Ok(Json(removed).into_response())
    })
}

async fn list_jobs(State(cluster): State<Cluster>, Query(asked): Query<BTreeMap<String, String>>) -> Answer {
    cluster.busy()?;
    if asked.get("watch").map(String::as_str) != Some("true") {
        let jobs: Vec<Value> = cluster.objects.lock().unwrap().jobs.values().cloned().collect();
        let list = json!({ "apiVersion": "batch/v1", "kind": "JobList", "metadata": {}, "items": jobs });
        return Ok(Json(list).into_response());
    }
    let name = asked["fieldSelector"].strip_prefix("metadata.name=").unwrap().to_owned();
    let seen = asked["resourceVersion"].parse::<u64>().unwrap();
    let stream = futures_util::stream::once(async move {
        let mut changed = cluster.changed.subscribe();
        loop {
            let job = cluster.objects.lock().unwrap().jobs.get(&name).cloned();
            let version =
                job.as_ref().and_then(|job| job["metadata"]["resourceVersion"].as_str()?.parse().ok());
            if version.is_none_or(|version: u64| version > seen) {
                let (kind, object) =
                    job.map_or(("DELETED", json!({ "metadata": {} })), |job| ("MODIFIED", job));
                let line = format!("{}\n", json!({ "type": kind, "object": object }));
                return Ok::<_, std::convert::Infallible>(line);
            }
            changed.changed().await.unwrap();
        }
    });
    Ok(Body::from_stream(stream).into_response())
}

async fn list_pods(State(cluster): State<Cluster>, Query(asked): Query<BTreeMap<String, String>>) -> Answer {
    cluster.busy()?;
    let job = asked["labelSelector"].strip_prefix("batch.kubernetes.io/job-name=").unwrap();
    let ended = cluster.objects.lock().unwrap().ended.get(job).cloned();
    let pods = ended.map(|(code, _)| {
        json!({
            "metadata": { "name": format!("{job}-x") },
            "status": { "containerStatuses": [{
                "name": "program", "image": "i", "imageID": "i", "ready": false, "restartCount": 0,
                "state": { "terminated": { "exitCode": code } },
            }] },
        })
    });
    let pods: Vec<Value> = pods.into_iter().collect();
    Ok(Json(json!({ "apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": pods })).into_response())
}

async fn log(
    State(cluster): State<Cluster>,
    Segments(pod): Segments<String>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Answer {
    cluster.busy()?;
    let most: usize = asked["limitBytes"].parse().unwrap();
    let job = pod.strip_suffix("-x").unwrap();
    let log = cluster.objects.lock().unwrap().ended.get(job).map(|(_, log)| log.chars().take(most).collect());
    log.map(|log: String| log.into_response()).ok_or(Refused(StatusCode::NOT_FOUND, "NotFound"))
}
