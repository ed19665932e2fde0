//! How close estimates come: 500 plans with known distributions of cost and duration, before and after the planner has
//! seen runs of every tool. What it has seen comes through the executor's log, as in production.

use assent_plan::{Catalog, Plan, Strategy, WorkItem};
use assent_testkit::Storage;
use serde_json::json;

use super::rig::{Ran, Rig};

/// Random numbers that are the same on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, most: usize) -> usize {
        (self.unit() * most as f64) as usize
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// What a tool really takes in this world. None is as the catalog says: prices have changed, networks are slow.
struct Truth {
    tool: &'static str,
    /// Median in millionths of a dollar.
    cost: f64,
    /// Median in milliseconds.
    duration: f64,
    /// Of the logarithm.
    sigma: f64,
}

const WORLD: &[Truth] = &[
    Truth { tool: "code_gen", cost: 34_000.0, duration: 2_600.0, sigma: 0.25 },
    Truth { tool: "web_search", cost: 3_000.0, duration: 700.0, sigma: 0.15 },
    Truth { tool: "http_request", cost: 1_900.0, duration: 450.0, sigma: 0.30 },
    Truth { tool: "shell", cost: 5_500.0, duration: 1_900.0, sigma: 0.35 },
    Truth { tool: "file_write", cost: 2_600.0, duration: 35.0, sigma: 0.10 },
];

/// One call in two hundred hangs, or is retried until it is dear.
const OUTLIERS: f64 = 0.005;

impl Truth {
    fn draw(&self, dice: &mut Dice) -> (u64, u64) {
        let worse = if dice.unit() < OUTLIERS { 10.0 } else { 1.0 };
        // What is large is large in both: more tokens take longer.
        let size = (self.sigma * dice.normal()).exp();
        let noise = (0.1 * dice.normal()).exp();
        ((self.cost * size * worse) as u64, (self.duration * size * noise * worse) as u64)
    }
}

fn item(n: usize, tool: &str) -> WorkItem {
    let mut item = WorkItem::new(format!("i{n}").parse().unwrap(), "I", tool);
    let arguments = match tool {
        "code_gen" => json!({ "template": "x" }),
        "web_search" => json!({ "query": "x" }),
        "http_request" => json!({ "method": "GET", "url": "https://x.dev/" }),
        "shell" => json!({ "command": "ls" }),
        _ => json!({ "path": "x", "content": "x" }),
    };
    item.arguments = super::map(arguments);
    item
}

/// A plan, and what its execution takes in this world: the items run one after the other.
fn executed(dice: &mut Dice) -> (Plan, u64, u64) {
    let mut plan = Plan::new("simulated");
    plan.strategy = Strategy::Sequential;
    let (mut cost, mut duration) = (0, 0);
    for n in 0..4 + dice.below(21) {
        let truth = &WORLD[dice.below(WORLD.len())];
        plan.items.push(item(n, truth.tool));
        let (one, long) = truth.draw(dice);
        cost += one;
        duration += long;
    }
    (plan, cost, duration)
}

#[derive(Debug, Default)]
struct Report {
    cost: usize,
    duration: usize,
    covered: usize,
}

async fn judge(rig: &Rig, plans: usize, seed: u64) -> Report {
    let mut dice = Dice(seed);
    let mut report = Report::default();
    let close = |expected: f64, actual: f64| (actual - expected).abs() <= 0.2 * actual;
    for _ in 0..plans {
        let (plan, cost, duration) = executed(&mut dice);
        let expected = rig.estimate(&plan).await;
        let micros = |money: Option<assent_plan::Money>| money.unwrap().micros();
        report.cost += usize::from(close(micros(expected.estimated_cost) as f64, cost as f64));
        report.duration += usize::from(close(expected.estimated_duration.millis() as f64, duration as f64));
        let within = micros(expected.cost_low)..=micros(expected.cost_high);
        report.covered += usize::from(within.contains(&cost));
    }
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn estimates_of_500_plans_come_within_a_fifth_after_50_runs_of_each_tool() {
    const PLANS: usize = 500;

    let rig = Rig::start(Storage::sqlite().await).await;
    let mut dice = Dice(7);
    let mut seen = 0;
    let mut reports = Vec::new();
    for runs in [0, 10, 50] {
        let more: Vec<Ran> = WORLD
            .iter()
            .flat_map(|truth| {
                let drawn: Vec<_> = (seen..runs).map(|_| truth.draw(&mut dice)).collect();
                drawn.into_iter().map(|(cost, duration)| Ran {
                    tool: truth.tool,
                    agent_type: "",
                    cost,
                    duration,
                })
            })
            .collect();
        rig.executor_ran(&more).await;
        seen = runs;
        let report = judge(&rig, PLANS, 4711).await;
        let share = |count: usize| 100.0 * count as f64 / PLANS as f64;
        println!(
            "{runs:>3} runs of each tool: cost within 20 % for {:.1} % of {PLANS} plans, duration for {:.1} %; the 80 % interval \
             of the cost holds {:.1} %",
            share(report.cost),
            share(report.duration),
            share(report.covered),
        );
        reports.push(report);
    }
    let [cold, few, many] = reports.as_slice() else { panic!("three reports") };
    assert!(many.cost * 100 >= 80 * PLANS, "{many:?}");
    assert!(many.duration * 100 >= 80 * PLANS, "{many:?}");
    // An interval that holds everything would say nothing.
    assert!((70 * PLANS..95 * PLANS).contains(&(many.covered * 100)), "{many:?}");
    assert!(cold.cost < few.cost && few.cost <= many.cost + PLANS / 20, "{cold:?} {few:?} {many:?}");
    assert!(WORLD.iter().all(|truth| Catalog::builtin().unwrap().get(truth.tool).is_some()));
    rig.stop().await;
}
