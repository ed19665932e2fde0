//! Secret ports: who is trusted on either side, and certificates that are renewed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use assent_rpc::{ClientTlsFiles, Connections, LimitOptions, PeerOptions, ServerTls, ServerTlsFiles};
use assent_testkit::{Authority, SanType};
use tonic::Code;

use crate::rig::{Refusal, Rig, called, client, clock, credentials};

fn local() -> SanType {
    SanType::IpAddress("127.0.0.1".parse().unwrap())
}

fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}

async fn port(files: ServerTlsFiles) -> Rig {
    let tls = Some(Arc::new(ServerTls::new(files).unwrap()));
    let connections = Connections { tls, ..Connections::default() };
    Rig::with(clock(), credentials(), connections, LimitOptions::default()).await
}

fn served(authority: &Authority, client_ca: Option<&Path>, client_required: bool) -> ServerTlsFiles {
    let (certificate, key) = authority.certify("server", &[local()]);
    ServerTlsFiles { certificate, key, client_ca: client_ca.map(Path::to_owned), client_required }
}

fn trusting(ca: PathBuf, identity: Option<(PathBuf, PathBuf)>) -> PeerOptions {
    PeerOptions { connections: 1, tls: ClientTlsFiles { ca: Some(ca), identity } }
}

async fn call(rig: &Rig, token: &str, options: &PeerOptions) -> Result<[String; 3], Refusal> {
    called(&client(&format!("https://{}", rig.address()), token, options)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_client_trusts_is_called_and_nobody_else() {
    let (ours, theirs) = (Authority::default(), Authority::default());
    let rig = port(served(&ours, None, false)).await;
    let ada = call(&rig, "ada", &trusting(ours.ca(), None)).await.unwrap();
    assert_eq!(ada, ["ada", "static_token", ""]);
    // Another root, and no secrecy at all.
    let stranger = call(&rig, "ada", &trusting(theirs.ca(), None)).await.unwrap_err();
    assert_eq!((stranger.0, stranger.1.as_str()), (Code::Unavailable, "PEER_UNAVAILABLE"));
    let plain = called(&rig.client("ada")).await.unwrap_err();
    assert_eq!((plain.0, plain.1.as_str()), (Code::Unavailable, "PEER_UNAVAILABLE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_proves_a_service_by_its_name() {
    let (ours, theirs) = (Authority::default(), Authority::default());
    let ca = ours.ca();
    let rig = port(served(&ours, Some(&ca), true)).await;
    let executor = ours.certify("executor", &[uri("spiffe://test/executor")]);
    let as_executor = trusting(ca.clone(), Some(executor));
    assert_eq!(call(&rig, "", &as_executor).await.unwrap(), ["system:executor", "certificate", ""]);
    // Whose call is passed on is who it is: a token goes before the certificate of whoever passes it on.
    assert_eq!(call(&rig, "ada", &as_executor).await.unwrap()[0], "ada");
    assert_eq!(call(&rig, "nobody", &as_executor).await.unwrap_err().1, "CREDENTIAL_UNKNOWN");
    let other = ours.certify("other", &[uri("spiffe://test/other")]);
    let refused = call(&rig, "", &trusting(ca.clone(), Some(other))).await.unwrap_err();
    assert_eq!((refused.0, refused.1.as_str()), (Code::Unauthenticated, "CERTIFICATE_UNKNOWN"));
    // The right name by the wrong authority, and no certificate: turned away before any call.
    let forged = theirs.certify("executor", &[uri("spiffe://test/executor")]);
    for identity in [Some(forged), None] {
        let refused = call(&rig, "ada", &trusting(ca.clone(), identity)).await.unwrap_err();
        assert_eq!(refused.0, Code::Unavailable);
    }
    // Where certificates are asked for and not required, a token will do.
    let rig = port(served(&ours, Some(&ca), false)).await;
    assert_eq!(call(&rig, "ada", &trusting(ca.clone(), None)).await.unwrap()[0], "ada");
    assert_eq!(call(&rig, "", &trusting(ca, None)).await.unwrap_err().1, "CREDENTIAL_MISSING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_replaced_is_served_to_the_next_connection() {
    let (old, new) = (Authority::default(), Authority::default());
    let files = served(&old, None, false);
    let rig = port(files.clone()).await;
    let open = client(&format!("https://{}", rig.address()), "ada", &trusting(old.ca(), None));
    called(&open).await.unwrap();
    let (certificate, key) = new.certify("server", &[local()]);
    // Half of a renewal is none: the last good one is kept.
    std::fs::copy(&certificate, &files.certificate).unwrap();
    assert!(call(&rig, "ada", &trusting(old.ca(), None)).await.is_ok());
    std::fs::copy(&key, &files.key).unwrap();
    assert!(call(&rig, "ada", &trusting(new.ca(), None)).await.is_ok());
    assert!(call(&rig, "ada", &trusting(old.ca(), None)).await.is_err());
    // What is open stays so.
    called(&open).await.unwrap();
}
