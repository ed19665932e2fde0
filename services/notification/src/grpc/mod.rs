//! The gRPC face.

pub(crate) mod convert;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use assent_core::actor::ADMIN;
use assent_core::id::EventId;
use assent_core::page::Page;
use assent_core::{Digest, Id};
use assent_proto::notification::v1 as pb;
use assent_proto::notification::v1::notification_service_server::NotificationService;
use assent_rpc::convert::read_message;
use assent_rpc::{Access, accept, invalid};
use futures_util::{Stream, TryStreamExt as _};
use tonic::{Request, Response, Status};

use crate::app::{App, Message};
use crate::domain::Priority;
use crate::error::NotificationError;

/// Who may call what. Inboxes and preferences are always the caller's own.
pub(crate) const ACCESS: &[(&str, Access)] = &[
    ("/assent.notification.v1.NotificationService/Notify", Access::AnyRole(&[ADMIN])),
    ("/assent.notification.v1.NotificationService/ListInbox", Access::Authenticated),
    ("/assent.notification.v1.NotificationService/MarkRead", Access::Authenticated),
    ("/assent.notification.v1.NotificationService/WatchInbox", Access::Authenticated),
    ("/assent.notification.v1.NotificationService/GetPreferences", Access::Authenticated),
    ("/assent.notification.v1.NotificationService/SetPreferences", Access::Authenticated),
    ("/assent.notification.v1.NotificationService/ListChannels", Access::Authenticated),
    ("/assent.notification.v1.NotificationService/TestChannel", Access::Authenticated),
    ("/assent.notification.v1.NotificationService/ListDeliveries", Access::AnyRole(&[ADMIN])),
    ("/assent.notification.v1.NotificationService/RetryDelivery", Access::AnyRole(&[ADMIN])),
];

impl From<NotificationError> for Status {
    fn from(error: NotificationError) -> Self {
        assent_rpc::status(&error)
    }
}

pub(crate) struct Grpc(pub(crate) Arc<App>);

#[tonic::async_trait]
impl NotificationService for Grpc {
    async fn notify(
        &self,
        request: Request<pb::NotifyRequest>,
    ) -> Result<Response<pb::NotifyResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let read = read_message("", |at| {
            let priority = at.field("priority").optional_choice(body.priority);
            let session = at.field("session_id").unless_empty(body.session_id);
            Ok((priority?.unwrap_or(Priority::Normal), session?))
        });
        let (priority, session) = read.map_err(invalid)?;
        let message = Message {
            event: named(&ctx.actor().id, &body.request_id),
            recipients: body.user_ids.into_iter().collect(),
            title: body.title,
            body: body.body,
            priority,
            session,
        };
        let told = self.0.notify(&ctx, message).await?;
        Ok(Response::new(pb::NotifyResponse { told: i32::try_from(told).unwrap_or(i32::MAX) }))
    }

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

    type WatchInboxStream = Pin<Box<dyn Stream<Item = Result<pb::WatchInboxResponse, Status>> + Send>>;

    async fn watch_inbox(
        &self,
        request: Request<pb::WatchInboxRequest>,
    ) -> Result<Response<Self::WatchInboxStream>, Status> {
        let (ctx, body) = accept(request)?;
        let seen = Arc::clone(&self.0).watch_inbox(&ctx, body.after_position).await?;
        let responses = seen.map_ok(|seen| pb::WatchInboxResponse {
            notification: seen.arrived.as_ref().map(convert::notification),
            position: seen.position,
            unread: i32::try_from(seen.unread).unwrap_or(i32::MAX),
        });
        Ok(Response::new(Box::pin(responses)))
    }

    async fn get_preferences(
        &self,
        request: Request<pb::GetPreferencesRequest>,
    ) -> Result<Response<pb::GetPreferencesResponse>, Status> {
        let (ctx, _) = accept(request)?;
        let (own, revision) = self.0.preferences(&ctx).await?;
        let preferences = Some(convert::preferences(&own, revision));
        Ok(Response::new(pb::GetPreferencesResponse { preferences }))
    }

    async fn set_preferences(
        &self,
        request: Request<pb::SetPreferencesRequest>,
    ) -> Result<Response<pb::SetPreferencesResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let (wanted, revision) =
            convert::read_preferences(body.preferences.unwrap_or_default()).map_err(invalid)?;
        let revision = self.0.set_preferences(&ctx, &wanted, revision).await?;
        let preferences = Some(convert::preferences(&wanted, revision));
        Ok(Response::new(pb::SetPreferencesResponse { preferences }))
    }

    async fn list_channels(
        &self,
        request: Request<pb::ListChannelsRequest>,
    ) -> Result<Response<pb::ListChannelsResponse>, Status> {
        let (ctx, _) = accept(request)?;
        let channels = self.0.channels(&ctx).await?.iter().map(convert::channel).collect();
        Ok(Response::new(pb::ListChannelsResponse { channels }))
    }

    async fn test_channel(
        &self,
        request: Request<pb::TestChannelRequest>,
    ) -> Result<Response<pb::TestChannelResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let channel = read_message("", |at| at.field("channel").choice(body.channel)).map_err(invalid)?;
        let (delivery, history) = self.0.test_channel(&ctx, channel, &body.user_id).await?;
        let delivery = Some(convert::delivery(&delivery, of(&history, delivery.id)));
        Ok(Response::new(pb::TestChannelResponse { delivery }))
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
        let ((found, next_page_token), history) =
            self.0.deliveries(&ctx, &page, body.failed_only, session).await?;
        let deliveries = found.iter().map(|d| convert::delivery(d, of(&history, d.id))).collect();
        Ok(Response::new(pb::ListDeliveriesResponse { deliveries, next_page_token }))
    }

    async fn retry_delivery(
        &self,
        request: Request<pb::RetryDeliveryRequest>,
    ) -> Result<Response<pb::RetryDeliveryResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let id = read_message("", |at| at.field("delivery_id").read(body.delivery_id)).map_err(invalid)?;
        let (delivery, history) = self.0.retry(&ctx, id).await?;
        let delivery = Some(convert::delivery(&delivery, of(&history, delivery.id)));
        Ok(Response::new(pb::RetryDeliveryResponse { delivery }))
    }
}

fn of<K: std::hash::Hash + Eq, T>(all: &HashMap<K, Vec<T>>, key: K) -> &[T] {
    all.get(&key).map(Vec::as_slice).unwrap_or_default()
}

/// The same event for the same request of the same caller; none for a request without a name.
fn named(caller: &str, request_id: &str) -> Option<EventId> {
    if request_id.is_empty() {
        return None;
    }
    let digest = Digest::of(&[b"notify", caller.as_bytes(), request_id.as_bytes()]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(digest.as_bytes().get(..16)?);
    Some(Id::from_uuid(uuid::Builder::from_random_bytes(bytes).into_uuid()))
}
