//! Who may call: every method of the contract, without a credential and with a wrong one.

use assent_testkit::Storage;
use assent_tests::{Embedded, Refusal, people, raw};

use crate::support::methods;

#[tokio::test(flavor = "multi_thread")]
async fn no_method_opens_without_a_known_credential() {
    let stack = Embedded::start(Storage::sqlite().await).await;
    for method in methods() {
        let path = method.path();
        for (token, reason) in [(None, "CREDENTIAL_MISSING"), (Some("guessed"), "CREDENTIAL_UNKNOWN")] {
            let refusal =
                Refusal::from(raw::call(stack.address(), token, &path, Vec::new(), &[]).await.unwrap_err());
            assert_eq!(
                (refusal.code, refusal.reason.as_str()),
                (tonic::Code::Unauthenticated, reason),
                "{path}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_of_the_contract_is_served() {
    let stack = Embedded::start(Storage::sqlite().await).await;
    let token = people::token(people::SERVICE);
    for method in methods().into_iter().filter(|method| !method.streams) {
        let path = method.path();
        let answer = raw::call(stack.address(), Some(&token), &path, Vec::new(), &[]).await;
        let refusal = answer.err().map(Refusal::from);
        assert!(refusal.as_ref().is_none_or(|r| r.reason != "METHOD_UNKNOWN"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_change_versions_are_for_services_only() {
    let stack = Embedded::start(Storage::sqlite().await).await;
    for method in ["CreateVersion", "SealVersion", "ReleaseSeal"] {
        let path = format!("/assent.versioning.v1.VersioningService/{method}");
        let token = people::token(people::ADMIN);
        let refusal = raw::call(stack.address(), Some(&token), &path, Vec::new(), &[]).await.unwrap_err();
        assert_eq!(Refusal::from(refusal).reason, "ROLE_REQUIRED", "{method}");
    }
}

/// A credential proves one identity: only services may speak for others.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_a_service_acts_for_another() {
    let stack = Embedded::start(Storage::sqlite().await).await;
    // {"id":"admin@example.com","kind":"user","roles":["admin"]}
    let forged = "eyJpZCI6ImFkbWluQGV4YW1wbGUuY29tIiwia2luZCI6InVzZXIiLCJyb2xlcyI6WyJhZG1pbiJdfQ";
    let path = "/assent.approval.v1.DirectoryService/GetCaller";
    for id in [people::DEV, people::ADMIN, people::AGENT] {
        let token = people::token(id);
        let answer =
            raw::call(stack.address(), Some(&token), path, Vec::new(), &[("assent-actor", forged)]).await;
        assert_eq!(Refusal::from(answer.unwrap_err()).reason, "ACTOR_FORBIDDEN", "{id}");
    }
    let service = people::token(people::SERVICE);
    let answer =
        raw::call(stack.address(), Some(&service), path, Vec::new(), &[("assent-actor", forged)]).await;
    assert!(answer.unwrap().windows(17).any(|window| window == b"admin@example.com"));
}
