//! What the planner takes: estimates of many items, and plans from playbooks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use assent_plan::Catalog;
use assent_planner::{App, CreatePlan, Library};

use crate::plans;

/// Prints a line for each figure, with what it must stay below.
pub(crate) async fn run() {
    println!("\nplanner, without I/O");
    println!("{:<46} {:>9} {:>9} {:>9}", "", "p50", "p95", "limit");
    let catalog = Catalog::builtin().unwrap();
    let app = App::new(catalog.clone(), Arc::new(Library::shipped(&catalog)));
    let plan = plans::chain(2000);
    let mut times = Vec::new();
    for _ in 0..50 {
        let started = Instant::now();
        assert_eq!(app.estimate(&plan).await.unwrap().total_work_items, 2000);
        times.push(started.elapsed());
    }
    plans::line("estimate 2,000 items", times, 20);
    let mut times: Vec<Duration> = Vec::new();
    for playbook in app.library().playbooks() {
        for goal in playbook.examples().iter().cycle().take(30) {
            let command = CreatePlan { goal: goal.clone(), ..CreatePlan::default() };
            let started = Instant::now();
            assert_eq!(app.create(command).await.unwrap().playbook, playbook.name());
            times.push(started.elapsed());
        }
    }
    plans::line("plan from a playbook, estimated", times, 5);
}
