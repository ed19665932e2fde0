//! What happens when nobody decided in time.

use std::time::Duration;

use assent_core::Timestamp;
use assent_plan::{RiskLevel, Span, TimeoutAction};

use super::session::Session;

/// Reminders where the policy names no number.
const USUAL_REMINDERS: u32 = 3;
/// Why a review ended without anybody deciding.
pub const EXCEEDED: &str = "Approval timeout exceeded";

/// What the end of the time to decide does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lapse {
    /// The plan must not run.
    TimesOut {
        /// Why, also where something else was asked for.
        reason: String,
    },
    /// The plan may run, unless somebody voted against it.
    Proceeds,
    /// Reviewers are reminded and have time until then.
    Reminds {
        /// The new deadline.
        until: Timestamp,
    },
    /// Whom the next step of the chain names may decide, too, until then.
    Escalates {
        /// The new deadline.
        until: Timestamp,
    },
    /// The session waits without a deadline.
    Holds,
}

impl Session {
    /// What was asked to happen: by the request, else by the policy, else the plan is rejected.
    pub fn timeout_action(&self) -> TimeoutAction {
        let requirement = &self.risk.requirement;
        self.options.timeout_action.or(requirement.timeout_action).unwrap_or(TimeoutAction::Cancel)
    }

    /// What happens if the time ends at `now`; `default` is the server's time to decide.
    pub fn lapse(&self, now: Timestamp, default: Duration) -> Lapse {
        let requirement = &self.risk.requirement;
        let times_out = |why: &str| {
            let reason = if why.is_empty() { EXCEEDED.to_owned() } else { format!("{EXCEEDED}; {why}") };
            Lapse::TimesOut { reason }
        };
        match self.timeout_action() {
            TimeoutAction::Cancel => times_out(""),
            // Nothing above LOW is approved by a clock, whatever was asked for.
            TimeoutAction::Proceed if self.risk.level == RiskLevel::Low => Lapse::Proceeds,
            TimeoutAction::Proceed => times_out(&format!(
                "only LOW plans may proceed, and this one is {}",
                self.risk.level.as_str().to_uppercase()
            )),
            TimeoutAction::Escalate => match requirement.escalation.get(taken(self.escalation_step)) {
                Some(step) => Lapse::Escalates { until: now.after(step.timeout.duration()) },
                None if requirement.escalation.is_empty() => {
                    times_out("the policy names nobody to escalate to")
                }
                None => times_out("nobody is left to escalate to"),
            },
            TimeoutAction::Remind if self.reminders_sent < reminders(requirement.reminders) => {
                Lapse::Reminds { until: self.options.deadline(now, &self.risk, default) }
            }
            TimeoutAction::Remind => times_out("no reminder is left"),
            TimeoutAction::Hold => Lapse::Holds,
        }
    }

    /// Whether the review is over when its time is.
    pub(super) fn ends_with_its_time(&self, now: Timestamp) -> bool {
        matches!(self.lapse(now, Duration::ZERO), Lapse::TimesOut { .. })
    }

    /// Sets the deadline, and the clock by it.
    pub fn set_deadline(&mut self, at: Option<Timestamp>) {
        self.expires_at = at;
        self.wake_at = at;
    }

    /// Gives reviewers their whole time anew, from `now` on, as at the beginning.
    pub fn restart_clock(&mut self, now: Timestamp, default: Duration) {
        self.set_deadline(Some(self.options.deadline(now, &self.risk, default)));
        self.escalation_step = 0;
        self.reminders_sent = 0;
        self.overdue_since = None;
    }
}

fn taken(steps: i32) -> usize {
    usize::try_from(steps).unwrap_or(usize::MAX)
}

fn reminders(asked: u32) -> i32 {
    let number = if asked == 0 { USUAL_REMINDERS } else { asked };
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Latest deadline that anybody may set, from `now` on.
pub fn latest(now: Timestamp) -> Timestamp {
    now.after(super::options::LONGEST_TIMEOUT)
}

/// The deadline that is asked for: a time, or more time on top of what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewDeadline {
    /// This time.
    At(Timestamp),
    /// So much later than the deadline, or than now where that is later.
    Later(Span),
}

/// A deadline that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDeadline {
    /// It would give less time, or none.
    #[error("must be later than now and than the deadline that there is")]
    Earlier,
    /// It is too far away.
    #[error("must be at most 90 days from now")]
    TooFar,
}

