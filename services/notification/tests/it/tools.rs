//! What others wrote to check messages with.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub(crate) fn pinned(name: &str) -> PathBuf {
    root().join("tests/independent/messages").join(name)
}

/// The folder that `tests/messages.sh` fills.
pub(crate) fn folder() -> PathBuf {
    let output = Command::new(root().join("tests/messages.sh")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

fn ask(command: &mut Command, given: &Value) -> Value {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{given:#}\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Asks a Python library of a vendor; fails when it refuses.
pub(crate) fn python(what: &str, given: &Value) -> Value {
    ask(Command::new(folder().join("bin/python")).arg(pinned("check.py")).arg(what), given)
}

/// Asks the makers of Adaptive Cards.
pub(crate) fn card(given: &Value) -> Value {
    ask(Command::new("node").env("NODE_PATH", folder().join("node_modules")).arg(pinned("card.js")), given)
}
