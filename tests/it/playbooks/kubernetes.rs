//! As much of a Kubernetes API as `kubectl` needs to deploy and to roll back: deployments of one container, and the
//! controller that gives each template a revision. The client is the real one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;

/// An image with this in its name never becomes ready.
pub(super) const BROKEN: &str = "broken";
const REVISION: &str = "deployment.kubernetes.io/revision";

/// A namespace with deployments.
#[derive(Clone)]
pub(super) struct Kubernetes(Arc<Mutex<BTreeMap<String, Deployment>>>);

/// A deployment, and the templates that it has had, by revision.
struct Deployment {
    namespace: String,
    name: String,
    template: Value,
    revisions: BTreeMap<u64, Value>,
    generation: u64,
}

impl Deployment {
    fn new(namespace: &str, name: &str, image: &str) -> Self {
        let template = json!({
            "metadata": { "labels": { "app": name } },
            "spec": { "containers": [{ "name": name, "image": image }] },
        });
        let revisions = [(1, template.clone())].into();
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        Self { namespace, name, template, revisions, generation: 1 }
    }

    fn image(&self) -> &str {
        self.template["spec"]["containers"][0]["image"].as_str().unwrap_or_default()
    }

    /// What the controller does: the newest revision is the template; an old one that comes back gets a new number.
    fn become_(&mut self, template: Value) {
        let next = self.revision() + 1;
        self.revisions.retain(|_, old| *old != template);
        self.revisions.insert(next, template.clone());
        self.template = template;
        self.generation += 1;
    }

    fn revision(&self) -> u64 {
        self.revisions.keys().copied().max().unwrap_or_default()
    }

    fn metadata(&self, name: &str, revision: u64) -> Value {
        json!({
            "name": name,
            "namespace": self.namespace,
            "uid": format!("uid-of-{name}"),
            "generation": self.generation,
            "resourceVersion": self.generation.to_string(),
            "labels": { "app": self.name },
            "annotations": { REVISION: revision.to_string() },
        })
    }

    fn shown(&self) -> Value {
        let broken = self.image().contains(BROKEN);
        let (ready, reason) =
            if broken { (0, "ProgressDeadlineExceeded") } else { (1, "NewReplicaSetAvailable") };
        let status = if broken { "False" } else { "True" };
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": self.metadata(&self.name, self.revision()),
            "spec": { "replicas": 1, "selector": { "matchLabels": { "app": self.name } }, "template": self.template },
            "status": {
                "observedGeneration": self.generation,
                "replicas": 1,
                "updatedReplicas": 1,
                "availableReplicas": ready,
                "conditions": [{ "type": "Progressing", "status": status, "reason": reason }],
            },
        })
    }

    fn replica_sets(&self) -> Vec<Value> {
        let owner = json!([{
            "apiVersion": "apps/v1", "kind": "Deployment", "name": self.name, "uid": format!("uid-of-{}", self.name),
            "controller": true,
        }]);
        let shown = self.revisions.iter().map(|(revision, template)| {
            let mut metadata = self.metadata(&format!("{}-{revision}", self.name), *revision);
            metadata["ownerReferences"] = owner.clone();
            json!({
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "metadata": metadata,
                "spec": {
                    "replicas": i32::from(*revision == self.revision()),
                    "selector": { "matchLabels": { "app": self.name } },
                    "template": template,
                },
            })
        });
        shown.collect()
    }
}

impl Kubernetes {
    /// A cluster in which these run: namespace, deployment, image.
    pub(super) fn with(running: &[(&str, &str, &str)]) -> Self {
        let all = running.iter().map(|(namespace, name, image)| {
            (format!("{namespace}/{name}"), Deployment::new(namespace, name, image))
        });
        Self(Arc::new(Mutex::new(all.collect())))
    }

    /// Deploys without anybody's leave.
    pub(super) fn deploy(&self, place: &str, image: &str) {
        let mut all = self.0.lock().unwrap();
        let deployment = all.get_mut(place).unwrap();
        let mut template = deployment.template.clone();
        template["spec"]["containers"][0]["image"] = json!(image);
        deployment.become_(template);
    }

    /// What runs at `namespace/deployment`.
    pub(super) fn image(&self, place: &str) -> String {
        self.0.lock().unwrap()[place].image().to_owned()
    }

