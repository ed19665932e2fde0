//! What a grant says: the signed permission to execute that a decision produces. The approval gate signs it as an
//! EdDSA JWT; an executor acts on nothing else, and checks every claim itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{GrantKind, Id, SessionId};
use crate::time::Timestamp;

/// Issuer of every grant.
pub const ISSUER: &str = "assent";

/// The claims of a grant. Times are whole seconds since the Unix epoch, as in every JWT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantClaims {
    /// [`ISSUER`].
    pub iss: String,
    /// The session that was decided.
    pub sub: SessionId,
    /// Id of this grant.
    pub jti: Id<GrantKind>,
    /// The version that may run.
    pub ver: i32,
    /// Digest of that version's plan.
    pub dig: Digest,
    /// Items that may run, by id, each with its leaf in the digest's tree. What is not listed must not run.
    pub items: BTreeMap<String, Digest>,
    /// What the execution must keep to, as proto3 JSON of `assent.review.v1.ApprovalCondition`; the crate for plans
    /// reads and judges them (`Condition`). All must hold, and whoever does not know one runs nothing.
    pub conditions: Vec<serde_json::Value>,
    /// Of which execution this is a part, when it is for values that lay outside an approved bound there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amends: Option<Amends>,
    /// When it was signed.
    pub iat: i64,
    /// Not valid before.
    pub nbf: i64,
    /// Not valid from then on.
    pub exp: i64,
}

/// The item whose values were reviewed anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amends {
    /// The session whose plan is being executed.
    pub session: SessionId,
    /// The item in that plan.
    pub item: String,
}

impl GrantClaims {
    /// Whether the grant may be acted on at `time`.
    pub fn is_valid_at(&self, time: Timestamp) -> bool {
        let seconds = time.micros().div_euclid(1_000_000);
        self.nbf <= seconds && seconds < self.exp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_holds_from_nbf_until_just_before_exp() {
        let json = serde_json::json!({
            "iss": ISSUER, "sub": "ses_0190163d8694739aaea5966c26f8ad91", "jti": "gra_0190163d8694739aaea5966c26f8ad91",
            "ver": 1, "dig": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "items": {},
            "conditions": [], "iat": 10, "nbf": 10, "exp": 20
        });
        let claims: GrantClaims = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&claims).unwrap(), json);
        let valid = |micros| claims.is_valid_at(Timestamp::from_micros(micros).unwrap());
        assert_eq!([9_999_999, 10_000_000, 19_999_999, 20_000_000].map(valid), [false, true, true, false]);
    }
}
