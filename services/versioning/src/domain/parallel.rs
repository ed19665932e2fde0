//! Large plans on two processors.

/// Items from which on it is worth a thread to look at a version from two sides.
const LARGE: usize = 200;

/// Both; where the plan has many `items`, on two processors.
pub(crate) fn at_once<A, B: Send>(
    items: usize,
    one: impl FnOnce() -> A,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    if items < LARGE {
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
