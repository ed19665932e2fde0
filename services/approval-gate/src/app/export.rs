//! The audit as records, one per session.

use std::sync::Arc;

use assent_core::id::SessionId;
use assent_core::{Id, Timestamp};
use futures_util::{Stream, stream};

use super::App;
use crate::domain::audit::{Head, Record};
use crate::error::GateError;
use crate::store;

/// Sessions, and entries of one, that are read at once.
const BATCH: i64 = 500;

/// Which sessions to export: those submitted within a span of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

/// What a session's chain tells, and the end of what was read.
pub(crate) type Told = (SessionId, Record, Head);

struct Walk {
    app: Arc<App>,
    span: Span,
    after: SessionId,
    found: std::vec::IntoIter<SessionId>,
}

impl App {
    /// One record per session, oldest first.
    pub(crate) fn export(self: Arc<Self>, span: Span) -> impl Stream<Item = Result<Told, GateError>> + Send {
        let walk =
            Walk { app: self, span, after: Id::from_uuid(Default::default()), found: Vec::new().into_iter() };
        stream::try_unfold(walk, |mut walk| async move {
            loop {
                if let Some(id) = walk.found.next() {
                    walk.after = id;
                    let told = walk.app.audit_record(id).await?;
                    return Ok(Some((told, walk)));
                }
                let (span, db) = ((walk.span.start, walk.span.end), &walk.app.db);
                let found = store::audit::sessions(db, walk.after, span, BATCH).await?;
                if found.is_empty() {
                    return Ok(None);
                }
                walk.found = found.into_iter();
            }
        })
    }

    /// What the chain of one session tells.
    pub(crate) async fn audit_record(&self, id: SessionId) -> Result<Told, GateError> {
        let (mut record, mut head) = (Record::default(), Head::START);
        loop {
            let entries = store::audit::after(&self.db, id, head.sequence, BATCH).await?;
            if entries.is_empty() {
                break;
            }
            for kept in &entries {
                record.follow(&kept.entry);
                head = Head { sequence: kept.entry.sequence, digest: kept.digest };
            }
        }
        if head.sequence == 0 { Err(GateError::UnknownSession(id)) } else { Ok((id, record, head)) }
    }
}
