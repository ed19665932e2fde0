//! Work of several callers, done by one of them.

use std::sync::{Arc, Mutex};

use assent_store::{CutOff, Together};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Doubles numbers, one batch for each permit; a batch with a 13 in it fails.
#[derive(Clone)]
struct Doubling {
    together: Arc<Together<u32, u32, &'static str>>,
    permits: Arc<Semaphore>,
    batches: Arc<Mutex<Vec<Vec<u32>>>>,
}

impl Doubling {
    fn new(most: usize) -> Self {
        let (permits, batches) = (Arc::new(Semaphore::new(0)), Arc::default());
        Self { together: Arc::new(Together::new(most)), permits, batches }
    }

    async fn double(self, number: u32) -> Result<Result<u32, &'static str>, CutOff> {
        let work = |inputs: Vec<Arc<u32>>| {
            let inputs: Vec<u32> = inputs.iter().map(|input| **input).collect();
            self.batches.lock().unwrap().push(inputs.clone());
            let permits = Arc::clone(&self.permits);
            async move {
                permits.acquire().await.unwrap().forget();
                if inputs.contains(&13) {
                    return Err("unlucky");
                }
                Ok(inputs.into_iter().map(|input| Ok(input * 2)).collect())
            }
        };
        self.together.run(Arc::new(number), work).await
    }

    fn batches(&self) -> Vec<Vec<u32>> {
        self.batches.lock().unwrap().clone()
    }

    /// Returns once everybody does what can be done without another permit.
    async fn settled(&self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn those_who_come_meanwhile_are_done_together_and_each_has_an_answer() {
    let doubling = Doubling::new(3);
    let mut calls = JoinSet::new();
    for number in 1..=6 {
        let call = doubling.clone().double(number);
        calls.spawn(async move { (number, call.await) });
        doubling.settled().await;
    }
    assert_eq!(doubling.batches(), [vec![1]]);
    doubling.permits.add_permits(3);
    for (number, answer) in calls.join_all().await {
        assert_eq!(answer, Ok(Ok(number * 2)));
    }
    assert_eq!(doubling.batches(), [vec![1], vec![2, 3, 4], vec![5, 6]]);
}

#[tokio::test]
async fn one_that_cannot_be_done_holds_up_nobody() {
    let doubling = Doubling::new(9);
    let mut calls = JoinSet::new();
    for number in [1, 12, 13, 14] {
        let call = doubling.clone().double(number);
        calls.spawn(async move { (number, call.await) });
        doubling.settled().await;
    }
    doubling.permits.add_permits(5);
    for (number, answer) in calls.join_all().await {
        let expected = if number == 13 { Err("unlucky") } else { Ok(number * 2) };
        assert_eq!(answer, Ok(expected));
    }
    assert_eq!(doubling.batches(), [vec![1], vec![12, 13, 14], vec![12], vec![13], vec![14]]);
}

#[tokio::test]
async fn who_waited_for_one_who_was_cut_off_learns_that_nothing_is_known() {
    let doubling = Doubling::new(9);
    let mut calls = JoinSet::new();
    let mut handles = Vec::new();
    for number in 1..=4 {
        handles.push(calls.spawn(doubling.clone().double(number)));
        doubling.settled().await;
    }
    // One who gave up before it began is left out.
    handles[3].abort();
    doubling.settled().await;
    doubling.permits.add_permits(1);
    assert_eq!(
        calls.join_next().await.unwrap().ok().or(calls.join_next().await.unwrap().ok()),
        Some(Ok(Ok(2)))
    );
    doubling.settled().await;
    assert_eq!(doubling.batches(), [vec![1], vec![2, 3]]);
    handles[1].abort();
    let mut answers = Vec::new();
    while let Some(answer) = calls.join_next().await {
        answers.extend(answer.ok());
    }
    assert_eq!(answers, [Err(CutOff)]);
    // The next one is served.
    doubling.permits.add_permits(1);
    assert_eq!(doubling.double(5).await, Ok(Ok(10)));
}
