//! Ports for programs that are started by a test and told where to listen.

use std::fs::{self, File};
use std::net::TcpListener;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Below those that the system gives to connections that go out, on Linux from 32768: a port that was free a moment ago
/// is else, now and then, somebody's connection when the program comes to it.
const PORTS: Range<u16> = 12_000..32_000;

/// Locked as long as this process lives.
static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A loopback port that no other test is given while this process lives.
///
/// # Panics
/// When there is none left.
pub fn free_port() -> u16 {
    let locks = locks();
    fs::create_dir_all(&locks).expect("a folder");
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    // Processes begin in different places, so that a port rests before it is used again.
    let start = std::process::id() as usize * 97 + held.len();
    let mut candidates = (0..PORTS.len()).map(|turn| {
        PORTS.start + u16::try_from((start + turn) % PORTS.len()).expect("less than the ports there are")
    });
    candidates
        .find(|port| {
            let file = File::create(locks.join(port.to_string())).expect("a file");
            let free = file.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", *port)).is_ok();
            if free {
                held.push(file);
            }
            free
        })
        .expect("a free port")
}

/// Where the locks are. Each user has a folder: what one has made, another may not lock.
fn locks() -> PathBuf {
    let owner = std::env::current_exe().and_then(fs::metadata).expect("the program of the test").uid();
    std::env::temp_dir().join(format!("assent-test-ports-{owner}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_port_is_given_twice_and_each_is_locked_for_others() {
        let ports: BTreeSet<u16> = (0..50).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 50);
        for port in ports {
            assert!(PORTS.contains(&port));
            TcpListener::bind(("127.0.0.1", port)).unwrap();
            // As another process would find it.
            assert!(File::create(locks().join(port.to_string())).unwrap().try_lock().is_err(), "{port}");
        }
    }
}
