//! Waiting for what comes by itself.

use std::time::Duration;

/// Longest wait; reached only when something is broken, or the machine very busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Repeats `check` until it gives something.
///
/// # Panics
/// When it never does; `what` says what was waited for.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut check: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}
