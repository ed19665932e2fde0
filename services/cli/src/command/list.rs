use assent_proto::approval::v1::{ListSessionsRequest, ListSessionsResponse, SessionOrder};
use assent_proto::plan::v1::RiskLevel;
use assent_proto::review::v1::PlanReviewState;

use crate::app::App;
use crate::client::ask;
use crate::failure::{Exit, stop};
use crate::output::{Tone, level, moment, table, toned};
use crate::review::state_name;

const GOAL_LENGTH: usize = 60;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent list --state pending --risk high")]
pub(crate) struct List {
    /// In this state, e.g. pending, in-review, approved; may be repeated
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<String>,
    /// With this risk: low, medium, high, critical
    #[arg(long, value_name = "LEVEL")]
    risk: Option<String>,
    /// Asked for by this user
    #[arg(long, value_name = "USER", default_value = "", hide_default_value = true)]
    requester: String,
    /// With this reviewer
    #[arg(long, value_name = "USER", default_value = "", hide_default_value = true)]
    reviewer: String,
    /// Only those that are overdue
    #[arg(long)]
    overdue: bool,
    /// What comes first
    #[arg(long, value_enum, default_value_t = Order::Newest)]
    order: Order,
    /// Most sessions to list
    #[arg(long, default_value_t = 50, value_name = "NUMBER")]
    limit: u16,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Order {
    /// What was submitted last
    Newest,
    /// What was submitted first
    Oldest,
    /// What must be decided first
    Deadline,
}

fn constant(prefix: &str, text: &str) -> String {
    format!("{prefix}{}", text.to_uppercase().replace('-', "_"))
}

impl List {
    fn request(self) -> anyhow::Result<ListSessionsRequest> {
        let state = |text: &String| {
            PlanReviewState::from_str_name(&constant("PLAN_REVIEW_STATE_", text))
                .filter(|s| *s != PlanReviewState::Unspecified)
                .map(i32::from)
                .ok_or_else(|| stop(Exit::Usage, format!("there is no state {text:?}")))
        };
        let risk = |text: String| {
            RiskLevel::from_str_name(&constant("RISK_LEVEL_", &text))
                .filter(|r| *r != RiskLevel::Unspecified)
                .map(i32::from)
                .ok_or_else(|| stop(Exit::Usage, format!("there is no risk {text:?}")))
        };
        let order = match self.order {
            Order::Newest => SessionOrder::Newest,
            Order::Oldest => SessionOrder::Oldest,
            Order::Deadline => SessionOrder::Deadline,
        };
        Ok(ListSessionsRequest {
            assigned_reviewer: self.reviewer,
            overdue: self.overdue,
            order: order.into(),
            states: self.states.iter().map(state).collect::<anyhow::Result<_>>()?,
            requester: self.requester,
            risk_level: self.risk.map(risk).transpose()?.unwrap_or_default(),
            ..Default::default()
        })
    }

    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let limit = usize::from(self.limit.max(1));
        let mut request = self.request()?;
        let mut gate = app.client()?.gate();
        let mut found = ListSessionsResponse::default();
        while found.sessions.len() < limit {
            request.page_size = i32::try_from(limit - found.sessions.len()).unwrap_or(i32::MAX);
            let page = gate.list_sessions(ask(request.clone())).await?.into_inner();
            found.sessions.extend(page.sessions);
            request.page_token.clone_from(&page.next_page_token);
            found.next_page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        if !app.console.for_people() {
            return app.console.message(&found, Vec::new);
        }
        let rows: Vec<_> = found
            .sessions
            .iter()
            .map(|session| {
                vec![
                    session.id.clone(),
                    state_name(session.state).to_owned(),
                    level(session.risk.as_ref().map_or(0, |r| r.level)).0.to_owned(),
                    session.requester.as_ref().map(|r| r.id.clone()).unwrap_or_default(),
                    moment(session.create_time.as_ref()),
                    moment(session.expire_time.as_ref()),
                    session.plan.as_ref().map(|p| shortened(&p.goal)).unwrap_or_default(),
                ]
            })
            .collect();
        app.console.text(&table(
            &["SESSION", "STATE", "RISK", "REQUESTER", "SUBMITTED", "DEADLINE", "GOAL"],
            &rows,
        ))?;
        if !found.next_page_token.is_empty() {
            app.console.say([toned(format!("there are more than {limit}; see --limit"), Tone::Dim)]);
        }
        Ok(())
    }
}

/// The beginning of a goal; the whole of it is on the review screen.
fn shortened(goal: &str) -> String {
    let mut text: String = goal.chars().take(GOAL_LENGTH).collect();
    if text.len() < goal.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(states: &[&str], risk: Option<&str>) -> anyhow::Result<ListSessionsRequest> {
        let states = states.iter().map(ToString::to_string).collect();
        let nobody = String::new;
        let (risk, order) = (risk.map(str::to_owned), Order::Newest);
        List { states, risk, requester: nobody(), reviewer: nobody(), overdue: false, order, limit: 1 }
            .request()
    }

    #[test]
    fn states_and_levels_are_read_as_people_write_them() {
        let request = list(&["in-review", "PENDING"], Some("high")).unwrap();
        assert_eq!(request.states, [PlanReviewState::InReview as i32, PlanReviewState::Pending as i32]);
        assert_eq!(request.risk_level, RiskLevel::High as i32);
        assert!(list(&["unspecified"], None).is_err());
        assert!(list(&[], Some("huge")).is_err());
    }
}
