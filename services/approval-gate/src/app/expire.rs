//! The end of the time to decide.

use assent_core::Actor;

use super::App;
use super::record::{Ruling, log_change};
use crate::domain::decision::Ending;
use crate::error::GateError;
use crate::store;

/// Who decides when nobody did.
const CLOCK: &str = "timeout";
/// Sessions that one run ends at most, so that stopping does not wait for a long backlog.
const BATCH: usize = 500;

impl App {
    /// Ends every session whose time is over, however long ago that was; returns how many. Replicas share the work.
    ///
    /// # Errors
    /// When the database fails; what was ended before stays so.
    pub async fn sweep_expired(&self) -> Result<usize, GateError> {
        let mut ended = 0;
        while ended < BATCH && self.expire_one().await? {
            ended += 1;
        }
        Ok(ended)
    }

    async fn expire_one(&self) -> Result<bool, GateError> {
        let ctx = self.source.operation(Actor::system(CLOCK));
        let mut tx = self.db.begin().await?;
        let Some(mut session) = store::session::claim_due(&mut tx, ctx.now()).await? else {
            return Ok(false);
        };
        let before = session.state;
        let reason = "Approval timeout exceeded".to_owned();
        let ruling = Ruling { ending: Ending::TimedOut, reason, approvers: Vec::new() };
        self.decide(&mut tx, &ctx, &mut session, ruling).await?;
        self.commit(tx, &mut session).await?;
        log_change(&session, Some(before));
        Ok(true)
    }
}
