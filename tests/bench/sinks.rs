//! Channels that take everything, when they are told to.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::response::IntoResponse as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Whether sinks answer.
#[derive(Clone)]
pub(crate) struct Switch(watch::Sender<bool>);

impl Switch {
    pub(crate) fn open() -> Self {
        Self(watch::Sender::new(true))
    }

    pub(crate) fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn set_open(&self) {
        self.0.send_replace(true);
    }

    async fn wait(&self) {
        let mut open = self.0.subscribe();
        // The sender lives as long as this.
        let _ = open.wait_for(|open| *open).await;
    }
}

type Taken = Arc<Mutex<Vec<Instant>>>;

/// An HTTP endpoint.
pub(crate) struct Http {
    pub(crate) address: String,
    taken: Taken,
    _server: JoinSet<()>,
}

impl Http {
    /// Answers as Slack does, which everybody else takes for a success, too.
    pub(crate) async fn start(switch: Switch) -> Self {
        let taken = Taken::default();
        let times = Arc::clone(&taken);
        let router = Router::new().fallback(move || {
            let (switch, times) = (switch.clone(), Arc::clone(&times));
            async move {
                switch.wait().await;
                times.lock().unwrap().push(Instant::now());
                "{\"ok\":true}".into_response()
            }
        });
        Self::serve(router, taken).await
    }

    /// Never answers.
    pub(crate) async fn hanging() -> Self {
        Self::serve(Router::new().fallback(std::future::pending::<String>), Taken::default()).await
    }

    async fn serve(router: Router, taken: Taken) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, taken, _server: server }
    }

    /// When it took what it took.
    pub(crate) fn taken(&self) -> Vec<Instant> {
        self.taken.lock().unwrap().clone()
    }
}

/// A mail server.
pub(crate) struct Smtp {
    pub(crate) port: u16,
    taken: Taken,
    _server: JoinSet<()>,
}

impl Smtp {
    pub(crate) async fn start(switch: Switch) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Taken::default();
        let times = Arc::clone(&taken);
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(talk(stream, switch.clone(), Arc::clone(&times)));
            }
        });
        Self { port, taken, _server: server }
    }

    /// When it took what it took.
    pub(crate) fn taken(&self) -> Vec<Instant> {
        self.taken.lock().unwrap().clone()
    }
}

/// The least of SMTP that a client can live with; returns when it hangs up.
async fn talk(stream: TcpStream, switch: Switch, taken: Taken) -> Option<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 sink\r\n").await.ok()?;
    let mut in_data = false;
    while let Some(line) = lines.next_line().await.ok()? {
        let answer: &[u8] = match line.as_str() {
            "." if in_data => {
                in_data = false;
                switch.wait().await;
                taken.lock().unwrap().push(Instant::now());
                b"250 taken\r\n"
            }
            _ if in_data => continue,
            "DATA" => {
                in_data = true;
                b"354 go on\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            line if line.starts_with("EHLO") => b"250-sink\r\n250 8BITMIME\r\n",
            _ => b"250 ok\r\n",
        };
        write.write_all(answer).await.ok()?;
    }
    Some(())
}
