use assent_plan::Span;
use assent_proto::approval::v1::{
    CreateDelegationRequest, Delegation, ListDelegationsRequest, RevokeDelegationRequest,
};
use assent_rpc::convert::Wire as _;

use crate::app::App;
use crate::client::ask;
use crate::output::{moment, plain, table};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: assent delegate to dan@example.com --during 48h --reason holidays")]
pub(crate) struct Delegate {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Let somebody vote in your place for a time
    To {
        /// Who is to vote
        user: String,
        /// For how long, e.g. 48h
        #[arg(long, value_name = "TIME")]
        during: Span,
        /// From when on, counted from now, e.g. 12h; at once when not given
        #[arg(long = "in", value_name = "TIME")]
        starts_in: Option<Span>,
        /// In whose place, for admins; yours when not given
        #[arg(long, value_name = "USER", default_value = "", hide_default_value = true)]
        from: String,
        /// Why
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// List delegations, newest first
    List {
        /// From or to this user
        #[arg(long, value_name = "USER", default_value = "", hide_default_value = true)]
        user: String,
        /// Also those that are over, or were ended
        #[arg(long)]
        all: bool,
    },
    /// End a delegation before its time
    Revoke {
        /// The delegation
        delegation: String,
    },
}

impl Delegate {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        let mut directory = app.client()?.directory();
        let one = match self.action {
            Action::To { user, during, starts_in, from, reason } => {
                let start = app.source.now().after(starts_in.unwrap_or_default().duration());
                let request = CreateDelegationRequest {
                    delegator: from,
                    delegate: user,
                    // Left to the server where it is now: its clock counts.
                    start_time: starts_in.map(|_| start.to_pb()),
                    end_time: Some(start.after(during.duration()).to_pb()),
                    reason,
                    request_id: String::new(),
                };
                directory.create_delegation(ask(request)).await?.into_inner().delegation
            }
            Action::Revoke { delegation } => {
                let request = RevokeDelegationRequest { delegation_id: delegation, ..Default::default() };
                directory.revoke_delegation(ask(request)).await?.into_inner().delegation
            }
            Action::List { user, all } => {
                let request = ListDelegationsRequest {
                    page_size: 1000,
                    user_id: user,
                    active: !all,
                    ..Default::default()
                };
                let found = directory.list_delegations(ask(request)).await?.into_inner();
                if !app.console.for_people() {
                    return app.console.message(&found, Vec::new);
                }
                let rows: Vec<_> = found.delegations.iter().map(row).collect();
                let heads = ["DELEGATION", "FROM", "TO", "SINCE", "UNTIL", "REVOKED", "REASON"];
                return Ok(app.console.text(&table(&heads, &rows))?);
            }
        };
        let one = one.unwrap_or_default();
        app.console.message(&one, || vec![plain(sentence(&one))])
    }
}

fn row(one: &Delegation) -> Vec<String> {
    vec![
        one.id.clone(),
        one.delegator.clone(),
        one.delegate.clone(),
        moment(one.start_time.as_ref()),
        moment(one.end_time.as_ref()),
        one.revoked_by.clone(),
        one.reason.clone(),
    ]
}

fn sentence(one: &Delegation) -> String {
    let Delegation { id, delegator, delegate, revoked_by, .. } = one;
    match revoked_by.as_str() {
        "" => {
            let until = moment(one.end_time.as_ref());
            format!("{id}: {delegate} may vote in the place of {delegator} until {until}")
        }
        by => format!("{id}: ended by {by}; {delegate} votes in the place of {delegator} no more"),
    }
}
