//! The evidence bundle: one file with everything about one session. The file is the RFC 8785 canonical JSON of an object
//! with `format`, `parts` and `manifest`; the manifest is an EdDSA JWT over the digest of each part. So any other byte
//! anywhere shows, whatever reads the file.

use std::collections::BTreeMap;

use assent_core::id::{CommentKind, DecisionKind, PlanKind, SessionId, VoteKind};
use assent_core::{Actor, Digest, Id, Timestamp};
use assent_plan::merkle::InclusionProof;
use assent_plan::{ApprovalRequirement, Map, Plan, PlanChange, PlanEstimate, RiskAssessment};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chain::{Entry, Head};
use crate::keys::Jwk;

/// Which format a file is of.
pub const FORMAT: &str = "assent.evidence/1";

/// Everything about one session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// What was asked, by whom, and how it ended.
    pub session: SessionPart,
    /// Every version that is kept, in order.
    pub versions: Vec<VersionPart>,
    /// What differs between each version and the one before.
    pub diffs: Vec<DiffPart>,
    /// What the policy asked for, of the version that was decided on, else of the last one.
    pub policy: PolicyPart,
    /// Every vote on every version.
    pub votes: Vec<VotePart>,
    /// What was said.
    pub comments: Vec<CommentPart>,
    /// The outcome.
    pub decision: Option<DecisionPart>,
    /// The permission to execute, a JWT.
    pub grant: Option<String>,
    /// What the executor did, as the audit tells it.
    pub executions: Vec<ExecutionPart>,
    /// The chain.
    pub audit: AuditPart,
    /// Where the entries of the chain stand in the log over all chains.
    pub log: LogPart,
    /// The public keys.
    pub keys: Vec<Jwk>,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionPart {
    /// Its id.
    pub id: SessionId,
    /// The plan.
    pub plan_id: Id<PlanKind>,
    /// What the plan is for.
    pub goal: String,
    /// Where the review stands.
    pub state: String,
    /// The current version.
    pub version: i32,
    /// Its digest.
    pub digest: Digest,
    /// Who asked.
    pub requester: Actor,
    /// For whom; empty where that is nobody else.
    pub on_behalf_of: String,
    /// When.
    pub created_at: Timestamp,
}

/// A version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionPart {
    /// Its number.
    pub number: i32,
    /// Its digest, which is recomputed from the plan.
    pub digest: Digest,
    /// Who made it.
    pub author: Actor,
    /// When, where versioning says so.
    pub created_at: Option<Timestamp>,
    /// Why.
    pub description: String,
    /// The plan.
    pub plan: Plan,
    /// What it was expected to take.
    pub estimate: Option<PlanEstimate>,
    /// What could go wrong.
    pub risk: RiskAssessment,
}

/// What differs between two versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffPart {
    /// The earlier one.
    pub from: i32,
    /// The later one.
    pub to: i32,
    /// Every difference.
    pub changes: Vec<PlanChange>,
}

/// What a policy asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyPart {
    /// The version that was assessed.
    pub version: i32,
    /// Digest of the policy's text.
    pub digest: Digest,
    /// Who must agree.
    pub requirement: ApprovalRequirement,
}

/// A vote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VotePart {
    /// Its id.
    pub id: Id<VoteKind>,
    /// The version.
    pub version: i32,
    /// Its digest.
    pub digest: Digest,
    /// Whose hand it was.
    pub voter: Actor,
    /// Whose voice it was: the voter's own, or that of somebody who delegated.
    pub voice: String,
    /// The version on which it was given, where it was kept for a newer one.
    pub given_on: Option<i32>,
    /// `approve` or `reject`.
    pub choice: String,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommentPart {
    /// Its id.
    pub id: Id<CommentKind>,
    /// The first comment of its thread.
    pub parent: Option<Id<CommentKind>>,
    /// Who.
    pub author: Actor,
    /// `general`, `concern`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// `plan`, `work_item`, `edge` or `estimate`.
    pub scope: String,
    /// The item, or the first end of the dependency.
    pub item: String,
    /// The other end.
    pub edge_to: String,
    /// The version that it is about.
    pub version: i32,
    /// When.
    pub created_at: Timestamp,
    /// What; none where it was taken back or hidden.
    pub content: Option<String>,
    /// Whether it is settled.
    pub resolved: bool,
}

