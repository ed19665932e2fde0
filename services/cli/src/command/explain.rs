use assent_proto::approval::v1::{ExplainDecisionRequest, ExplainDecisionResponse, Threshold};

use crate::app::App;
use crate::client::ask;
use crate::output::{Line, Tone, plain, state, toned};
use crate::review::state_name;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent explain ses_0190163d8694739aaea5966c26f8ad91")]
pub(crate) struct Explain {
    /// The session
    session: String,
}

impl Explain {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let request = ask(ExplainDecisionRequest { session_id: self.session });
        let answer = app.client()?.gate().explain_decision(request).await?.into_inner();
        app.console.message(&answer, || lines(&answer))
    }
}

fn lines(answer: &ExplainDecisionResponse) -> Vec<Line> {
    let mut lines =
        vec![toned(format!("{}, version {}", state_name(answer.state), answer.version), Tone::Bold)];
    lines.extend(answer.summary.iter().map(plain));
    lines.extend(answer.quorum.as_ref().map(|quorum| plain(format!("quorum: {}", numbers(quorum)))));
    for stage in &answer.stages {
        let word = state(stage.state().as_str_name(), "STAGE_STATE_").to_lowercase().replace('_', " ");
        let thresholds: Vec<_> = stage.thresholds.iter().map(numbers).collect();
        lines.push(plain(format!("stage {}: {word} {}", stage.name, thresholds.join("; ")).trim_end()));
    }
    for standing in &answer.votes {
        let Some(vote) = &standing.vote else { continue };
        let voter = vote.voter.as_ref().map(|voter| voter.id.as_str()).unwrap_or_default();
        let of = if vote.delegator.is_empty() { String::new() } else { format!(" for {}", vote.delegator) };
        let choice = state(vote.choice().as_str_name(), "VOTE_CHOICE_").to_lowercase();
        let worth = match standing.why_not.as_str() {
            "" => format!("counts for {}", standing.counts_for.join(", ")),
            why => format!("does not count: {why}"),
        };
        lines.push(plain(format!("{choice} by {voter}{of}: {worth}")));
    }
    for eligible in &answer.eligible {
        let of = if eligible.delegator.is_empty() {
            String::new()
        } else {
            format!(" for {}", eligible.delegator)
        };
        let text = format!("can approve: {}{of} ({})", eligible.user_id, eligible.counts_for.join(", "));
        lines.push(toned(text, Tone::Dim));
    }
    lines
}

fn numbers(threshold: &Threshold) -> String {
    format!("{} of {} of {}", threshold.given, threshold.needed, threshold.of)
}

#[cfg(test)]
mod tests {
    use assent_proto::approval::v1::{EligibleApprover, StageProgress, StageState, VoteStanding};
    use assent_proto::review::v1::{PlanReviewState, Vote, VoteChoice};
    use assent_proto::types::v1::Actor;

    use super::*;

    #[test]
    fn what_is_missing_comes_first_and_every_vote_says_what_it_is_worth() {
        let voter = Some(Actor { id: "dan".to_owned(), ..Actor::default() });
        let vote = Vote {
            voter,
            choice: VoteChoice::Approve.into(),
            delegator: "ada".to_owned(),
            ..Vote::default()
        };
        let answer = ExplainDecisionResponse {
            state: PlanReviewState::Pending.into(),
            version: 2,
            summary: vec!["stage security needs 1 more of group security".to_owned()],
            quorum: Some(Threshold { needed: 2, given: 1, of: "role lead".to_owned() }),
            stages: vec![StageProgress {
                name: "security".to_owned(),
                state: StageState::Open.into(),
                ..StageProgress::default()
            }],
            votes: vec![VoteStanding {
                vote: Some(vote),
                counts_for: vec!["quorum".to_owned()],
                ..Default::default()
            }],
            eligible: vec![EligibleApprover {
                user_id: "sam".to_owned(),
                counts_for: vec!["security".to_owned()],
                ..EligibleApprover::default()
            }],
            ..ExplainDecisionResponse::default()
        };
        let text: Vec<_> = lines(&answer).iter().map(|line| line.paint(false)).collect();
        assert_eq!(
            text,
            [
                "PENDING, version 2",
                "stage security needs 1 more of group security",
                "quorum: 1 of 2 of role lead",
                "stage security: open",
                "approve by dan for ada: counts for quorum",
                "can approve: sam (security)",
            ]
        );
    }
}
