//! The gate over gRPC.

mod approval;
mod audit;
mod change;
pub(crate) mod comment;
pub(crate) mod convert;
mod directory;
mod explain;
mod grants;
pub(crate) mod people;
mod request;

use std::sync::Arc;

use assent_core::Violation;
use assent_core::actor::ADMIN;
use assent_core::id::SessionId;
use assent_proto::approval::v1::approval_service_server::ApprovalServiceServer;
use assent_proto::approval::v1::audit_service_server::AuditServiceServer;
use assent_proto::approval::v1::comment_service_server::CommentServiceServer;
use assent_proto::approval::v1::directory_service_server::DirectoryServiceServer;
use assent_rpc::convert::Wire;
use assent_rpc::{Access, MAX_MESSAGE_BYTES};
use tonic::service::RoutesBuilder;

use crate::app::App;
use crate::error::GateError;

/// Who may call what. Whether the caller may decide on a certain session is judged there.
pub(crate) const ACCESS: &[(&str, Access)] = &[
    ("/assent.approval.v1.ApprovalService/SubmitForApproval", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/GetSession", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/ListSessions", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/StartReview", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/Approve", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/Reject", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/WaitForDecision", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/WatchSession", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/GetGrant", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/GetKeys", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/CheckGrant", Access::Service),
    ("/assent.approval.v1.ApprovalService/GetValidGrants", Access::Service),
    ("/assent.approval.v1.ApprovalService/RevokeGrant", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/ListPendingSessions", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/ExplainDecision", Access::Authenticated),
    // Roles may come from the directory, too, so that this is judged there.
    ("/assent.approval.v1.ApprovalService/BreakGlass", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/RequestModification", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/Resubmit", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/Cancel", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/Reassign", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/ExtendDeadline", Access::Authenticated),
    ("/assent.approval.v1.ApprovalService/RotateKeys", Access::AnyRole(&[ADMIN])),
    ("/assent.approval.v1.DirectoryService/GetCaller", Access::Authenticated),
    ("/assent.approval.v1.DirectoryService/ListEligibleApprovers", Access::Authenticated),
    ("/assent.approval.v1.DirectoryService/GetUser", Access::Authenticated),
    ("/assent.approval.v1.DirectoryService/ListUsers", Access::Authenticated),
    // Roles may come from the directory, too, so that these are judged there.
    ("/assent.approval.v1.DirectoryService/UpsertUser", Access::Authenticated),
    ("/assent.approval.v1.DirectoryService/DeleteUser", Access::Authenticated),
    ("/assent.approval.v1.DirectoryService/CreateDelegation", Access::Authenticated),
    ("/assent.approval.v1.DirectoryService/RevokeDelegation", Access::Authenticated),
    ("/assent.approval.v1.DirectoryService/ListDelegations", Access::Authenticated),
    ("/assent.approval.v1.DirectoryService/GetContacts", Access::Service),
    ("/assent.approval.v1.AuditService/ListEntries", Access::Authenticated),
    ("/assent.approval.v1.AuditService/Verify", Access::Authenticated),
    ("/assent.approval.v1.AuditService/Export", Access::Authenticated),
    ("/assent.approval.v1.AuditService/GetTreeHead", Access::Authenticated),
    ("/assent.approval.v1.AuditService/ExportEvidence", Access::Authenticated),
    ("/assent.approval.v1.CommentService/AddComment", Access::Authenticated),
    ("/assent.approval.v1.CommentService/ReplyToComment", Access::Authenticated),
    ("/assent.approval.v1.CommentService/EditComment", Access::Authenticated),
    ("/assent.approval.v1.CommentService/DeleteComment", Access::Authenticated),
    ("/assent.approval.v1.CommentService/ResolveComment", Access::Authenticated),
    ("/assent.approval.v1.CommentService/ReopenComment", Access::Authenticated),
    ("/assent.approval.v1.CommentService/ListComments", Access::Authenticated),
    ("/assent.approval.v1.CommentService/HideComment", Access::Authenticated),
    ("/assent.approval.v1.CommentService/UnhideComment", Access::Authenticated),
];

/// The handlers.
#[derive(Clone)]
struct Grpc(Arc<App>);

/// Adds the services of the gate.
pub(crate) fn add(app: &Arc<App>, routes: &mut RoutesBuilder) {
    let grpc = Grpc(app.clone());
    routes
        .add_service(ApprovalServiceServer::new(grpc.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .add_service(CommentServiceServer::new(grpc.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .add_service(DirectoryServiceServer::new(grpc.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .add_service(AuditServiceServer::new(grpc).max_decoding_message_size(MAX_MESSAGE_BYTES));
}

fn session_id(text: String) -> Result<SessionId, GateError> {
    SessionId::from_pb(text, "session_id")
        .map_err(|violations: Vec<Violation>| GateError::invalid(violations))
}
