//! A cluster as an operator secures it, by configuration alone: TLS at every port and between the services, services
//! known by their certificates, people and agents by tokens of an identity provider.

use std::process::{Command, Output};

use assent_tests::process::{SERVICES, program};
use assent_tests::scenario::EXPORT_GOAL;
use assent_tests::secured::Secured;
use assent_tests::{Cluster, eventually};
use serde_json::{Value, json};

/// The command line, as a person uses it.
fn assent(cluster: &Cluster, token: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program("assent"));
    command.env_clear().args(arguments).env("ASSENT_TOKEN", token).envs(cluster.secured().person());
    for service in SERVICES {
        let name = format!("ASSENT_{}_ADDRESS", service.to_uppercase().replace('-', "_"));
        command.env(name, cluster.address(service));
    }
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn json_of(command: &mut Command) -> Value {
    let output = command.args(["-o", "json"]).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{command:?}: {}", said(&output));
    said(&output)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_cluster_runs_a_workflow_for_people_of_an_identity_provider() {
    let cluster = Cluster::start_secured(Secured::default()).await;
    let secured = cluster.secured();
    let lead = secured.token("grace", json!({ "roles": ["lead"], "name": "Grace" }));
    let agent = secured.token("ada", json!({ "roles": ["developer"], "agent": "robot" }));

    let whoami = json_of(&mut assent(&cluster, &lead, &["whoami"]));
    assert_eq!(
        (&whoami["id"], &whoami["name"], &whoami["roles"]),
        (&json!("grace"), &json!("Grace"), &json!(["lead"]))
    );
    let doctor = assent(&cluster, &lead, &["doctor"]).output().unwrap();
    assert!(doctor.status.success(), "{}", said(&doctor));

    let submitted = json_of(&mut assent(&cluster, &agent, &["submit", EXPORT_GOAL]));
    let session = submitted["session"]["id"].as_str().or(submitted["id"].as_str()).unwrap().to_owned();
    // For whom the agent acts is what its token says.
    let shown = json_of(&mut assent(&cluster, &lead, &["show", &session])).to_string();
    assert!(shown.contains("\"robot\"") && shown.contains("\"ada\""), "{shown}");
    let approved =
        assent(&cluster, &lead, &["approve", &session, "--yes", "--reason", "looks right"]).output().unwrap();
    assert!(approved.status.success(), "{}", said(&approved));
    eventually("the execution to complete", || async {
        let run = assent(&cluster, &lead, &["run", "show", &session, "-o", "json"]).output().unwrap();
        // Until the executor has heard of the approval there is none.
        let early = said(&run).contains("EXECUTION_NOT_FOUND");
        assert!(run.status.success() || early, "{}", said(&run));
        said(&run).contains("EXECUTION_STATE_COMPLETED").then_some(())
    })
    .await;
    let verified = assent(&cluster, &lead, &["audit", "verify", &session]).output().unwrap();
    assert!(verified.status.success(), "{}", said(&verified));

    let expired = secured.token("grace", json!({ "exp": 1_700_000_000 }));
    assert!(refused(&mut assent(&cluster, &expired, &["whoami"])).contains("CREDENTIAL_EXPIRED"));
    let elsewhere = secured.token("grace", json!({ "aud": "payroll" }));
    assert!(refused(&mut assent(&cluster, &elsewhere, &["whoami"])).contains("CREDENTIAL_AUDIENCE"));
    // Nobody comes in without a certificate, or without secrecy; nobody is believed whom nobody vouches for.
    let mut bare = assent(&cluster, &lead, &["whoami"]);
    refused(bare.env_remove("ASSENT_CERTIFICATE_FILE").env_remove("ASSENT_KEY_FILE"));
    refused(assent(&cluster, &lead, &["whoami"]).env_remove("ASSENT_CA_FILE"));
    let plain = cluster.address("approval-gate").replace("https", "http");
    refused(assent(&cluster, &lead, &["whoami"]).env("ASSENT_APPROVAL_GATE_ADDRESS", plain));
}
