use assent_proto::approval::v1::{
    AddCommentRequest, DeleteCommentRequest, EditCommentRequest, HideCommentRequest, ListCommentsRequest,
    ListCommentsResponse, ReopenCommentRequest, ReplyToCommentRequest, ResolveCommentRequest,
    UnhideCommentRequest,
};
use assent_proto::review::v1::{CommentScope, CommentType, PlanComment};

use crate::app::App;
use crate::client::{Client, ask};
use crate::failure::{Exit, stop};
use crate::output::{Line, Tone, clean_lines, moment, plain, state, toned};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: assent comment add ses_0190163d8694739aaea5966c26f8ad91 --item fetch --type concern \"Does it page?\""
)]
pub(crate) struct Comment {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List what was said about a plan, oldest first
    List(List),
    /// Say something about a plan, an item, a dependency or the estimate
    Add(Add),
    /// Answer
    Reply {
        /// The comment
        comment: String,
        /// Markdown; "@ID" mentions somebody
        text: String,
    },
    /// Change the words of a comment of yours
    Edit {
        /// The comment
        comment: String,
        /// Markdown
        text: String,
    },
    /// Take a comment of yours back
    Delete {
        /// The comment
        comment: String,
    },
    /// Settle a thread
    Resolve {
        /// The first comment of the thread
        comment: String,
        /// How it is settled
        #[arg(default_value = "", hide_default_value = true)]
        resolution: String,
    },
    /// Take the settling of a thread back
    Reopen {
        /// The first comment of the thread
        comment: String,
    },
    /// Hide the words of a comment from everybody, as an administrator
    Hide {
        /// The comment
        comment: String,
        /// Why; everybody sees it
        #[arg(long)]
        reason: String,
    },
    /// Show a hidden comment again
    Unhide {
        /// The comment
        comment: String,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// The session
    session: String,
    /// Only about this item
    #[arg(long, value_name = "ITEM", default_value = "", hide_default_value = true)]
    item: String,
    /// Only of this kind, e.g. concern
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only what is not resolved
    #[arg(long)]
    open: bool,
    /// With what edited comments said before
    #[arg(long)]
    history: bool,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The session
    session: String,
    /// Markdown; "@ID" mentions somebody
    text: String,
    /// About this item
    #[arg(long, value_name = "ITEM", conflicts_with_all = ["edge", "estimate"])]
    item: Option<String>,
    /// About the dependency between two items
    #[arg(long, value_name = "FROM,TO", conflicts_with = "estimate")]
    edge: Option<String>,
    /// About the estimate
    #[arg(long)]
    estimate: bool,
    /// general, question, concern, suggestion, approval, rejection or modification
    #[arg(long = "type", value_name = "TYPE", default_value = "general")]
    kind: String,
    /// The version that you saw; the current one without it
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    version: i32,
}

fn comment_type(text: &str) -> anyhow::Result<i32> {
    let name = format!("COMMENT_TYPE_{}", text.to_uppercase());
    CommentType::from_str_name(&name)
        .filter(|kind| *kind != CommentType::Unspecified)
        .map(i32::from)
        .ok_or_else(|| stop(Exit::Usage, format!("there is no type {text:?}")))
}

impl Add {
    fn request(self) -> anyhow::Result<AddCommentRequest> {
        let pair = self.edge.as_deref().map(|edge| {
            edge.split_once(',').ok_or_else(|| stop(Exit::Usage, "--edge wants two items: FROM,TO"))
        });
        let (scope, item, to) = match (self.item, pair.transpose()?, self.estimate) {
            (Some(item), ..) => (CommentScope::WorkItem, item, String::new()),
            (_, Some((from, to)), _) => (CommentScope::Edge, from.to_owned(), to.to_owned()),
            (.., true) => (CommentScope::Estimate, String::new(), String::new()),
            _ => (CommentScope::Plan, String::new(), String::new()),
        };
        Ok(AddCommentRequest {
            session_id: self.session,
            content: self.text,
            scope: scope.into(),
            target_item_id: item,
            target_edge_to: to,
            r#type: comment_type(&self.kind)?,
            version: self.version,
            request_id: String::new(),
        })
    }
}

impl List {
    async fn read(self, client: &Client) -> anyhow::Result<ListCommentsResponse> {
        let mut request = ListCommentsRequest {
            session_id: self.session,
            page_size: 1000,
            page_token: String::new(),
            item_id: self.item,
            r#type: self.kind.as_deref().map(comment_type).transpose()?.unwrap_or_default(),
            open_only: self.open,
            with_revisions: self.history,
        };
        let mut found = ListCommentsResponse::default();
        loop {
            let page = client.comments().list_comments(ask(request.clone())).await?.into_inner();
            found.comments.extend(page.comments);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return Ok(found);
            }
        }
    }
}

