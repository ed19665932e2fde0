//! When a failed attempt is repeated.

use std::time::Duration;

use assent_plan::WorkItem;

/// How long to wait before attempt `failed + 1`, before jitter: `first` doubled for each failed attempt, up to
/// `longest`. None when the item has no retry left.
pub(crate) fn delay(item: &WorkItem, failed: u32, first: Duration, longest: Duration) -> Option<Duration> {
    let retries = item.constraints.max_retries.unwrap_or_default();
    let factor = 2_u32.saturating_pow(failed.saturating_sub(1));
    (failed <= retries).then(|| first.saturating_mul(factor).min(longest))
}

/// The key that lets the outside recognise a repeated attempt: the same for the same attempt, whichever
/// process makes it.
pub(crate) fn idempotency_key(
    session: impl std::fmt::Display,
    version: i32,
    item: &WorkItem,
    attempt: u32,
) -> String {
    format!("{session}.{version}.{}.{attempt}", item.id)
}

/// As [`idempotency_key`], for undoing the item.
pub(crate) fn rollback_key(session: impl std::fmt::Display, version: i32, item: &WorkItem) -> String {
    format!("{session}.{version}.{}.rollback", item.id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(retries: Option<u32>) -> WorkItem {
        let mut item = WorkItem::new("a".parse().unwrap(), "A", "shell");
        item.constraints.max_retries = retries;
        item
    }

    #[test]
    fn without_retries_the_first_failure_is_the_last() {
        assert_eq!(delay(&item(None), 1, Duration::from_secs(1), Duration::from_secs(9)), None);
        assert_eq!(idempotency_key("ses_1", 3, &item(None), 2), "ses_1.3.a.2");
    }

    proptest! {
        #[test]
        fn delays_grow_to_the_limit_and_end_with_the_retries(retries in 0_u32..20, failed in 1_u32..40) {
            let (first, longest) = (Duration::from_millis(200), Duration::from_secs(30));
            let at = |n| delay(&item(Some(retries)), n, first, longest);
            prop_assert_eq!(at(failed).is_some(), failed <= retries);
            if let (Some(this), Some(next)) = (at(failed), at(failed + 1)) {
                prop_assert!(this >= first && this <= next && next <= longest);
            }
        }
    }
}
