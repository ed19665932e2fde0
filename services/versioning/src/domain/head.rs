//! The newest version of a session. No other function in the workspace says what may follow it.

use std::time::Duration;

use assent_core::{Digest, Timestamp};

/// The newest version of a session, and whether another may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) version: i32,
    pub(crate) digest: Digest,
    pub(crate) state: HeadState,
    /// A version of the session that is damaged beyond repair: nothing is built upon it until it reads well again.
    pub(crate) corrupted: Option<i32>,
}

/// Whether another version may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadState {
    /// It may.
    Open,
    /// Not before this time: a decision is being made on the head.
    Sealed { until: Timestamp },
    /// Never.
    Closed(Closing),
}

/// Why no version may follow any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    /// The head, or a part of it, may run.
    Decided,
    /// The session ended and nothing may run.
    Ended,
}

/// Why something cannot be done with the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadError {
    /// The caller has another version in mind.
    Superseded,
    /// A decision is being made on the head, or was made.
    Sealed,
    /// This version is damaged.
    Corrupted(i32),
}

impl Head {
    /// The head after a version with `digest`, whose author saw version `base` (0 for none), was added to `head`.
    pub(crate) fn after(
        head: Option<&Self>,
        base: i32,
        digest: Digest,
        now: Timestamp,
    ) -> Result<Self, HeadError> {
        Self::may_follow(head, base, now)?;
        // Two billion versions take longer than any session lives.
        Ok(Self { version: base.saturating_add(1), digest, state: HeadState::Open, corrupted: None })
    }

    /// Whether a version whose author saw version `base` may follow `head`.
    pub(crate) fn may_follow(head: Option<&Self>, base: i32, now: Timestamp) -> Result<(), HeadError> {
        let sealed = head.is_some_and(|head| match head.state {
            HeadState::Open => false,
            HeadState::Sealed { until } => until > now,
            HeadState::Closed(_) => true,
        });
        if let Some(version) = head.and_then(|head| head.corrupted) {
            return Err(HeadError::Corrupted(version));
        }
        match head.map_or(0, |head| head.version) {
            _ if sealed => Err(HeadError::Sealed),
            version if version == base => Ok(()),
            _ => Err(HeadError::Superseded),
        }
    }

    /// Keeps any version from following for `lease` from now on. A seal is prolonged, never cut short, and each time
    /// to another end, by which whoever asked for it can tell whether somebody else did since.
    pub(crate) fn seal(
        &self,
        version: i32,
        digest: Digest,
        lease: Duration,
        now: Timestamp,
    ) -> Result<(Self, Timestamp), HeadError> {
        if let Some(version) = self.corrupted {
            return Err(HeadError::Corrupted(version));
        }
        let wanted = now.after(lease);
        let until = match self.state {
            HeadState::Closed(_) => return Err(HeadError::Sealed),
            HeadState::Open => wanted,
            HeadState::Sealed { until } => wanted.max(until.after(Duration::from_micros(1))),
        };
        if (version, digest) != (self.version, self.digest) {
            return Err(HeadError::Superseded);
        }
        Ok((Self { state: HeadState::Sealed { until }, ..*self }, until))
    }

    /// Lets versions follow again, if this is the version that was sealed and its seal ends at `end`, where that is
    /// named. What was never sealed stays as it is, and so does a seal that somebody else has prolonged.
    pub(crate) fn release(
        &self,
        version: i32,
        digest: Digest,
        end: Option<Timestamp>,
    ) -> Result<Self, HeadError> {
        match self.state {
            HeadState::Closed(_) => Err(HeadError::Sealed),
            _ if (version, digest) != (self.version, self.digest) => Err(HeadError::Superseded),
            HeadState::Sealed { until } if end.is_some_and(|end| end != until) => Ok(*self),
            HeadState::Open | HeadState::Sealed { .. } => Ok(Self { state: HeadState::Open, ..*self }),
        }
    }

    /// Keeps any version from following for good. The first closing stays.
    pub(crate) fn close(&self, closing: Closing) -> Self {
        match self.state {
            HeadState::Closed(_) => *self,
            HeadState::Open | HeadState::Sealed { .. } => Self { state: HeadState::Closed(closing), ..*self },
        }
    }

