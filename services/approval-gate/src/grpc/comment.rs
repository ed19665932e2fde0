//! `CommentService`.

use assent_core::id::CommentKind;
use assent_core::page::Page;
use assent_core::{Id, Timestamp};
use assent_proto::approval::v1 as pb;
use assent_proto::approval::v1::comment_service_server::CommentService;
use assent_proto::review::v1 as review;
use assent_rpc::convert::{Wire, WireEnum, read_message};
use assent_rpc::{accept, wire_enum};
use tonic::{Request, Response, Status};

use super::{Grpc, request};
use crate::app::Once;
use crate::app::comment::NewThread;
use crate::app::comment_read::{Revisions, Thread, ThreadFilter};
use crate::domain::comment::{Act, Comment, CommentType, Scope, Target, mentions};
use crate::domain::license::Feature;
use crate::error::GateError;

wire_enum!(CommentType => review::CommentType {
    General, Question, Concern, Suggestion, Approval, Rejection, Modification
});
wire_enum!(Scope => review::CommentScope { Plan, WorkItem, Edge, Estimate });

/// A comment without its answers. What is hidden has no words.
pub(crate) fn comment_to_pb(comment: &Comment) -> review::PlanComment {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_pb());
    let (target, resolved, hidden) =
        (&comment.anchor.target, comment.resolved.as_ref(), comment.hidden.as_ref());
    let content = if hidden.is_some() { String::new() } else { comment.content.clone() };
    review::PlanComment {
        id: comment.id.to_pb(),
        session_id: comment.session_id.to_pb(),
        author: Some(comment.author.to_pb()),
        create_time: Some(comment.created_at.to_pb()),
        modify_time: time(comment.modified_at),
        mentions: mentions(&content),
        content,
        scope: target.scope().number(),
        target_item_id: target.item().to_owned(),
        target_edge_to: target.edge_to().to_owned(),
        version: comment.anchor.version,
        r#type: comment.kind.number(),
        replies: Vec::new(),
        parent_comment_id: comment.parent.map(|id| id.to_pb()).unwrap_or_default(),
        is_resolved: resolved.is_some(),
        resolution: resolved.map(|mark| mark.text.clone()).unwrap_or_default(),
        resolve_time: time(resolved.map(|mark| mark.at)),
        resolved_by: resolved.map(|mark| mark.by.to_pb()),
        is_stale: comment.is_stale,
        is_deleted: comment.deleted_at.is_some(),
        delete_time: time(comment.deleted_at),
        is_hidden: hidden.is_some(),
        hide_reason: hidden.map(|mark| mark.text.clone()).unwrap_or_default(),
        hidden_by: hidden.map(|mark| mark.by.to_pb()),
        hide_time: time(hidden.map(|mark| mark.at)),
        revisions: Vec::new(),
    }
}

/// A thread, with what its comments said before where `revisions` knows it.
pub(super) fn thread_to_pb(thread: &Thread, revisions: &Revisions) -> review::PlanComment {
    let with = |comment: &Comment| {
        let shown = comment.hidden.is_none();
        let revisions = revisions.get(&comment.id).into_iter().flatten().filter(|_| shown);
        let revisions = revisions.map(|revision| review::CommentRevision {
            content: revision.content.clone(),
            replace_time: Some(revision.replaced_at.to_pb()),
        });
        review::PlanComment { revisions: revisions.collect(), ..comment_to_pb(comment) }
    };
    review::PlanComment { replies: thread.replies.iter().map(with).collect(), ..with(&thread.first) }
}

