//! Remarks: what they are about, who may do what with them, and whether what they are about has changed.

use std::collections::BTreeMap;

use assent_core::id::{CommentKind, SessionId};
use assent_core::{Actor, Digest, Id, Timestamp};

use super::eligibility::Electorate;
use super::member::person;
use super::names;
use super::vote::Voter;

/// Most people that one comment mentions.
pub const MAX_MENTIONS: usize = 20;
/// Most comments, answers included, of one session.
pub const MAX_COMMENTS: i64 = 1000;

names! {
    /// What kind of remark.
    CommentType {
        /// Feedback.
        General => "general",
        /// Wants to know.
        Question => "question",
        /// Is worried.
        Concern => "concern",
        /// Has an idea.
        Suggestion => "suggestion",
        /// Agrees.
        Approval => "approval",
        /// Disagrees.
        Rejection => "rejection",
        /// Wants a change.
        Modification => "modification",
    }
}

names! {
    /// What part of a version a remark is about.
    Scope {
        /// The whole plan.
        Plan => "plan",
        /// One work item.
        WorkItem => "work_item",
        /// One dependency.
        Edge => "edge",
        /// The estimate.
        Estimate => "estimate",
    }
}

/// What a thread is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The whole plan.
    Plan,
    /// The work item of that id.
    WorkItem(String),
    /// The dependency from one item to another.
    Edge(String, String),
    /// The estimate.
    Estimate,
}

impl Target {
    /// The part of a version that it belongs to.
    pub const fn scope(&self) -> Scope {
        match self {
            Self::Plan => Scope::Plan,
            Self::WorkItem(_) => Scope::WorkItem,
            Self::Edge(..) => Scope::Edge,
            Self::Estimate => Scope::Estimate,
        }
    }

    /// The item, or that from which the dependency goes; empty otherwise.
    pub fn item(&self) -> &str {
        match self {
            Self::WorkItem(id) | Self::Edge(id, _) => id,
            Self::Plan | Self::Estimate => "",
        }
    }

    /// The item to which the dependency goes; empty otherwise.
    pub fn edge_to(&self) -> &str {
        match self {
            Self::Edge(_, to) => to,
            Self::Plan | Self::WorkItem(_) | Self::Estimate => "",
        }
    }
}

/// A target at a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// What the thread is about.
    pub target: Target,
    /// Number of the version that its author saw.
    pub version: i32,
    /// Digest of the target in that version.
    pub digest: Digest,
}

/// The digests of everything in a version that a thread can be about.
#[derive(Debug, Clone)]
pub struct Anchors {
    /// Of the plan: the root of its digest.
    pub plan: Digest,
    /// Of the estimate.
    pub estimate: Digest,
    /// The leaf of each item.
    pub items: BTreeMap<String, Digest>,
    /// The leaf of each dependency, by its ends.
    pub edges: BTreeMap<(String, String), Digest>,
}

impl Anchors {
    /// The digest of a target; none when the version does not have it.
    pub fn digest(&self, target: &Target) -> Option<Digest> {
        match target {
            Target::Plan => Some(self.plan),
            Target::Estimate => Some(self.estimate),
            Target::WorkItem(id) => self.items.get(id).copied(),
            Target::Edge(from, to) => self.edges.get(&(from.clone(), to.clone())).copied(),
        }
    }

    /// Whether the target of `anchor` has changed, or is gone.
    pub fn is_stale(&self, anchor: &Anchor) -> bool {
        self.digest(&anchor.target) != Some(anchor.digest)
    }
}

/// That somebody did something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// In their words; may be empty.
    pub text: String,
}

