//! What the contract says about repeating a method.

use std::collections::HashMap;
use std::sync::OnceLock;

use prost_types::method_options::IdempotencyLevel;

/// Whether and how a call may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Whatever became of the last time.
    Always,
    /// Only when the last one did not leave this process.
    Unsent,
    /// Never: what was sent cannot be had again.
    Never,
}

/// By path: `/assent.event.v1.EventService/ReadEvents`.
pub(crate) fn repeat(path: &str) -> Repeat {
    static METHODS: OnceLock<HashMap<String, Repeat>> = OnceLock::new();
    let methods = METHODS.get_or_init(|| {
        let services = assent_proto::pool().services();
        let of = |service: prost_reflect::ServiceDescriptor| {
            let methods: Vec<_> = service.methods().collect();
            methods.into_iter().map(move |method| {
                let options = method.method_descriptor_proto().options.clone().unwrap_or_default();
                let repeat = match options.idempotency_level() {
                    _ if method.is_client_streaming() => Repeat::Never,
                    // By their names; of others the contract says so.
                    _ if method.name().starts_with("Get") || method.name().starts_with("List") => {
                        Repeat::Always
                    }
                    IdempotencyLevel::NoSideEffects | IdempotencyLevel::Idempotent => Repeat::Always,
                    IdempotencyLevel::IdempotencyUnknown => Repeat::Unsent,
                };
                (format!("/{}/{}", service.full_name(), method.name()), repeat)
            })
        };
        services.flat_map(of).collect()
    });
    methods.get(path).copied().unwrap_or(Repeat::Never)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_reads_may_be_repeated_and_what_decides_may_not() {
        assert_eq!(repeat("/assent.event.v1.EventService/ReadEvents"), Repeat::Always);
        assert_eq!(repeat("/assent.approval.v1.ApprovalService/GetSession"), Repeat::Always);
        assert_eq!(repeat("/assent.approval.v1.ApprovalService/CheckGrant"), Repeat::Always);
        assert_eq!(repeat("/assent.approval.v1.ApprovalService/Approve"), Repeat::Unsent);
        assert_eq!(repeat("/assent.executor.v1.WorkerService/UploadArtifact"), Repeat::Never);
        assert_eq!(repeat("/grpc.health.v1.Health/Check"), Repeat::Never);
    }
}
