//! Use cases: read, judge, ask others, then change everything that belongs together in one transaction.

mod adopt;
mod anchor;
mod audit;
mod break_glass;
mod carry;
mod change;
pub(crate) mod comment;
mod comment_act;
pub(crate) mod comment_read;
mod delegation;
mod directory;
mod draft;
mod evidence;
mod expire;
pub(crate) mod explain;
pub(crate) mod export;
mod follow;
mod grant;
mod keys;
mod license;
mod measure;
mod modify;
mod once;
mod partial;
mod pending;
mod read;
mod reassess;
mod record;
mod refusal;
mod retention;
mod review;
mod submit;
mod together;
mod tree_head;
mod vote;
mod voter;
mod wait;

use assent_core::ContextSource;
use assent_events::{Log, Watching};
use assent_rpc::Credentials;
use assent_store::Db;

pub(crate) use change::Change;
pub(crate) use delegation::Wish;
pub(crate) use directory::{Contact, Shown, seed};
pub(crate) use measure::GateMetrics;
pub(crate) use modify::Feedback;
pub(crate) use once::Once;
pub(crate) use pending::Pending;
pub(crate) use read::View;
pub use retention::Removed;
pub(crate) use submit::{Plan, Submission};
pub(crate) use voter::Eligible;

use crate::config::Config;
use crate::error::GateError;
use crate::peers::Peers;
use crate::signer::Signer;

/// How often something is tried again when others change the same session at the same time.
const ATTEMPTS: usize = 8;

/// Everything that the use cases need.
pub struct App {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) log: Log,
    pub(crate) watching: Watching,
    pub(crate) source: ContextSource,
    pub(crate) peers: Peers,
    pub(crate) signer: Signer,
    pub(crate) credentials: Credentials,
    pub(crate) waits: wait::Waits,
    pub(crate) meetings: together::Meetings,
    pub(crate) metrics: GateMetrics,
}

/// The outcome of one attempt: nothing when somebody else was faster and there are attempts left.
fn settle<T>(attempt: usize, outcome: Result<T, GateError>) -> Option<Result<T, GateError>> {
    match outcome {
        Err(error) if error.is_conflict() && attempt < ATTEMPTS => None,
        settled => Some(settled),
    }
}
