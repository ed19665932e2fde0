//! `AuditService`.

use std::pin::Pin;

use assent_core::Timestamp;
use assent_core::page::Page;
use assent_proto::approval::v1 as pb;
use assent_proto::approval::v1::audit_service_server::AuditService;
use assent_rpc::accept;
use assent_rpc::convert::{Wire, read_message};
use futures_util::{Stream, StreamExt as _, stream};
use tonic::{Request, Response, Status};

use super::convert::{entry_to_pb, record_to_pb};
use super::{Grpc, request, session_id};
use crate::app::export::Span;
use crate::domain::license::Feature;
use crate::error::GateError;

/// Bytes of a bundle in one message.
const CHUNK: usize = 64 * 1024;

type Messages<M> = Pin<Box<dyn Stream<Item = Result<M, Status>> + Send>>;

#[tonic::async_trait]
impl AuditService for Grpc {
    async fn list_entries(
        &self,
        request: Request<pb::ListEntriesRequest>,
    ) -> Result<Response<pb::ListEntriesResponse>, Status> {
        let (_, body) = accept(request)?;
        self.0.licensed(Feature::AuditLog)?;
        let page =
            Page::parse(body.page_size, &body.page_token, &body.session_id).map_err(request::refused)?;
        let (entries, next_page_token) = self.0.audit_entries(session_id(body.session_id)?, &page).await?;
        let entries = entries.iter().map(|kept| entry_to_pb(&kept.entry, &kept.digest)).collect();
        Ok(Response::new(pb::ListEntriesResponse { entries, next_page_token }))
    }

    async fn verify(
        &self,
        request: Request<pb::VerifyRequest>,
    ) -> Result<Response<pb::VerifyResponse>, Status> {
        let (_, body) = accept(request)?;
        self.0.licensed(Feature::AuditLog)?;
        let checked = self.0.verify_audit(session_id(body.session_id)?).await?;
        let verdict = checked.verdict;
        let intact = verdict.broken.is_none();
        let (broken_at, problem) = verdict.broken.unwrap_or_default();
        Ok(Response::new(pb::VerifyResponse {
            intact,
            entries: verdict.entries,
            head_digest: verdict.head.to_string(),
            broken_at,
            problem,
            logged_entries: checked.logged,
        }))
    }

    type ExportStream = Messages<pb::ExportResponse>;

    async fn export(
        &self,
        request: Request<pb::ExportRequest>,
    ) -> Result<Response<Self::ExportStream>, Status> {
        let (_, body) = accept(request)?;
        self.0.licensed(Feature::AuditLog)?;
        let response = |told| pb::ExportResponse { record: Some(record_to_pb(told)) };
        if !body.session_id.is_empty() {
            let told = self.0.audit_record(session_id(body.session_id)?).await?;
            return Ok(Response::new(Box::pin(stream::iter([Ok(response(told))]))));
        }
        let span = span(body.start_time, body.end_time)?;
        let told = self.0.clone().export(span).map(move |told| Ok(response(told?)));
        Ok(Response::new(Box::pin(told)))
    }

    async fn get_tree_head(
        &self,
        request: Request<pb::GetTreeHeadRequest>,
    ) -> Result<Response<pb::GetTreeHeadResponse>, Status> {
        let (_, body) = accept(request)?;
        self.0.licensed(Feature::AuditLog)?;
        let (head, proof) = self.0.tree_head(body.tree_size, body.known_size).await?;
        let head = pb::TreeHead {
            tree_size: head.tree_size,
            root_digest: head.root_digest.to_pb(),
            sign_time: Some(head.signed_at.to_pb()),
            token: head.token,
        };
        let consistency_proof = proof.iter().map(ToString::to_string).collect();
        Ok(Response::new(pb::GetTreeHeadResponse { head: Some(head), consistency_proof }))
    }

    type ExportEvidenceStream = Messages<pb::ExportEvidenceResponse>;

    async fn export_evidence(
        &self,
        request: Request<pb::ExportEvidenceRequest>,
    ) -> Result<Response<Self::ExportEvidenceStream>, Status> {
        let (ctx, body) = accept(request)?;
        self.0.licensed(Feature::AuditLog)?;
        let bytes = self.0.evidence(&ctx, session_id(body.session_id)?).await?;
        let chunks: Vec<_> = bytes.chunks(CHUNK).map(<[u8]>::to_vec).collect();
        let chunks = chunks.into_iter().map(|data| Ok(pb::ExportEvidenceResponse { data }));
        Ok(Response::new(Box::pin(stream::iter(chunks))))
    }
}

fn span(
    start: Option<prost_types::Timestamp>,
    end: Option<prost_types::Timestamp>,
) -> Result<Span, GateError> {
    let read = read_message("", |at| {
        let start: Option<Timestamp> = at.field("start_time").optional(start)?;
        let end: Option<Timestamp> = at.field("end_time").optional(end)?;
        // From the year 1 to the year 9999, which both databases can compare.
        let bound = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let first = start.or_else(|| bound(-62_135_596_800));
        let last = end.or_else(|| bound(253_402_300_799));
        match (first, last) {
            (Some(start), Some(end)) => Ok(Span { start, end }),
            _ => Err(at.refuse("OUT_OF_RANGE", "must be a time")),
        }
    });
    read.map_err(GateError::invalid)
}
