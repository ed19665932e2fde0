//! A wire that breaks in the ways of wires: between a caller and a port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What is wrong with the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Whatever goes to the port arrives so much later.
    Latency(Duration),
    /// Connections are reset, those that are open and those that come.
    Reset,
    /// What callers send arrives; what the port answers does not.
    HalfOpen,
    /// Connections are accepted, and nothing arrives on either side.
    Blackhole,
}

/// Forwards connections to a port, with faults.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    struck: Arc<AtomicU64>,
    // Ends with its owner.
    _tasks: JoinSet<()>,
}

impl FaultProxy {
    /// A proxy on a free loopback port, in front of `target` (`host:port`).
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (fault, current) = watch::channel(Fault::None);
        let struck = Arc::new(AtomicU64::new(0));
        let wire = Wire { fault: current, struck: Arc::clone(&struck) };
        let target = target.to_owned();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let Ok((caller, _)) = listener.accept().await else { continue };
                open.spawn(forward(caller, target.clone(), wire.clone()));
                while open.try_join_next().is_some() {}
            }
        });
        Self { address, fault, struck, _tasks: tasks }
    }

    /// `host:port` of the proxy.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Makes something wrong, or right again: of what is open already, too.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// How often a fault has met a connection or something that was sent, so far.
    pub fn struck(&self) -> u64 {
        self.struck.load(Ordering::Relaxed)
    }
}

/// What a connection knows of the proxy.
#[derive(Clone)]
struct Wire {
    fault: watch::Receiver<Fault>,
    struck: Arc<AtomicU64>,
}

impl Wire {
    fn strike(&self) {
        self.struck.fetch_add(1, Ordering::Relaxed);
    }
}

async fn forward(caller: TcpStream, target: String, mut wire: Wire) {
    // Whoever is not there is as good as a reset.
    let Ok(port) = TcpStream::connect(&target).await else { return reset(&caller) };
    let _ = (caller.set_nodelay(true), port.set_nodelay(true));
    if *wire.fault.borrow() == Fault::Reset {
        wire.strike();
        return reset(&caller);
    }
    let (caller, port) = (caller.into_split(), port.into_split());
    let mut halves = JoinSet::new();
    halves.spawn(copy(caller.0, port.1, wire.clone(), Fault::Blackhole, true));
    halves.spawn(copy(port.0, caller.1, wire.clone(), Fault::HalfOpen, false));
    tokio::select! {
        _ = wire.fault.wait_for(|fault| *fault == Fault::Reset) => {}
        _ = halves.join_next() => {}
    }
}

/// Passes bytes on, unless the fault swallows them: once bytes are lost, the rest of the connection is worthless and lost as well.
async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    wire: Wire,
    swallowed_by: Fault,
    delayed: bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut lost = false;
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let now = *wire.fault.borrow();
        match now {
            Fault::Latency(delay) if delayed => {
                wire.strike();
                tokio::time::sleep(delay).await;
            }
            Fault::Reset => {
                wire.strike();
                return reset(to.as_ref());
            }
            Fault::Blackhole => lost = true,
            _ if now == swallowed_by => lost = true,
            _ => {}
        }
        if lost {
            wire.strike();
        } else if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// Has the kernel send RST in the place of FIN when the socket closes.
fn reset(socket: &TcpStream) {
    let _ = socket.set_zero_linger();
}
