//! Grants: what a decision lets the executor do.

use std::time::Duration;

use assent_core::grant::{GrantClaims, ISSUER};
use assent_core::id::{GrantKind, SessionId, SigningKeyKind};
use assent_core::{Id, Timestamp};
use assent_plan::Condition;

use super::decision::{ItemState, ItemStatus};
use super::vote::Subject;

/// A signed permission to execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: Id<GrantKind>,
    /// The key that signed it.
    pub key_id: Id<SigningKeyKind>,
    /// The JWT.
    pub token: String,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether it was taken back.
    pub revoked: Option<Revocation>,
}

/// That a grant was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Whether a grant may be acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Valid,
    /// It was taken back.
    Revoked,
    /// Its time is over.
    Expired,
}

impl Grant {
    /// Whether it may be acted on at `now`.
    pub fn standing(&self, now: Timestamp) -> Standing {
        Standing::of(self.revoked.is_some(), self.expires_at, now)
    }
}

impl Standing {
    /// Of a grant at `now`. One that was taken back stays so after its time.
    pub fn of(is_revoked: bool, expires_at: Timestamp, now: Timestamp) -> Self {
        if is_revoked {
            Self::Revoked
        } else if expires_at <= now {
            Self::Expired
        } else {
            Self::Valid
        }
    }
}

/// What a grant says: this session, this version, these items and no others, under these conditions.
///
/// # Errors
/// When a condition cannot be written down.
pub fn claims(
    id: Id<GrantKind>,
    session: SessionId,
    subject: Subject,
    items: &[ItemStatus],
    conditions: &[Condition],
    now: Timestamp,
    ttl: Duration,
) -> Result<GrantClaims, serde_json::Error> {
    let seconds = |time: Timestamp| time.micros().div_euclid(1_000_000);
    let approved = items.iter().filter(|item| item.state == ItemState::Approved);
    Ok(GrantClaims {
        iss: ISSUER.to_owned(),
        sub: session,
        jti: id,
        ver: subject.version,
        dig: subject.digest,
        items: approved.map(|item| (item.item_id.clone(), item.leaf)).collect(),
        conditions: conditions.iter().map(serde_json::to_value).collect::<Result<_, _>>()?,
        amends: None,
        iat: seconds(now),
        nbf: seconds(now),
        exp: seconds(now.after(ttl)),
    })
}

#[cfg(test)]
mod tests {
    use assent_core::{Clock, ContextSource};

    use super::*;

    #[test]
    fn what_was_taken_back_stays_so() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000).unwrap();
        let source = ContextSource::seeded(Clock::manual(at(0)), 1);
        let mut grant = Grant {
            id: source.new_id(),
            key_id: source.new_id(),
            token: String::new(),
            issued_at: at(0),
            expires_at: at(10),
            revoked: None,
        };
        assert_eq!((grant.standing(at(9)), grant.standing(at(10))), (Standing::Valid, Standing::Expired));
        grant.revoked = Some(Revocation { at: at(5), by: "ada".to_owned(), reason: "r".to_owned() });
        assert_eq!((grant.standing(at(9)), grant.standing(at(10))), (Standing::Revoked, Standing::Revoked));
    }
}
