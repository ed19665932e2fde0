//! Metrics by labels.

use std::borrow::Cow;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge;
use prometheus_client::metrics::histogram::Histogram;

/// A value that goes up and down.
pub type Gauge = gauge::Gauge<f64, AtomicU64>;

pub(crate) type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];

/// Makes histograms with the same buckets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

fn labels<const N: usize, V: Into<Cow<'static, str>>>(names: [&'static str; N], values: [V; N]) -> Labels<N> {
    let mut names = names.into_iter();
    values.map(|value| (names.next().unwrap_or_default(), value.into()))
}

/// Counters that differ in the values of `N` labels. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Counters<const N: usize> {
    names: [&'static str; N],
    pub(crate) family: Family<Labels<N>, Counter>,
}

impl<const N: usize> Counters<N> {
    pub(crate) fn new(names: [&'static str; N]) -> Self {
        Self { names, family: Family::default() }
    }

    /// The one with these values, in the order of the labels; it starts at zero.
    pub fn of<V: Into<Cow<'static, str>>>(&self, values: [V; N]) -> Counter {
        self.family.get_or_create_owned(&labels(self.names, values))
    }
}

/// Gauges that differ in the values of `N` labels. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gauges<const N: usize> {
    names: [&'static str; N],
    pub(crate) family: Family<Labels<N>, Gauge>,
}

impl<const N: usize> Gauges<N> {
    pub(crate) fn new(names: [&'static str; N]) -> Self {
        Self { names, family: Family::default() }
    }

    /// The one with these values, in the order of the labels.
    pub fn of<V: Into<Cow<'static, str>>>(&self, values: [V; N]) -> Gauge {
        self.family.get_or_create_owned(&labels(self.names, values))
    }

    /// These and no others: what is not named is gone.
    pub fn replace<V: Into<Cow<'static, str>>>(&self, all: impl IntoIterator<Item = ([V; N], f64)>) {
        self.family.clear();
        for (values, value) in all {
            self.of(values).set(value);
        }
    }
}

/// Histograms that differ in the values of `N` labels. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Histograms<const N: usize> {
    names: [&'static str; N],
    pub(crate) family: Family<Labels<N>, Histogram, Buckets>,
}

impl<const N: usize> Histograms<N> {
    pub(crate) fn new(names: [&'static str; N], buckets: &'static [f64]) -> Self {
        Self { names, family: Family::new_with_constructor(Buckets(buckets)) }
    }

    /// The one with these values, in the order of the labels; it starts empty.
    pub fn of<V: Into<Cow<'static, str>>>(&self, values: [V; N]) -> Histogram {
        self.family.get_or_create_owned(&labels(self.names, values))
    }
}
