//! What operations write about sessions beside the sessions themselves: put together first, without any I/O, then written
//! in a few statements, however many operations there are.

use assent_core::id::SessionId;
use assent_core::{Digest, OpContext};
use assent_events::{Fact, append_facts};
use assent_proto::event::v1::event::Payload;
use assent_store::{StoreError, Tx, Write};
use serde_json::Value;

use super::record::entry;
use crate::domain::audit::{Entry, Head};
use crate::domain::decision::{Decision, ItemStatus};
use crate::domain::grant::Grant;
use crate::domain::session::Session;
use crate::domain::vote::Vote;
use crate::error::GateError;
use crate::store;

/// What one operation writes about one session.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) vote: Option<Vote>,
    /// Items that it decides.
    pub(super) items: Vec<ItemStatus>,
    pub(super) decision: Option<Decision>,
    pub(super) grant: Option<Grant>,
    entries: Vec<(Entry, Digest)>,
    facts: Vec<Fact>,
}

impl Draft {
    /// Appends an entry to the session's chain.
    pub(super) fn audit(
        &mut self,
        ctx: &OpContext,
        session: &mut Session,
        action: &str,
        details: Value,
    ) -> Result<(), GateError> {
        let entry = entry(ctx, session.id, session.audit.sequence + 1, action, details);
        let digest = entry.digest(&session.audit.digest)?;
        session.audit = Head { sequence: entry.sequence, digest };
        self.entries.push((entry, digest));
        Ok(())
    }

    /// Tells what became true of the session.
    pub(super) fn tell(&mut self, ctx: &OpContext, session: SessionId, payload: Payload) {
        self.facts.push(Fact::new(ctx, Some(session), payload));
    }
}

/// Writes all of it, and what else is to be written `beside` it. The sessions must be there before, and be saved in the
/// same transaction.
pub(super) async fn write(
    tx: &mut Tx,
    drafts: &[(SessionId, &Draft)],
    mut beside: Vec<Write>,
) -> Result<(), StoreError> {
    let votes: Vec<_> = drafts.iter().filter_map(|(id, draft)| Some((*id, draft.vote.as_ref()?))).collect();
    if !votes.is_empty() {
        beside.push(store::vote::insert(&votes)?);
    }
    let items = drafts.iter().flat_map(|(id, draft)| draft.items.iter().map(|item| (*id, item)));
    let items: Vec<_> = items.collect();
    if !items.is_empty() {
        beside.push(store::item::decide(&items)?);
    }
    let decisions = drafts.iter().filter_map(|(id, draft)| Some((*id, draft.decision.as_ref()?)));
    let decisions: Vec<_> = decisions.collect();
    if !decisions.is_empty() {
        beside.push(store::decision::insert(&decisions)?);
    }
    let grants: Vec<_> = drafts.iter().filter_map(|(id, draft)| Some((*id, draft.grant.as_ref()?))).collect();
    if !grants.is_empty() {
        beside.push(store::grant::insert(&grants)?);
    }
    let entries: Vec<_> = drafts.iter().flat_map(|(_, draft)| &draft.entries).collect();
    beside.push(store::audit::insert(&entries)?);
    let facts: Vec<_> = drafts.iter().flat_map(|(_, draft)| &draft.facts).collect();
    append_facts(tx, &facts, beside).await
}
