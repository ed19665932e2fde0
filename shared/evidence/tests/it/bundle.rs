use std::collections::BTreeMap;
use std::sync::LazyLock;

use assent_core::grant::{GrantClaims, ISSUER};
use assent_core::{Actor, ActorKind, Clock, ContextSource, Digest, Timestamp};
use assent_evidence::bundle::{
    AuditPart, CommentPart, DecisionPart, DiffPart, KeptEntry, LogPart, LoggedEntry, Parts, PolicyPart,
    SessionPart, VersionPart, VotePart, seal,
};
use assent_evidence::{Entry, Head, HeadClaims, Jwk, PublicKeys, executions, log, verify};
use assent_plan::{ApprovalRequirement, Plan, PlanDigest, RiskAssessment, RiskLevel, diff};
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

/// RFC 8410: what comes before the seed in a PKCS #8 document.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const SEED: [u8; 32] = [7; 32];

fn source() -> ContextSource {
    ContextSource::seeded(Clock::manual(Timestamp::from_micros(1_800_000_000_000_000).unwrap()), 5)
}

fn sign(seed: &[u8; 32], claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
    let kid = format!("key_{}", "0".repeat(32));
    let header = Header { kid: Some(kid), ..Header::new(Algorithm::EdDSA) };
    let key = EncodingKey::from_ed_der(&[PKCS8_PREFIX.as_slice(), seed].concat());
    jsonwebtoken::encode(&header, claims, &key)
}

fn jwk(seed: &[u8; 32]) -> Jwk {
    let public = SigningKey::from_bytes(seed).verifying_key().to_bytes();
    Jwk::new(format!("key_{}", "0".repeat(32)).parse().unwrap(), &public)
}

fn person(id: &str) -> Actor {
    Actor { id: id.to_owned(), kind: ActorKind::User, ..Actor::system(id) }
}

fn plan(command: &str) -> Plan {
    let item = |id: &str| json!({"id": id, "name": id, "tool": "shell", "arguments": {"command": [command], "ratio": 0.5}});
    serde_json::from_value(json!({
        "goal": "show \u{e9}", "items": [item("a"), item("b")], "dependencies": [{"from": "a", "to": "b"}],
    }))
    .unwrap()
}

fn version(number: i32, command: &str) -> VersionPart {
    let plan = plan(command);
    VersionPart {
        number,
        digest: PlanDigest::of(&plan).unwrap().root,
        author: person("rob"),
        created_at: Some(source().now()),
        description: "made".to_owned(),
        estimate: None,
        risk: RiskAssessment {
            level: RiskLevel::High,
            factors: Vec::new(),
            items: BTreeMap::new(),
            policy_digest: Digest::of(&[b"policy"]),
            requirement: ApprovalRequirement {
                roles: vec!["lead".to_owned()],
                quorum: 1,
                ..Default::default()
            },
        },
        plan,
    }
}

