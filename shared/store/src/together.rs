//! Work of callers who come at the same time, done together: in a few statements and one flush for all of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// Takes in what callers bring, and has one of them at a time do it for all who wait. Nobody waits for company: whoever
/// comes first starts at once, and those who come meanwhile make up the next batch.
pub struct Together<I, O, E> {
    most: usize,
    waiting: Mutex<VecDeque<Asked<I, O, E>>>,
    turn: tokio::sync::Mutex<()>,
}

struct Asked<I, O, E> {
    input: Arc<I>,
    answer: oneshot::Sender<Result<O, E>>,
}

/// Whoever did the work for others was cut off in the middle of it: nobody knows whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the work was cut off; whether it was done is unknown")]
pub struct CutOff;

impl<I, O, E> Together<I, O, E> {
    /// Batches of at most `most`.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Has `input` done by `work`, which is given a batch in the order of arrival and answers each in that order. Those
    /// of a batch that fails as a whole are done one by one, so that one that cannot be done holds up nobody.
    ///
    /// # Errors
    /// [`CutOff`]; within it, the error of `work` for this input.
    pub async fn run<F>(&self, input: Arc<I>, work: impl Fn(Vec<Arc<I>>) -> F) -> Result<Result<O, E>, CutOff>
    where
        F: Future<Output = Result<Vec<Result<O, E>>, E>>,
    {
        let (answer, mut own) = oneshot::channel();
        self.lock().push_back(Asked { input, answer });
        loop {
            tokio::select! {
                biased;
                answer = &mut own => return answer.map_err(|_| CutOff),
                _turn = self.turn.lock() => self.batch(&work).await,
            }
        }
    }

    async fn batch<F>(&self, work: &impl Fn(Vec<Arc<I>>) -> F)
    where
        F: Future<Output = Result<Vec<Result<O, E>>, E>>,
    {
        let batch: Vec<Asked<I, O, E>> = {
            let mut waiting = self.lock();
            // Of those who gave up before their turn nothing is done.
            waiting.retain(|asked| !asked.answer.is_closed());
            let size = waiting.len().min(self.most);
            waiting.drain(..size).collect()
        };
        if batch.is_empty() {
            return;
        }
        let inputs: Vec<Arc<I>> = batch.iter().map(|asked| Arc::clone(&asked.input)).collect();
        match work(inputs).await {
            Ok(outcomes) => {
                for (asked, outcome) in batch.into_iter().zip(outcomes) {
                    // Whoever asked may be gone.
                    let _ = asked.answer.send(outcome);
                }
            }
            Err(error) => match <[_; 1]>::try_from(batch) {
                Ok([only]) => drop(only.answer.send(Err(error))),
                Err(batch) => {
                    for asked in batch {
                        let outcome = work(vec![asked.input]).await;
                        let outcome = outcome.and_then(|outcomes| outcomes.into_iter().next().transpose());
                        match outcome {
                            Ok(Some(output)) => drop(asked.answer.send(Ok(output))),
                            Ok(None) => {}
                            Err(error) => drop(asked.answer.send(Err(error))),
                        }
                    }
                }
            },
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Asked<I, O, E>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
