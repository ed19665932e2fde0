//! The texts. Plain and short; whoever wants more opens the session.

use assent_core::Timestamp;
use assent_core::id::SessionId;
use assent_plan::redact::redact;

/// Most characters of a goal or a reason that are repeated in a text.
const QUOTE: usize = 200;

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// What happened, e.g. `approval_requested`.
    pub(crate) kind: &'static str,
    /// One line.
    pub(crate) title: String,
    /// A few lines.
    pub(crate) body: String,
}

/// A plan that waits for people.
pub(crate) struct Submission<'a> {
    pub(crate) goal: &'a str,
    /// Name of its level, e.g. `HIGH`.
    pub(crate) risk: &'a str,
    pub(crate) items: usize,
    pub(crate) version: i32,
    pub(crate) requester: &'a str,
    pub(crate) message: &'a str,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Notice {
    /// For those who may decide.
    pub(crate) fn approval_requested(session: SessionId, plan: &Submission<'_>) -> Self {
        let Submission { goal, risk, items, version, requester, .. } = plan;
        let noun = if *items == 1 { "work item" } else { "work items" };
        let lines = [
            format!("{requester} asks for approval of a plan with {items} {noun} and {risk} risk."),
            if plan.message.is_empty() { String::new() } else { format!("Message: {}", quote(plan.message)) },
            plan.expires_at.map(|at| format!("Time to decide: until {at}.")).unwrap_or_default(),
            format!("Session {session}, version {version}."),
        ];
        Self::new("approval_requested", format!("Approval requested ({risk}): {}", quote(goal)), &lines)
    }

    /// For those who asked: `kind` is `approved`, `rejected` or `timed_out`.
    pub(crate) fn decided(
        session: SessionId,
        kind: &'static str,
        goal: &str,
        by: &str,
        reason: &str,
    ) -> Self {
        let (title, line) = match kind {
            "approved" => ("Approved", format!("{by} approved the plan; it may run.")),
            "rejected" => ("Rejected", format!("{by} rejected the plan; it will not run.")),
            _ => ("Timed out", "Nobody decided in time; the plan will not run.".to_owned()),
        };
        let reason = if reason.is_empty() { String::new() } else { format!("Reason: {}", quote(reason)) };
        Self::new(kind, format!("{title}: {}", quote(goal)), &[line, reason, format!("Session {session}.")])
    }

    /// For those who asked: how an execution ended.
    pub(crate) fn execution(
        session: SessionId,
        kind: &'static str,
        goal: &str,
        artifacts: usize,
        error: &str,
    ) -> Self {
        let (title, line) = match kind {
            "execution_completed" => ("Completed", "Every work item ended well.".to_owned()),
            "execution_failed" => ("Failed", "A work item failed; there was nothing to undo.".to_owned()),
            "execution_rolled_back" => {
                ("Rolled back", "A work item failed; what was done has been undone.".to_owned())
            }
            "execution_rollback_failed" => (
                "Rollback failed",
                "A work item failed, and something that was done could not be undone.".to_owned(),
            ),
            "execution_cancelled" => ("Cancelled", "The execution was stopped by a person.".to_owned()),
            _ => ("Refused", "The plan does not match what was approved; nothing was run.".to_owned()),
        };
        let lines = [
            line,
            if error.is_empty() { String::new() } else { format!("Error: {}", quote(error)) },
            match artifacts {
                0 => String::new(),
                1 => "It produced 1 artifact.".to_owned(),
                n => format!("It produced {n} artifacts."),
            },
            format!("Session {session}."),
        ];
        Self::new(kind, format!("{title}: {}", quote(goal)), &lines)
    }

    fn new(kind: &'static str, title: String, lines: &[String]) -> Self {
        let lines: Vec<_> = lines.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
        Self { kind, title, body: lines.join("\n") }
    }
}

/// One line of limited length without secrets.
fn quote(text: &str) -> String {
    let line = redact(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(QUOTE) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session() -> SessionId {
        "ses_0190163d8694739aaea5966c26f8ad91".parse().unwrap()
    }

    #[test]
    fn a_request_says_who_what_how_risky_and_until_when() {
        let plan = Submission {
            goal: "Export all users,\n password=\"hunter2\"",
            risk: "HIGH",
            items: 4,
            version: 1,
            requester: "Ada",
            message: "",
            expires_at: Timestamp::from_micros(1_700_000_000_000_000),
        };
        let notice = Notice::approval_requested(session(), &plan);
        assert_eq!(notice.title, "Approval requested (HIGH): Export all users, password=[REDACTED]");
        let body = "Ada asks for approval of a plan with 4 work items and HIGH risk.\n\
                    Time to decide: until 2023-11-14T22:13:20.000000Z.\n\
                    Session ses_0190163d8694739aaea5966c26f8ad91, version 1.";
        assert_eq!(notice.body, body);
    }

    #[test]
    fn an_end_says_what_was_left_behind() {
        let notice = Notice::execution(session(), "execution_rolled_back", "g", 2, "exit code 1");
        assert_eq!(notice.title, "Rolled back: g");
        assert!(notice.body.contains("Error: exit code 1\nIt produced 2 artifacts."), "{}", notice.body);
        let notice =
            Notice::decided(session(), "timed_out", "g", "system:timeout", "Approval timeout exceeded");
        assert!(notice.body.starts_with("Nobody decided in time"), "{}", notice.body);
    }

    proptest! {
        #[test]
        fn a_title_is_one_line_of_bounded_length(goal in "\\PC{0,50}(\n|\\PC){0,400}") {
            let notice = Notice::decided(session(), "approved", &goal, "a", "");
            prop_assert!(!notice.title.contains('\n') && notice.title.chars().count() <= QUOTE + 20);
        }
    }
}