/// A session with two versions, a comment, a vote, a decision, a grant and an execution.
fn parts() -> Parts {
    let source = source();
    let session = source.new_id();
    let versions = vec![version(1, "true"), version(2, "false")];
    let (second, ada) = (versions[1].clone(), person("ada"));
    let vote = VotePart {
        id: source.new_id(),
        version: 2,
        digest: second.digest,
        voter: ada.clone(),
        voice: "ada".to_owned(),
        given_on: None,
        choice: "approve".to_owned(),
        reason: "fine".to_owned(),
        created_at: source.now(),
    };
    let comment = CommentPart {
        id: source.new_id(),
        parent: None,
        author: person("dev"),
        kind: "concern".to_owned(),
        scope: "plan".to_owned(),
        item: String::new(),
        edge_to: String::new(),
        version: 2,
        created_at: source.now(),
        content: Some("is it?".to_owned()),
        resolved: true,
    };
    let decision = DecisionPart {
        id: source.new_id(),
        outcome: "approved".to_owned(),
        version: 2,
        digest: second.digest,
        decided_by: ada.clone(),
        decided_at: source.now(),
        reason: "fine".to_owned(),
        approved_items: vec!["a".to_owned(), "b".to_owned()],
        approvers: vec!["ada".to_owned()],
    };
    let leaves = PlanDigest::of(&second.plan).unwrap();
    let leaf = |id: &str| (id.to_owned(), *leaves.item(&id.parse().unwrap()).unwrap());
    let grant = GrantClaims {
        iss: ISSUER.to_owned(),
        sub: session,
        jti: source.new_id(),
        ver: 2,
        amends: Default::default(),
        dig: second.digest,
        items: BTreeMap::from([leaf("a"), leaf("b")]),
        conditions: Vec::new(),
        iat: 1_800_000_000,
        nbf: 1_800_000_000,
        exp: 1_800_000_100,
    };
    let mut head = Head::START;
    let mut entries = Vec::new();
    let said = Digest::of(&[b"is it?"]);
    for (action, actor, details) in [
        ("session.submitted", person("rob"), json!({"goal": "show"})),
        ("comment.added", person("dev"), json!({"comment": comment.id, "content_digest": said})),
        ("vote.approve", ada.clone(), json!({"vote": vote.id, "digest": vote.digest, "reason": "fine"})),
        (
            "session.approved",
            ada,
            json!({"decision": decision.id, "outcome": "approved", "digest": decision.digest, "reason": "fine",
                "approvers": ["ada"]}),
        ),
        ("grant.issued", person("ada"), json!({"grant": grant.jti})),
        ("execution.completed", person("exe"), json!({"duration_ms": 12})),
    ] {
        let entry = Entry {
            id: source.new_id(),
            sequence: head.sequence + 1,
            session_id: session,
            action: action.to_owned(),
            actor,
            request_id: "req".to_owned(),
            trace_id: String::new(),
            time: source.now(),
            details: details.as_object().unwrap().clone(),
        };
        let digest = entry.digest(&head.digest).unwrap();
        head = Head { sequence: entry.sequence, digest };
        entries.push(KeptEntry { entry, digest });
    }
    let mut nodes = BTreeMap::new();
    for (index, kept) in entries.iter().enumerate() {
        let added = log::append(index as u64, &kept.digest, &mut |node| nodes.get(&node).copied()).unwrap();
        nodes.extend(added);
    }
    let mut known = |node| nodes.get(&node).copied();
    let root = log::root(6, &mut known).unwrap();
    let tree = HeadClaims { iss: ISSUER.to_owned(), iat: 1_800_000_000, tree_size: 6, root };
    let logged = (0..6).map(|index| LoggedEntry {
        sequence: index as i64 + 1,
        proof: log::inclusion(index, 6, &mut |node| nodes.get(&node).copied()).unwrap(),
    });
    Parts {
        session: SessionPart {
            id: session,
            plan_id: source.new_id(),
            goal: "show".to_owned(),
            state: "approved".to_owned(),
            version: 2,
            digest: second.digest,
            requester: person("rob"),
            on_behalf_of: String::new(),
            created_at: source.now(),
        },
        diffs: vec![DiffPart { from: 1, to: 2, changes: diff(&versions[0].plan, &versions[1].plan) }],
        policy: PolicyPart {
            version: 2,
            digest: second.risk.policy_digest,
            requirement: second.risk.requirement,
        },
        versions,
        votes: vec![vote],
        comments: vec![comment],
        decision: Some(decision),
        grant: Some(sign(&SEED, &grant).unwrap()),
        executions: executions(&entries),
        audit: AuditPart { entries, head },
        log: LogPart { head: Some(sign(&SEED, &tree).unwrap()), entries: logged.collect() },
        keys: vec![jwk(&SEED)],
    }
}

fn sealed(parts: &Parts) -> Vec<u8> {
    seal(parts, 1_800_000_000, |manifest| sign(&SEED, manifest)).unwrap()
}

static BUNDLE: LazyLock<Vec<u8>> = LazyLock::new(|| sealed(&parts()));

