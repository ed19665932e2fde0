//! What the contract says about repeating a method.

use assent_proto::tables;

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
    let Some(method) = tables::method(path) else { return Repeat::Never };
    // By their names; of others the contract says so.
    let reads =
        path.rsplit('/').next().is_some_and(|name| name.starts_with("Get") || name.starts_with("List"));
    match method {
        _ if method.streams_in => Repeat::Never,
        _ if reads || method.idempotent => Repeat::Always,
        _ => Repeat::Unsent,
    }
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
