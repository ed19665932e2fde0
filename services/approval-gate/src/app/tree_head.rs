//! The log over all audit chains: it grows by what was audited since, and its heads are signed.

use std::collections::BTreeMap;

use assent_core::Digest;
use assent_core::grant::ISSUER;
use assent_evidence::log::{self, Node};
use assent_evidence::{HeadClaims, PublicKeys};
use assent_plan::merkle::InclusionProof;

use super::App;
use crate::error::GateError;
use crate::store;
use crate::store::log::TreeHead;

/// Entries that one transaction takes in.
const BATCH: i64 = 500;

impl App {
    /// Takes every entry that waits into the log and signs a head where the log has grown; replicas share the work.
    /// Returns the size of the log.
    ///
    /// # Errors
    /// When the database fails, or a part of the log is gone.
    pub async fn sign_tree_head(&self) -> Result<i64, GateError> {
        while self.extend_log().await? == usize::try_from(BATCH).unwrap_or(usize::MAX) {}
        let size = store::log::size(&self.db).await?;
        let newest = store::log::newest_head(&self.db).await?.map_or(0, |head| head.tree_size);
        if size > newest {
            let now = self.source.now();
            let leaves = u64::try_from(size).unwrap_or_default();
            let root_digest = self.log_root(leaves).await?;
            let iat = now.micros().div_euclid(1_000_000);
            let claims = HeadClaims { iss: ISSUER.to_owned(), iat, tree_size: leaves, root: root_digest };
            let (_, token) = self.signer.sign(&claims)?;
            let mut tx = self.db.begin().await?;
            let head = TreeHead { tree_size: size, root_digest, token, signed_at: now };
            store::log::add_head(&mut tx, &head).await?;
            tx.commit().await?;
            tracing::info!(tree_size = size, root = %root_digest, "audit tree head signed");
        }
        Ok(size)
    }

    /// Takes one batch in; returns how many entries that was.
    async fn extend_log(&self) -> Result<usize, GateError> {
        let mut tx = self.db.begin().await?;
        let Some(size) = store::log::lock_size(&mut tx).await? else { return Ok(0) };
        let waiting = store::log::waiting(&mut tx, BATCH).await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let first = u64::try_from(size).unwrap_or_default();
        let mut known = store::log::nodes(&mut tx, &log::frontier(first)).await?;
        let mut added = Vec::new();
        for (entry, leaf) in waiting.iter().zip(first..) {
            let nodes = log::append(leaf, &entry.digest, &mut |node| known.get(&node).copied());
            let nodes = nodes.ok_or(GateError::LogDamaged)?;
            known.extend(nodes.iter().copied());
            added.extend(nodes);
        }
        store::log::extend(&mut tx, size, &waiting, &added).await?;
        tx.commit().await?;
        Ok(waiting.len())
    }

    /// Root of the first `size` entries.
    pub(super) async fn log_root(&self, size: u64) -> Result<Digest, GateError> {
        let known = self.fetch(log::wanted(|nodes| log::root(size, &mut { nodes }))).await?;
        log::root(size, &mut |node| known.get(&node).copied()).ok_or(GateError::LogDamaged)
    }

    /// Proof that the entry at `index` belongs to the first `size`.
    pub(super) async fn log_inclusion(&self, index: u64, size: u64) -> Result<InclusionProof, GateError> {
        let known = self.fetch(log::wanted(|nodes| log::inclusion(index, size, &mut { nodes }))).await?;
        log::inclusion(index, size, &mut |node| known.get(&node).copied()).ok_or(GateError::LogDamaged)
    }

    /// A signed head, the newest for size 0, and the proof that the log of `known` entries is its beginning.
    pub(crate) async fn tree_head(
        &self,
        size: i64,
        known: i64,
    ) -> Result<(TreeHead, Vec<Digest>), GateError> {
        let head = match size {
            0 => store::log::newest_head(&self.db).await?,
            size => store::log::head_of(&self.db, size).await?,
        };
        let head = head.ok_or(GateError::NoTreeHead(size))?;
        let (old, new) =
            (u64::try_from(known).unwrap_or_default(), u64::try_from(head.tree_size).unwrap_or_default());
        let wanted = log::wanted(|nodes| log::consistency(old, new, &mut { nodes }));
        let nodes = self.fetch(wanted).await?;
        if old > new {
            let text = format!("the head covers {new} entries only");
            let violation = assent_core::Violation::new("known_size", "OUT_OF_RANGE", text);
            return Err(GateError::invalid(vec![violation]));
        }
        let proof = log::consistency(old, new, &mut |node| nodes.get(&node).copied());
        Ok((head, proof.ok_or(GateError::LogDamaged)?))
    }

    /// The public keys, as tokens are checked with them.
    pub(super) async fn public_keys(&self) -> Result<PublicKeys, GateError> {
        // Heads are checked long after the last grant of their key.
        let keys = store::key::all(&self.db).await?.into_iter();
        Ok(PublicKeys(keys.filter_map(|key| Some((key.id, key.public_key.try_into().ok()?))).collect()))
    }

    async fn fetch(&self, places: Vec<Node>) -> Result<BTreeMap<Node, Digest>, GateError> {
        Ok(store::log::nodes(&self.db, &places).await?)
    }
}
