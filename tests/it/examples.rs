//! The documentation is true: its commands are run, word by word.

use std::path::Path;
use std::process::Command;

use assent_tests::Dev;
use assent_tests::process::program;

use crate::support::root;

/// The blocks of shell in a text, each as one script.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "```sh" {
            blocks
                .push(lines.by_ref().take_while(|line| line.trim() != "```").collect::<Vec<_>>().join("\n"));
        }
    }
    blocks
}

fn is_make(block: &str) -> bool {
    block.lines().all(|line| line.trim().is_empty() || line.starts_with("make "))
}

/// Programs as a person has them in the path: ours, and the tools that `make test` installs.
pub(crate) fn path() -> String {
    let tools = std::env::var("ASSENT_TOOLS").expect("ASSENT_TOOLS is not set: run through `make test`");
    let own = program("assent").parent().unwrap().display().to_string();
    format!("{own}:{tools}:{}", std::env::var("PATH").unwrap())
}

/// Runs a script as a person would who has `make run` in another terminal.
fn run(script: &str, dev: &Dev, folder: &Path) -> String {
    let script = script
        .replace("localhost:7100", dev.address().trim_start_matches("http://"))
        .replace(".assent/", &format!("{}/", dev.data().display()));
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .env("PATH", path())
        .env("ASSENT_SERVER", dev.address())
        .current_dir(folder)
        .output()
        .unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "{script}\n--- stdout\n{out}\n--- stderr\n{errors}\n--- server\n{}",
        dev.log()
    );
    out.into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_readme_work() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let blocks = blocks(&text);
    for line in blocks.iter().filter(|block| is_make(block)).flat_map(|block| block.lines()) {
        let target = line.trim_start_matches("make ").split_whitespace().next().unwrap();
        assert!(makefile.contains(&format!("\n{target}:")), "the Makefile has no target {target}");
    }
    let dev = Dev::start().await;
    let folder = tempfile::tempdir().unwrap();
    // One script, because later blocks use what earlier ones found out.
    let script: Vec<_> = blocks.into_iter().filter(|block| !is_make(block)).collect();
    assert!(!script.is_empty(), "the README shows nothing to run");
    let output = run(&script.join("\n"), &dev, folder.path());
    for promised in [
        "assent.approval.v1.ApprovalService",
        "DECISION_OUTCOME_APPROVED",
        "EXECUTION_STATE_COMPLETED",
        "db_export.py",
    ] {
        assert!(output.contains(promised), "{promised} is missing in\n{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_docs_work() {
    let mut run_any = false;
    for path in crate::operations::documents(&root().join("docs")) {
        let script: Vec<_> =
            blocks(&std::fs::read_to_string(&path).unwrap()).into_iter().filter(|b| !is_make(b)).collect();
        if script.is_empty() {
            continue;
        }
        let (dev, folder) = (Dev::start().await, tempfile::tempdir().unwrap());
        run(&script.join("\n"), &dev, folder.path());
        run_any = true;
    }
    assert!(run_any, "no document shows anything to run");
}

/// `make demo` without a terminal: from the goal to the proof, and nothing left behind.
#[test]
fn the_demo_ends_well() {
    let output = Command::new(program("assent")).arg("demo").output().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{errors}");
    let all = format!("{out}{errors}");
    for promised in [
        "PLAN REVIEW REQUIRED",
        "[HIGH]",
        "$0.05",
        "Step 4/4",
        "EXECUTION COMPLETE",
        "exports/db_export.py",
        "lead@localhost",
    ] {
        assert!(all.contains(promised), "{promised} is missing in\n{all}");
    }
}

/// The digest can be recomputed by others: the same vectors, another language, another implementation.
#[test]
fn python_agrees_on_the_digest() {
    let status = Command::new("python")
        .env("PATH", path())
        .arg(root().join("tests/independent/digest_check.py"))
        .arg(root().join("shared/plan/vectors/digest.json"))
        .status();
    assert!(status.unwrap().success());
}
