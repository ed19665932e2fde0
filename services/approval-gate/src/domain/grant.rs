//! Grants: what a decision lets the executor do.

use std::time::Duration;

use assent_core::grant::{GrantClaims, ISSUER};
use assent_core::id::{GrantKind, SessionId, SigningKeyKind};
use assent_core::{Id, Timestamp};

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
}

/// What a grant says: this session, this version, these items and no others.
pub fn claims(
    id: Id<GrantKind>,
    session: SessionId,
    subject: Subject,
    items: &[ItemStatus],
    now: Timestamp,
    ttl: Duration,
) -> GrantClaims {
    let seconds = |time: Timestamp| time.micros().div_euclid(1_000_000);
    let approved = items.iter().filter(|item| item.state == ItemState::Approved);
    GrantClaims {
        iss: ISSUER.to_owned(),
        sub: session,
        jti: id,
        ver: subject.version,
        dig: subject.digest,
        items: approved.map(|item| (item.item_id.clone(), item.leaf)).collect(),
        conditions: Vec::new(),
        iat: seconds(now),
        nbf: seconds(now),
        exp: seconds(now.after(ttl)),
    }
}
