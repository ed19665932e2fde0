//! Posting what is due. A delivery is claimed in one transaction, posted outside any, and its outcome kept in
//! another; a worker that dies in between loses its claim, and the same post is repeated with the same id.

use std::time::Duration;

use assent_core::Timestamp;
use assent_events::append;
use assent_proto::event::v1::NotificationFailed;
use assent_proto::event::v1::event::Payload;
use assent_rpc::convert::Wire as _;
use assent_store::StoreError;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::App;
use super::tell::delivered;
use crate::domain::{Delivery, Next};
use crate::error::NotificationError;
use crate::grpc::convert;
use crate::store::outgoing;
use crate::webhook::Webhook;

/// Posts at the same time.
const BATCH: i64 = 16;
/// Longer than an attempt may take, with the time to keep its outcome.
const CLAIM: Duration = Duration::from_secs(60);

impl App {
    /// Posts everything that is due, until nothing is or `stop`.
    pub(crate) async fn deliver_due(
        &self,
        webhook: &Webhook,
        stop: &CancellationToken,
    ) -> Result<(), NotificationError> {
        while !stop.is_cancelled() {
            let now = self.source.now();
            let until = now.after(CLAIM);
            let mut tx = self.db.begin().await?;
            let due = outgoing::claim(&mut tx, now, until, BATCH).await?;
            tx.commit().await?;
            if due.is_empty() {
                return Ok(());
            }
            let posts = due.iter().map(|delivery| self.attempt(webhook, delivery, until));
            join_all(posts).await.into_iter().collect::<Result<(), _>>()?;
        }
        Ok(())
    }

    async fn attempt(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
        claimed_until: Timestamp,
    ) -> Result<(), NotificationError> {
        let attempt = webhook.post(delivery, self.source.now()).await;
        let outcome = webhook.retry().next(delivery.attempts.saturating_add(1), attempt);
        let now = self.source.now();
        let (again, fact) = match &outcome {
            Next::Delivered => (None, Some(delivered(delivery))),
            Next::Again { after, .. } => (Some(now.after(self.source.jitter(*after))), None),
            Next::GivenUp { error } => {
                tracing::warn!(delivery.id = %delivery.id, error, "notification given up");
                (None, Some(failed(delivery, error)))
            }
        };
        let mut tx = self.db.begin().await?;
        match outgoing::record(&mut tx, delivery, claimed_until, &outcome, again, now).await {
            Err(StoreError::Conflict) => {
                tracing::warn!(delivery.id = %delivery.id, "the claim ended during the attempt; another worker took over");
                return Ok(());
            }
            recorded => recorded?,
        }
        if let Some(fact) = fact {
            append(&mut tx, &self.operation(), Some(delivery.session), fact).await?;
        }
        Ok(tx.commit().await?)
    }
}

fn failed(delivery: &Delivery, error: &str) -> Payload {
    Payload::NotificationFailed(NotificationFailed {
        delivery_id: delivery.id.to_pb(),
        user_id: delivery.user.clone(),
        channel: convert::channel_to_pb(delivery.channel).into(),
        error: error.to_owned(),
    })
}