/// A remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its id.
    pub id: Id<CommentKind>,
    /// The session.
    pub session_id: SessionId,
    /// The first comment of its thread; none when it is that itself.
    pub parent: Option<Id<CommentKind>>,
    /// Who wrote it.
    pub author: Actor,
    /// Markdown; empty when it is deleted.
    pub content: String,
    /// Of the thread.
    pub anchor: Anchor,
    /// What kind of remark.
    pub kind: CommentType,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub modified_at: Option<Timestamp>,
    /// That the thread is settled.
    pub resolved: Option<Mark>,
    /// When its author took it back.
    pub deleted_at: Option<Timestamp>,
    /// That it was hidden.
    pub hidden: Option<Mark>,
    /// Whether what the thread is about has changed since.
    pub is_stale: bool,
}

/// What the words of a comment were before it was edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Markdown.
    pub content: String,
    /// When it was replaced.
    pub replaced_at: Timestamp,
}

/// Something that is done with a comment that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// New words.
    Edit,
    /// Taken back.
    Delete,
    /// The thread is settled.
    Resolve,
    /// The thread is not settled after all.
    Reopen,
    /// Hidden by an administrator.
    Hide,
    /// Shown again.
    Unhide,
}

/// Why something cannot be done with a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentRefusal {
    /// Somebody else wrote it.
    NotAuthor,
    /// Only its author, or somebody who may decide and did not ask, settles it.
    NotReviewer,
    /// Only administrators moderate.
    NotAdmin,
    /// It is an answer, and threads are settled as a whole.
    Answer,
    /// It is deleted.
    Deleted,
    /// It is hidden.
    Hidden,
    /// It is settled.
    Resolved,
    /// It is neither hidden nor settled.
    Open,
}

impl CommentRefusal {
    /// The name that callers see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAuthor => "NOT_AUTHOR",
            Self::NotReviewer => "NOT_REVIEWER",
            Self::NotAdmin => "NOT_ADMIN",
            Self::Answer => "answer",
            Self::Deleted => "deleted",
            Self::Hidden => "hidden",
            Self::Resolved => "resolved",
            Self::Open => "open",
        }
    }

    /// Whether it is about who the caller is, rather than about the comment.
    pub const fn is_about_caller(self) -> bool {
        matches!(self, Self::NotAuthor | Self::NotReviewer | Self::NotAdmin)
    }

    /// For people.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::NotAuthor => "somebody else wrote this comment",
            Self::NotReviewer => {
                "only its author, or somebody who may decide on the plan, settles this comment"
            }
            Self::NotAdmin => "only administrators hide comments and show them again",
            Self::Answer => "this comment is an answer; settle the first one of its thread",
            Self::Deleted => "the comment is deleted",
            Self::Hidden => "the comment is hidden",
            Self::Resolved => "the comment is resolved",
            Self::Open => "the comment is open",
        }
    }
}

impl Comment {
    /// Whether somebody may do `act` now.
    ///
    /// # Errors
    /// Why not. Who the caller is comes first: a stranger learns nothing about the comment.
    pub fn may(&self, act: Act, by: &Voter, electorate: &Electorate<'_>) -> Result<(), CommentRefusal> {
        let actor = &by.actor;
        match act {
            Act::Edit | Act::Delete if actor.id != self.author.id => return Err(CommentRefusal::NotAuthor),
            Act::Resolve | Act::Reopen if !self.may_settle(by, electorate) => {
                return Err(CommentRefusal::NotReviewer);
            }
            Act::Hide | Act::Unhide if !actor.has_role(assent_core::actor::ADMIN) => {
                return Err(CommentRefusal::NotAdmin);
            }
            _ => {}
        }
        match act {
            Act::Resolve | Act::Reopen if self.parent.is_some() => Err(CommentRefusal::Answer),
            _ if self.deleted_at.is_some() => Err(CommentRefusal::Deleted),
            Act::Edit | Act::Hide if self.hidden.is_some() => Err(CommentRefusal::Hidden),
            Act::Unhide if self.hidden.is_none() => Err(CommentRefusal::Open),
            Act::Resolve if self.resolved.is_some() => Err(CommentRefusal::Resolved),
            Act::Reopen if self.resolved.is_none() => Err(CommentRefusal::Open),
            _ => Ok(()),
        }
    }

