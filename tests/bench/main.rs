//! Measures whole stacks. Run through `make bench`; figures of one run compare with each other, not with another day's.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark fails loudly and prints its figures"
)]

mod called;
mod cpu;
mod drain;
mod executor;
mod footprint;
mod gate;
mod notifications;
mod pgbench;
mod planner;
mod plans;
mod risk;
mod sinks;
mod tracing;
mod workflow;

use assent_testkit::Storage;

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    // `assent-bench plans`, `workflow`, `gate`, `executor`, `cluster`, `tracing`, `footprint` or `notifications` for one
    // part, and `assent-bench executor sqlite`, `postgres` or `idle` for a part of that.
    let part = std::env::args().nth(1);
    let of_it = std::env::args().nth(2);
    let wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    if wanted("workflow") {
        workflows().await;
    }
    if wanted("executor") {
        let within = |name: &str| of_it.as_deref().is_none_or(|part| part == name);
        if within("sqlite") {
            Box::pin(executor::run("sqlite", Storage::sqlite().await)).await;
        }
        if within("postgres") {
            Box::pin(executor::run("postgres", Storage::postgres().await)).await;
        }
        if within("idle") {
            executor::idle().await;
        }
    }
    if wanted("gate") {
        Box::pin(gate::run("sqlite", Storage::sqlite().await)).await;
        Box::pin(gate::run("postgres", Storage::postgres().await)).await;
        gate::many(Storage::postgres().await).await;
    }
    // A decision alone, as often as one asks while its cost is worked on.
    if part.as_deref() == Some("decisions") {
        Box::pin(gate::decide(Storage::postgres().await)).await;
    }
    // Needs the programs beside this one: cargo build --release --workspace --bins.
    if part.as_deref() == Some("cluster") {
        Box::pin(executor::cluster()).await;
    }
    if part.as_deref() == Some("tracing") {
        Box::pin(tracing::run()).await;
    }
    if part.as_deref() == Some("footprint") {
        Box::pin(footprint::run()).await;
        Box::pin(drain::run()).await;
    }
    if wanted("risk") {
        risk::run();
    }
    if wanted("planner") {
        planner::run().await;
    }
    if wanted("plans") {
        plans::pure();
        plans::run("sqlite", Storage::sqlite().await).await;
        plans::run("postgres", Storage::postgres().await).await;
    }
    if wanted("notifications") {
        let [a, b, c, d] = [(); 4].map(|()| Storage::sqlite());
        notifications::run("sqlite", [a.await, b.await, c.await, d.await]).await;
        let [a, b, c, d] = [(); 4].map(|()| Storage::postgres());
        notifications::run("postgres", [a.await, b.await, c.await, d.await]).await;
    }
}

async fn workflows() {
    println!("submit → approve → executed: one work item, one approval, every commit durable");
    println!("{:<28} {:>8} {:>9} {:>9} {:>9}", "", "per s", "p50 ms", "p95 ms", "p99 ms");
    for callers in [1, 16] {
        workflow::run("sqlite", Storage::sqlite().await, callers).await;
        let storage = Storage::postgres().await;
        let before = pgbench::commits(&storage).await;
        let url = storage.url().to_owned();
        let (workflows, seconds, storage) = workflow::run("postgres", storage, callers).await;
        let commits = pgbench::commits(&storage).await - before;
        let own = commits as f64 / seconds;
        let tps = pgbench::run(&url, callers).await;
        println!(
            "  postgres: {:.1} transactions a workflow with its reads, {own:.0}/s; pgbench with {callers} clients: {tps:.0}/s; ratio {:.2}",
            commits as f64 / f64::from(workflows),
            own / tps
        );
    }
}
