//! The chain of a session: each entry's digest covers the one before, so that a later change, gap or exchange shows.

use assent_core::id::{AuditKind, SessionId};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::Map;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One thing that was done, or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its id.
    pub id: Id<AuditKind>,
    /// 1, 2, 3, … within the session.
    pub sequence: i64,
    /// The session.
    pub session_id: SessionId,
    /// What, e.g. `vote.approve`.
    pub action: String,
    /// By whom, and how that identity was proved.
    pub actor: Actor,
    /// The call; empty where it was none.
    pub request_id: String,
    /// The trace that the call belongs to, 32 hexadecimal digits; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trace_id: String,
    /// When.
    pub time: Timestamp,
    /// Particulars: texts, whole numbers, lists and objects of these.
    pub details: Map,
}

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Sequence of the last entry; 0 when there is none.
    pub sequence: i64,
    /// Its digest.
    pub digest: Digest,
}

impl Head {
    /// Before the first entry.
    pub const START: Self = Self { sequence: 0, digest: Digest::from_bytes([0; 32]) };
}

impl Entry {
    /// SHA-256 over the digest of the entry before and the RFC 8785 JSON of this one.
    ///
    /// # Errors
    /// When the details hold a number that has no canonical form.
    pub fn digest(&self, previous: &Digest) -> Result<Digest, serde_json::Error> {
        let canonical = serde_json_canonicalizer::to_vec(&self.canonical())?;
        Ok(Digest::of(&[previous.as_bytes(), &canonical]))
    }

    /// The object that is digested. It has no member `trace_id` where there is no trace.
    fn canonical(&self) -> Value {
        let mut entry = json!({
            "id": self.id,
            "sequence": self.sequence,
            "session_id": self.session_id,
            "action": self.action,
            "actor": self.actor,
            "request_id": self.request_id,
            "time": self.time.to_string(),
            "details": self.details,
        });
        if !self.trace_id.is_empty() {
            entry["trace_id"] = self.trace_id.clone().into();
        }
        entry
    }
}

/// What a recomputation found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Entries that were checked.
    pub entries: i64,
    /// The last digest that was recomputed.
    pub head: Digest,
    /// The first entry that does not fit, and what does not fit about it.
    pub broken: Option<(i64, String)>,
}

/// Recomputes a chain, entry by entry.
#[derive(Debug)]
pub struct Verifier {
    at: Head,
    broken: Option<(i64, String)>,
}

impl Default for Verifier {
    fn default() -> Self {
        Self { at: Head::START, broken: None }
    }
}

impl Verifier {
    /// Checks the next entry against the digest that is stored with it.
    pub fn check(&mut self, entry: &Entry, stored: &Digest) {
        if self.broken.is_some() {
            return;
        }
        let expected = self.at.sequence + 1;
        if entry.sequence != expected {
            self.broken =
                Some((expected, format!("entry {expected} is missing; {} follows", entry.sequence)));
            return;
        }
        match entry.digest(&self.at.digest) {
            Ok(digest) if digest == *stored => self.at = Head { sequence: expected, digest },
            Ok(_) => self.broken = Some((expected, "the entry, or one before it, was changed".to_owned())),
            Err(_) => self.broken = Some((expected, "the entry has no canonical form".to_owned())),
        }
    }

    /// Compares with the end of the chain that is kept with the session.
    pub fn finish(mut self, head: &Head) -> Verdict {
        if self.broken.is_none() && self.at != *head {
            let missing = self.at.sequence + 1;
            self.broken = Some(if self.at.sequence < head.sequence {
                (missing, format!("entries {missing} to {} are missing", head.sequence))
            } else {
                (self.at.sequence, "the session knows another end of the chain".to_owned())
            });
        }
        Verdict { entries: self.at.sequence, head: self.at.digest, broken: self.broken }
    }
}

#[cfg(test)]
mod tests {
    use assent_core::{Clock, ContextSource};
    use proptest::prelude::*;

    use super::*;

    fn chain(length: i64) -> (Vec<(Entry, Digest)>, Head) {
        let clock = Clock::manual(Timestamp::from_micros(1_700_000_000_000_000).unwrap());
        let source = ContextSource::seeded(clock, 7);
        let session_id = source.new_id();
        let mut head = Head::START;
        let mut entries = Vec::new();
        for sequence in 1..=length {
            let entry = Entry {
                id: source.new_id(),
                sequence,
                session_id,
                action: "vote.approve".to_owned(),
                actor: Actor::system("test"),
                request_id: String::new(),
                trace_id: if sequence % 2 == 0 {
                    "4bf92f3577b34da6a3ce929d0e0e4736".to_owned()
                } else {
                    String::new()
                },
                time: source.now(),
                details: Map::from_iter([("n".to_owned(), sequence.into())]),
            };
            let digest = entry.digest(&head.digest).unwrap();
            head = Head { sequence, digest };
            entries.push((entry, digest));
        }
        (entries, head)
    }

    fn verify(entries: &[(Entry, Digest)], head: &Head) -> Verdict {
        let mut verifier = Verifier::default();
        entries.iter().for_each(|(entry, digest)| verifier.check(entry, digest));
        verifier.finish(head)
    }

    #[test]
    fn an_untouched_chain_is_intact() {
        let (entries, head) = chain(5);
        let verdict = verify(&entries, &head);
        assert_eq!(verdict, Verdict { entries: 5, head: head.digest, broken: None });
        assert_eq!(verify(&[], &Head::START).broken, None);
    }

    proptest! {
        #[test]
        fn change_gap_exchange_and_cut_are_found(length in 2..8_i64, at in 0..8_usize, how in 0..6_u8) {
            let (mut entries, head) = chain(length);
            let at = at % entries.len();
            let broken_at = match how {
                0 => {
                    entries[at].0.details.insert("n".to_owned(), 99.into());
                    at
                }
                1 => {
                    entries.remove(at);
                    at
                }
                3 => {
                    entries[at].0.trace_id.push('0');
                    at
                }
                4 => {
                    entries[at].0.actor.credential = "guessed".to_owned();
                    at
                }
                2 => {
                    let other = (at + 1) % entries.len();
                    entries.swap(at, other);
                    at.min(other)
                }
                _ => {
                    entries.truncate(at);
                    at
                }
            };
            let (found, _) = verify(&entries, &head).broken.unwrap();
            prop_assert_eq!(found, i64::try_from(broken_at).unwrap() + 1);
        }
    }
}