    /// Whoever asked for the approval must not be able to settle the concern that holds it up.
    fn may_settle(&self, by: &Voter, electorate: &Electorate<'_>) -> bool {
        let actor = &by.actor;
        let is = |id: &str| person(&actor.id) == person(id);
        let asked = is(electorate.requester) || is(electorate.on_behalf_of);
        if actor.id == self.author.id || (asked && self.kind != CommentType::Concern) {
            return true;
        }
        !asked && electorate.may_reject(actor, &by.seat).is_ok()
    }
}

/// The ids that `content` mentions as `@ID`, each once, in their order. Code is not looked at: there an `@` is code.
pub fn mentions(content: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut fenced = false;
    for line in content.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        // Every second part stands between backticks.
        for text in line.split('`').step_by(2).filter(|_| !fenced) {
            for id in mentions_of_line(text) {
                if found.len() < MAX_MENTIONS && !found.iter().any(|known| known == id) {
                    found.push(id.to_owned());
                }
            }
        }
    }
    found
}

fn mentions_of_line(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-' | '@');
    text.match_indices('@').filter_map(move |(at, _)| {
        // Inside of a word it belongs to an address that stands there for itself.
        if text[..at].chars().next_back().is_some_and(is_part) {
            return None;
        }
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        let id = rest[..end].trim_end_matches(['.', '-', '@']);
        (!id.is_empty() && id.starts_with(|c: char| c.is_ascii_alphanumeric())).then_some(id)
    })
}

#[cfg(test)]
mod tests {
    use assent_core::ActorKind;
    use assent_plan::ApprovalRequirement;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::eligibility::tests::person;

    #[test]
    fn mentions_are_found_where_people_write_them() {
        let text = "@ada, see @ben@example.com. Mail x@y.com, not `@code`, (@cid-1) @ada @ @-x\n```\n@fenced\n```\n@dan.";
        assert_eq!(mentions(text), ["ada", "ben@example.com", "cid-1", "dan"]);
        let many: String = (0..50).map(|n| format!("@p{n} ")).collect();
        assert_eq!(mentions(&many).len(), MAX_MENTIONS);
    }

    fn voter(actor: Actor) -> Voter {
        Voter::own(actor, &[])
    }

    fn comment(kind: CommentType) -> Comment {
        Comment {
            id: Id::from_uuid(Default::default()),
            session_id: Id::from_uuid(Default::default()),
            parent: None,
            author: person("ann", &[]),
            content: "c".to_owned(),
            anchor: Anchor { target: Target::Plan, version: 1, digest: Digest::of(&[b"1"]) },
            kind,
            created_at: Timestamp::from_micros(0).unwrap(),
            modified_at: None,
            resolved: None,
            deleted_at: None,
            hidden: None,
            is_stale: false,
        }
    }

    #[test]
    fn a_concern_is_not_settled_by_those_who_want_the_approval() {
        let requirement =
            ApprovalRequirement { roles: vec!["lead".to_owned()], quorum: 1, ..Default::default() };
        let electorate = Electorate {
            requirement: &requirement,
            authorized: &[],
            requester: "rob",
            on_behalf_of: "olga",
            authors: &[],
            cost_high: None,
            escalated: 0,
        };
        let may = |kind, who: &str, roles: &[&str]| {
            comment(kind).may(Act::Resolve, &voter(person(who, roles)), &electorate).is_ok()
        };
        for (who, roles, concern, question) in [
            ("ann", &[][..], true, true),
            ("lea", &["lead"], true, true),
            ("rob", &["lead"], false, true),
            ("ROB", &["lead"], false, true),
            ("olga", &["lead"], false, true),
            ("dev", &["developer"], false, false),
        ] {
            assert_eq!(may(CommentType::Concern, who, roles), concern, "{who}");
            assert_eq!(may(CommentType::Question, who, roles), question, "{who}");
        }
        let robot = Actor { kind: ActorKind::Agent, ..person("bot", &["lead"]) };
        let refused = comment(CommentType::Concern).may(Act::Resolve, &voter(robot), &electorate);
        assert_eq!(refused, Err(CommentRefusal::NotReviewer));
    }