impl Comment {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let mut comments = client.comments();
        let request_id = String::new();
        let comment = match self.action {
            Action::List(list) => {
                let found = list.read(&client).await?;
                return app.console.message(&found, || found.comments.iter().flat_map(thread).collect());
            }
            Action::Add(add) => comments.add_comment(ask(add.request()?)).await?.into_inner().comment,
            Action::Reply { comment: comment_id, text: content } => {
                let request = ReplyToCommentRequest { comment_id, content, request_id };
                comments.reply_to_comment(ask(request)).await?.into_inner().comment
            }
            Action::Edit { comment: comment_id, text: content } => {
                let request = EditCommentRequest { comment_id, content, request_id };
                comments.edit_comment(ask(request)).await?.into_inner().comment
            }
            Action::Delete { comment: comment_id } => {
                let request = DeleteCommentRequest { comment_id, request_id };
                comments.delete_comment(ask(request)).await?.into_inner().comment
            }
            Action::Resolve { comment: comment_id, resolution } => {
                let request = ResolveCommentRequest { comment_id, resolution, request_id };
                comments.resolve_comment(ask(request)).await?.into_inner().comment
            }
            Action::Reopen { comment: comment_id } => {
                let request = ReopenCommentRequest { comment_id, request_id };
                comments.reopen_comment(ask(request)).await?.into_inner().comment
            }
            Action::Hide { comment: comment_id, reason } => {
                let request = HideCommentRequest { comment_id, reason, request_id };
                comments.hide_comment(ask(request)).await?.into_inner().comment
            }
            Action::Unhide { comment: comment_id } => {
                let request = UnhideCommentRequest { comment_id, request_id };
                comments.unhide_comment(ask(request)).await?.into_inner().comment
            }
        };
        let comment = comment.unwrap_or_default();
        app.console.message(&comment, || thread(&comment))
    }
}

/// A comment with its answers.
fn thread(comment: &PlanComment) -> Vec<Line> {
    let mut lines = said(comment, "");
    lines.extend(comment.replies.iter().flat_map(|reply| said(reply, "    ")));
    lines
}

fn said(comment: &PlanComment, indent: &str) -> Vec<Line> {
    let author = comment.author.as_ref().map(|a| a.id.as_str()).unwrap_or_default();
    let tone = match comment.r#type() {
        CommentType::Concern | CommentType::Rejection if !comment.is_resolved => Tone::Bad,
        _ => Tone::Plain,
    };
    let mut head = toned(format!("{indent}{}  ", comment.id), Tone::Dim)
        .then(format!("{author}  "), Tone::Bold)
        .then(moment(comment.create_time.as_ref()), Tone::Dim);
    if comment.parent_comment_id.is_empty() {
        let kind = state(comment.r#type().as_str_name(), "COMMENT_TYPE_");
        head = head.then(format!("  {kind}"), tone).then(format!(" on {}", target(comment)), Tone::Plain);
    }
    for (mark, is) in [
        ("edited", comment.modify_time.is_some()),
        ("resolved", comment.is_resolved),
        (
            "stale: what it is about has changed since",
            comment.is_stale && comment.parent_comment_id.is_empty(),
        ),
    ] {
        if is {
            head = head.then(format!("  [{mark}]"), Tone::Dim);
        }
    }
    let mut lines = vec![head];
    for revision in &comment.revisions {
        let before = clean_lines(&revision.content);
        lines.extend(before.map(|line| toned(format!("{indent}  - {line}"), Tone::Dim)));
    }
    if comment.is_hidden {
        lines.push(toned(format!("{indent}  hidden: {}", comment.hide_reason), Tone::Warn));
    } else if comment.is_deleted {
        lines.push(toned(format!("{indent}  taken back"), Tone::Dim));
    } else {
        lines.extend(clean_lines(&comment.content).map(|line| plain(format!("{indent}  {line}"))));
    }
    if comment.is_resolved && !comment.resolution.is_empty() {
        let by = comment.resolved_by.as_ref().map(|a| a.id.as_str()).unwrap_or_default();
        lines.push(toned(format!("{indent}  resolved by {by}: {}", comment.resolution), Tone::Good));
    }
    lines
}

fn target(comment: &PlanComment) -> String {
    let version = comment.version;
    match comment.scope() {
        CommentScope::WorkItem => format!("{} (version {version})", comment.target_item_id),
        CommentScope::Edge => {
            format!("{} -> {} (version {version})", comment.target_item_id, comment.target_edge_to)
        }
        CommentScope::Estimate => format!("the estimate (version {version})"),
        CommentScope::Plan | CommentScope::Unspecified => format!("the plan (version {version})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(
        item: Option<&str>,
        edge: Option<&str>,
        estimate: bool,
        kind: &str,
    ) -> anyhow::Result<AddCommentRequest> {
        let add = Add {
            session: "s".to_owned(),
            text: "t".to_owned(),
            item: item.map(str::to_owned),
            edge: edge.map(str::to_owned),
            estimate,
            kind: kind.to_owned(),
            version: 0,
        };
        add.request()
    }

    #[test]
    fn the_target_is_read_as_it_is_given() {
        let target =
            |request: AddCommentRequest| (request.scope(), request.target_item_id, request.target_edge_to);
        let is = |scope, item: &str, to: &str| (scope, item.to_owned(), to.to_owned());
        let read = |item, edge, estimate| target(add(item, edge, estimate, "concern").unwrap());
        assert_eq!(read(None, None, false), is(CommentScope::Plan, "", ""));
        assert_eq!(read(Some("a"), None, false), is(CommentScope::WorkItem, "a", ""));
        assert_eq!(read(None, Some("a,b"), false), is(CommentScope::Edge, "a", "b"));
        assert_eq!(read(None, None, true), is(CommentScope::Estimate, "", ""));
        assert!(add(None, Some("a"), false, "concern").is_err());
        assert!(add(None, None, false, "unspecified").is_err());
    }

    #[test]
    fn hidden_and_deleted_comments_show_no_words() {
        let comment = PlanComment { content: "\u{1b}[2Jwords".to_owned(), ..Default::default() };
        let text = |comment: &PlanComment| format!("{:?}", thread(comment));
        assert!(text(&comment).contains("words") && !text(&comment).contains('\u{1b}'));
        assert!(!text(&PlanComment { is_hidden: true, ..comment.clone() }).contains("words"));
        assert!(!text(&PlanComment { is_deleted: true, ..comment }).contains("words"));
    }
}
