//! Reading what was said.

use std::collections::BTreeMap;

use assent_core::id::{CommentKind, SessionId};
use assent_core::page::Page;
use assent_core::{Id, Timestamp};
use serde::Serialize;

use super::App;
use crate::domain::comment::{Comment, CommentType, Revision};
use crate::error::GateError;
use crate::store;

/// Which threads to list. Every condition that is given must hold.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ThreadFilter {
    pub(crate) session: SessionId,
    /// About this item, or a dependency of which it is an end; any when empty.
    pub(crate) item: String,
    pub(crate) kind: Option<CommentType>,
    pub(crate) open_only: bool,
}

/// What threads are ordered by.
pub(crate) type ThreadKey = (Timestamp, Id<CommentKind>);

/// A first comment and its answers, oldest first.
pub(crate) struct Thread {
    pub(crate) first: Comment,
    pub(crate) replies: Vec<Comment>,
}

/// What comments said before they were edited.
pub(crate) type Revisions = BTreeMap<Id<CommentKind>, Vec<Revision>>;

impl ThreadFilter {
    fn wants(&self, thread: &Comment) -> bool {
        let target = &thread.anchor.target;
        (self.item.is_empty() || target.item() == self.item || target.edge_to() == self.item)
            && self.kind.is_none_or(|kind| kind == thread.kind)
            && !(self.open_only && (thread.resolved.is_some() || thread.deleted_at.is_some()))
    }
}

/// Puts answers behind the comments that they answer; both come and stay in the order of time.
pub(crate) fn threads(comments: Vec<Comment>) -> Vec<Thread> {
    let (first, replies): (Vec<_>, Vec<_>) = comments.into_iter().partition(|c| c.parent.is_none());
    let mut answers = BTreeMap::<Id<CommentKind>, Vec<Comment>>::new();
    for reply in replies {
        if let Some(parent) = reply.parent {
            answers.entry(parent).or_default().push(reply);
        }
    }
    let threads = first.into_iter().map(|first| {
        let replies = answers.remove(&first.id).unwrap_or_default();
        Thread { first, replies }
    });
    threads.collect()
}

impl App {
    /// A page of the threads of a session, oldest first, and the token of the next.
    pub(crate) async fn list_comments(
        &self,
        filter: &ThreadFilter,
        page: &Page<ThreadKey>,
    ) -> Result<(Vec<Thread>, String), GateError> {
        self.session(filter.session).await?;
        // All of them: their number is limited, and answers may be anywhere.
        let mut threads = threads(store::comment::of_session(&self.db, filter.session).await?);
        let key = |thread: &Thread| (thread.first.created_at, thread.first.id);
        threads.retain(|thread| {
            filter.wants(&thread.first) && page.after.as_ref().is_none_or(|after| key(thread) > *after)
        });
        let token = page.finish(&mut threads, key);
        Ok((threads, token))
    }

    /// What the comments of a session said before they were edited.
    pub(crate) async fn comment_revisions(&self, session: SessionId) -> Result<Revisions, GateError> {
        Ok(store::comment::revisions(&self.db, session).await?)
    }
}
