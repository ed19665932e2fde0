//! How fast plans are judged by the shipped policy.

use std::time::{Duration, Instant};

use assent_plan::{Catalog, Plan};
use assent_risk::{Policy, assess};
use serde_json::{Value, json};

const ROUNDS: usize = 200;

/// Prints a line for each figure, with what it must stay below.
pub(crate) fn run() {
    println!("\nrisk, shipped policy, without I/O");
    println!("{:<46} {:>9} {:>9} {:>9}", "", "p50", "p95", "limit");
    let catalog = Catalog::builtin().unwrap();
    let started = Instant::now();
    let policy = Policy::builtin().unwrap();
    let loading = started.elapsed();
    for (label, items, rounds, limit) in [
        ("assess 50 items of all kinds", 50, ROUNDS, 5),
        ("assess 2,000 items of all kinds", 2000, ROUNDS / 10, 150),
    ] {
        let plan = mixed(items);
        // Warm: schemas and automata are built when first used.
        assert_eq!(assess(&plan, &catalog, &policy).items.len(), items);
        let times = (0..rounds).map(|_| {
            let started = Instant::now();
            let risk = assess(&plan, &catalog, &policy);
            let elapsed = started.elapsed();
            assert_eq!(risk.items.len(), items);
            elapsed
        });
        line(label, times.collect(), limit);
    }
    println!("{:<46} {:>6.1} ms", "load the policy", loading.as_secs_f64() * 1000.0);
}

fn line(label: &str, mut times: Vec<Duration>, limit: u32) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!("{label:<46} {:>6.2} ms {:>6.2} ms {limit:>6} ms", at(0.50), at(0.95));
}

/// Calls as plans hold them, every tool in turn, no two alike.
fn mixed(items: usize) -> Plan {
    let item = |n: usize| {
        let (tool, arguments) = call(n);
        json!({ "id": format!("item-{n:04}"), "name": format!("Step {n}"), "tool": tool, "arguments": arguments })
    };
    let items: Vec<Value> = (0..items).map(item).collect();
    serde_json::from_value(json!({ "goal": "measure", "items": items })).unwrap()
}

fn call(n: usize) -> (&'static str, Value) {
    match n % 7 {
        0 => ("web_search", json!({ "query": format!("news about subject {n}") })),
        1 => {
            let text = format!("def part_{n}(rows):\n    return [row[{n}] for row in rows]\n");
            ("code_gen", json!({ "template": text }))
        }
        2 => (
            "file_write",
            json!({ "path": format!("out/{n}.txt"), "content": format!("content of file {n}") }),
        ),
        3 => (
            "http_request",
            json!({ "method": "GET", "url": format!("https://api.example.com/v1/items/{n}") }),
        ),
        4 => {
            let statement = format!("SELECT id, title FROM notes WHERE id = {n} ORDER BY id");
            ("sql_query", json!({ "database": "app", "statement": statement }))
        }
        5 => {
            let command = format!("grep -rn 'part {n}' src | sort -u | head -{n}");
            ("shell", json!({ "command": command, "use_shell": true }))
        }
        _ => ("shell", json!({ "command": ["cargo", "test", "-p", format!("part-{n}")] })),
    }
}
