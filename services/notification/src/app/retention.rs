//! What people were told is kept for a time.

use assent_store::StoreError;
use tokio_util::sync::CancellationToken;

use super::App;

/// Deliveries that one transaction removes at most, so that others need not wait for it.
const BATCH: u32 = 500;

impl App {
    /// Removes notifications and deliveries that are old enough, read or not, until none is left or `stop`. What is
    /// still to be sent stays. Replicas share the work.
    ///
    /// # Errors
    /// When the database fails; what was removed before stays so.
    pub(crate) async fn remove_old(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let before = self.source.now().before(self.rules.keep);
        let mut all = 0;
        while !stop.is_cancelled() {
            let mut tx = self.db.begin().await?;
            let removed = crate::store::retention::remove(&mut tx, before, i64::from(BATCH)).await?;
            tx.commit().await?;
            all += removed;
            if removed < u64::from(BATCH) {
                break;
            }
        }
        if all > 0 {
            tracing::info!(deliveries = all, "old notifications removed");
        }
        Ok(())
    }
}
