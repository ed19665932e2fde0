//! Reading and checking the audit.

use assent_core::Digest;
use assent_core::id::SessionId;
use assent_core::page::Page;
use assent_evidence::HeadClaims;
use assent_evidence::log::Node;
use assent_plan::merkle;

use super::App;
use crate::domain::audit::{Head, Verdict, Verifier};
use crate::error::GateError;
use crate::store;
use crate::store::audit::Kept;
use crate::store::log::TreeHead;

/// Entries that are read at once while a chain is recomputed.
const BATCH: i64 = 500;

/// What came of a check.
pub(crate) struct Checked {
    pub(crate) verdict: Verdict,
    /// Entries that a signed head covers.
    pub(crate) logged: i64,
}

impl App {
    /// The end of the chain of a session, also of one that was removed, or of the directory, whose id is all zeros.
    pub(super) async fn chain_head(&self, id: SessionId) -> Result<Head, GateError> {
        if id == store::chain::DIRECTORY {
            return Ok(store::chain::head(&self.db, id).await?);
        }
        match store::session::load(&self.db, id).await? {
            Some(session) => Ok(session.audit),
            None => store::retention::buried(&self.db, id).await?.ok_or(GateError::UnknownSession(id)),
        }
    }

    /// A page of a session's entries, oldest first, and the token of the next.
    pub(crate) async fn audit_entries(
        &self,
        id: SessionId,
        page: &Page<i64>,
    ) -> Result<(Vec<Kept>, String), GateError> {
        self.chain_head(id).await?;
        let after = page.after.unwrap_or_default();
        let mut entries = store::audit::after(&self.db, id, after, page.limit()).await?;
        let token = page.finish(&mut entries, |kept| kept.entry.sequence);
        Ok((entries, token))
    }

    /// Recomputes the chain of a session and holds it against the log over all chains.
    pub(crate) async fn verify_audit(&self, id: SessionId) -> Result<Checked, GateError> {
        // All three are taken before the entries, so that what is written meanwhile is not mistaken for a stray.
        let signed = store::log::newest_head(&self.db).await?;
        let leaves = store::log::leaves(&self.db, id).await?;
        let head = self.chain_head(id).await?;
        let mut verifier = Verifier::default();
        let (mut after, mut logged, mut last_logged, mut strange) = (0, 0, None, None);
        while after < head.sequence {
            let entries = store::audit::after(&self.db, id, after, BATCH.min(head.sequence - after)).await?;
            let Some(last) = entries.last() else { break };
            after = last.entry.sequence;
            let stray = self.not_in_log(&entries).await?;
            strange = strange.or(stray);
            for kept in &entries {
                verifier.check(&kept.entry, &kept.digest);
                let covered = signed.as_ref().zip(kept.position).filter(|(head, at)| *at < head.tree_size);
                if let Some((_, position)) = covered {
                    logged += 1;
                    last_logged = Some((kept.entry.sequence, position, kept.digest));
                }
            }
        }
        let mut verdict = verifier.finish(&head);
        if verdict.broken.is_none() {
            verdict.broken = strange;
        }
        if verdict.broken.is_none() && leaves > head.sequence {
            let text = format!("the log knows {leaves} entries of the session");
            verdict.broken = Some((head.sequence + 1, text));
        }
        if let (None, Some(signed), Some(last)) = (&verdict.broken, &signed, last_logged) {
            verdict.broken = self.not_under_head(signed, last).await?;
        }
        Ok(Checked { verdict, logged })
    }

    /// The first of these entries of which the log knows something else.
    async fn not_in_log(&self, entries: &[Kept]) -> Result<Option<(i64, String)>, GateError> {
        let leaf = |kept: &Kept| {
            let index = u64::try_from(kept.position?).ok()?;
            Some(Node { level: 0, index })
        };
        let places: Vec<Node> = entries.iter().filter_map(leaf).collect();
        let nodes = store::log::nodes(&self.db, &places).await?;
        let stray = entries.iter().find(|kept| {
            let expected = merkle::leaf(kept.digest.as_bytes());
            leaf(kept).is_some_and(|node| nodes.get(&node) != Some(&expected))
        });
        Ok(stray
            .map(|kept| (kept.entry.sequence, "the log over all chains took in another entry".to_owned())))
    }

    /// What is wrong with a signed head, or with the way from an entry to it.
    async fn not_under_head(
        &self,
        signed: &TreeHead,
        (sequence, position, digest): (i64, i64, Digest),
    ) -> Result<Option<(i64, String)>, GateError> {
        let wrong = |text: &str| Ok(Some((sequence, text.to_owned())));
        let size = u64::try_from(signed.tree_size).unwrap_or_default();
        match self.public_keys().await?.verify::<HeadClaims>(&signed.token) {
            Ok(claims) if claims.root == signed.root_digest && claims.tree_size == size => {}
            Ok(_) | Err(_) => return wrong("the newest signed head of the log was changed"),
        }
        let proof = self.log_inclusion(u64::try_from(position).unwrap_or_default(), size).await;
        let leaf = merkle::leaf(digest.as_bytes());
        match proof {
            Ok(proof) if merkle::verify(&signed.root_digest, &leaf, &proof) => Ok(None),
            Ok(_) | Err(GateError::LogDamaged) => wrong("the log does not lead to its newest signed head"),
            Err(error) => Err(error),
        }
    }
}
