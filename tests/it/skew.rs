//! Programs of two releases side by side, as in the middle of an upgrade. `make test-skew` builds the earlier ones.

use std::path::PathBuf;

use assent_proto::review::v1::SubmissionMode;
use assent_tests::process::SERVICES;
use assent_tests::scenario::{self, EXPORT_GOAL};
use assent_tests::{Cluster, people};

use crate::support::cast_of_cluster;

fn earlier() -> PathBuf {
    std::env::var_os("ASSENT_TEST_EARLIER").expect("run through `make test-skew`").into()
}

/// From all of the earlier release to all of this one, service after service, and back: workflows run at each step, and
/// what was begun before a step is finished after it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of an earlier commit: make test-skew"]
async fn workflows_run_while_services_are_upgraded_and_set_back() {
    let mut cluster = Cluster::start_of(earlier()).await;
    let mut done = vec![scenario::export(&cast_of_cluster(&cluster)).await];
    for folder in [None, Some(earlier())] {
        for service in SERVICES {
            let cast = cast_of_cluster(&cluster);
            let begun = scenario::submit(&cast, EXPORT_GOAL, SubmissionMode::ReviewAlways).await.unwrap();
            cluster.terminate(service).await;
            cluster.replace(service, folder.clone()).await;
            let session = scenario::session(&cast.lead, &begun.id).await.unwrap();
            scenario::approve(&cast.lead, &session).await.unwrap();
            scenario::finish(&cast, &begun.id).await;
            done.push(scenario::export(&cast).await);
        }
    }
    for id in done {
        assert!(!scenario::audited(&cluster.client(people::LEAD), &id).await.is_empty());
    }
}
