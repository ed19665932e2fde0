//! How long the pure steps take on a plan of the largest size. `cargo run --release --example speed`
//! prints the median and the slowest of twenty runs each, in milliseconds.

#![expect(clippy::print_stdout, reason = "its output is the result")]

use std::hint::black_box;
use std::time::Instant;

use assent_plan::{Bound, Catalog, Dependency, DependencyType, ItemId, Plan, PlanDigest, WorkItem};
use assent_plan::{apply, apply_edits, complete, diff, edits_between, merge, validate};
use serde_json::json;

const ITEMS: usize = 2_000;
const EDGES_PER_ITEM: usize = 5;
const RUNS: usize = 20;

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    let catalog = Catalog::builtin()?;
    let mut plan = large()?;
    complete::complete(&mut plan, &catalog);
    let mut one = plan.clone();
    one.items[ITEMS / 2].description = "changed".to_owned();
    let mut every = plan.clone();
    for item in &mut every.items {
        item.arguments.insert("path".to_owned(), json!("elsewhere.txt"));
    }

    time("validate", || validate(&plan, &catalog));
    time("digest", || PlanDigest::of(&plan));
    time("diff, one item changed", || diff(&plan, &one));
    time("diff, every item changed", || diff(&plan, &every));
    let changes = diff(&plan, &every);
    apply(plan.clone(), &changes)?;
    time("apply, every item changed", || apply(plan.clone(), &changes));
    let merged = merge(&plan, &one, &every).map_err(|conflicts| format!("{conflicts:?}"))?;
    time("merge", || merge(&plan, &one, &every));
    let edits = edits_between(&plan, &merged);
    apply_edits(&plan, &edits, &catalog)?;
    time("edit every item", || apply_edits(&plan, &edits, &catalog));
    Ok(())
}

/// Files written one after the other, each using the path of the one before, with a bound each.
fn large() -> Result<Plan, AnyError> {
    let id = |n: usize| format!("write-file-{n:04}").parse::<ItemId>();
    let mut plan = Plan::new("as much as a plan may hold");
    for n in 0..ITEMS {
        let mut item = WorkItem::new(id(n)?, format!("Write file {n}"), "file_write");
        item.description = "Writes one of many files and says so at some length".to_owned();
        item.arguments.insert("path".to_owned(), json!(format!("out/file-{n}.txt")));
        let content = match n {
            0 => "first".to_owned(),
            n => format!("after ${{items.{}.output.path}}", id(n - 1)?),
        };
        item.arguments.insert("content".to_owned(), json!(content));
        let expression = format!("size(arguments.content) < {}", 1_000 + n);
        item.bounds.push(Bound { expression, description: String::new() });
        for before in n.saturating_sub(EDGES_PER_ITEM)..n {
            let kind = if before + 1 == n { DependencyType::Data } else { DependencyType::Dependency };
            plan.dependencies.push(Dependency { from: id(before)?, to: id(n)?, kind });
        }
        plan.items.push(item);
    }
    Ok(plan)
}

fn time<T>(what: &str, step: impl Fn() -> T) {
    let mut took: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            black_box(step());
            start.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    took.sort_by(f64::total_cmp);
    println!("{what:26} {:8.2} {:8.2}", took[RUNS / 2], took[RUNS - 1]);
}
