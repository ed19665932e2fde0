//! What one item will take.

use std::collections::HashMap;

use assent_plan::catalog::SideEffects;
use assent_plan::references::{self, Reference};
use assent_plan::{Catalog, Tool, WorkItem};

use crate::domain::calibration::{Calibration, Measure, Measured};

/// Without a run: the share of the typical tokens, and of the typical duration, that four of five calls stay between.
const TOKENS_LOW: f64 = 0.8;
const TOKENS_HIGH: f64 = 1.3;
const DURATION_LOW: f64 = 0.6;
const DURATION_HIGH: f64 = 1.8;
/// Runs that make a number half as sure as many runs do.
const HALF_SURE: f64 = 5.0;

/// What one item is expected to take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Expected {
    /// In millionths of a dollar.
    pub(super) cost: Measure,
    /// In milliseconds.
    pub(super) duration: Measure,
    /// Tokens of language models.
    pub(super) tokens: u64,
    /// How many runs say so.
    pub(super) runs: u32,
    /// How well the numbers are known, in percent.
    pub(super) sureness: u32,
    /// The same for items with one tool and agent type.
    pub(super) kind: usize,
}

/// What is known about tools and agent types, looked up once for each pair.
pub(super) struct Kinds<'k> {
    catalog: &'k Catalog,
    calibration: &'k Calibration,
    known: HashMap<(&'k str, &'k str), Expected>,
}

impl<'k> Kinds<'k> {
    pub(super) fn new(catalog: &'k Catalog, calibration: &'k Calibration) -> Self {
        Self { catalog, calibration, known: HashMap::new() }
    }

    pub(super) fn expect(&mut self, item: &'k WorkItem) -> Expected {
        let Some(tool) = self.catalog.get(&item.tool) else { return Expected::default() };
        let pair = (item.tool.as_str(), item.preferred_agent_type.as_str());
        let next = self.known.len();
        let calibration = self.calibration;
        let kind =
            *self.known.entry(pair).or_insert_with(|| of_kind(tool, calibration.of(pair.0, pair.1), next));
        let mut one = kind;
        // An execution stops before it passes either limit.
        if let Some(most) = item.constraints.max_cost {
            one.cost = cut(one.cost, most.micros() as f64);
        }
        if let Some(longest) = item.constraints.timeout {
            one.duration = cut(one.duration, longest.millis() as f64);
        }
        let found = references::find(&item.arguments);
        if found.iter().any(|f| matches!(f.reference, Ok(Reference::Output { .. }))) {
            // What it will work on is not known before it runs; runs have seen that.
            one.sureness -= if one.runs == 0 { 10 } else { 0 };
        }
        one
    }
}

fn cut(measure: Measure, most: f64) -> Measure {
    Measure::assumed(measure.mean.min(most), measure.low.min(most), measure.high.min(most))
}

fn of_kind(tool: &Tool, measured: Option<Measured>, kind: usize) -> Expected {
    let (fixed, per_token) =
        (tool.price.fixed.micros() as f64, tool.price.per_1k_tokens.micros() as f64 / 1_000.0);
    let tokens = tool.typical_tokens as f64;
    let cost = |share: f64| fixed + per_token * tokens * share;
    let typical = tool.typical_duration.millis() as f64;
    let assumed = Measured {
        runs: 0,
        cost: Measure::assumed(cost(1.0), cost(TOKENS_LOW), cost(TOKENS_HIGH)),
        duration: Measure::assumed(typical, typical * DURATION_LOW, typical * DURATION_HIGH),
    };
    let known = measured.map_or(assumed, |measured| measured.correct(&assumed));
    let tokens = if known.runs > 0 && per_token > 0.0 {
        (known.cost.mean - fixed).max(0.0) / per_token
    } else {
        tokens
    };
    Expected {
        cost: known.cost,
        duration: known.duration,
        tokens: tokens.round() as u64,
        runs: known.runs,
        sureness: sureness(tool, &known),
        kind,
    }
}

/// How well what is known tells what a call takes, in percent.
fn sureness(tool: &Tool, known: &Measured) -> u32 {
    let assumed = match tool.side_effects {
        // Whatever a program or a server outside takes.
        SideEffects::External => 40.0,
        _ if tool.typical_tokens > 0 => 70.0,
        SideEffects::Read => 70.0,
        SideEffects::None | SideEffects::Write => 90.0,
    };
    if known.runs == 0 {
        return assumed as u32;
    }
    let spread = known.cost.spread().max(known.duration.spread()).min(1.0);
    let weight = f64::from(known.runs) / (f64::from(known.runs) + HALF_SURE);
    let measured = 99.0 - 50.0 * spread;
    (assumed * (1.0 - weight) + measured * weight).round() as u32
}