    /// What `kubectl` calls.
    pub(super) fn router(&self) -> Router {
        let versions = json!({ "kind": "APIVersions", "versions": ["v1"] });
        let apps = json!({ "groupVersion": "apps/v1", "version": "v1" });
        let groups = json!({
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": [{ "name": "apps", "versions": [apps], "preferredVersion": apps }],
        });
        let resource = |name: &str, kind: &str| {
            let verbs = ["get", "list", "patch", "watch"];
            json!({ "name": name, "singularName": kind.to_lowercase(), "namespaced": true, "kind": kind, "verbs": verbs })
        };
        let resources = |version: &str, list: Vec<Value>| json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": list });
        let of_apps = vec![resource("deployments", "Deployment"), resource("replicasets", "ReplicaSet")];
        let fixed = |value: Value| get(move || std::future::ready(axum::Json(value)));
        let below = "/apis/apps/v1/namespaces/{namespace}";
        Router::new()
            .route("/api", fixed(versions))
            .route("/api/v1", fixed(resources("v1", vec![resource("pods", "Pod")])))
            .route("/apis", fixed(groups))
            .route("/apis/apps/v1", fixed(resources("apps/v1", of_apps)))
            .route(&format!("{below}/deployments/{{name}}"), get(one).patch(patch))
            .route(&format!("{below}/deployments"), get(deployments))
            .route(&format!("{below}/replicasets"), get(replica_sets))
            .with_state(self.clone())
    }
}

fn missing(name: &str) -> Response {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "NotFound", "code": 404,
        "message": format!("deployments.apps \"{name}\" not found"),
    });
    (StatusCode::NOT_FOUND, axum::Json(status)).into_response()
}

async fn one(State(cluster): State<Kubernetes>, Path((namespace, name)): Path<(String, String)>) -> Response {
    let all = cluster.0.lock().unwrap();
    all.get(&format!("{namespace}/{name}"))
        .map_or_else(|| missing(&name), |d| axum::Json(d.shown()).into_response())
}

/// Takes the two patches that `kubectl` sends: of a container's image, and of the whole template.
async fn patch(
    State(cluster): State<Kubernetes>,
    Path((namespace, name)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let mut all = cluster.0.lock().unwrap();
    let Some(deployment) = all.get_mut(&format!("{namespace}/{name}")) else { return missing(&name) };
    let patch: Value = serde_json::from_slice(&body).unwrap();
    let mut template = deployment.template.clone();
    match patch.as_array() {
        Some(operations) => {
            let found = operations.iter().find(|operation| operation["path"] == "/spec/template");
            template = found.unwrap()["value"].clone();
        }
        None => {
            let container = &patch["spec"]["template"]["spec"]["containers"][0];
            assert_eq!(container["name"], deployment.name, "{patch}");
            template["spec"]["containers"][0]["image"] = container["image"].clone();
        }
    }
    deployment.become_(template);
    axum::Json(deployment.shown()).into_response()
}

async fn replica_sets(State(cluster): State<Kubernetes>, Path(namespace): Path<String>) -> Response {
    let all = cluster.0.lock().unwrap();
    let items: Vec<_> =
        all.values().filter(|d| d.namespace == namespace).flat_map(Deployment::replica_sets).collect();
    let list = json!({ "kind": "ReplicaSetList", "apiVersion": "apps/v1", "metadata": {}, "items": items });
    axum::Json(list).into_response()
}

/// Lists, or watches: what there is, the mark that says that this was all, and then nothing more.
async fn deployments(
    State(cluster): State<Kubernetes>,
    Path(namespace): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let all = cluster.0.lock().unwrap();
    let named = query.get("fieldSelector").and_then(|field| field.strip_prefix("metadata.name="));
    let chosen = |d: &&Deployment| d.namespace == namespace && named.is_none_or(|name| name == d.name);
    let items: Vec<_> = all.values().filter(chosen).map(Deployment::shown).collect();
    let asks = |what: &str| query.get(what).is_some_and(|value| value == "true" || value == "1");
    if !asks("watch") {
        let metadata = json!({ "resourceVersion": "1" });
        let list = json!({ "kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": metadata, "items": items });
        return axum::Json(list).into_response();
    }
    let mut events = Vec::new();
    if asks("sendInitialEvents") {
        events.extend(items.into_iter().map(|object| json!({ "type": "ADDED", "object": object })));
        let annotations = json!({ "k8s.io/initial-events-end": "true" });
        let metadata = json!({ "resourceVersion": "1", "annotations": annotations });
        let mark = json!({ "kind": "Deployment", "apiVersion": "apps/v1", "metadata": metadata });
        events.push(json!({ "type": "BOOKMARK", "object": mark }));
    }
    let lines = events.into_iter().map(|event| Ok::<_, Infallible>(format!("{event}\n")));
    let open = tokio_stream::iter(lines).chain(tokio_stream::pending());
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(open)).into_response()
}
