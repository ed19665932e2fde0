//! Looking at sessions.

use assent_core::OpContext;
use assent_core::id::SessionId;
use assent_core::page::Page;
use assent_proto::plan::v1 as pb;

use super::App;
use crate::domain::carry::Dismissed;
use crate::domain::comment::Comment;
use crate::domain::decision::{Decision, ItemStatus};
use crate::domain::grant::Grant;
use crate::domain::session::Session;
use crate::domain::vote::Vote;
use crate::error::GateError;
use crate::store;
use crate::store::session_list::{Filter, Key, key};

/// A session with what belongs to it.
pub(crate) struct View {
    pub(crate) session: Session,
    pub(crate) votes: Vec<Vote>,
    /// Votes that do not count any more.
    pub(crate) dismissed: Vec<Dismissed>,
    pub(crate) items: Vec<ItemStatus>,
    pub(crate) decision: Option<Decision>,
    pub(crate) grant: Option<Grant>,
    /// The current version with its plan; none in summaries.
    pub(crate) current: Option<pb::PlanVersion>,
    /// Every version without its plan; empty in summaries.
    pub(crate) versions: Vec<pb::PlanVersion>,
    /// What was said; empty in summaries.
    pub(crate) comments: Vec<Comment>,
}

impl View {
    /// A session with nothing else.
    pub(super) fn bare(session: Session) -> Self {
        Self {
            session,
            votes: Vec::new(),
            dismissed: Vec::new(),
            items: Vec::new(),
            decision: None,
            grant: None,
            current: None,
            versions: Vec::new(),
            comments: Vec::new(),
        }
    }
}

impl App {
    pub(crate) async fn session(&self, id: SessionId) -> Result<Session, GateError> {
        store::session::load(&self.db, id).await?.ok_or(GateError::UnknownSession(id))
    }

    /// A session with everything, and how far the log was before: what is not in the one is behind the other.
    pub(crate) async fn read(
        &self,
        ctx: &OpContext,
        id: SessionId,
        brief_versions: bool,
    ) -> Result<(View, i64), GateError> {
        let position = self.log.head().await?;
        Ok((self.view(ctx, id, brief_versions).await?, position))
    }

    /// A session with everything; the versions whole, or in brief.
    pub(crate) async fn view(
        &self,
        ctx: &OpContext,
        id: SessionId,
        brief_versions: bool,
    ) -> Result<View, GateError> {
        let session = self.session(id).await?;
        let (plan, number) = (session.plan_session(), session.subject.version);
        let (current, versions, comments, summary) = tokio::try_join!(
            self.peers.version(ctx, plan, number),
            self.peers.versions(ctx, plan, brief_versions),
            async { Ok(store::comment::of_session(&self.db, id).await?) },
            self.summary(session),
        )?;
        Ok(View { current: Some(current), versions, comments, ..summary })
    }

    /// A session without plan and versions.
    pub(crate) async fn summary(&self, session: Session) -> Result<View, GateError> {
        let (db, id) = (&self.db, session.id);
        // Boxed, for its size is that of five reads.
        let reads = Box::pin(async {
            tokio::try_join!(
                store::vote::of_version(db, id, session.subject.version),
                store::vote::dismissed(db, id),
                store::item::of_session(db, id),
                store::decision::of_session(db, id),
                store::grant::of_session(db, id),
            )
        });
        let (votes, dismissed, items, decision, grant) = reads.await?;
        Ok(View { votes, dismissed, items, decision, grant, ..View::bare(session) })
    }

    /// A page of sessions and the token of the next.
    pub(crate) async fn list(
        &self,
        filter: &Filter,
        page: &Page<Key>,
    ) -> Result<(Vec<Session>, String), GateError> {
        let mut sessions = store::session_list::list(&self.db, filter, page.after, page.limit()).await?;
        let token = page.finish(&mut sessions, |session| key(filter.order, session));
        Ok((sessions, token))
    }

    /// The permission to execute.
    pub(crate) async fn grant_of(&self, id: SessionId) -> Result<Grant, GateError> {
        if let Some(grant) = store::grant::of_session(&self.db, id).await? {
            return Ok(grant);
        }
        let session = self.session(id).await?;
        Err(GateError::State { session: id, state: session.state })
    }
}
