//! Somebody should know of a fact.

use std::collections::BTreeSet;

use assent_core::OpContext;
use assent_core::id::{EventId, SessionId};
use assent_events::{Cursor, Handled, append};
use assent_proto::approval::v1::{GetSessionRequest, ListEligibleApproversRequest};
use assent_proto::event::v1::NotificationDelivered;
use assent_proto::event::v1::event::Payload;
use assent_proto::review::v1::PlanReviewSession;
use assent_rpc::convert::Wire as _;
use assent_rpc::{RemoteFault, outbound};
use assent_store::{StoreError, Tx};

use super::App;
use crate::domain::{Channel, Delivery, DeliveryStatus, Notice};
use crate::error::NotificationError;
use crate::grpc::convert;
use crate::store::outgoing;

/// Ids of users.
pub(crate) type Recipients = BTreeSet<String>;

/// A fact that somebody is told of.
pub(crate) struct Fact<'a> {
    pub(crate) event: EventId,
    pub(crate) session: SessionId,
    pub(crate) ctx: &'a OpContext,
    /// Whether it may also go to the endpoint; inboxes always get it.
    pub(crate) webhook: bool,
}

impl App {
    /// Those who may vote on `session` now; nobody when it is decided or gone.
    pub(crate) async fn approvers(
        &self,
        ctx: &OpContext,
        session: SessionId,
    ) -> Result<Recipients, NotificationError> {
        let request = ListEligibleApproversRequest { session_id: session.to_pb() };
        match self.directory.clone().list_eligible_approvers(outbound(ctx, request)).await {
            Ok(answer) => Ok(answer.into_inner().approvers.into_iter().map(|actor| actor.id).collect()),
            Err(status) => absent(status.into()).map(|()| Recipients::new()),
        }
    }

    /// A session; none when it is gone.
    pub(crate) async fn session(
        &self,
        ctx: &OpContext,
        session: SessionId,
    ) -> Result<Option<PlanReviewSession>, NotificationError> {
        let request = GetSessionRequest { session_id: session.to_pb() };
        match self.approvals.clone().get_session(outbound(ctx, request)).await {
            Ok(answer) => Ok(answer.into_inner().session),
            Err(status) => absent(status.into()).map(|()| None),
        }
    }

    /// Puts `notice` into everybody's inbox and on the way to the endpoint, in one transaction with the consumer's
    /// position.
    pub(crate) async fn tell(
        &self,
        fact: &Fact<'_>,
        recipients: &Recipients,
        notice: &Notice,
        cursor: &Cursor,
    ) -> Result<Handled, NotificationError> {
        if recipients.is_empty() {
            return Ok(Handled::Skipped);
        }
        let webhook = self.webhook.is_some() && fact.webhook;
        let mut tx = self.db.begin().await?;
        for user in recipients {
            keep(&mut tx, fact, user, notice, Channel::InApp).await?;
            if webhook {
                keep(&mut tx, fact, user, notice, Channel::Webhook).await?;
            }
        }
        cursor.advance(&mut tx).await?;
        tx.commit().await?;
        Ok(Handled::Done)
    }
}

/// Whether a peer only says that the session does not exist.
fn absent(fault: RemoteFault) -> Result<(), NotificationError> {
    if fault.is("SESSION_NOT_FOUND") { Ok(()) } else { Err(fault.into()) }
}

async fn keep(
    tx: &mut Tx,
    fact: &Fact<'_>,
    user: &str,
    notice: &Notice,
    channel: Channel,
) -> Result<(), StoreError> {
    let now = fact.ctx.now();
    // Writing it is delivering it.
    let arrived = channel == Channel::InApp;
    let delivery = Delivery {
        id: fact.ctx.new_id(),
        session: fact.session,
        user: user.to_owned(),
        channel,
        status: if arrived { DeliveryStatus::Delivered } else { DeliveryStatus::Pending },
        attempts: u32::from(arrived),
        error: None,
        kind: notice.kind.to_owned(),
        title: notice.title.clone(),
        body: notice.body.clone(),
        created_at: now,
        delivered_at: arrived.then_some(now),
        read_at: None,
        next_attempt_at: (!arrived).then_some(now),
    };
    if outgoing::insert(tx, fact.event, &delivery).await? && arrived {
        append(tx, fact.ctx, Some(fact.session), delivered(&delivery)).await?;
    }
    Ok(())
}

/// The fact that a channel took `delivery`.
pub(super) fn delivered(delivery: &Delivery) -> Payload {
    Payload::NotificationDelivered(NotificationDelivered {
        delivery_id: delivery.id.to_pb(),
        user_id: delivery.user.clone(),
        channel: convert::channel_to_pb(delivery.channel).into(),
    })
}
