//! Following a session: its facts as they come, across reconnections, until something has happened.

use std::time::Duration;

use assent_core::{ContextSource, Timestamp};
use assent_proto::approval::v1::{
    WaitForDecisionRequest, WaitForDecisionResponse, WatchSessionRequest, watch_session_response,
};
use assent_proto::event::v1::Event;
use assent_proto::executor::v1::{WatchExecutionRequest, watch_execution_response};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tonic::{Code, Request, Status};

use crate::client::{Client, ask_within};

/// Pause before a broken stream is opened again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);
/// Reconnections without a fact in between after which it is given up.
const MOST_RECONNECTIONS: u32 = 30;
/// Longest single wait for a decision; longer ones are made of several.
const WAIT_STEP: Duration = Duration::from_secs(60);

/// Which facts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Facts {
    /// What people said.
    Review,
    /// What happened.
    Execution,
}

struct State {
    client: Client,
    session: String,
    facts: Facts,
    after: i64,
    failures: u32,
    open: Option<BoxStream<'static, Result<Step, Status>>>,
}

enum Step {
    Fact(Box<Event>),
    Bookmark(i64),
}

/// The facts of a session from the beginning on. Ends only with an error.
pub(crate) fn facts(
    client: &Client,
    session: &str,
    facts: Facts,
) -> BoxStream<'static, Result<Event, Status>> {
    let state = State {
        client: client.clone(),
        session: session.to_owned(),
        facts,
        after: 0,
        failures: 0,
        open: None,
    };
    Box::pin(stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        match state.next().await {
            Ok(event) => Some((Ok(event), Some(state))),
            Err(status) => Some((Err(status), None)),
        }
    }))
}

impl State {
    async fn next(&mut self) -> Result<Event, Status> {
        loop {
            let step = match &mut self.open {
                Some(open) => {
                    open.next().await.unwrap_or_else(|| Err(Status::unavailable("the stream ended")))
                }
                None => match self.connect().await {
                    Ok(open) => {
                        self.open = Some(open);
                        continue;
                    }
                    Err(status) => Err(status),
                },
            };
            match step {
                Ok(Step::Fact(event)) => {
                    (self.after, self.failures) = (event.position, 0);
                    return Ok(*event);
                }
                Ok(Step::Bookmark(position)) => (self.after, self.failures) = (position, 0),
                Err(status) if status.code() == Code::Unavailable && self.failures < MOST_RECONNECTIONS => {
                    self.failures += 1;
                    self.open = None;
                    tokio::time::sleep(RECONNECT_AFTER).await;
                }
                Err(status) => return Err(status),
            }
        }
    }

    async fn connect(&mut self) -> Result<BoxStream<'static, Result<Step, Status>>, Status> {
        let (session_id, after_position) = (self.session.clone(), self.after);
        Ok(match self.facts {
            Facts::Review => {
                let request = Request::new(WatchSessionRequest { session_id, after_position });
                let answers = self.client.gate().watch_session(request).await?.into_inner();
                Box::pin(answers.filter_map(|answer| async {
                    use watch_session_response::Message;
                    match answer.map(|a| a.message).transpose()? {
                        Ok(Message::Event(event)) => Some(Ok(Step::Fact(Box::new(event)))),
                        Ok(Message::Bookmark(mark)) => Some(Ok(Step::Bookmark(mark.position))),
                        Err(status) => Some(Err(status)),
                    }
                }))
            }
            Facts::Execution => {
                let request = Request::new(WatchExecutionRequest { session_id, after_position });
                let answers = self.client.executor().watch_execution(request).await?.into_inner();
                Box::pin(answers.filter_map(|answer| async {
                    use watch_execution_response::Message;
                    match answer.map(|a| a.message).transpose()? {
                        Ok(Message::Event(event)) => Some(Ok(Step::Fact(Box::new(event)))),
                        Ok(Message::Bookmark(mark)) => Some(Ok(Step::Bookmark(mark.position))),
                        Err(status) => Some(Err(status)),
                    }
                }))
            }
        })
    }
}

/// Waits for the decision of a session, at most for `limit`; the last answer, without a decision when that is over.
pub(crate) async fn decision(
    client: &Client,
    source: &ContextSource,
    session: &str,
    limit: Option<Duration>,
) -> Result<WaitForDecisionResponse, Status> {
    let end: Option<Timestamp> = limit.map(|limit| source.now().after(limit));
    let mut failures = 0;
    loop {
        let left = end.map_or(WAIT_STEP, |end| end.since(source.now()).min(WAIT_STEP));
        let message = WaitForDecisionRequest {
            session_id: session.to_owned(),
            timeout: prost_types::Duration::try_from(left).ok(),
        };
        let request = ask_within(message, left + Duration::from_secs(15));
        match client.gate().wait_for_decision(request).await.map(tonic::Response::into_inner) {
            Ok(answer) if answer.decision.is_some() => return Ok(answer),
            Ok(answer) if end.is_some_and(|end| source.now() >= end) => return Ok(answer),
            Ok(_) => failures = 0,
            Err(status) if status.code() == Code::Unavailable && failures < MOST_RECONNECTIONS => {
                failures += 1;
                tokio::time::sleep(RECONNECT_AFTER).await;
            }
            Err(status) => return Err(status),
        }
    }
}
