//! Where a decision stands, and why.

use assent_core::id::{CommentKind, SessionId};
use assent_core::{Id, OpContext};

use super::App;
use super::voter::Eligible;
use crate::domain::decision::Decision;
use crate::domain::eligibility::{Author, Ineligible};
use crate::domain::member::person;
use crate::domain::quorum::{Count, QUORUM, Tally, Voice, chosen, rejections, voices};
use crate::domain::session::Session;
use crate::domain::state::State;
use crate::domain::vote::{Choice, Vote};
use crate::domain::waiting::{Open, count_text, reached_text};
use crate::error::GateError;
use crate::store;

/// What is known about a decision.
pub(crate) struct Explanation {
    pub(crate) session: Session,
    pub(crate) state: State,
    pub(crate) tally: Tally,
    /// Name of the stage that votes count for now.
    pub(crate) open_stage: Option<String>,
    pub(crate) rejections: Count,
    pub(crate) votes: Vec<Standing>,
    pub(crate) excluded: Vec<Excluded>,
    pub(crate) eligible: Vec<Eligible>,
    pub(crate) decision: Option<Decision>,
    /// Concerns that must be resolved first, where the policy wants that.
    pub(crate) open_concerns: Vec<Id<CommentKind>>,
    pub(crate) summary: Vec<String>,
    /// How far the log was before.
    pub(crate) position: i64,
}

/// What a vote is worth.
pub(crate) struct Standing {
    pub(crate) vote: Vote,
    pub(crate) counts_for: Vec<String>,
    pub(crate) why_not: String,
}

/// Somebody with a part in the decision who cannot approve.
pub(crate) struct Excluded {
    pub(crate) user_id: String,
    pub(crate) why: Ineligible,
    pub(crate) message: String,
}

impl App {
    /// Explains a decision to anybody.
    pub(crate) async fn explain(&self, ctx: &OpContext, id: SessionId) -> Result<Explanation, GateError> {
        let position = self.log.head().await?;
        let session = self.session(id).await?;
        let authors = self.authors(ctx, &session).await?;
        let votes = store::vote::of_version(&self.db, id, session.subject.version).await?;
        let state = session.state_at(ctx.now());
        let eligible = match state.is_open() {
            true => self.eligible_voters(ctx, &session, &authors, &votes).await?,
            false => Vec::new(),
        };
        let excluded = self.excluded(ctx, &session, &authors).await?;
        let decision = store::decision::of_session(&self.db, id).await?;
        let open_concerns = match state.is_open() && session.risk.requirement.no_open_concerns {
            true => store::comment::open_concerns(&self.db, id).await?,
            false => Vec::new(),
        };

        let electorate = session.electorate(&authors);
        let tally = session.tally(&authors, &votes, None);
        let open_stage = Open::new(&electorate, &tally).stage().map(|(name, _)| name.clone());
        let (against, _) = rejections(&electorate, session.subject, chosen(&votes, Choice::Reject));
        let standings = standings(&session, &authors, votes);
        let mut summary = Vec::new();
        match &decision {
            Some(decision) => {
                let by = &decision.decided_by.id;
                summary.push(format!(
                    "decided: {} by {by} on version {}",
                    decision.outcome, decision.subject.version
                ));
            }
            None if state.is_open() => summary.extend(missing(&tally, open_stage.as_deref())),
            None => summary.push(format!("the session is {state}")),
        }
        if !open_concerns.is_empty() {
            summary.push(format!("concerns to resolve before it can be approved: {}", open_concerns.len()));
        }
        if decision.is_none() {
            summary
                .extend(excluded.iter().map(|one| format!("{} is excluded: {}", one.user_id, one.message)));
        }
        Ok(Explanation {
            state,
            tally,
            open_stage,
            rejections: against,
            votes: standings,
            excluded,
            eligible,
            decision,
            open_concerns,
            summary,
            position,
            session,
        })
    }

    async fn excluded(
        &self,
        ctx: &OpContext,
        session: &Session,
        authors: &[Author],
    ) -> Result<Vec<Excluded>, GateError> {
        let electorate = session.electorate(authors);
        let mut excluded = Vec::new();
        for known in self.everybody_and_caller(ctx).await? {
            let seat = known.member();
            if electorate.counts_for(&seat).is_empty() {
                continue;
            }
            if let Err(why) = electorate.may_approve(&known.actor, &seat) {
                let alone = session.after_review_of.is_some() && why == Ineligible::Requester;
                let message = match alone {
                    true => "approved the plan alone".to_owned(),
                    false => message(&seat.id, why, authors),
                };
                excluded.push(Excluded { user_id: seat.id, why, message });
            }
        }
        Ok(excluded)
    }
}

