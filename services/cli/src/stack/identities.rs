//! The people of the development stack: made once, with random tokens in files that only the owner can read. The
//! server is given digests.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use assent_core::{ActorKind, ContextSource, Digest, actor};
use assent_rpc::{Identities, Identity};

/// Somebody of the development stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Person {
    /// Name of the token file.
    pub(crate) name: &'static str,
    /// Id of the identity.
    pub(crate) id: &'static str,
    kind: ActorKind,
    role: &'static str,
}

const fn person(name: &'static str, id: &'static str, role: &'static str) -> Person {
    Person { name, id, kind: ActorKind::User, role }
}

pub(crate) const DEV: Person = person("dev", "dev@localhost", actor::DEVELOPER);
pub(crate) const LEAD: Person = person("lead", "lead@localhost", actor::LEAD);
pub(crate) const ADMIN: Person = person("admin", "admin@localhost", actor::ADMIN);
const ADMIN2: Person = person("admin2", "admin2@localhost", actor::ADMIN);
/// Asks for approvals; an agent never gives one.
pub(crate) const AGENT: Person =
    Person { name: "agent", id: "agent@localhost", kind: ActorKind::Agent, role: actor::DEVELOPER };

/// Does approved work.
const WORKER: Person =
    Person { name: "worker", id: "worker@localhost", kind: ActorKind::Agent, role: actor::WORKER };

const EVERYBODY: [Person; 6] = [DEV, LEAD, ADMIN, ADMIN2, AGENT, WORKER];

/// Where the token of somebody is.
pub(crate) fn token_file(directory: &Path, person: Person) -> PathBuf {
    directory.join("tokens").join(person.name)
}

/// Reads the identities of `directory`, or makes them.
///
/// # Errors
/// When a file cannot be read or written.
pub(super) fn ensure(directory: &Path, source: &ContextSource) -> anyhow::Result<Identities> {
    let path = directory.join("identities.yaml");
    if path.exists() {
        return Ok(Identities::load(&path)?);
    }
    let tokens = directory.join("tokens");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&tokens)
        .with_context(|| format!("cannot create {}", tokens.display()))?;
    let mut identities = Identities::default();
    for person in EVERYBODY {
        let token = new_token(source);
        write_private(&token_file(directory, person), &format!("{token}\n"))?;
        identities.identities.push(Identity {
            id: person.id.to_owned(),
            kind: person.kind,
            name: person.name.to_owned(),
            roles: vec![person.role.to_owned()],
            groups: Vec::new(),
            token_sha256: Some(Digest::of(&[token.as_bytes()])),
            certificate: None,
        });
    }
    // Last and at once: whoever is interrupted before it starts over.
    let text = serde_saphyr::to_string(&identities).context("cannot write the identities")?;
    let unfinished = path.with_extension("new");
    write_private(&unfinished, &text)?;
    std::fs::rename(&unfinished, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(identities)
}

fn new_token(source: &ContextSource) -> String {
    let mut random = [0; 32];
    source.fill(&mut random);
    // Hexadecimal digits of random bytes, with a prefix that scanners of leaked secrets can find.
    format!("assent_dev_{}", Digest::from_bytes(random))
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use assent_rpc::Credentials;

    use super::*;

    #[test]
    fn made_once_and_only_digests_are_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let source = ContextSource::system();
        let first = ensure(dir.path(), &source).unwrap();
        let token = std::fs::read_to_string(token_file(dir.path(), LEAD)).unwrap();
        let again = ensure(dir.path(), &source).unwrap();
        let credentials = Credentials::new(&again, "dev_token").unwrap();
        let lead = credentials.authenticate(token.trim()).unwrap();
        assert_eq!((lead.id.as_str(), lead.has_role("lead")), ("lead@localhost", true));
        assert_eq!(first.identities.len(), 6);
        let file = std::fs::read_to_string(dir.path().join("identities.yaml")).unwrap();
        assert!(!file.contains(token.trim()));
        let mode = std::fs::metadata(token_file(dir.path(), LEAD)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
