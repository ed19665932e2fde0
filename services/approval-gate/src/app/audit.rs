//! Reading and checking the audit.

use assent_core::Digest;
use assent_core::id::SessionId;
use assent_core::page::Page;

use super::App;
use crate::domain::audit::{Entry, Head, Verdict, Verifier};
use crate::error::GateError;
use crate::store;

/// Entries that are read at once while a chain is recomputed.
const BATCH: i64 = 500;

impl App {
    /// The end of the chain of a session, or of the directory, whose id is all zeros.
    async fn chain_head(&self, id: SessionId) -> Result<Head, GateError> {
        if id == store::chain::DIRECTORY {
            return Ok(store::chain::head(&self.db, id).await?);
        }
        Ok(self.session(id).await?.audit)
    }

    /// A page of a session's entries, oldest first, and the token of the next.
    pub(crate) async fn audit_entries(
        &self,
        id: SessionId,
        page: &Page<i64>,
    ) -> Result<(Vec<(Entry, Digest)>, String), GateError> {
        self.chain_head(id).await?;
        let after = page.after.unwrap_or_default();
        let mut entries = store::audit::after(&self.db, id, after, page.limit()).await?;
        let token = page.finish(&mut entries, |(entry, _)| entry.sequence);
        Ok((entries, token))
    }

    /// Recomputes the chain of a session.
    pub(crate) async fn verify_audit(&self, id: SessionId) -> Result<Verdict, GateError> {
        // Taken before the entries, so that one that is written meanwhile is not mistaken for a stray.
        let head = self.chain_head(id).await?;
        let mut verifier = Verifier::default();
        let mut after = 0;
        while after < head.sequence {
            let entries = store::audit::after(&self.db, id, after, BATCH.min(head.sequence - after)).await?;
            let Some((last, _)) = entries.last() else { break };
            after = last.sequence;
            entries.iter().for_each(|(entry, digest)| verifier.check(entry, digest));
        }
        Ok(verifier.finish(&head))
    }
}
