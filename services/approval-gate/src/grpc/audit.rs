//! `AuditService`.

use assent_core::page::Page;
use assent_proto::approval::v1 as pb;
use assent_proto::approval::v1::audit_service_server::AuditService;
use assent_rpc::accept;
use tonic::{Request, Response, Status};

use super::convert::entry_to_pb;
use super::{Grpc, request, session_id};

#[tonic::async_trait]
impl AuditService for Grpc {
    async fn list_entries(
        &self,
        request: Request<pb::ListEntriesRequest>,
    ) -> Result<Response<pb::ListEntriesResponse>, Status> {
        let (_, body) = accept(request)?;
        let page =
            Page::parse(body.page_size, &body.page_token, &body.session_id).map_err(request::refused)?;
        let (entries, next_page_token) = self.0.audit_entries(session_id(body.session_id)?, &page).await?;
        let entries = entries.iter().map(|(entry, digest)| entry_to_pb(entry, digest)).collect();
        Ok(Response::new(pb::ListEntriesResponse { entries, next_page_token }))
    }

    async fn verify(
        &self,
        request: Request<pb::VerifyRequest>,
    ) -> Result<Response<pb::VerifyResponse>, Status> {
        let (_, body) = accept(request)?;
        let verdict = self.0.verify_audit(session_id(body.session_id)?).await?;
        let intact = verdict.broken.is_none();
        let (broken_at, problem) = verdict.broken.unwrap_or_default();
        let (entries, head_digest) = (verdict.entries, verdict.head.to_string());
        Ok(Response::new(pb::VerifyResponse { intact, entries, head_digest, broken_at, problem }))
    }
}
