//! What a Job is made of. Pure.

use std::collections::BTreeMap;

use assent_core::Digest;
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, EmptyDirVolumeSource, EnvFromSource, EnvVar, LocalObjectReference, PodSpec,
    PodTemplateSpec, ResourceRequirements, SeccompProfile, Secret, SecretEnvSource, SecurityContext, Volume,
    VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::Limits;
use crate::tools::Call;

/// Labels and annotations of all that is made here.
pub(super) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "assent-executor");
pub(super) const KEY: &str = "assent.dev/idempotency-key";
pub(super) const SESSION: &str = "assent.dev/session";
pub(super) const ITEM: &str = "assent.dev/item";
/// Whether the item says that it needs the network: for NetworkPolicies.
const NETWORK: &str = "assent.dev/network";
/// The container, and where it works.
const CONTAINER: &str = "program";
const WORKSPACE: &str = "/workspace";
/// Seconds after which the cluster itself removes what has ended, should nobody else: a week.
const FORGOTTEN: i32 = 7 * 24 * 3600;

/// A program that is to run.
pub(super) struct Program<'p> {
    pub(super) call: &'p Call,
    pub(super) image: &'p str,
    pub(super) argv: &'p [String],
    /// Variables that the item gives it, secrets among them.
    pub(super) environment: &'p BTreeMap<String, String>,
    pub(super) network: bool,
}

/// The name of the Job of an attempt. Keys are longer than names may be, and have other characters.
pub(super) fn name(key: &str) -> String {
    format!("assent-{:.40}", Digest::of(&[key.as_bytes()]).to_string())
}

fn metadata(call: &Call, labels: BTreeMap<String, String>) -> ObjectMeta {
    let annotations =
        [(KEY, call.key.clone()), (SESSION, call.session.to_string()), (ITEM, call.item.to_string())];
    ObjectMeta {
        name: Some(name(&call.key)),
        labels: Some(labels),
        annotations: Some(annotations.map(|(name, value)| (name.to_owned(), value)).into()),
        ..ObjectMeta::default()
    }
}

fn labels(network: bool) -> BTreeMap<String, String> {
    let (name, value) = MANAGED_BY;
    BTreeMap::from([(name.to_owned(), value.to_owned()), (NETWORK.to_owned(), network.to_string())])
}

/// The Job of `program`.
pub(super) fn job(program: &Program<'_>, limits: &Limits) -> Job {
    let call = program.call;
    let labels = labels(program.network);
    let own = [
        ("ASSENT_IDEMPOTENCY_KEY", call.key.clone()),
        ("ASSENT_SESSION_ID", call.session.to_string()),
        ("ASSENT_ITEM_ID", call.item.to_string()),
        ("HOME", WORKSPACE.to_owned()),
    ];
    let own = own.map(|(name, value)| EnvVar { name: name.to_owned(), value: Some(value), value_from: None });
    // Made after the Job, which then owns it: the program does not start before it is there.
    let given = SecretEnvSource { name: name(&call.key), optional: None };
    let given = (!program.environment.is_empty())
        .then(|| vec![EnvFromSource { secret_ref: Some(given), ..EnvFromSource::default() }]);
    let container = Container {
        name: CONTAINER.to_owned(),
        image: Some(program.image.to_owned()),
        command: Some(program.argv.to_vec()),
        working_dir: Some(WORKSPACE.to_owned()),
        env: Some(own.to_vec()),
        env_from: given,
        resources: Some(ResourceRequirements { limits: quantities(limits), ..Default::default() }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                localhost_profile: None,
            }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(vec![VolumeMount {
            name: "workspace".to_owned(),
            mount_path: WORKSPACE.to_owned(),
            ..VolumeMount::default()
        }]),
        ..Container::default()
    };
    let pull_secrets = limits.pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() });
    let pod = PodSpec {
        containers: vec![container],
        restart_policy: Some("Never".to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        service_account_name: Some(limits.service_account.clone()).filter(|name| !name.is_empty()),
        image_pull_secrets: (!limits.pull_secrets.is_empty()).then(|| pull_secrets.collect()),
        volumes: Some(vec![Volume {
            name: "workspace".to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        }]),
        ..PodSpec::default()
    };
    Job {
        metadata: metadata(call, labels.clone()),
        spec: Some(JobSpec {
            // Attempts are repeated by the item's retries, each under a key of its own.
            backoff_limit: Some(0),
            active_deadline_seconds: Some(i64::try_from(call.timeout.as_secs().max(1)).unwrap_or(i64::MAX)),
            ttl_seconds_after_finished: Some(FORGOTTEN),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }),
                spec: Some(pod),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}

/// The variables of `program`, which go when `job` goes.
pub(super) fn secret(program: &Program<'_>, job: &Job) -> Secret {
    let owner = OwnerReference {
        api_version: "batch/v1".to_owned(),
        kind: "Job".to_owned(),
        name: name(&program.call.key),
        uid: job.metadata.uid.clone().unwrap_or_default(),
        controller: None,
        block_owner_deletion: None,
    };
    Secret {
        metadata: ObjectMeta {
            owner_references: Some(vec![owner]),
            ..metadata(program.call, labels(program.network))
        },
        immutable: Some(true),
        string_data: Some(program.environment.clone()),
        ..Secret::default()
    }
}

fn quantities(limits: &Limits) -> Option<BTreeMap<String, Quantity>> {
    let all = [("cpu", &limits.cpu), ("memory", &limits.memory)];
    let set = all.into_iter().filter(|(_, amount)| !amount.is_empty());
    let set: BTreeMap<_, _> = set.map(|(name, amount)| (name.to_owned(), Quantity(amount.clone()))).collect();
    (!set.is_empty()).then_some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_and_differ_as_keys_do() {
        let one = name("ses_0190163d8694739aaea5966c26f8ad91.1.some_item.1");
        assert!(
            one.len() <= 63 && one.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        );
        assert_eq!(one, name("ses_0190163d8694739aaea5966c26f8ad91.1.some_item.1"));
        assert_ne!(one, name("ses_0190163d8694739aaea5966c26f8ad91.1.some_item.2"));
    }
}
