//! How a plan is to be reviewed, as its requester asked.

use std::time::Duration;

use assent_core::Timestamp;
use assent_core::grant::Amends;
use assent_plan::{Channel, RiskAssessment, RiskLevel, Span, TimeoutAction};
use serde::{Deserialize, Serialize};

use super::names;

/// Shortest time that a requester may leave to reviewers.
pub const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest time that a requester may leave to reviewers.
pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

names! {
    /// How much review the requester wants.
    Mode {
        /// A person decides.
        ReviewAlways => "review_always",
        /// LOW plans are approved by policy, where it allows that.
        ReviewByRisk => "review_by_risk",
        /// As by risk; what needs no review by the policy gets none.
        Direct => "direct",
    }
}

names! {
    /// How much a request hurries.
    Urgency {
        /// When there is time.
        Low => "low",
        /// The usual.
        Normal => "normal",
        /// Soon.
        High => "high",
        /// At once.
        Urgent => "urgent",
    }
}

/// The options of a request, with defaults filled in where absence means a value.
// Kept as JSON: what an older or a newer replica wrote reads as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Whether a person must decide; none leaves it to the mode.
    pub require_explicit_approval: Option<bool>,
    /// Time to decide; the policy's when absent.
    pub approval_timeout: Option<Span>,
    /// What happens when that time is over; what the policy says when none.
    pub timeout_action: Option<TimeoutAction>,
    /// When not empty, the only users who may decide.
    // These three have columns of their own.
    #[serde(skip)]
    pub authorized_approvers: Vec<String>,
    /// Shown to reviewers.
    #[serde(skip)]
    pub reviewer_message: String,
    /// How much it hurries.
    #[serde(skip)]
    pub priority: Urgency,
    /// Whether some items may be approved and others not.
    pub allow_partial_approval: bool,
    /// Whether reviewers see the estimate.
    pub show_estimates: bool,
    /// Whether single items may be commented.
    pub allow_work_item_comments: bool,
    /// Channels for the request; each user's own when empty.
    pub notify_on: Vec<Channel>,
    /// The item of a running execution whose values are reviewed; only Assent's services say so.
    pub amends: Option<Amends>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            require_explicit_approval: None,
            approval_timeout: None,
            timeout_action: None,
            authorized_approvers: Vec::new(),
            reviewer_message: String::new(),
            priority: Urgency::Normal,
            allow_partial_approval: true,
            show_estimates: true,
            allow_work_item_comments: true,
            notify_on: Vec::new(),
            amends: None,
        }
    }
}

impl Options {
    /// The mode in effect: the one asked for, else what the options imply, else the server's.
    pub fn mode(&self, asked: Option<Mode>, default: Mode) -> Mode {
        let implied = (self.require_explicit_approval == Some(false)).then_some(Mode::ReviewByRisk);
        asked.or(implied).unwrap_or(default)
    }

    /// Whether the plan is approved at once, without a person. Whatever was asked for, only where the policy says so: at
    /// LOW what it lets pass, and in mode DIRECT also at MEDIUM what it lets run directly.
    pub fn approves_at_once(&self, mode: Mode, risk: &RiskAssessment) -> bool {
        let passes = risk.level == RiskLevel::Low && risk.requirement.auto_approvable;
        let direct = risk.level <= RiskLevel::Medium && risk.requirement.direct;
        let may = match mode {
            Mode::ReviewAlways => false,
            Mode::ReviewByRisk => passes,
            Mode::Direct => passes || direct,
        };
        may && self.require_explicit_approval != Some(true)
    }

    /// When the time to decide ends.
    pub fn deadline(&self, now: Timestamp, risk: &RiskAssessment, default: Duration) -> Timestamp {
        let given = self.approval_timeout.or(risk.requirement.timeout);
        now.after(given.map_or(default, Span::duration))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use assent_core::Digest;
    use assent_plan::ApprovalRequirement;
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn risk(level: RiskLevel, roles: &[&str], quorum: u32, sod: bool) -> RiskAssessment {
        RiskAssessment {
            level,
            factors: Vec::new(),
            items: BTreeMap::new(),
            policy_digest: Digest::of(&[b"policy"]),
            requirement: ApprovalRequirement {
                roles: roles.iter().map(|role| (*role).to_owned()).collect(),
                quorum,
                separation_of_duties: sod,
                auto_approvable: true,
                ..Default::default()
            },
        }
    }

    #[test]
    fn the_mode_follows_the_request_then_the_options_then_the_server() {
        let options = |explicit| Options { require_explicit_approval: explicit, ..Options::default() };
        assert_eq!(options(None).mode(None, Mode::ReviewAlways), Mode::ReviewAlways);
        assert_eq!(options(Some(false)).mode(None, Mode::ReviewAlways), Mode::ReviewByRisk);
        assert_eq!(options(Some(false)).mode(Some(Mode::ReviewAlways), Mode::Direct), Mode::ReviewAlways);
        assert_eq!(options(None).mode(Some(Mode::Direct), Mode::ReviewAlways), Mode::Direct);
    }

    #[test]
    fn the_deadline_is_the_requests_then_the_policys_then_the_servers() {
        let now = Timestamp::from_micros(0).unwrap();
        let mut assessment = risk(RiskLevel::Low, &[], 1, false);
        let mut options = Options::default();
        let seconds = |options: &Options, risk: &_| {
            options.deadline(now, risk, Duration::from_secs(3)).micros() / 1_000_000
        };
        assert_eq!(seconds(&options, &assessment), 3);
        assessment.requirement.timeout = Some(Span::from_secs(2));
        assert_eq!(seconds(&options, &assessment), 2);
        options.approval_timeout = Some(Span::from_secs(1));
        assert_eq!(seconds(&options, &assessment), 1);
    }

    proptest! {
        #[test]
        fn nothing_above_low_or_direct_medium_passes_without_a_person(
            level in 0..4_usize, mode in 0..3_usize, explicit: Option<bool>, allowed: bool, direct: bool,
        ) {
            let mut assessment = risk(RiskLevel::ALL[level], &["lead"], 1, true);
            assessment.requirement.auto_approvable = allowed;
            assessment.requirement.direct = direct;
            let options = Options { require_explicit_approval: explicit, ..Options::default() };
            let passes = options.approves_at_once(Mode::ALL[mode], &assessment);
            let by_risk = level == 0 && allowed && mode != 0;
            let may = explicit != Some(true) && (by_risk || (level <= 1 && direct && mode == 2));
            prop_assert_eq!(passes, may);
        }
    }
}
