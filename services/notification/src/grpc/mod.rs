//! The gRPC face.

pub(crate) mod convert;

use std::sync::Arc;

use assent_core::actor::ADMIN;
use assent_core::page::Page;
use assent_proto::notification::v1 as pb;
use assent_proto::notification::v1::notification_service_server::NotificationService;
use assent_rpc::convert::read_message;
use assent_rpc::{Access, accept, invalid};
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::error::NotificationError;

/// Who may call what. An inbox is always the caller's own.
pub(crate) const ACCESS: &[(&str, Access)] = &[
    ("/assent.notification.v1.NotificationService/ListInbox", Access::Authenticated),
    ("/assent.notification.v1.NotificationService/MarkRead", Access::Authenticated),
    ("/assent.notification.v1.NotificationService/ListDeliveries", Access::AnyRole(&[ADMIN])),
];

impl From<NotificationError> for Status {
    fn from(error: NotificationError) -> Self {
        assent_rpc::status(&error)
    }
}

pub(crate) struct Grpc(pub(crate) Arc<App>);

#[tonic::async_trait]
impl NotificationService for Grpc {
    async fn list_inbox(
        &self,
        request: Request<pb::ListInboxRequest>,
    ) -> Result<Response<pb::ListInboxResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let page = Page::parse(body.page_size, &body.page_token, &("inbox", body.unread_only));
        let page = page.map_err(|violation| invalid(vec![violation]))?;
        let ((found, next_page_token), unread) = self.0.inbox(&ctx, &page, body.unread_only).await?;
        let notifications = found.iter().map(convert::notification).collect();
        let unread = i32::try_from(unread).unwrap_or(i32::MAX);
        Ok(Response::new(pb::ListInboxResponse { notifications, next_page_token, unread }))
    }

    async fn mark_read(
        &self,
        request: Request<pb::MarkReadRequest>,
    ) -> Result<Response<pb::MarkReadResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let ids = read_message("", |at| at.field("notification_ids").list(body.notification_ids));
        let marked = self.0.mark_read(&ctx, &ids.map_err(invalid)?).await?;
        Ok(Response::new(pb::MarkReadResponse { marked: i32::try_from(marked).unwrap_or(i32::MAX) }))
    }

    async fn list_deliveries(
        &self,
        request: Request<pb::ListDeliveriesRequest>,
    ) -> Result<Response<pb::ListDeliveriesResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let filter = ("deliveries", body.failed_only, &body.session_id);
        let page = Page::parse(body.page_size, &body.page_token, &filter);
        let page = page.map_err(|violation| invalid(vec![violation]))?;
        let session = read_message("", |at| at.field("session_id").unless_empty(body.session_id));
        let session = session.map_err(invalid)?;
        let (found, next_page_token) = self.0.deliveries(&ctx, &page, body.failed_only, session).await?;
        let deliveries = found.iter().map(convert::delivery).collect();
        Ok(Response::new(pb::ListDeliveriesResponse { deliveries, next_page_token }))
    }
}