fn problems(bytes: &[u8]) -> Vec<String> {
    verify(bytes, None).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn a_sound_bundle_proves_what_happened() {
    let own = verify(&BUNDLE, None).unwrap();
    assert_eq!(
        (own.outcome.as_deref(), own.approvers.as_slice()),
        (Some("approved"), &["ada".to_owned()][..])
    );
    assert_eq!((own.entries, own.logged, own.own_keys), (6, 6, true));
    let trusted = PublicKeys::read(&[jwk(&SEED)]).unwrap();
    assert!(!verify(&BUNDLE, Some(&trusted)).unwrap().own_keys);
}

#[test]
fn a_bundle_that_somebody_else_signed_is_not_believed() {
    let forger = [9; 32];
    let mut forged = parts();
    forged.keys = vec![jwk(&forger)];
    let bytes = seal(&forged, 0, |manifest| sign(&forger, manifest)).unwrap();
    let trusted = PublicKeys::read(&[jwk(&SEED)]).unwrap();
    let found = verify(&bytes, Some(&trusted)).unwrap_err();
    assert_eq!(found[0].part, "manifest");
    assert!(verify(&BUNDLE, Some(&PublicKeys::default())).is_err());
}

/// Whoever has the keys can sign anything, and still everything must fit together.
#[test]
fn what_does_not_fit_together_is_found_even_when_it_is_signed() {
    type Change = fn(&mut Parts);
    let changes: [(&str, Change); 19] = [
        ("versions", |p| p.versions[1].plan.items[0].tool = "sql_query".to_owned()),
        ("versions", |p| p.versions[0].digest = Digest::of(&[b"other"])),
        ("versions", |p| p.versions.reverse()),
        ("diffs", |p| p.diffs.clear()),
        ("diffs", |p| p.diffs[0].changes.clear()),
        ("policy", |p| p.policy.requirement.quorum = 0),
        ("policy", |p| p.policy.digest = Digest::of(&[b"other"])),
        ("votes", |p| p.votes[0].reason = "never".to_owned()),
        ("votes", |p| p.votes[0].voter.id = "eve".to_owned()),
        ("votes", |p| p.votes.clear()),
        ("comments", |p| p.comments[0].content = Some("it is".to_owned())),
        ("comments", |p| p.comments.clear()),
        ("decision", |p| p.decision.as_mut().unwrap().approvers.push("eve".to_owned())),
        ("decision", |p| p.decision = None),
        ("grant", |p| p.decision.as_mut().unwrap().approved_items.truncate(1)),
        ("executions", |p| p.executions.clear()),
        ("audit", |p| p.audit.entries[2].entry.actor.id = "eve".to_owned()),
        ("audit", |p| drop(p.audit.entries.pop())),
        ("log", |p| p.log.entries.swap(0, 1)),
    ];
    for (part, change) in changes {
        let mut changed = parts();
        change(&mut changed);
        if part == "log" {
            // Swapped entries still lead to the head, each by its own proof; exchanged proofs do not.
            let (first, second) = (changed.log.entries[0].sequence, changed.log.entries[1].sequence);
            changed.log.entries[0].sequence = second;
            changed.log.entries[1].sequence = first;
        }
        let found = problems(&sealed(&changed));
        assert!(found.iter().any(|problem| problem.starts_with(part)), "{part}: {found:?}");
    }
}

proptest! {
    #[test]
    fn any_other_byte_anywhere_is_found(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = BUNDLE.clone();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        prop_assert!(verify(&bytes, None).is_err());
    }

    #[test]
    fn what_is_cut_or_added_is_found(cut in any::<prop::sample::Index>(), more in "[ \n{}\"a]{1,4}") {
        prop_assert!(verify(&BUNDLE[..cut.index(BUNDLE.len())], None).is_err());
        prop_assert!(verify(&[BUNDLE.as_slice(), more.as_bytes()].concat(), None).is_err());
    }

    #[test]
    fn any_value_of_any_part_is_covered(at in any::<prop::sample::Index>()) {
        let mut file: Value = serde_json::from_slice(&BUNDLE).unwrap();
        let mut paths = Vec::new();
        leaves(&file["parts"], "/parts", &mut paths);
        let path = paths[at.index(paths.len())].clone();
        let value = file.pointer_mut(&path).unwrap();
        *value = match value {
            Value::String(text) => Value::String(format!("{text}x")),
            Value::Bool(flag) => Value::Bool(!*flag),
            Value::Number(number) => json!(number.as_f64().unwrap() + 1.0),
            _ => Value::String("x".to_owned()),
        };
        let bytes = serde_json_canonicalizer::to_vec(&file).unwrap();
        prop_assert!(verify(&bytes, None).is_err(), "{path}");
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(verify(&bytes, None).is_err());
    }
}

fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                leaves(member, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| leaves(item, &format!("{path}/{i}"), found));
        }
        _ => found.push(path.to_owned()),
    }
}
