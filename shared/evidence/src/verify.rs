//! Checking an evidence bundle without any server: that nothing in it was changed since it was signed, and that what it
//! says fits together.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use assent_core::Digest;
use assent_core::grant::GrantClaims;
use assent_core::id::SessionId;
use assent_plan::{PlanDigest, diff, merkle};
use serde_json::Value;

use crate::bundle::{
    CommentPart, DecisionPart, ExecutionPart, FORMAT, File, KeptEntry, Manifest, Parts, VersionPart, digests,
};
use crate::chain::Verifier;
use crate::head::HeadClaims;
use crate::keys::PublicKeys;

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The part of the bundle, or `file`, or `manifest`.
    pub part: &'static str,
    /// What.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.text)
    }
}

/// What a sound bundle proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The session.
    pub session: SessionId,
    /// What was asked for.
    pub goal: String,
    /// What was decided; none where nothing is.
    pub outcome: Option<String>,
    /// Everybody who approved.
    pub approvers: Vec<String>,
    /// Audit entries.
    pub entries: usize,
    /// Of these, under a signed head of the log.
    pub logged: usize,
    /// When the bundle was signed, in seconds since the Unix epoch.
    pub signed_at: i64,
    /// The keys that it was checked with were its own: whoever made the file may have made them up.
    pub own_keys: bool,
}

/// Checks the bytes of a file. Without `trusted` keys, those in the file are taken.
///
/// # Errors
/// Everything that does not fit; at least one problem.
pub fn verify(bytes: &[u8], trusted: Option<&PublicKeys>) -> Result<Proof, Vec<Problem>> {
    let one = |part, text: &str| vec![Problem { part, text: text.to_owned() }];
    let value: Value = serde_json::from_slice(bytes).map_err(|e| one("file", &format!("is no JSON: {e}")))?;
    // Also what two readers could read in two ways: a member twice, another spelling of a number.
    let canonical = serde_json_canonicalizer::to_vec(&value).map_err(|e| one("file", &e.to_string()))?;
    if canonical != bytes {
        return Err(one("file", "is not in the canonical form in which it was written"));
    }
    let file: File = serde_json::from_value(value).map_err(|e| one("file", &format!("is no bundle: {e}")))?;
    if file.format != FORMAT {
        return Err(one("file", &format!("has the format {:?}; this program reads {FORMAT:?}", file.format)));
    }
    let found = digests(&file.parts).map_err(|e| one("file", &e.to_string()))?;
    let parts: Value = file.parts.into_iter().collect();
    let parts: Parts =
        serde_json::from_value(parts).map_err(|e| one("file", &format!("is no bundle: {e}")))?;
    let own =
        PublicKeys::read(&parts.keys).ok_or_else(|| one("keys", "hold something that is no Ed25519 key"))?;
    let mut check = Check { parts: &parts, keys: trusted.unwrap_or(&own), problems: Vec::new() };
    let signed_at = check.manifest(&file.manifest, &found);
    check.all();
    if !check.problems.is_empty() {
        return Err(check.problems);
    }
    Ok(Proof {
        session: parts.session.id,
        goal: parts.session.goal.clone(),
        outcome: parts.decision.as_ref().map(|decision| decision.outcome.clone()),
        approvers: parts.decision.as_ref().map(|decision| decision.approvers.clone()).unwrap_or_default(),
        entries: parts.audit.entries.len(),
        logged: parts.log.entries.len(),
        signed_at,
        own_keys: trusted.is_none(),
    })
}

struct Check<'b> {
    parts: &'b Parts,
    keys: &'b PublicKeys,
    problems: Vec<Problem>,
}

impl<'b> Check<'b> {
    fn problem(&mut self, part: &'static str, text: impl Into<String>) {
        self.problems.push(Problem { part, text: text.into() });
    }

    fn manifest(&mut self, token: &str, found: &BTreeMap<String, Digest>) -> i64 {
        let claims = match self.keys.verify::<Manifest>(token) {
            Ok(claims) => claims,
            Err(error) => {
                self.problem("manifest", error.to_string());
                return 0;
            }
        };
        if claims.evidence != FORMAT || claims.sub != self.parts.session.id {
            self.problem("manifest", "is that of another bundle");
        }
        if claims.parts != *found {
            let names = claims.parts.keys().chain(found.keys()).collect::<BTreeSet<_>>();
            let changed: Vec<_> =
                names.into_iter().filter(|name| claims.parts.get(*name) != found.get(*name)).collect();
            self.problem("manifest", format!("signs other parts; changed: {changed:?}"));
        }
        claims.iat
    }

    fn all(&mut self) {
        self.audit();
        self.log();
        self.versions();
        self.votes();
        self.comments();
        self.decision();
        self.executions();
    }