fn new_thread(request: pb::AddCommentRequest) -> Result<NewThread, GateError> {
    let read = read_message("", |at| {
        let session = at.field("session_id").read(request.session_id);
        let scope = at.field("scope").optional_choice::<Scope>(request.scope);
        let kind = at.field("type").optional_choice::<CommentType>(request.r#type);
        let (item, to) = (request.target_item_id, request.target_edge_to);
        let target = match scope?.unwrap_or(Scope::Plan) {
            Scope::Plan | Scope::Estimate if !item.is_empty() => {
                Err(at.field("target_item_id").refuse("CONFLICT", "goes with WORK_ITEM and EDGE only"))
            }
            Scope::Plan | Scope::Estimate | Scope::WorkItem if !to.is_empty() => {
                Err(at.field("target_edge_to").refuse("CONFLICT", "goes with EDGE only"))
            }
            Scope::Plan => Ok(Target::Plan),
            Scope::Estimate => Ok(Target::Estimate),
            Scope::WorkItem | Scope::Edge if item.is_empty() => {
                Err(at.field("target_item_id").refuse("REQUIRED", "must be the id of an item"))
            }
            Scope::WorkItem => Ok(Target::WorkItem(item)),
            Scope::Edge if to.is_empty() => {
                Err(at.field("target_edge_to").refuse("REQUIRED", "must be the id of an item"))
            }
            Scope::Edge => Ok(Target::Edge(item, to)),
        };
        let content = if request.content.trim().is_empty() {
            Err(at.field("content").refuse("REQUIRED", "must say something"))
        } else {
            Ok(request.content)
        };
        let kind = kind?.unwrap_or(CommentType::General);
        Ok(NewThread {
            session: session?,
            content: content?,
            target: target?,
            kind,
            version: request.version,
        })
    });
    read.map_err(GateError::invalid)
}

fn comment_id(text: &str) -> Result<Id<CommentKind>, GateError> {
    Id::from_pb(text.to_owned(), "comment_id").map_err(GateError::invalid)
}

fn words(content: &str) -> Result<(), GateError> {
    let read = read_message("content", |at| {
        if content.trim().is_empty() { Err(at.refuse("REQUIRED", "must say something")) } else { Ok(()) }
    });
    read.map_err(GateError::invalid)
}

#[tonic::async_trait]
impl CommentService for Grpc {
    async fn add_comment(
        &self,
        request: Request<pb::AddCommentRequest>,
    ) -> Result<Response<pb::AddCommentResponse>, Status> {
        let (ctx, body) = accept(request)?;
        self.0.licensed(Feature::Comments)?;
        let once = Once::of("AddComment", &body.request_id, &body);
        let thread = new_thread(body)?;
        let add = self.0.add_comment(&ctx, &thread, &once);
        let comment = self.0.audited(&ctx, thread.session, "AddComment", Box::pin(add)).await?;
        Ok(Response::new(pb::AddCommentResponse { comment: Some(comment_to_pb(&comment)) }))
    }

    async fn reply_to_comment(
        &self,
        request: Request<pb::ReplyToCommentRequest>,
    ) -> Result<Response<pb::ReplyToCommentResponse>, Status> {
        let (ctx, body) = accept(request)?;
        self.0.licensed(Feature::Comments)?;
        words(&body.content)?;
        let once = Once::of("ReplyToComment", &body.request_id, &body);
        let id = comment_id(&body.comment_id)?;
        let comment = self.0.reply_to_comment(&ctx, id, &body.content, &once).await?;
        Ok(Response::new(pb::ReplyToCommentResponse { comment: Some(comment_to_pb(&comment)) }))
    }

    async fn edit_comment(
        &self,
        request: Request<pb::EditCommentRequest>,
    ) -> Result<Response<pb::EditCommentResponse>, Status> {
        let (ctx, body) = accept(request)?;
        self.0.licensed(Feature::Comments)?;
        words(&body.content)?;
        let once = Once::of("EditComment", &body.request_id, &body);
        let id = comment_id(&body.comment_id)?;
        let comment = self.0.act_on_comment(&ctx, id, Act::Edit, &body.content, &once).await?;
        let revisions = self.0.comment_revisions(comment.session_id).await?;
        let thread = Thread { first: comment, replies: Vec::new() };
        Ok(Response::new(pb::EditCommentResponse { comment: Some(thread_to_pb(&thread, &revisions)) }))
    }

    async fn delete_comment(
        &self,
        request: Request<pb::DeleteCommentRequest>,
    ) -> Result<Response<pb::DeleteCommentResponse>, Status> {
        let (ctx, body) = accept(request)?;
        self.0.licensed(Feature::Comments)?;
        let once = Once::of("DeleteComment", &body.request_id, &body);
        let id = comment_id(&body.comment_id)?;
        let comment = self.0.act_on_comment(&ctx, id, Act::Delete, "", &once).await?;
        Ok(Response::new(pb::DeleteCommentResponse { comment: Some(comment_to_pb(&comment)) }))
    }

    async fn resolve_comment(
        &self,
        request: Request<pb::ResolveCommentRequest>,
    ) -> Result<Response<pb::ResolveCommentResponse>, Status> {
        let (ctx, body) = accept(request)?;
        self.0.licensed(Feature::Comments)?;
        let once = Once::of("ResolveComment", &body.request_id, &body);
        let id = comment_id(&body.comment_id)?;
        let comment = self.0.act_on_comment(&ctx, id, Act::Resolve, &body.resolution, &once).await?;
        Ok(Response::new(pb::ResolveCommentResponse { comment: Some(comment_to_pb(&comment)) }))
    }

    async fn reopen_comment(
        &self,
        request: Request<pb::ReopenCommentRequest>,
    ) -> Result<Response<pb::ReopenCommentResponse>, Status> {
        let (ctx, body) = accept(request)?;
        self.0.licensed(Feature::Comments)?;
        let once = Once::of("ReopenComment", &body.request_id, &body);
        let id = comment_id(&body.comment_id)?;
        let comment = self.0.act_on_comment(&ctx, id, Act::Reopen, "", &once).await?;
        Ok(Response::new(pb::ReopenCommentResponse { comment: Some(comment_to_pb(&comment)) }))
    }

    async fn list_comments(
        &self,
        request: Request<pb::ListCommentsRequest>,
    ) -> Result<Response<pb::ListCommentsResponse>, Status> {
        let (_, body) = accept(request)?;
        self.0.licensed(Feature::Comments)?;
        let (item, kind, open_only) = (body.item_id, body.r#type, body.open_only);
        let read = read_message("", |at| {
            let session = at.field("session_id").read(body.session_id);
            let kind = at.field("type").optional_choice::<CommentType>(kind);
            Ok(ThreadFilter { session: session?, item, kind: kind?, open_only })
        });
        let filter = read.map_err(GateError::invalid)?;
        let page = Page::parse(body.page_size, &body.page_token, &filter).map_err(request::refused)?;
        let (threads, next_page_token) = self.0.list_comments(&filter, &page).await?;
        let revisions = match body.with_revisions {
            true => self.0.comment_revisions(filter.session).await?,
            false => Revisions::new(),
        };
        let comments = threads.iter().map(|thread| thread_to_pb(thread, &revisions)).collect();
        Ok(Response::new(pb::ListCommentsResponse { comments, next_page_token }))
    }

    async fn hide_comment(
        &self,
        request: Request<pb::HideCommentRequest>,
    ) -> Result<Response<pb::HideCommentResponse>, Status> {
        let (ctx, body) = accept(request)?;
        self.0.licensed(Feature::Comments)?;
        let once = Once::of("HideComment", &body.request_id, &body);
        let id = comment_id(&body.comment_id)?;
        let comment = self.0.act_on_comment(&ctx, id, Act::Hide, &body.reason, &once).await?;
        Ok(Response::new(pb::HideCommentResponse { comment: Some(comment_to_pb(&comment)) }))
    }

    async fn unhide_comment(
        &self,
        request: Request<pb::UnhideCommentRequest>,
    ) -> Result<Response<pb::UnhideCommentResponse>, Status> {
        let (ctx, body) = accept(request)?;
        self.0.licensed(Feature::Comments)?;
        let once = Once::of("UnhideComment", &body.request_id, &body);
        let id = comment_id(&body.comment_id)?;
        let comment = self.0.act_on_comment(&ctx, id, Act::Unhide, "", &once).await?;
        Ok(Response::new(pb::UnhideCommentResponse { comment: Some(comment_to_pb(&comment)) }))
    }
}