    #[test]
    fn every_act_has_its_people_and_states() {
        let requirement = ApprovalRequirement::default();
        let electorate = Electorate {
            requirement: &requirement,
            authorized: &[],
            requester: "rob",
            on_behalf_of: "",
            authors: &[],
            cost_high: None,
            escalated: 0,
        };
        let (author, admin) = (person("ann", &[]), person("max", &["admin"]));
        let mark = || {
            Some(Mark { by: person("max", &[]), at: Timestamp::from_micros(1).unwrap(), text: String::new() })
        };
        let open = comment(CommentType::General);
        let hidden = Comment { hidden: mark(), ..open.clone() };
        let settled = Comment { resolved: mark(), ..open.clone() };
        let gone = Comment { deleted_at: Timestamp::from_micros(1), ..open.clone() };
        let answer = Comment { parent: Some(open.id), ..open.clone() };
        for (of, act, by, expected) in [
            (&open, Act::Edit, &admin, Err(CommentRefusal::NotAuthor)),
            (&open, Act::Edit, &author, Ok(())),
            (&hidden, Act::Edit, &author, Err(CommentRefusal::Hidden)),
            (&gone, Act::Edit, &author, Err(CommentRefusal::Deleted)),
            (&hidden, Act::Delete, &author, Ok(())),
            (&gone, Act::Delete, &author, Err(CommentRefusal::Deleted)),
            (&open, Act::Resolve, &author, Ok(())),
            (&settled, Act::Resolve, &author, Err(CommentRefusal::Resolved)),
            (&answer, Act::Resolve, &author, Err(CommentRefusal::Answer)),
            (&open, Act::Reopen, &author, Err(CommentRefusal::Open)),
            (&settled, Act::Reopen, &author, Ok(())),
            (&open, Act::Hide, &author, Err(CommentRefusal::NotAdmin)),
            (&open, Act::Hide, &admin, Ok(())),
            (&hidden, Act::Hide, &admin, Err(CommentRefusal::Hidden)),
            (&hidden, Act::Unhide, &admin, Ok(())),
            (&open, Act::Unhide, &admin, Err(CommentRefusal::Open)),
        ] {
            assert_eq!(of.may(act, &voter(by.clone()), &electorate), expected, "{act:?}");
        }
    }

    proptest! {
        #[test]
        fn a_thread_is_stale_exactly_while_its_target_differs(
            before in prop::collection::btree_map("[a-c]", 0..3_u8, 0..4),
            after in prop::collection::btree_map("[a-c]", 0..3_u8, 0..4),
        ) {
            let leaf = |n: &u8| Digest::of(&[&[*n]]);
            let anchors = |items: &BTreeMap<String, u8>| Anchors {
                plan: Digest::of(&[format!("{items:?}").as_bytes()]),
                estimate: Digest::of(&[&[u8::try_from(items.len()).unwrap()]]),
                items: items.iter().map(|(id, n)| (id.clone(), leaf(n))).collect(),
                edges: items.iter().map(|(id, n)| ((id.clone(), "z".to_owned()), leaf(n))).collect(),
            };
            let (old, new) = (anchors(&before), anchors(&after));
            let anchor = |target: Target| Anchor { digest: old.digest(&target).unwrap(), target, version: 1 };
            for (id, n) in &before {
                for target in [Target::WorkItem(id.clone()), Target::Edge(id.clone(), "z".to_owned())] {
                    prop_assert_eq!(new.is_stale(&anchor(target)), after.get(id) != Some(n));
                }
            }
            prop_assert_eq!(new.is_stale(&anchor(Target::Plan)), before != after);
            prop_assert_eq!(new.is_stale(&anchor(Target::Estimate)), before.len() != after.len());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_searched_for_mentions(text in any::<String>()) {
            for id in mentions(&text) {
                prop_assert!(text.contains(&["@", id.as_str()].concat()));
            }
        }
    }
}
