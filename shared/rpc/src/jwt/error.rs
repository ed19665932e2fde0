//! Why a token is not believed, as its bearer may know.

use std::time::Duration;

use assent_core::{Code, Fault, Reason};

/// A bearer token that proves nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No token of this server's, and no JWT of an issuer that it believes.
    #[error("the bearer token is not known")]
    Unknown,
    /// It is no token at all.
    #[error("the bearer token is malformed: {0}")]
    Malformed(&'static str),
    /// Nobody believes its issuer.
    #[error("the bearer token is of an issuer that is not believed here")]
    Issuer,
    /// Signed in a way that its issuer may not use; also not signed at all.
    #[error("the bearer token is signed by an algorithm that is not accepted")]
    Algorithm,
    /// Signed by a key that its issuer does not publish.
    #[error("the bearer token is signed by a key that its issuer does not publish")]
    Key,
    /// The signature is not of that key, or the token was changed.
    #[error("the signature of the bearer token is wrong")]
    Signature,
    /// It is over.
    #[error("the bearer token has expired")]
    Expired,
    /// It is for later.
    #[error("the bearer token is not valid yet")]
    NotYetValid,
    /// It is for somebody else.
    #[error("the bearer token is not meant for this server")]
    Audience,
    /// A claim that is needed is missing or of no use.
    #[error("the bearer token lacks a usable claim {0:?}")]
    Claim(String),
    /// The issuer's keys could not be fetched yet.
    #[error("the keys of the token's issuer cannot be had right now")]
    KeysUnavailable,
}

impl Fault for TokenError {
    fn code(&self) -> Code {
        match self {
            Self::KeysUnavailable => Code::Unavailable,
            _ => Code::Unauthenticated,
        }
    }

    fn reason(&self) -> Reason {
        Reason::new(match self {
            Self::Unknown => "CREDENTIAL_UNKNOWN",
            Self::Malformed(_) => "CREDENTIAL_MALFORMED",
            Self::Issuer => "CREDENTIAL_ISSUER_UNKNOWN",
            Self::Algorithm => "CREDENTIAL_ALGORITHM_REFUSED",
            Self::Key => "CREDENTIAL_KEY_UNKNOWN",
            Self::Signature => "CREDENTIAL_SIGNATURE_INVALID",
            Self::Expired => "CREDENTIAL_EXPIRED",
            Self::NotYetValid => "CREDENTIAL_NOT_YET_VALID",
            Self::Audience => "CREDENTIAL_AUDIENCE_WRONG",
            Self::Claim(_) => "CREDENTIAL_CLAIM_MISSING",
            Self::KeysUnavailable => "CREDENTIAL_KEYS_UNAVAILABLE",
        })
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::Claim(claim) => vec![("claim".to_owned(), claim.clone())],
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::KeysUnavailable).then_some(Duration::from_secs(1))
    }
}

/// An issuer that cannot be configured so.
#[derive(Debug, thiserror::Error)]
#[error("issuer {issuer:?}: {problem}")]
pub struct IssuerError {
    /// As configured.
    pub issuer: String,
    /// What is wrong with it.
    pub problem: String,
}
