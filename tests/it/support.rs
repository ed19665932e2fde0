//! What the tests of this folder share.

use assent_tests::scenario::Cast;
use assent_tests::{Cluster, Dev, Embedded, people};

pub(crate) fn cast(stack: &Embedded) -> Cast {
    Cast {
        agent: stack.client(people::AGENT),
        dev: stack.client(people::DEV),
        lead: stack.client(people::LEAD),
        dev_id: people::DEV.to_owned(),
    }
}

pub(crate) fn cast_of_dev(stack: &Dev) -> Cast {
    Cast {
        agent: stack.client("agent"),
        dev: stack.client("dev"),
        lead: stack.client("lead"),
        dev_id: "dev@localhost".to_owned(),
    }
}

pub(crate) fn cast_of_cluster(stack: &Cluster) -> Cast {
    Cast {
        agent: stack.client(people::AGENT),
        dev: stack.client(people::DEV),
        lead: stack.client(people::LEAD),
        dev_id: people::DEV.to_owned(),
    }
}

/// The folder of the workspace.
pub(crate) fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A method of the contract.
pub(crate) struct Method {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) input: prost_reflect::MessageDescriptor,
    pub(crate) streams: bool,
    pub(crate) comment: String,
}

impl Method {
    pub(crate) fn path(&self) -> String {
        format!("/{}/{}", self.service, self.name)
    }
}

/// Every method of the contract.
pub(crate) fn methods() -> Vec<Method> {
    let mut all = Vec::new();
    // With the comments.
    let pool = prost_reflect::DescriptorPool::decode(assent_proto::DESCRIPTORS).unwrap();
    for service in pool.services() {
        let info = service.parent_file_descriptor_proto().source_code_info.clone().unwrap_or_default();
        for method in service.methods() {
            let location = info.location.iter().find(|location| location.path == method.path());
            all.push(Method {
                service: service.full_name().to_owned(),
                name: method.name().to_owned(),
                input: method.input(),
                streams: method.is_server_streaming(),
                comment: location.and_then(|l| l.leading_comments.clone()).unwrap_or_default(),
            });
        }
    }
    assert!(all.len() > 30, "the contract has only {} methods", all.len());
    all
}

/// Reasons in the Errors block of a comment: `CODE REASON: text`.
pub(crate) fn reasons_of_comments(comment: &str) -> Vec<String> {
    let line = regex::Regex::new(r"(?m)^\s*[A-Z_]+ ([A-Z][A-Z_]+): ").unwrap();
    line.captures_iter(comment).map(|c| c[1].to_owned()).collect()
}

/// Names of the fields that a message must carry.
pub(crate) fn required_fields(message: &prost_reflect::MessageDescriptor) -> Vec<String> {
    let rules = assent_proto::pool().get_extension_by_name("assent.annotations.v1.rules").unwrap();
    let required = |field: &prost_reflect::FieldDescriptor| {
        let value = field.options().get_extension(&rules).into_owned();
        let message = value.as_message().unwrap();
        message.get_field_by_name("required").unwrap().as_bool().unwrap()
    };
    message.fields().filter(required).map(|field| field.name().to_owned()).collect()
}
