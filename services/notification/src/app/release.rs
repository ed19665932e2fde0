//! What was held is sent when its time comes: alone as it is, or several as one.

use std::collections::BTreeMap;

use assent_core::OpContext;
use assent_core::id::SessionId;
use assent_store::StoreError;
use tokio_util::sync::CancellationToken;

use super::App;
use crate::domain::digest::{Combined, combine};
use crate::domain::{Channel, Delivery, DeliveryStatus, Hold, Kind};
use crate::store::outgoing;

/// Held deliveries that are looked at in one transaction.
const BATCH: i64 = 500;

/// What goes out together: to one person over one channel, and about one session where only that was crowded.
type Group = (String, Channel, Option<SessionId>);

impl App {
    /// Releases everything whose time has come, until nothing is left or `stop`.
    pub(crate) async fn release_held(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() && self.release_batch().await? {}
        Ok(())
    }

    /// Returns whether there may be more.
    async fn release_batch(&self) -> Result<bool, StoreError> {
        let ctx = self.operation();
        let now = ctx.now();
        let mut tx = self.db.begin().await?;
        let held = outgoing::held(&mut tx, now, BATCH).await?;
        if held.is_empty() {
            return Ok(false);
        }
        let more = i64::try_from(held.len()).is_ok_and(|count| count == BATCH);
        let mut groups: BTreeMap<Group, Vec<Delivery>> = BTreeMap::new();
        for delivery in held {
            let session = delivery.session.filter(|_| delivery.hold == Some(Hold::Window));
            groups.entry((delivery.user.clone(), delivery.channel, session)).or_default().push(delivery);
        }
        for group in groups.values() {
            match group.as_slice() {
                [one] => outgoing::release(&mut tx, one.id, now).await?,
                several => {
                    let combined = self.combined(&ctx, several);
                    outgoing::insert(&mut tx, std::slice::from_ref(&combined)).await?;
                    for delivery in several {
                        outgoing::merge(&mut tx, delivery.id, combined.id).await?;
                    }
                }
            }
        }
        tx.commit().await?;
        self.ring();
        Ok(more)
    }

    fn combined(&self, ctx: &OpContext, held: &[Delivery]) -> Delivery {
        let hold = held.iter().filter_map(|delivery| delivery.hold).max().unwrap_or(Hold::Digest);
        let Combined { details, priority } = combine(held, hold);
        let session = held.first().and_then(|d| d.session).filter(|_| !details.goal.is_empty());
        let text = self.templates.notice(Kind::Digest, priority, session, &details);
        let (user, channel) =
            held.first().map_or_else(|| (String::new(), Channel::Email), |d| (d.user.clone(), d.channel));
        Delivery {
            id: ctx.new_id(),
            event: ctx.new_id(),
            session,
            user,
            channel,
            status: DeliveryStatus::Pending,
            priority,
            attempts: 0,
            earlier_attempts: 0,
            error: None,
            hold: None,
            merged_into: None,
            kind: Kind::Digest.name().to_owned(),
            title: text.title,
            body: text.body,
            details,
            created_at: ctx.now(),
            delivered_at: None,
            read_at: None,
            next_attempt_at: Some(ctx.now()),
        }
    }
}