    fn audit(&mut self) {
        let audit = &self.parts.audit;
        let mut verifier = Verifier::default();
        for kept in &audit.entries {
            if kept.entry.session_id != self.parts.session.id {
                self.problem("audit", format!("entry {} is of another session", kept.entry.sequence));
            }
            verifier.check(&kept.entry, &kept.digest);
        }
        if let Some((at, what)) = verifier.finish(&audit.head).broken {
            self.problem("audit", format!("broken at entry {at}: {what}"));
        }
    }

    fn log(&mut self) {
        let log = &self.parts.log;
        let Some(token) = &log.head else {
            if !log.entries.is_empty() {
                self.problem("log", "has no signed head");
            }
            return;
        };
        let head = match self.keys.verify::<HeadClaims>(token) {
            Ok(head) => head,
            Err(error) => return self.problem("log", format!("the head {error}")),
        };
        let digests: BTreeMap<i64, Digest> =
            self.parts.audit.entries.iter().map(|kept| (kept.entry.sequence, kept.digest)).collect();
        let mut indexes = BTreeSet::new();
        for logged in &log.entries {
            let leaf = digests.get(&logged.sequence).map(|digest| merkle::leaf(digest.as_bytes()));
            let fits = logged.proof.size == head.tree_size
                && indexes.insert(logged.proof.index)
                && leaf.is_some_and(|leaf| merkle::verify(&head.root, &leaf, &logged.proof));
            if !fits {
                self.problem("log", format!("entry {} does not lead to the signed head", logged.sequence));
            }
        }
    }

