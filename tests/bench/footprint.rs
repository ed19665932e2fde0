//! What processes take that nobody uses, and how soon they can be used. `make footprint` asks the programs that images
//! hold.

use std::time::{Duration, Instant};

use assent_tests::process::SERVICES;
use assent_tests::{Cluster, Dev};

/// After what has been done at start has come to rest.
const IDLE: Duration = Duration::from_secs(20);
const STARTS: usize = 9;

pub(crate) async fn run() {
    println!("footprint: resident memory after {} s without a call, in MB", IDLE.as_secs());
    let cluster = Cluster::start().await;
    tokio::time::sleep(IDLE).await;
    for service in SERVICES {
        println!("  {service:<16} {:>6.1}   (the aim is below 25)", resident(cluster.process_id(service)));
    }
    drop(cluster);
    let dev = Dev::start().await;
    tokio::time::sleep(IDLE).await;
    println!("  {:<16} {:>6.1}   (the aim is below 60)", "assent dev", resident(dev.process_id()));
    drop(dev);

    let mut times = Vec::new();
    for _ in 0..STARTS {
        let started = Instant::now();
        let dev = Dev::start().await;
        times.push(started.elapsed());
        drop(dev);
    }
    times.sort();
    let ms = |time: &Duration| time.as_secs_f64() * 1000.0;
    println!(
        "  assent dev on an empty folder is ready after {:.0} ms (median of {STARTS}, {:.0} to {:.0}; the aim is below 500)",
        ms(&times[STARTS / 2]),
        ms(&times[0]),
        ms(&times[STARTS - 1])
    );
}

/// Resident memory of a process, in MB of a million bytes.
fn resident(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024.0 / 1e6
}
