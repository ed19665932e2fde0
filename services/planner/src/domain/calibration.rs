//! What runs really take, from those that have ended. Robust: a single run that hung for an hour, or cost a hundred
//! times as much, moves no estimate by more than the next slowest would.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Values beyond this many interquartile ranges from the quartiles count as if they were at that distance.
const FENCE: f64 = 3.0;
/// As many runs as the catalog's own numbers count for.
const PRIOR: f64 = 1.0;
/// Runs of a tool by one agent type, from which on the other agent types say nothing more about it.
const ENOUGH: u32 = 8;

/// What one run took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// In millionths of a dollar.
    pub(crate) cost: u64,
    /// In milliseconds.
    pub(crate) duration: u64,
}

/// One quantity over many runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measure {
    /// Mean of the values within the fences.
    pub(crate) mean: f64,
    /// One of ten is below.
    pub(crate) low: f64,
    /// One of ten is above.
    pub(crate) high: f64,
}

impl Measure {
    /// A quantity that is known, not measured.
    pub(crate) fn assumed(mean: f64, low: f64, high: f64) -> Self {
        Self { mean, low, high }
    }

    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let (q1, q3) = (quantile(&values, 0.25), quantile(&values, 0.75));
        let (least, most) = (q1 - FENCE * (q3 - q1), q3 + FENCE * (q3 - q1));
        values.iter_mut().for_each(|value| *value = value.clamp(least, most));
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        Self { mean, low: quantile(&values, 0.1), high: quantile(&values, 0.9) }
    }

    /// Both, by the weight of the second.
    fn blend(self, other: Self, weight: f64) -> Self {
        let mix = |a: f64, b: f64| a * (1.0 - weight) + b * weight;
        Self {
            mean: mix(self.mean, other.mean),
            low: mix(self.low, other.low),
            high: mix(self.high, other.high),
        }
    }

    /// Half of the width of the interval, as a share of the mean.
    pub(crate) fn spread(&self) -> f64 {
        if self.mean > 0.0 { (self.high - self.low).max(0.0) / (2.0 * self.mean) } else { 0.0 }
    }
}

/// The value below which a share of `sorted` lies, between the two nearest.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = share * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (place - place.floor())
}

/// What runs of one tool take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// How many runs say so.
    pub(crate) runs: u32,
    /// In millionths of a dollar.
    pub(crate) cost: Measure,
    /// In milliseconds.
    pub(crate) duration: Measure,
}

impl Measured {
    /// What `samples` say.
    pub(crate) fn of(samples: &[Sample]) -> Self {
        Self {
            runs: u32::try_from(samples.len()).unwrap_or(u32::MAX),
            cost: Measure::of(samples.iter().map(|sample| sample.cost as f64).collect()),
            duration: Measure::of(samples.iter().map(|sample| sample.duration as f64).collect()),
        }
    }

    /// What is assumed without runs, corrected by these.
    pub(crate) fn correct(&self, assumed: &Self) -> Self {
        let weight = f64::from(self.runs) / (f64::from(self.runs) + PRIOR);
        Self {
            runs: self.runs,
            cost: assumed.cost.blend(self.cost, weight),
            duration: assumed.duration.blend(self.duration, weight),
        }
    }

    /// Both together, by their runs.
    fn pooled(self, other: Self) -> Self {
        let runs = self.runs.saturating_add(other.runs);
        let weight = f64::from(other.runs) / f64::from(runs.max(1));
        Self {
            runs,
            cost: self.cost.blend(other.cost, weight),
            duration: self.duration.blend(other.duration, weight),
        }
    }
}

/// What is known about every tool and agent type.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Calibration(HashMap<String, HashMap<String, Measured>>);

impl Calibration {
    /// What is known about runs of `tool` by `agent_type`; about all runs of the tool where these are few.
    pub(crate) fn of(&self, tool: &str, agent_type: &str) -> Option<Measured> {
        let types = self.0.get(tool)?;
        match types.get(agent_type) {
            Some(own) if own.runs >= ENOUGH => Some(*own),
            _ => types.values().copied().reduce(Measured::pooled),
        }
    }
}

impl FromIterator<(String, String, Measured)> for Calibration {
    fn from_iter<I: IntoIterator<Item = (String, String, Measured)>>(rows: I) -> Self {
        let mut all: HashMap<String, HashMap<String, Measured>> = HashMap::new();
        for (tool, agent_type, measured) in rows {
            all.entry(tool).or_default().insert(agent_type, measured);
        }
        Self(all)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn samples(costs: &[u64]) -> Vec<Sample> {
        costs.iter().map(|cost| Sample { cost: *cost, duration: 10 }).collect()
    }

    #[test]
    fn an_outlier_counts_no_more_than_its_neighbours() {
        let mut costs: Vec<u64> = (90..=110).collect();
        let before = Measured::of(&samples(&costs)).cost.mean;
        costs.push(1_000_000);
        let after = Measured::of(&samples(&costs)).cost.mean;
        assert_eq!(before.round(), 100.0);
        assert!(after - before < 3.0, "{after}");
        // All the same but one: that one counts as the others.
        assert_eq!(
            Measured::of(&samples(&[7, 7, 7, 7, 7, 7, 7, 900])).cost,
            Measure { mean: 7.0, low: 7.0, high: 7.0 }
        );
    }

    #[test]
    fn few_runs_lean_on_the_assumption_and_on_other_agents() {
        let assumed =
            Measured { runs: 0, cost: Measure::assumed(100.0, 80.0, 130.0), duration: Measure::default() };
        assert_eq!(Measured::default().correct(&assumed), assumed);
        let one = Measured::of(&samples(&[300])).correct(&assumed);
        assert_eq!(one.cost.mean, 200.0);
        let many = Measured::of(&samples(&[300; 50])).correct(&assumed);
        assert!(many.cost.mean > 295.0, "{many:?}");
        let row = |agent: &str, cost, runs| {
            ("t".to_owned(), agent.to_owned(), Measured::of(&samples(&vec![cost; runs])))
        };
        let known: Calibration = [row("a", 10, 20), row("b", 40, 2)].into_iter().collect();
        assert_eq!(known.of("t", "a").unwrap().cost.mean, 10.0);
        let pooled = known.of("t", "b").unwrap();
        assert_eq!(pooled.runs, 22);
        assert!((pooled.cost.mean - 280.0 / 22.0).abs() < 1e-9, "{pooled:?}");
        assert_eq!(known.of("t", "stranger").map(|m| m.runs), Some(22));
        assert_eq!(known.of("other", "a"), None);
    }

    proptest! {
        #[test]
        fn measures_stay_within_what_was_seen(costs in prop::collection::vec(0..1_u64 << 50, 0..60)) {
            let Measure { mean, low, high } = Measured::of(&samples(&costs)).cost;
            let (least, most) = (costs.iter().min().copied().unwrap_or(0), costs.iter().max().copied().unwrap_or(0));
            prop_assert!(low <= high && mean.is_finite());
            for value in [mean, low, high] {
                prop_assert!(value >= least as f64 - 1.0 && value <= most as f64 + 1.0, "{value}");
            }
        }
    }
}
