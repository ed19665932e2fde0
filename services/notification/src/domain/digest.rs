//! Several notifications to one person over one channel, told at once.

use super::{Delivery, Details, Entry, Hold, Priority};

/// Most notifications that are named; the others are counted.
const NAMED: usize = 20;

/// What is sent in the place of several deliveries.
pub(crate) struct Combined {
    pub(crate) details: Details,
    pub(crate) priority: Priority,
}

/// Combines what was held; the first few are named, what hurries most first.
pub(crate) fn combine(held: &[Delivery], hold: Hold) -> Combined {
    let mut order: Vec<&Delivery> = held.iter().collect();
    order.sort_by_key(|delivery| (std::cmp::Reverse(delivery.priority), delivery.created_at, delivery.id));
    let entries = order.iter().take(NAMED);
    let entries = entries.map(|delivery| Entry { title: delivery.title.clone(), session: delivery.session });
    // What all of them are about, where that is one plan.
    let first = held.first();
    let one = first.filter(|first| held.iter().all(|d| d.session.is_some() && d.session == first.session));
    let details = Details {
        goal: one.map(|delivery| delivery.details.goal.clone()).unwrap_or_default(),
        hold: hold.name().to_owned(),
        entries: entries.collect(),
        count: held.len(),
        ..Details::default()
    };
    let priority = held.iter().map(|delivery| delivery.priority).max().unwrap_or_default();
    Combined { details, priority }
}
