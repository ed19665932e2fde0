//! The time to decide is nearly over.

use std::time::Duration;

use assent_proto::review::v1::PlanReviewState;
use tokio_util::sync::CancellationToken;

use super::{Addressed, App, Notice, Telling};
use crate::domain::Kind;
use crate::error::NotificationError;
use crate::follow::asking;
use crate::store::reminders::{self, Reminder};

/// Reminders that are claimed at once.
const BATCH: i64 = 20;
/// Longer than it takes to ask the gate and to tell.
const CLAIM: Duration = Duration::from_secs(120);

impl App {
    /// Says what is due to be said, until nothing is or `stop`.
    pub(crate) async fn remind_due(&self, stop: &CancellationToken) -> Result<(), NotificationError> {
        while !stop.is_cancelled() {
            let now = self.source.now();
            let mut tx = self.db.begin().await?;
            let due = reminders::claim(&mut tx, now, now.after(CLAIM), BATCH).await?;
            tx.commit().await?;
            if due.is_empty() {
                return Ok(());
            }
            for reminder in &due {
                self.remind(reminder).await?;
            }
        }
        Ok(())
    }

    async fn remind(&self, reminder: &Reminder) -> Result<(), NotificationError> {
        let ctx = self.operation();
        let session = reminder.session;
        let review = self.session(&ctx, session).await?;
        let waits = |state| matches!(state, PlanReviewState::Pending | PlanReviewState::InReview);
        if let Some(review) = review.filter(|review| waits(review.state())) {
            let eligible = self.eligible(&ctx, session).await?;
            let recipients = eligible.ids();
            let notice =
                Notice { delegators: eligible.delegators, ..asking(Kind::ExpiringSoon, session, &review) };
            let telling = Telling { notices: vec![Addressed { notice, recipients }], ..Telling::default() };
            // The same event id in every round: nobody is told twice.
            self.tell(ctx, reminder.event, telling).await?;
        }
        let mut tx = self.db.begin().await?;
        reminders::done(&mut tx, reminder).await?;
        Ok(tx.commit().await?)
    }
}
