//! The review screen.

use assent_core::Timestamp;
use assent_proto::plan::v1::{ApprovalRequirement, PlanEstimate, RiskAssessment};
use assent_proto::review::v1::{PlanReviewSession, PlanReviewState, VoteChoice};

use super::steps::{item_level, ordered};
use crate::output::{Frame, Tone, amount, deadline, level, plain, seconds, state, toned};

/// Whether the session waits for people.
pub(crate) fn is_open(session: &PlanReviewSession) -> bool {
    matches!(
        session.state(),
        PlanReviewState::Pending | PlanReviewState::InReview | PlanReviewState::ModificationRequested
    )
}

/// E.g. `IN_REVIEW`.
pub(crate) fn state_name(number: i32) -> &'static str {
    let name = PlanReviewState::try_from(number).unwrap_or_default().as_str_name();
    state(name, "PLAN_REVIEW_STATE_")
}

/// The session in a box. `keys` is the line that says what may be pressed; empty for none.
pub(crate) fn screen(
    session: &PlanReviewSession,
    now: Timestamp,
    columns: Option<usize>,
    keys: &str,
) -> Frame {
    let mut frame = Frame::new(columns);
    let title = if is_open(session) {
        "🔍 PLAN REVIEW REQUIRED".to_owned()
    } else {
        format!("PLAN {}", state_name(session.state).replace('_', " "))
    };
    frame.line(toned(title, Tone::Bold));
    frame.gap();
    frame.line(plain(format!("Workflow: {}", session.id)));
    let (name, tone) = level(session.risk.as_ref().map_or(0, |r| r.level));
    frame.line(plain("Risk Level: ").then(format!("{}{name}", warning(name)), tone));
    frame.hanging("Requester: ", &requester(session), Tone::Plain);
    if let Some(plan) = &session.plan {
        frame.hanging("Goal: ", &plan.goal, Tone::Plain);
    }
    if !session.reviewer_message.is_empty() {
        frame.hanging("Message: ", &session.reviewer_message, Tone::Plain);
    }
    frame.gap();
    frame.line(toned("PROPOSED ACTIONS:", Tone::Bold));
    actions(&mut frame, session);
    frame.gap();
    if session.estimate.is_some() {
        frame.line(plain(format!("Estimated cost: {}", estimate(session.estimate.as_ref()))));
        frame.gap();
    }
    let found = factors(session.risk.as_ref());
    if !found.is_empty() {
        frame.line(toned("⚠ RISK FACTORS:", Tone::Warn));
        for (_, factor) in found {
            frame.hanging("• ", &factor, Tone::Plain);
        }
        frame.gap();
    }
    standing(&mut frame, session, now);
    if !keys.is_empty() {
        frame.gap();
        frame.line(toned(keys, Tone::Bold));
    }
    frame
}

fn warning(level: &str) -> &'static str {
    if matches!(level, "LOW" | "MEDIUM") { "" } else { "⚠ " }
}

fn requester(session: &PlanReviewSession) -> String {
    let by = session.requester.as_ref().map(|r| r.id.as_str()).unwrap_or_default();
    if session.on_behalf_of.is_empty() {
        by.to_owned()
    } else {
        format!("{by}, for {}", session.on_behalf_of)
    }
}

fn actions(frame: &mut Frame, session: &PlanReviewSession) {
    let items = session.plan.as_ref().map(ordered).unwrap_or_default();
    // As wide as the widest level of this plan, so that the names stand below each other.
    let tags: Vec<_> = items.iter().map(|item| level(item_level(session.risk.as_ref(), &item.id))).collect();
    let widest = tags.iter().map(|(name, _)| name.len() + 2).max().unwrap_or_default();
    for (number, (item, (name, tone))) in items.iter().zip(&tags).enumerate() {
        let tag = format!("[{name}]");
        let head = plain(format!("{}. ", number + 1)).then(format!("{tag:<widest$} "), *tone);
        frame.after(head, &item.name, Tone::Plain);
        if item.rollback_possible == Some(false) {
            let below = plain(" ".repeat(format!("{}. ", number + 1).len() + widest + 1));
            frame.after(below, "point of no return: cannot be undone", Tone::Warn);
        }
    }
}

fn standing(frame: &mut Frame, session: &PlanReviewSession, now: Timestamp) {
    let digest = session.digest.get(..16).unwrap_or(&session.digest);
    frame.line(plain(format!("Version: {} ({digest}…)", session.current_version)));
    if let Some(needed) = session.risk.as_ref().and_then(|r| r.requirement.as_ref()) {
        frame.hanging("Approval: ", &requirement(needed), Tone::Plain);
    }
    if !session.authorized_approvers.is_empty() {
        frame.hanging("Approvers: ", &session.authorized_approvers.join(", "), Tone::Plain);
    }
    for vote in &session.votes {
        let said = if vote.choice() == VoteChoice::Approve { "approved" } else { "rejected" };
        let voter = vote.voter.as_ref().map(|v| v.id.as_str()).unwrap_or_default();
        let place = match vote.delegator.as_str() {
            "" => String::new(),
            delegator => format!(" in the place of {delegator}"),
        };
        frame.hanging("Vote: ", &reasoned(&format!("{said} by {voter}{place}"), &vote.reason), Tone::Plain);
    }
    for dismissed in &session.dismissed_votes {
        let voter = dismissed.vote.as_ref().and_then(|vote| vote.voter.as_ref());
        let voter = voter.map(|v| v.id.as_str()).unwrap_or_default();
        let text = format!("of {voter} does not count any more: {}", dismissed.message);
        frame.hanging("Vote: ", &text, Tone::Dim);
    }
    if !session.after_review_of.is_empty() {
        let text = format!("of {}, which one administrator approved alone", session.after_review_of);
        frame.hanging("Review afterwards: ", &text, Tone::Warn);
    }
    match &session.decision {
        Some(decision) => {
            let by = decision.decided_by.as_ref().map(|v| v.id.as_str()).unwrap_or_default();
            let text = format!("{} by {by}", state_name(session.state).to_lowercase().replace('_', " "));
            frame.hanging("Decision: ", &reasoned(&text, &decision.reason), Tone::Plain);
        }
        None => frame.line(plain(format!("Deadline: {}", deadline(session.expire_time.as_ref(), now)))),
    }
}

