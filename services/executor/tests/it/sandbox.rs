//! What a program can reach.

use std::path::Path;

use assent_executor::ShellSandbox;
use assent_proto::execution::v1::ExecutionState;
use assent_testkit::{Storage, both_storages};
use serde_json::json;

use crate::rig::{Rig, assert_state, item, plan, run};

both_storages!(
    files_outside_the_workspace_are_out_of_reach,
    the_network_is_out_of_reach_unless_the_item_says_so,
    limits_end_what_grows,
    without_a_sandbox_programs_do_what_they_may,
);

async fn files_outside_the_workspace_are_out_of_reach(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "hidden").unwrap();
    let shown = outside.path().display();
    let line = format!(
        "echo inside > own; cat {shown}/secret > copy; echo x > {shown}/new; ln -s {shown}/secret link; cat link; \
         rm {shown}/secret; cat own"
    );
    let shell = item("try", "shell", json!({ "command": line, "use_shell": true }));
    let (ended, _) = rig.execute(&plan(vec![shell], &[])).await;
    assert_state(&ended, ExecutionState::Completed);
    assert_eq!(run(&ended, "try").summary, "ran /bin/sh: inside");
    assert_eq!(std::fs::read_to_string(outside.path().join("secret")).unwrap(), "hidden");
    assert!(!outside.path().join("new").exists());
    assert_eq!(std::fs::read_to_string(rig.workspace(&ended.id).join("copy")).unwrap(), "");
    rig.stop().await;
}

async fn the_network_is_out_of_reach_unless_the_item_says_so(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let dial = ["bash".to_owned(), "-c".to_owned(), format!("echo hello > /dev/tcp/127.0.0.1/{port}")];
    let closed = item("closed", "shell", json!({ "command": dial }));
    let open = item("open", "shell", json!({ "command": dial, "network": true }));

    let (ended, _) = rig.execute(&plan(vec![closed], &[])).await;
    assert_state(&ended, ExecutionState::Failed);
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);

    let (ended, _) = rig.execute(&plan(vec![open], &[])).await;
    assert_state(&ended, ExecutionState::Completed);
    assert!(listener.accept().is_ok());
    rig.stop().await;
}

async fn limits_end_what_grows(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    rig.stop().await;
    rig.config.shell_file_megabytes = 1;
    rig.config.shell_memory_megabytes = 64;
    rig.config.shell_cpu_seconds = 1;
    rig.start().await;
    let commands = [
        ("file", "head -c 3000000 /dev/zero > big"),
        ("memory", "x=x; while :; do x=$x$x; done"),
        ("time", "while :; do :; done"),
        ("small", "head -c 900000 /dev/zero > small; echo done"),
    ];
    for (name, line) in commands {
        let shell = item(name, "shell", json!({ "command": line, "use_shell": true }));
        let (ended, _) = rig.execute(&plan(vec![shell], &[])).await;
        let expected = if name == "small" { ExecutionState::Completed } else { ExecutionState::Failed };
        assert_eq!(ended.state(), expected, "{name}: {ended:#?}");
        let grown = rig.workspace(&ended.id).join("big");
        assert!(!grown.exists() || grown.metadata().unwrap().len() <= 1_000_000);
    }
    rig.stop().await;
}

async fn without_a_sandbox_programs_do_what_they_may(storage: Storage) {
    let mut rig = Rig::new(storage).await;
    rig.stop().await;
    rig.config.shell_sandbox = ShellSandbox::Off;
    rig.start().await;
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("new");
    let touch = item("touch", "shell", json!({ "command": ["touch", shown(&target)] }));
    let (ended, _) = rig.execute(&plan(vec![touch], &[])).await;
    assert_state(&ended, ExecutionState::Completed);
    assert!(target.exists());
    rig.stop().await;
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