    fn version(&self, number: i32, digest: &Digest) -> Option<&'b VersionPart> {
        self.parts.versions.iter().find(|version| version.number == number && version.digest == *digest)
    }

    fn versions(&mut self) {
        let versions = &self.parts.versions;
        for version in versions {
            match PlanDigest::of(&version.plan) {
                Ok(digest) if digest.root == version.digest => {}
                Ok(_) | Err(_) => {
                    self.problem("versions", format!("version {} has another digest", version.number));
                }
            }
        }
        let pairs: Vec<_> = versions.windows(2).collect();
        if pairs.iter().any(|pair| pair[0].number >= pair[1].number) {
            self.problem("versions", "are not in order");
        }
        let expected =
            pairs.iter().map(|pair| (pair[0].number, pair[1].number, diff(&pair[0].plan, &pair[1].plan)));
        let told = self.parts.diffs.iter().map(|diff| (diff.from, diff.to, diff.changes.clone()));
        if !expected.eq(told) {
            self.problem("diffs", "are not the differences between the versions");
        }
        let session = &self.parts.session;
        if self.version(session.version, &session.digest).is_none() {
            self.problem("session", "names a version that is not there");
        }
        let policy = &self.parts.policy;
        let assessed = versions.iter().find(|version| version.number == policy.version);
        let fits = assessed.is_some_and(|version| {
            version.risk.policy_digest == policy.digest && version.risk.requirement == policy.requirement
        });
        if !fits {
            self.problem("policy", "is not what the version was assessed by");
        }
    }

    /// Entries whose details name this under `key`.
    fn entries_about(&self, key: &str, id: &str) -> impl Iterator<Item = &'b KeptEntry> {
        let entries = self.parts.audit.entries.iter();
        entries.filter(move |kept| kept.entry.details.get(key).and_then(Value::as_str) == Some(id))
    }

    fn votes(&mut self) {
        for vote in &self.parts.votes {
            if self.version(vote.version, &vote.digest).is_none() {
                self.problem("votes", format!("{} is on a version that is not there", vote.id));
            }
            let action = format!("vote.{}", vote.choice);
            let cast = self.entries_about("vote", &vote.id.to_string()).any(|kept| {
                let (entry, details) = (&kept.entry, &kept.entry.details);
                let given = entry.action == action
                    && entry.actor.id == vote.voter.id
                    && details.get("digest") == Some(&Value::from(vote.digest.to_string()))
                    && details.get("reason") == Some(&Value::from(vote.reason.as_str()));
                // A vote that a new version left untouched was given on an older one.
                let carried = entry.action == "vote.kept"
                    && details.get("voter") == Some(&Value::from(vote.voter.id.as_str()))
                    && details.get("version") == Some(&Value::from(vote.version))
                    && details.get("given_on") == Some(&Value::from(vote.given_on));
                given || carried
            });
            if !cast {
                self.problem("votes", format!("the audit does not tell of {}", vote.id));
            }
        }
        let entries = self.parts.audit.entries.iter();
        let told = entries.clone().filter(|kept| kept.entry.action.starts_with("vote."));
        let dismissed: BTreeSet<_> = entries
            .filter(|kept| kept.entry.action == "vote.dismissed")
            .filter_map(|kept| kept.entry.details.get("vote")?.as_str())
            .collect();
        let missing = told.filter_map(|kept| kept.entry.details.get("vote")?.as_str()).find(|id| {
            !dismissed.contains(id) && !self.parts.votes.iter().any(|vote| vote.id.to_string() == *id)
        });
        if let Some(missing) = missing {
            self.problem("votes", format!("{missing}, of which the audit tells, is not there"));
        }
    }

    fn comments(&mut self) {
        for comment in &self.parts.comments {
            if let Some(text) = self.comment(comment) {
                self.problem("comments", format!("{} {text}", comment.id));
            }
        }
        let told = self.parts.audit.entries.iter();
        let told =
            told.filter(|kept| matches!(kept.entry.action.as_str(), "comment.added" | "comment.replied"));
        let missing = told
            .filter_map(|kept| kept.entry.details.get("comment")?.as_str())
            .find(|id| !self.parts.comments.iter().any(|comment| comment.id.to_string() == *id));
        if let Some(missing) = missing {
            self.problem("comments", format!("{missing}, of which the audit tells, is not there"));
        }
    }

    fn comment(&self, comment: &CommentPart) -> Option<&'static str> {
        let entries: Vec<_> = self.entries_about("comment", &comment.id.to_string()).collect();
        let Some(added) = entries.first() else { return Some("is not in the audit") };
        if added.entry.actor.id != comment.author.id {
            return Some("is somebody else's in the audit");
        }
        let said = entries.iter().rev().find_map(|kept| kept.entry.details.get("content_digest")?.as_str());
        let content = comment.content.as_ref()?;
        let now = Digest::of(&[content.as_bytes()]).to_string();
        (said != Some(now.as_str())).then_some("says something else in the audit")
    }

    fn decision(&mut self) {
        let told = self.parts.audit.entries.iter().find(|kept| {
            kept.entry.details.contains_key("decision") && kept.entry.details.contains_key("outcome")
        });
        match (&self.parts.decision, told) {
            (None, None) => {}
            (Some(decision), Some(kept)) => {
                if self.version(decision.version, &decision.digest).is_none() {
                    self.problem("decision", "is about a version that is not there");
                }
                if !tells(kept, decision) {
                    self.problem("decision", "is another one in the audit");
                }
            }
            (Some(_), None) => self.problem("decision", "is not in the audit"),
            (None, Some(_)) => self.problem("decision", "is not there, but in the audit"),
        }
        self.grant();
    }

    fn grant(&mut self) {
        let Some(token) = &self.parts.grant else { return };
        let claims = match self.keys.verify::<GrantClaims>(token) {
            Ok(claims) => claims,
            Err(error) => return self.problem("grant", error.to_string()),
        };
        let Some(decision) = &self.parts.decision else { return self.problem("grant", "has no decision") };
        let about = claims.sub == self.parts.session.id
            && (claims.ver, claims.dig) == (decision.version, decision.digest);
        if !about {
            self.problem("grant", "is about something else than the decision");
        }
        let items: BTreeSet<_> = claims.items.keys().cloned().collect();
        let leaves =
            self.version(claims.ver, &claims.dig).and_then(|version| PlanDigest::of(&version.plan).ok());
        let leaves: BTreeMap<String, Digest> = leaves
            .map(|digest| digest.leaves.into_iter().map(|(key, leaf)| (key.to_string(), leaf)).collect())
            .unwrap_or_default();
        let known = claims.items.iter().all(|(id, leaf)| leaves.get(&format!("item/{id}")) == Some(leaf));
        if !known || items != decision.approved_items.iter().cloned().collect::<BTreeSet<_>>() {
            self.problem("grant", "permits other items than were approved");
        }
        if self.entries_about("grant", &claims.jti.to_string()).next().is_none() {
            self.problem("grant", "is not in the audit");
        }
    }

    fn executions(&mut self) {
        if executions(&self.parts.audit.entries) != self.parts.executions {
            self.problem("executions", "are others in the audit");
        }
    }
}

fn tells(kept: &KeptEntry, decision: &DecisionPart) -> bool {
    let (entry, details) = (&kept.entry, &kept.entry.details);
    let text = |key: &str| details.get(key).and_then(Value::as_str).unwrap_or_default();
    entry.actor.id == decision.decided_by.id
        && text("decision") == decision.id.to_string()
        && text("outcome") == decision.outcome
        && text("digest") == decision.digest.to_string()
        && text("reason") == decision.reason
        && details.get("approvers") == Some(&Value::from(decision.approvers.clone()))
}

/// What the executor did, as a chain tells it.
pub fn executions(entries: &[KeptEntry]) -> Vec<ExecutionPart> {
    let told = entries.iter().map(|kept| &kept.entry).filter(|entry| entry.action.starts_with("execution."));
    let part = |entry: &crate::chain::Entry| ExecutionPart {
        action: entry.action.clone(),
        time: entry.time,
        details: entry.details.clone(),
    };
    told.map(part).collect()
}