/// An outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionPart {
    /// Its id.
    pub id: Id<DecisionKind>,
    /// What was decided.
    pub outcome: String,
    /// The version.
    pub version: i32,
    /// Its digest.
    pub digest: Digest,
    /// Whose vote decided, or the clock, or the policy.
    pub decided_by: Actor,
    /// When.
    pub decided_at: Timestamp,
    /// Why.
    pub reason: String,
    /// Items that may run.
    pub approved_items: Vec<String>,
    /// Everybody who approved.
    pub approvers: Vec<String>,
}

/// Something that the executor did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionPart {
    /// What, e.g. `execution.completed`.
    pub action: String,
    /// When.
    pub time: Timestamp,
    /// Particulars.
    pub details: Map,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditPart {
    /// Every entry, oldest first.
    pub entries: Vec<KeptEntry>,
    /// Its end, as the session knows it.
    pub head: Head,
}

/// An entry with the digest that is stored with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptEntry {
    /// The entry.
    pub entry: Entry,
    /// Its digest.
    pub digest: Digest,
}

/// The way from a chain to the log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogPart {
    /// The newest signed head, a JWT.
    pub head: Option<String>,
    /// The entries that it covers.
    pub entries: Vec<LoggedEntry>,
}

/// Where an entry stands in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedEntry {
    /// The entry's sequence.
    pub sequence: i64,
    /// The way to the head's root.
    pub proof: InclusionProof,
}

/// What the signature of a bundle says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `assent`.
    pub iss: String,
    /// [`FORMAT`].
    pub evidence: String,
    /// The session.
    pub sub: SessionId,
    /// When it was signed, in whole seconds since the Unix epoch.
    pub iat: i64,
    /// SHA-256 of the canonical JSON of each part.
    pub parts: BTreeMap<String, Digest>,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) format: String,
    pub(crate) manifest: String,
    pub(crate) parts: BTreeMap<String, Value>,
}

/// The digest of each part.
pub(crate) fn digests(
    parts: &BTreeMap<String, Value>,
) -> Result<BTreeMap<String, Digest>, serde_json::Error> {
    let digest = |(name, part): (&String, &Value)| {
        let canonical = serde_json_canonicalizer::to_vec(part)?;
        Ok((name.clone(), Digest::of(&[&canonical])))
    };
    parts.iter().map(digest).collect()
}

/// Why a bundle cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SealError<E: std::error::Error + 'static> {
    /// A part has no canonical form.
    #[error("a part of the bundle has no canonical form")]
    Canonical(#[from] serde_json::Error),
    /// The manifest cannot be signed.
    #[error("the manifest cannot be signed")]
    Sign(#[source] E),
}

/// The file of `parts`, signed by `sign` at `iat` (seconds since the Unix epoch).
///
/// # Errors
/// When a part has no canonical form, or `sign` fails.
pub fn seal<E: std::error::Error + 'static>(
    parts: &Parts,
    iat: i64,
    sign: impl FnOnce(&Manifest) -> Result<String, E>,
) -> Result<Vec<u8>, SealError<E>> {
    let parts_json: BTreeMap<String, Value> = serde_json::from_value(serde_json::to_value(parts)?)?;
    let manifest = Manifest {
        iss: assent_core::grant::ISSUER.to_owned(),
        evidence: FORMAT.to_owned(),
        sub: parts.session.id,
        iat,
        parts: digests(&parts_json)?,
    };
    let manifest = sign(&manifest).map_err(SealError::Sign)?;
    let file = File { format: FORMAT.to_owned(), manifest, parts: parts_json };
    Ok(serde_json_canonicalizer::to_vec(&file)?)
}