fn reasoned(text: &str, reason: &str) -> String {
    if reason.is_empty() { text.to_owned() } else { format!("{text}: {reason}") }
}

/// Cost with its interval, and time.
pub(super) fn estimate(estimate: Option<&PlanEstimate>) -> String {
    let Some(estimate) = estimate else { return "not known".to_owned() };
    let mut text = amount(estimate.estimated_cost.as_ref());
    if estimate.cost_low != estimate.cost_high {
        let (low, high) = (amount(estimate.cost_low.as_ref()), amount(estimate.cost_high.as_ref()));
        text.push_str(&format!(" ({low} to {high})"));
    }
    if let Some(time) = estimate.estimated_duration.and_then(|d| std::time::Duration::try_from(d).ok()) {
        text.push_str(&format!(", {}", seconds(time)));
    }
    text
}

/// Code and description of each factor, once.
pub(super) fn factors(risk: Option<&RiskAssessment>) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut all: Vec<_> = risk.map(|r| r.factors.iter().collect()).unwrap_or_default();
    all.sort_by_key(|f| std::cmp::Reverse(f.severity));
    for factor in all {
        if !found.iter().any(|(_, text)| *text == factor.description) {
            found.push((factor.code.clone(), factor.description.clone()));
        }
    }
    found
}

/// Who must approve, in words.
pub(crate) fn requirement(needed: &ApprovalRequirement) -> String {
    let quorum = needed.quorum.max(1);
    let people = if quorum == 1 { "person" } else { "people" };
    let roles = if needed.roles.is_empty() { "nobody".to_owned() } else { needed.roles.join(" or ") };
    let mut text = format!("{quorum} {people} with role {roles}");
    for stage in &needed.stages {
        text.push_str(&format!(", and stage {}", stage.name));
    }
    if needed.separation_of_duties {
        text.push_str("; not who asked, or for whom");
    }
    text
}

#[cfg(test)]
mod tests {
    use assent_proto::json;

    use super::*;
    use crate::output::Line;

    fn lines(frame: &Frame) -> Vec<String> {
        frame.draw().iter().map(|line: &Line| line.paint(false)).collect()
    }

    fn session() -> PlanReviewSession {
        json::from_json(serde_json::from_str(include_str!("export.json")).unwrap()).unwrap()
    }

    #[test]
    fn the_box_of_the_export() {
        let now = Timestamp::from_micros(1_765_461_600_000_000).unwrap();
        let keys = "[A]pprove  [R]eject  [M]odify  [?]Details  [Q]uit";
        insta::assert_snapshot!(lines(&screen(&session(), now, None, keys)).join("\n"));
    }

    #[test]
    fn what_cannot_be_undone_is_said_before_it_is_approved() {
        let mut session = session();
        let draw = |session: &PlanReviewSession| {
            lines(&screen(session, Timestamp::from_micros(0).unwrap(), None, "")).join("\n")
        };
        assert!(!draw(&session).contains("point of no return"));
        session.plan.as_mut().unwrap().items[3].rollback_possible = Some(false);
        assert!(
            draw(&session).contains("              point of no return: cannot be undone"),
            "{}",
            draw(&session)
        );
    }

    #[test]
    fn whose_voice_a_vote_is_and_which_count_no_more_is_shown() {
        use assent_proto::review::v1::{DismissedVote, Vote};
        use assent_proto::types::v1::Actor;

        let voter = |id: &str| Some(Actor { id: id.to_owned(), ..Actor::default() });
        let mut session = session();
        session.votes = vec![Vote {
            voter: voter("dan"),
            delegator: "ada".to_owned(),
            choice: VoteChoice::Approve.into(),
            ..Vote::default()
        }];
        let vote = Some(Vote { voter: voter("ben"), ..Vote::default() });
        let message = "item b changed after the vote".to_owned();
        session.dismissed_votes = vec![DismissedVote { vote, message, ..DismissedVote::default() }];
        session.after_review_of = "ses_1".to_owned();
        let drawn = lines(&screen(&session, Timestamp::from_micros(0).unwrap(), None, "")).join("\n");
        for shown in [
            "approved by dan in the place of ada",
            "of ben does not count any more: item b",
            "of ses_1, which one administrator",
        ] {
            assert!(drawn.contains(shown), "{shown:?} is missing in\n{drawn}");
        }
    }

    #[test]
    fn hostile_names_stay_in_their_line() {
        let mut session = session();
        if let Some(plan) = &mut session.plan {
            plan.items[0].name = "x\u{1b}[2K\r1. [LOW] harmless\u{202e}".to_owned();
        }
        let now = Timestamp::from_micros(0).unwrap();
        let drawn = lines(&screen(&session, now, None, "")).join("\n");
        assert!(!drawn.contains(['\u{1b}', '\r', '\u{202e}']), "{drawn}");
    }
}
