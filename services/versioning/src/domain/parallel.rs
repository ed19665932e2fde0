//! Large plans on two processors.

use assent_plan::Plan;

/// Items from which on it is worth a thread to look at a version from two sides.
const LARGE: usize = 200;

/// Both, where the plan is large on two processors.
pub(crate) fn at_once<A, B: Send>(
    plan: &Plan,
    one: impl FnOnce() -> A,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    if plan.items.len() < LARGE {
        return (one(), other());
    }
    std::thread::scope(|scope| {
        let other = scope.spawn(other);
        let one = one();
        match other.join() {
            Ok(other) => (one, other),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
