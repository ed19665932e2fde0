//! One person's clients of every service of a stack.

use assent_proto::approval::v1::approval_service_client::ApprovalServiceClient;
use assent_proto::approval::v1::audit_service_client::AuditServiceClient;
use assent_proto::approval::v1::comment_service_client::CommentServiceClient;
use assent_proto::approval::v1::directory_service_client::DirectoryServiceClient;
use assent_proto::event::v1::event_service_client::EventServiceClient;
use assent_proto::executor::v1::executor_service_client::ExecutorServiceClient;
use assent_proto::notification::v1::notification_service_client::NotificationServiceClient;
use assent_proto::planner::v1::planner_service_client::PlannerServiceClient;
use assent_proto::risk::v1::risk_service_client::RiskServiceClient;
use assent_proto::versioning::v1::plan_editor_service_client::PlanEditorServiceClient;
use assent_proto::versioning::v1::versioning_service_client::VersioningServiceClient;
use assent_rpc::{MAX_MESSAGE_BYTES, Transport};
use tonic::Status;
use tonic_types::StatusExt as _;

/// Where each service of a stack listens, as `http://host:port`.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Of the planner.
    pub planner: String,
    /// Of the risk service.
    pub risk: String,
    /// Of the versioning service.
    pub versioning: String,
    /// Of the approval gate.
    pub approval_gate: String,
    /// Of the executor.
    pub executor: String,
    /// Of the notification service.
    pub notification: String,
}

impl Addresses {
    /// Every service on one port.
    pub fn one(address: &str) -> Self {
        let address = || address.to_owned();
        Self {
            planner: address(),
            risk: address(),
            versioning: address(),
            approval_gate: address(),
            executor: address(),
            notification: address(),
        }
    }
}

/// Calls as one person.
#[derive(Debug, Clone)]
pub struct Client {
    /// `PlannerService`
    pub planner: PlannerServiceClient<Transport>,
    /// `RiskService`
    pub risk: RiskServiceClient<Transport>,
    /// `VersioningService`
    pub versioning: VersioningServiceClient<Transport>,
    /// `PlanEditorService`
    pub editor: PlanEditorServiceClient<Transport>,
    /// `ApprovalService`
    pub approval: ApprovalServiceClient<Transport>,
    /// `DirectoryService`
    pub directory: DirectoryServiceClient<Transport>,
    /// `CommentService`
    pub comments: CommentServiceClient<Transport>,
    /// `AuditService`
    pub audit: AuditServiceClient<Transport>,
    /// `EventService` of the approval gate
    pub events: EventServiceClient<Transport>,
    /// `ExecutorService`
    pub executor: ExecutorServiceClient<Transport>,
    /// `NotificationService`
    pub notification: NotificationServiceClient<Transport>,
}

impl Client {
    /// Calls the services at `addresses` with `token`.
    pub fn new(addresses: &Addresses, token: &str) -> Self {
        let to = |address: &str| Transport::remote(address, token).expect("a usable address");
        let gate = to(&addresses.approval_gate);
        Self {
            planner: PlannerServiceClient::new(to(&addresses.planner))
                .max_encoding_message_size(4 * MAX_MESSAGE_BYTES),
            risk: RiskServiceClient::new(to(&addresses.risk)),
            versioning: VersioningServiceClient::new(to(&addresses.versioning))
                .max_decoding_message_size(2 * MAX_MESSAGE_BYTES),
            editor: PlanEditorServiceClient::new(to(&addresses.versioning))
                .max_decoding_message_size(2 * MAX_MESSAGE_BYTES),
            approval: ApprovalServiceClient::new(gate.clone())
                .max_encoding_message_size(4 * MAX_MESSAGE_BYTES)
                .max_decoding_message_size(MAX_MESSAGE_BYTES),
            directory: DirectoryServiceClient::new(gate.clone()),
            comments: CommentServiceClient::new(gate.clone()),
            audit: AuditServiceClient::new(gate.clone()),
            events: EventServiceClient::new(gate),
            executor: ExecutorServiceClient::new(to(&addresses.executor)),
            notification: NotificationServiceClient::new(to(&addresses.notification)),
        }
    }
}

/// What a refused call said, in a form to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// gRPC code.
    pub code: tonic::Code,
    /// Reason of `ErrorInfo`; empty when there is none.
    pub reason: String,
    /// Fields of `BadRequest`.
    pub fields: Vec<String>,
    /// Message.
    pub message: String,
}

impl Refusal {
    /// Whether it says no more than "not now", and, where nobody answers, why: what is said while services come and
    /// go, to whoever may try again.
    pub fn is_passing(&self) -> bool {
        match self.code {
            tonic::Code::DeadlineExceeded => true,
            tonic::Code::Unavailable => !self.reason.is_empty(),
            _ => false,
        }
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let violations = details.bad_request().map(|b| b.field_violations.clone()).unwrap_or_default();
        Self {
            code: status.code(),
            reason: details.error_info().map(|i| i.reason.clone()).unwrap_or_default(),
            fields: violations.into_iter().map(|v| v.field).collect(),
            message: status.message().to_owned(),
        }
    }
}
