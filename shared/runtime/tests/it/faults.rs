//! Wires that break between two services: every failure is known in bounded time, and over when the fault is.

use std::time::Duration;

use assent_rpc::PeerOptions;
use assent_testkit::{Fault, FaultProxy};
use tokio::time::Instant;
use tonic::Code;

use crate::rig::{Refusal, Rig, ask, client};

/// How long the callers here wait for an answer.
const WAIT: Duration = Duration::from_millis(600);

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_told_in_time_and_passes() {
    let rig = Rig::start().await;
    for fault in [Fault::Latency(Duration::from_secs(3600)), Fault::Reset, Fault::HalfOpen, Fault::Blackhole]
    {
        let proxy = FaultProxy::start(&rig.address()).await;
        let caller = client(&format!("http://{}", proxy.address()), "ada", &PeerOptions::default());
        caller.clone().read_events(ask(Duration::ZERO, Duration::from_secs(20))).await.unwrap();
        proxy.set(fault);
        for _ in 0..3 {
            let began = Instant::now();
            let answer = caller.clone().read_events(ask(Duration::ZERO, WAIT)).await;
            let refusal = Refusal::from(answer.unwrap_err());
            assert!(
                matches!(refusal.0, Code::Unavailable | Code::DeadlineExceeded),
                "{fault:?}: {refusal:?}"
            );
            // Bounded by the caller's own limit; the rest is the machine's.
            assert!(began.elapsed() < WAIT + Duration::from_secs(10), "{fault:?}");
        }
        proxy.set(Fault::None);
        // By itself: at the latest when the connection that hangs is found dead.
        let mut answered = false;
        for _ in 0..120 {
            answered = caller.clone().read_events(ask(Duration::ZERO, WAIT)).await.is_ok();
            if answered {
                break;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        assert!(answered, "{fault:?} did not pass");
    }
}

/// What only reads is asked again, so that a fault of a moment is not even noticed.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_connection_is_not_noticed_by_whoever_only_reads() {
    let rig = Rig::start().await;
    let proxy = FaultProxy::start(&rig.address()).await;
    let caller = client(&format!("http://{}", proxy.address()), "ada", &PeerOptions::default());
    for _ in 0..5 {
        caller.clone().read_events(ask(Duration::ZERO, Duration::from_secs(20))).await.unwrap();
        proxy.set(Fault::Reset);
        tokio::time::sleep(Duration::from_millis(5)).await;
        proxy.set(Fault::None);
    }
    caller.clone().read_events(ask(Duration::ZERO, Duration::from_secs(20))).await.unwrap();
}

/// Of two calls at once, one is the trial and the other is refused; then nobody waits for the trial any more.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_makes_two_calls_at_once_sees_that_a_peer_is_back() {
    let rig = Rig::start().await;
    let proxy = FaultProxy::start(&rig.address()).await;
    let caller = client(&format!("http://{}", proxy.address()), "ada", &PeerOptions::default());
    let call = |work| {
        let mut caller = caller.clone();
        async move { caller.read_events(ask(Duration::from_millis(work), Duration::from_secs(20))).await }
    };
    proxy.set(Fault::Reset);
    for _ in 0..5 {
        call(0).await.unwrap_err();
    }
    proxy.set(Fault::None);
    let mut answered = false;
    for _ in 0..400 {
        answered = tokio::try_join!(call(20), call(20)).is_ok();
        if answered {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(answered, "the peer is still left alone");
}
