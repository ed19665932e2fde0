//! Which service answers which call from the browser. What is not listed is not passed on: agents' and services' own
//! calls have no business here.

use std::collections::HashMap;

use assent_proto::approval::v1::GetCallerRequest;
use assent_proto::approval::v1::directory_service_client::DirectoryServiceClient;
use assent_rpc::Passage;
use assent_runtime::{BuildError, Peer, Wiring};
use axum::http::HeaderValue;
use tonic::metadata::MetadataValue;
use tonic::{Request, Status};

const SERVED: [(&str, Peer); 9] = [
    ("assent.approval.v1.ApprovalService", Peer::ApprovalGate),
    ("assent.approval.v1.CommentService", Peer::ApprovalGate),
    ("assent.approval.v1.DirectoryService", Peer::ApprovalGate),
    ("assent.approval.v1.AuditService", Peer::ApprovalGate),
    ("assent.versioning.v1.VersioningService", Peer::Versioning),
    ("assent.versioning.v1.PlanEditorService", Peer::Versioning),
    ("assent.executor.v1.ExecutorService", Peer::Executor),
    ("assent.notification.v1.NotificationService", Peer::Notification),
    ("assent.risk.v1.RiskService", Peer::Risk),
];

/// The ways to the services.
#[derive(Debug)]
pub(crate) struct Passages {
    by_service: HashMap<&'static str, Passage>,
    directory: DirectoryServiceClient<Passage>,
}

impl Passages {
    /// # Errors
    /// When a peer is not configured.
    pub(crate) fn new(wiring: &Wiring) -> Result<Self, BuildError> {
        let mut by_service = HashMap::new();
        for (service, peer) in SERVED {
            by_service.insert(service, wiring.passage(peer)?);
        }
        let directory = DirectoryServiceClient::new(wiring.passage(Peer::ApprovalGate)?);
        Ok(Self { by_service, directory })
    }

    /// The way to a service by its full name.
    pub(crate) fn get(&self, service: &str) -> Option<Passage> {
        self.by_service.get(service).cloned()
    }

    /// Whether a credential is somebody's.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when it is nobody's, and whatever keeps the gate from answering.
    pub(crate) async fn recognise(&self, authorization: &HeaderValue) -> Result<(), Status> {
        let mut request = Request::new(GetCallerRequest {});
        let value = authorization.to_str().ok().and_then(|text| MetadataValue::try_from(text).ok());
        let value = value.ok_or_else(|| Status::unauthenticated("the token is no text"))?;
        request.metadata_mut().insert("authorization", value);
        self.directory.clone().get_caller(request).await.map(drop)
    }
}
