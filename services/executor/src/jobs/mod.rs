//! Programs that run as Jobs of Kubernetes, because their items name an image. A Job is named by the idempotency key
//! of its attempt, so that whoever makes the attempt again finds it; and it is removed only once the database says that
//! nobody waits for it any more.

mod follow;
mod spec;
mod sweep;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use assent_plan::Map;
use assent_runtime::BuildError;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};
use serde_json::Value;
use tokio::sync::Notify;

pub(crate) use self::sweep::sweep;
use crate::config::Config;
use crate::tools::ToolError;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The cluster, as the tools need it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Jobs {
    /// None where the configuration does without.
    cluster: Option<Cluster>,
    limits: Arc<Limits>,
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What reaches the cluster holds a token.
        f.debug_struct("Jobs").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Cluster {
    jobs: Api<Job>,
    pods: Api<Pod>,
    secrets: Api<Secret>,
    /// Rings when nobody waits for some Job any more.
    left: Arc<Notify>,
}

/// What every Job is given.
#[derive(Debug, Default)]
struct Limits {
    /// Images that may be run; `*` at an end stands for anything.
    images: Vec<String>,
    service_account: String,
    pull_secrets: Vec<String>,
    cpu: String,
    memory: String,
    max_output: usize,
}

/// The image of a call; none when the program runs here.
pub(crate) fn image(arguments: &Map) -> Option<&str> {
    arguments.get("image").and_then(Value::as_str)
}

impl Jobs {
    /// The cluster of `config`.
    ///
    /// # Errors
    /// When it is configured and cannot be reached that way.
    pub(crate) async fn new(config: &Config) -> Result<Self, BuildError> {
        let limits = Limits {
            images: config.kubernetes_images.clone(),
            service_account: config.kubernetes_service_account.clone(),
            pull_secrets: config.kubernetes_pull_secrets.clone(),
            cpu: config.kubernetes_cpu.clone(),
            memory: config.kubernetes_memory.clone(),
            max_output: config.max_output_bytes,
        };
        let namespace = config.kubernetes_namespace.as_str();
        let cluster = if namespace.is_empty() {
            None
        } else {
            let client = client(&config.kubernetes_kubeconfig).await?;
            Some(Cluster {
                jobs: Api::namespaced(client.clone(), namespace),
                pods: Api::namespaced(client.clone(), namespace),
                secrets: Api::namespaced(client, namespace),
                left: Arc::new(Notify::new()),
            })
        };
        Ok(Self { cluster, limits: Arc::new(limits) })
    }

    /// Why `image` cannot be run.
    pub(crate) fn problem(&self, image: &str) -> Option<ToolError> {
        if self.cluster.is_none() {
            let text = "service.kubernetes_namespace is not set, and the item names an image";
            return Some(ToolError::lasting("TOOL_NOT_CONFIGURED", text));
        }
        let is_allowed = |allowed: &String| match allowed.strip_suffix('*') {
            Some(beginning) => image.starts_with(beginning),
            None => allowed == image,
        };
        if self.limits.images.iter().any(is_allowed) {
            return None;
        }
        let text = format!("the image `{image}` is not allowed; service.kubernetes_images says which are");
        Some(ToolError::lasting("IMAGE_NOT_ALLOWED", text))
    }

    fn cluster(&self) -> Result<&Cluster, ToolError> {
        let missing = || ToolError::lasting("TOOL_NOT_CONFIGURED", "service.kubernetes_namespace is not set");
        self.cluster.as_ref().ok_or_else(missing)
    }
}

async fn client(kubeconfig: &str) -> Result<Client, BuildError> {
    let wrong = |what: String| BuildError::Config(format!("Kubernetes cannot be used: {what}"));
    // Harmless when the process has chosen its TLS provider before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = if kubeconfig.is_empty() {
        kube::Config::incluster().map_err(|e| wrong(e.to_string()))?
    } else {
        let file = Kubeconfig::read_from(kubeconfig).map_err(|e| wrong(e.to_string()))?;
        let chosen = KubeConfigOptions::default();
        kube::Config::from_custom_kubeconfig(file, &chosen).await.map_err(|e| wrong(e.to_string()))?
    };
    config.connect_timeout = Some(CONNECT);
    Client::try_from(config).map_err(|e| wrong(e.to_string()))
}
