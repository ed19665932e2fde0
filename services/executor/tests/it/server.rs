//! Servers of others that run beside a test.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) child: Child,
    /// Reads what it writes, so that it is not blocked.
    _reader: JoinSet<()>,
}

impl Server {
    /// Starts it, and waits for the line on its standard error in which `find` finds something.
    pub(crate) async fn start(
        mut command: Command,
        find: impl Fn(&str) -> Option<String> + Send + 'static,
    ) -> (Self, String) {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (found, wanted) = oneshot::channel();
        let mut reader = JoinSet::new();
        reader.spawn(async move {
            let mut found = Some(found);
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(said) = find(&line)
                    && let Some(found) = found.take()
                {
                    let _ = found.send(said);
                }
            }
        });
        let said = wanted.await.expect("the server ended");
        (Self { child, _reader: reader }, said)
    }
}
