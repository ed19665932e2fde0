//! Surroundings that speak no gRPC learn how a process is.

use std::process::{Command, Output};

use assent_testkit::free_port;
use assent_tests::process::{Process, program, ready};

fn asked(address: &str) -> Output {
    let mut command = Command::new(program("assent-risk"));
    command.arg("--healthy").env_clear().env("ASSENT_SERVER__LISTEN", address).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_says_whether_it_is_ready() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let address = format!("0.0.0.0:{port}");
    let before = asked(&address);
    assert!(!before.status.success());
    let said = String::from_utf8_lossy(&before.stderr).into_owned();
    assert!(said.contains(&format!("127.0.0.1:{port} is not ready")), "{said}");

    let mut command = Command::new(program("assent-risk"));
    command.env("ASSENT_SERVER__LISTEN", format!("127.0.0.1:{port}"));
    let _process = Process::start(&mut command, &folder.path().join("log"));
    ready(&format!("http://127.0.0.1:{port}")).await;
    let now = asked(&address);
    assert!(now.status.success(), "{}", String::from_utf8_lossy(&now.stderr));
    assert!(now.stdout.is_empty() && now.stderr.is_empty(), "{now:?}");
}