/// Why somebody else cannot approve.
fn message(id: &str, why: Ineligible, authors: &[Author]) -> String {
    match why {
        Ineligible::NotAPerson => "is not a person".to_owned(),
        Ineligible::RoleTooLow => "has none of the roles that count".to_owned(),
        Ineligible::NotAuthorized => "is not among the approvers whom the requester named".to_owned(),
        Ineligible::Requester => "asked for this approval".to_owned(),
        Ineligible::OnBehalfOf => "is the person for whom the plan was submitted".to_owned(),
        Ineligible::Author => {
            let made = authors.iter().filter(|author| person(&author.id) == person(id) && author.version > 0);
            match made.map(|author| author.version.to_string()).collect::<Vec<_>>().join(", ") {
                versions if versions.is_empty() => "stands behind the plan".to_owned(),
                versions => format!("made version {versions} of this plan"),
            }
        }
        Ineligible::AlreadyVoted => "has voted".to_owned(),
        Ineligible::NoDelegation => "was delegated nothing".to_owned(),
        Ineligible::AfterReview => "approved this alone".to_owned(),
        Ineligible::NotInvolved => "has no part in the session".to_owned(),
    }
}

/// What is missing, one sentence each.
fn missing(tally: &Tally, open_stage: Option<&str>) -> Vec<String> {
    if tally.missing() == 0 {
        return vec!["the approvals suffice; whoever has approved can decide by approving again".to_owned()];
    }
    let mut missing = Vec::new();
    if tally.quorum.missing() > 0 {
        missing.push(format!("needs {}", count_text(&tally.quorum)));
    }
    for (name, reached) in &tally.stages {
        let text = reached_text(reached);
        if !text.is_empty() {
            let then = if open_stage == Some(name) { "" } else { "then " };
            missing.push(format!("{then}stage {name} needs {text}"));
        }
    }
    missing
}

fn standings(session: &Session, authors: &[Author], votes: Vec<Vote>) -> Vec<Standing> {
    let electorate = session.electorate(authors);
    let counted = |choice| {
        let voices = voices(session.subject, chosen(&votes, choice), |hand, seat| match choice {
            Choice::Approve => electorate.may_approve(hand, seat),
            Choice::Reject => electorate.may_reject(hand, seat),
        });
        let ids = votes.iter().filter(|vote| {
            let voice = Voice { hand: &vote.voter, seat: &vote.seat };
            vote.choice == choice && voices.contains(&voice)
        });
        ids.map(|vote| vote.id).collect::<Vec<_>>()
    };
    let (for_it, against) = (counted(Choice::Approve), counted(Choice::Reject));
    let standing = |vote: Vote| {
        let counts = for_it.contains(&vote.id) || against.contains(&vote.id);
        let counts_for: Vec<String> = match vote.choice {
            _ if !counts => Vec::new(),
            Choice::Approve => electorate.counts_for(&vote.seat).into_iter().map(str::to_owned).collect(),
            Choice::Reject => vec!["rejection".to_owned()],
        };
        let refusal = match vote.choice {
            Choice::Approve => electorate.may_approve(&vote.voter, &vote.seat),
            Choice::Reject => electorate.may_reject(&vote.voter, &vote.seat),
        };
        let why_not = match refusal {
            Err(why) => format!("{} {}", vote.voter.id, message(&vote.voter.id, why, authors)),
            Ok(()) if counts => String::new(),
            Ok(()) => Ineligible::AlreadyVoted.explanation().to_owned(),
        };
        Standing { counts_for, why_not, vote }
    };
    votes.clone().into_iter().map(standing).collect()
}

/// Why a session waits for somebody, in words.
pub(crate) fn why(delegator: Option<&str>, counts_for: &[String]) -> String {
    let part = |name: &String| match name.as_str() {
        QUORUM => "the approvals over all".to_owned(),
        stage => format!("the stage {stage}"),
    };
    let parts = counts_for.iter().map(part).collect::<Vec<_>>().join(" and ");
    match delegator {
        None => format!("your approval counts for {parts}"),
        Some(delegator) => format!("your approval in the place of {delegator} counts for {parts}"),
    }
}
