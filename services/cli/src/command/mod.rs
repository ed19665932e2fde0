//! The commands, one family a file.

mod artifacts;
mod audit;
mod change;
mod comment;
mod decide;
mod delegate;
mod demo;
mod dev;
mod doctor;
mod explain;
mod inbox;
mod keys;
mod list;
mod migrate;
mod notify;
mod pending;
mod plan;
mod plan_edit;
mod plan_versions;
mod policy;
mod policy_replay;
mod preferences;
mod priority;
mod review;
mod risk;
mod run;
mod submit;
mod tools;
mod users;
mod verify;
mod wait;
mod watch;
mod whoami;

use crate::app::App;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Serve all services in one process, for development
    Dev(dev::Dev),
    /// Take one goal from plan to proof on a throw-away stack
    Demo(demo::Demo),
    /// Make or assess a plan without asking anybody; or look at and change that of a session
    Plan(plan::Plan),
    /// Say why a plan is as risky as it is
    Risk(risk::Risk),
    /// Check, test and try out risk policies
    Policy(policy::Policy),
    /// Ask for approval of a goal or a plan
    Submit(submit::Submit),
    /// List review sessions, newest first
    List(list::List),
    /// Show the review screen of a session
    Show(review::Show),
    /// Show the review screen and ask for the decision
    Review(review::Review),
    /// Approve the plan of a session
    Approve(decide::Approve),
    /// Reject the plan of a session
    Reject(decide::Reject),
    /// Approve alone in an emergency: with an alarm, and a review afterwards
    BreakGlass(decide::BreakGlass),
    /// Say where the decision of a session stands: what is missing, and who cannot vote and why
    Explain(explain::Explain),
    /// List what you can approve now
    Pending(pending::Pending),
    /// Let somebody vote in your place
    Delegate(delegate::Delegate),
    /// Show or change who there is
    Users(users::Users),
    /// Withdraw a request for approval
    Cancel(change::Cancel),
    /// Give reviewers more time
    Extend(change::Extend),
    /// Ask somebody else to look at a plan
    Reassign(change::Reassign),
    /// Have the planner change the plan of a session
    RequestChanges(change::RequestChanges),
    /// Bring a session back to review
    Resubmit(change::Resubmit),
    /// Take the permission to execute back
    Revoke(change::Revoke),
    /// Wait for the decision of a session
    Wait(wait::Wait),
    /// Follow everything that happens in a session
    Watch(watch::Watch),
    /// Show the execution of a session
    Run(run::Run),
    /// List or fetch what an execution produced
    Artifacts(artifacts::Artifacts),
    /// List the tools that plans can use, and what is missing for those that cannot be used
    Tools(tools::Tools),
    /// Say something about a plan, answer, settle
    Comment(comment::Comment),
    /// Show, verify or export who did what
    Audit(audit::Audit),
    /// List the keys that sign grants, or change them
    Keys(keys::Keys),
    /// Check an evidence bundle without any server
    Verify(verify::Verify),
    /// List your notifications
    Inbox(inbox::Inbox),
    /// Test the channels of notifications, and look at what they took
    Notify(notify::Notify),
    /// Show who you are to the server
    Whoami(whoami::Whoami),
    /// Bring the databases of all services up to date
    Migrate(migrate::Migrate),
    /// Check the server and this machine
    Doctor(doctor::Doctor),
}

impl Command {
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::Dev(command) => Box::pin(command.run(app)).await,
            Self::Demo(command) => Box::pin(command.run(app)).await,
            Self::Plan(command) => command.run(app).await,
            Self::Risk(command) => command.run(app).await,
            Self::Policy(command) => command.run(app).await,
            Self::Submit(command) => command.run(app).await,
            Self::List(command) => command.run(app).await,
            Self::Show(command) => command.run(app).await,
            Self::Review(command) => command.run(app).await,
            Self::Approve(command) => command.run(app).await,
            Self::Reject(command) => command.run(app).await,
            Self::BreakGlass(command) => command.run(app).await,
            Self::Explain(command) => command.run(app).await,
            Self::Pending(command) => command.run(app).await,
            Self::Delegate(command) => command.run(app).await,
            Self::Users(command) => command.run(app).await,
            Self::Cancel(command) => command.run(app).await,
            Self::Extend(command) => command.run(app).await,
            Self::Reassign(command) => command.run(app).await,
            Self::RequestChanges(command) => command.run(app).await,
            Self::Resubmit(command) => command.run(app).await,
            Self::Revoke(command) => command.run(app).await,
            Self::Wait(command) => command.run(app).await,
            Self::Watch(command) => command.run(app).await,
            Self::Run(command) => command.run(app).await,
            Self::Artifacts(command) => command.run(app).await,
            Self::Tools(command) => command.run(app).await,
            Self::Comment(command) => command.run(app).await,
            Self::Audit(command) => command.run(app).await,
            Self::Keys(command) => command.run(app).await,
            Self::Verify(command) => command.run(app).await,
            Self::Inbox(command) => command.run(app).await,
            Self::Notify(command) => command.run(app).await,
            Self::Whoami(command) => command.run(app).await,
            Self::Migrate(command) => command.run(app).await,
            Self::Doctor(command) => command.run(app).await,
        }
    }
}
