//! A server that items call: it notes when, and answers after a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use assent_core::{ContextSource, Timestamp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// One call, by the path that it named.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// When it came, by the clock of the machine.
    pub(crate) at: Timestamp,
    /// When it came.
    pub(crate) came: Instant,
    /// When it was answered.
    pub(crate) answered: Instant,
}

type Calls = Arc<Mutex<HashMap<String, Call>>>;

/// Listens for as long as it lives.
pub(crate) struct Called {
    address: String,
    calls: Calls,
    _serving: JoinSet<()>,
}

impl Called {
    /// Answers each call after a time between half of `hold` and all of it.
    pub(crate) async fn start(hold: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let calls = Calls::default();
        let (mut serving, known) = (JoinSet::new(), Arc::clone(&calls));
        serving.spawn(async move {
            let mut answering = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                answering.spawn(answer(stream, hold, Arc::clone(&known)));
                while answering.try_join_next().is_some() {}
            }
        });
        Self { address, calls, _serving: serving }
    }

    /// Where `path` is called.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.address)
    }

    /// The call of `path`.
    pub(crate) fn call(&self, path: &str) -> Call {
        self.calls.lock().unwrap()[&format!("/{path}")]
    }
}

/// Answers one call after the other, as servers of HTTP/1.1 do, until the caller leaves.
async fn answer(mut stream: TcpStream, hold: Duration, calls: Calls) {
    let source = ContextSource::system();
    stream.set_nodelay(true).unwrap();
    loop {
        let (mut head, mut piece) = (Vec::new(), [0; 1024]);
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut piece).await {
                Ok(count) if count > 0 => head.extend_from_slice(&piece[..count]),
                _ => return,
            }
        }
        let (came, at) = (Instant::now(), source.now());
        tokio::time::sleep(source.jitter(hold)).await;
        let head = String::from_utf8_lossy(&head);
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let answered = Instant::now();
        calls.lock().unwrap().insert(path, Call { at, came, answered });
        // Who called may be gone.
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.is_err() {
            return;
        }
    }
}