impl Session {
    /// The deadline that `asked` comes to.
    ///
    /// # Errors
    /// When that is no extension.
    pub fn extended(&self, asked: NewDeadline, now: Timestamp) -> Result<Timestamp, BadDeadline> {
        let start = self.expires_at.unwrap_or(now).max(now);
        let until = match asked {
            NewDeadline::At(time) => time,
            NewDeadline::Later(span) => start.after(span.duration()),
        };
        if until <= now || self.expires_at.is_some_and(|end| until <= end) {
            Err(BadDeadline::Earlier)
        } else if until > latest(now) {
            Err(BadDeadline::TooFar)
        } else {
            Ok(until)
        }
    }
}

#[cfg(test)]
mod tests {
    use assent_plan::{EscalationStep, Voters};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::session::tests::{at, session};

    const DEFAULT: Duration = Duration::from_secs(50);

    fn asked(level: RiskLevel, action: TimeoutAction) -> Session {
        let mut session = session(1);
        session.risk.level = level;
        session.options.timeout_action = Some(action);
        session
    }

    #[test]
    fn the_request_goes_before_the_policy_and_nothing_means_cancel() {
        let mut session = session(1);
        assert_eq!(session.timeout_action(), TimeoutAction::Cancel);
        session.risk.requirement.timeout_action = Some(TimeoutAction::Hold);
        assert_eq!(session.timeout_action(), TimeoutAction::Hold);
        session.options.timeout_action = Some(TimeoutAction::Remind);
        assert_eq!(session.timeout_action(), TimeoutAction::Remind);
    }

    #[test]
    fn a_chain_of_escalation_ends() {
        let mut session = asked(RiskLevel::High, TimeoutAction::Escalate);
        assert!(
            matches!(session.lapse(at(9), DEFAULT), Lapse::TimesOut { reason } if reason.contains("names nobody"))
        );
        let to = Voters { users: vec!["cto".to_owned()], ..Voters::default() };
        session.risk.requirement.escalation = vec![EscalationStep { to, timeout: Span::from_secs(7) }];
        assert_eq!(session.lapse(at(9), DEFAULT), Lapse::Escalates { until: at(16) });
        session.escalation_step = 1;
        assert!(
            matches!(session.lapse(at(9), DEFAULT), Lapse::TimesOut { reason } if reason.contains("is left"))
        );
    }

    #[test]
    fn reminders_end() {
        let mut session = asked(RiskLevel::High, TimeoutAction::Remind);
        for sent in 0..3 {
            session.reminders_sent = sent;
            assert_eq!(session.lapse(at(9), DEFAULT), Lapse::Reminds { until: at(59) });
        }
        session.reminders_sent = 3;
        assert!(matches!(session.lapse(at(9), DEFAULT), Lapse::TimesOut { .. }));
        session.risk.requirement.reminders = 1;
        session.reminders_sent = 1;
        assert!(matches!(session.lapse(at(9), DEFAULT), Lapse::TimesOut { .. }));
    }

    #[test]
    fn time_is_only_ever_added() {
        let mut session = session(1);
        session.set_deadline(Some(at(100)));
        let extended = |session: &Session, asked| session.extended(asked, at(10));
        assert_eq!(extended(&session, NewDeadline::Later(Span::from_secs(5))), Ok(at(105)));
        assert_eq!(extended(&session, NewDeadline::At(at(101))), Ok(at(101)));
        assert_eq!(extended(&session, NewDeadline::At(at(100))), Err(BadDeadline::Earlier));
        assert_eq!(extended(&session, NewDeadline::Later(Span::ZERO)), Err(BadDeadline::Earlier));
        let far = latest(at(10)).after(Duration::from_secs(1));
        assert_eq!(extended(&session, NewDeadline::At(far)), Err(BadDeadline::TooFar));
        // Overdue: counted from now.
        session.set_deadline(None);
        assert_eq!(extended(&session, NewDeadline::Later(Span::from_secs(5))), Ok(at(15)));
        assert_eq!(extended(&session, NewDeadline::At(at(10))), Err(BadDeadline::Earlier));
    }

    proptest! {
        #[test]
        fn no_clock_approves_anything_above_low(level in 0..4_usize, action in 0..5_usize, steps in 0..5_i32) {
            let mut session = asked(RiskLevel::ALL[level], TimeoutAction::ALL[action]);
            session.escalation_step = steps;
            session.reminders_sent = steps;
            let proceeds = session.lapse(at(1), DEFAULT) == Lapse::Proceeds;
            prop_assert_eq!(proceeds, level == 0 && TimeoutAction::ALL[action] == TimeoutAction::Proceed);
        }
    }
}
