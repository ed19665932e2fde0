//! What makes a cluster a secret one: certificates at every port, services known by theirs, and people by an identity
//! provider.

use std::collections::BTreeMap;
use std::path::PathBuf;

use assent_core::{ActorKind, ContextSource};
use assent_rpc::{Identities, Identity};
use assent_testkit::{Authority, SanType, free_port, tokens};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::SERVICES;

const ISSUER: &str = "https://id.example.com";
/// Of the provider's key.
const SEED: u8 = 7;

/// Certificates, identities and keys.
#[derive(Debug)]
pub struct Secured {
    authority: Authority,
    certificates: BTreeMap<&'static str, (PathBuf, PathBuf)>,
    /// Where each answers health without TLS.
    health: BTreeMap<&'static str, u16>,
    folder: TempDir,
}

impl Default for Secured {
    fn default() -> Self {
        let (authority, folder) = (Authority::default(), tempfile::tempdir().expect("a folder"));
        let here = SanType::IpAddress("127.0.0.1".parse().expect("an address"));
        let certify = |name: &'static str| {
            let own = SanType::DnsName(dns(name).try_into().expect("a name"));
            (name, authority.certify(name, &[here.clone(), own]))
        };
        let certificates = SERVICES.into_iter().chain(["person"]).map(certify).collect();
        let identities = SERVICES.map(|service| Identity {
            id: format!("system:{service}"),
            kind: ActorKind::Service,
            name: String::new(),
            roles: vec!["service".to_owned()],
            groups: Vec::new(),
            token_sha256: None,
            certificate: Some(dns(service)),
        });
        let identities = serde_saphyr::to_string(&Identities { identities: identities.into() });
        std::fs::write(folder.path().join("identities.yaml"), identities.expect("YAML")).expect("a file");
        let keys = tokens::keys(&[SEED]).to_string();
        std::fs::write(folder.path().join("keys.json"), keys).expect("a file");
        Self { authority, certificates, health: SERVICES.map(|name| (name, free_port())).into(), folder }
    }
}

fn dns(service: &str) -> String {
    format!("{service}.assent.test")
}

impl Secured {
    /// What a service is told.
    pub(crate) fn variables(&self, service: &str) -> Vec<(&'static str, String)> {
        let text = |path: PathBuf| path.display().to_string();
        let (certificate, key) = self.certificates[service].clone();
        let file = |name| text(self.folder.path().join(name));
        let issuers = format!(
            "[{{issuer={ISSUER:?},audiences=[\"assent\"],jwks_file={:?},claims={{agent=\"agent\"}}}}]",
            file("keys.json")
        );
        vec![
            ("ASSENT_SERVER__TLS_CERTIFICATE_FILE", text(certificate.clone())),
            ("ASSENT_SERVER__TLS_KEY_FILE", text(key.clone())),
            ("ASSENT_SERVER__TLS_CLIENT_CA_FILE", text(self.authority.ca())),
            ("ASSENT_SERVER__TLS_CLIENT_REQUIRED", "true".to_owned()),
            ("ASSENT_SERVER__HEALTH_LISTEN", format!("127.0.0.1:{}", self.health[service])),
            ("ASSENT_PEERS__CA_FILE", text(self.authority.ca())),
            ("ASSENT_PEERS__CERTIFICATE_FILE", text(certificate)),
            ("ASSENT_PEERS__KEY_FILE", text(key)),
            ("ASSENT_AUTH__IDENTITIES", file("identities.yaml")),
            ("ASSENT_AUTH__ISSUERS", issuers),
        ]
    }

    /// Where a service answers health without TLS.
    pub(crate) fn health_address(&self, service: &str) -> String {
        format!("http://127.0.0.1:{}", self.health[service])
    }

    /// What a person's command line is told to trust the services, and to be let in.
    pub fn person(&self) -> Vec<(&'static str, PathBuf)> {
        let (certificate, key) = self.certificates["person"].clone();
        vec![
            ("ASSENT_CA_FILE", self.authority.ca()),
            ("ASSENT_CERTIFICATE_FILE", certificate),
            ("ASSENT_KEY_FILE", key),
        ]
    }

    /// A token of the provider: `claims` beside those that every one has.
    pub fn token(&self, id: &str, claims: Value) -> String {
        let now = ContextSource::system().now().micros() / 1_000_000;
        let mut all = json!({ "iss": ISSUER, "sub": id, "aud": "assent", "iat": now, "exp": now + 3600 });
        if let (Some(all), Value::Object(claims)) = (all.as_object_mut(), claims) {
            all.extend(claims);
        }
        tokens::sign(SEED, &all)
    }
}