    /// When the seal of this version ends; none when no seal holds.
    pub(crate) fn sealed_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            HeadState::Sealed { until } if until > now => Some(until),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(version: i32) -> Digest {
        Digest::of(&[&version.to_be_bytes()])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    #[derive(Debug, Clone)]
    enum Step {
        Follow { base: i32 },
        Seal { version: i32, other: bool, lease: u64 },
        Close(bool),
        Wait(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..8).prop_map(|base| Step::Follow { base }),
            3 => (1..8, any::<bool>(), 1..600u64)
                .prop_map(|(version, other, lease)| Step::Seal { version, other, lease }),
            1 => any::<bool>().prop_map(Step::Close),
            3 => (1..700i64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn versions_are_dense_and_none_follows_a_sealed_or_closed_head(steps in prop::collection::vec(step(), 0..60)) {
            let (mut head, mut now, mut seal) = (None::<Head>, at(1), at(0));
            for step in steps {
                match step {
                    Step::Follow { base } => {
                        let after = Head::after(head.as_ref(), base, digest(base + 1), now);
                        let closed = head.is_some_and(|h| matches!(h.state, HeadState::Closed(_)));
                        let current = head.map_or(0, |h| h.version);
                        prop_assert_eq!(after.is_ok(), !closed && seal <= now && base == current);
                        if let Ok(after) = after {
                            prop_assert_eq!(after.version, current + 1);
                            head = Some(after);
                        }
                    }
                    Step::Seal { version, other, lease } => {
                        let Some(old) = head else { continue };
                        let named = if other { digest(99) } else { digest(version) };
                        let sealed = old.seal(version, named, Duration::from_secs(lease), now);
                        let fits = !matches!(old.state, HeadState::Closed(_)) && version == old.version && !other;
                        prop_assert_eq!(sealed.is_ok(), fits);
                        if let Ok((new, until)) = sealed {
                            prop_assert!(until > seal && until >= now.after(Duration::from_secs(lease)));
                            prop_assert_eq!(new.sealed_until(now), Some(until));
                            (head, seal) = (Some(new), until);
                        }
                    }
                    Step::Close(decided) => {
                        let closing = if decided { Closing::Decided } else { Closing::Ended };
                        head = head.map(|head| head.close(closing));
                    }
                    Step::Wait(seconds) => now = now.after(Duration::from_secs(seconds.unsigned_abs())),
                }
            }
        }
    }

    #[test]
    fn the_first_closing_stays() {
        let head = Head { version: 1, digest: digest(1), state: HeadState::Open, corrupted: None };
        let decided = head.close(Closing::Decided);
        assert_eq!(decided.close(Closing::Ended), decided);
        assert_eq!(decided.sealed_until(at(0)), None);
        let minute = Duration::from_secs(60);
        assert_eq!(decided.seal(1, digest(1), minute, at(0)), Err(HeadError::Sealed));
    }

    #[test]
    fn nothing_follows_a_damaged_version_and_a_seal_is_released_by_its_version_only() {
        let open = Head { version: 2, digest: digest(2), state: HeadState::Open, corrupted: None };
        let damaged = Head { corrupted: Some(1), ..open };
        assert_eq!(Head::may_follow(Some(&damaged), 2, at(0)), Err(HeadError::Corrupted(1)));
        assert_eq!(damaged.seal(2, digest(2), Duration::from_secs(1), at(0)), Err(HeadError::Corrupted(1)));
        let (sealed, _) = open.seal(2, digest(2), Duration::from_secs(60), at(0)).unwrap();
        assert_eq!(sealed.release(1, digest(1), None), Err(HeadError::Superseded));
        assert_eq!(sealed.release(2, digest(2), None), Ok(open));
        assert_eq!(open.release(2, digest(2), None), Ok(open));
        assert_eq!(open.close(Closing::Ended).release(2, digest(2), None), Err(HeadError::Sealed));
    }

    #[test]
    fn whoever_sealed_first_does_not_release_what_another_prolonged() {
        let open = Head { version: 1, digest: digest(1), state: HeadState::Open, corrupted: None };
        let minute = Duration::from_secs(60);
        let (first, end) = open.seal(1, digest(1), minute, at(0)).unwrap();
        assert_eq!(first.release(1, digest(1), Some(end)), Ok(open));
        // In the same microsecond.
        let (second, later) = first.seal(1, digest(1), minute, at(0)).unwrap();
        assert_eq!(second.release(1, digest(1), Some(end)), Ok(second));
        assert_eq!(second.release(1, digest(1), Some(later)), Ok(open));
    }

    #[test]
    fn a_seal_can_be_repeated_and_ends() {
        let head = Head { version: 1, digest: digest(1), state: HeadState::Open, corrupted: None };
        let seconds = Duration::from_secs;
        let (sealed, until) = head.seal(1, digest(1), seconds(60), at(0)).unwrap();
        assert_eq!(until, at(60));
        let shorter = sealed.seal(1, digest(1), seconds(10), at(10)).unwrap().1;
        assert_eq!(shorter, at(60).after(Duration::from_micros(1)));
        assert_eq!(sealed.seal(1, digest(1), seconds(60), at(10)).unwrap().1, at(70));
        assert_eq!(Head::may_follow(Some(&sealed), 1, at(59)), Err(HeadError::Sealed));
        assert_eq!(Head::may_follow(Some(&sealed), 1, at(60)), Ok(()));
    }
}
