//! Tokens of an identity provider: what is believed, and every way in which one is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use assent_core::ContextSource;
use assent_rpc::{Connections, Issuer, LimitOptions};
use assent_testkit::tokens::{keys, public, sign};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::Code;

use crate::rig::{Refusal, Rig, START, called, clock, credentials};

const ISSUER: &str = "https://id.example.com";

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "eve", "aud": ["other", "assent"], "iat": START, "nbf": START, "exp": START + 600,
        "roles": ["lead"], "act": {"sub": "bot"},
    })
}

fn with(changes: Value) -> Value {
    let mut all = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => all.as_object_mut().unwrap().remove(name),
            value => all.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    all
}

/// An identity provider's keys at an URL: what they are, whether it answers, how often it was asked.
struct Provider {
    url: String,
    published: watch::Sender<Option<Value>>,
    asked: Arc<AtomicUsize>,
    _server: JoinSet<()>,
}

impl Provider {
    async fn start(seeds: &[u8]) -> Self {
        let (published, current) = watch::channel(Some(keys(seeds)));
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let answer = move || {
            counter.fetch_add(1, Ordering::Relaxed);
            let keys = current.borrow().clone();
            async move { keys.map(|keys| keys.to_string()).ok_or(StatusCode::SERVICE_UNAVAILABLE) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/keys", axum::routing::get(answer));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, published, asked, _server: server }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn rig(settings: Value) -> Rig {
    assent_runtime::install_tls();
    let mut all = json!({
        "issuer": ISSUER, "audiences": ["assent"], "refresh_seconds": 86400,
        "claims": {"agent": "act.sub"},
    });
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let issuer: Issuer = serde_json::from_value(all).unwrap();
    let clock = clock();
    let source = ContextSource::seeded(clock.clone(), 3);
    let credentials = credentials().with_issuers(vec![issuer], &source).unwrap();
    Rig::with(clock, credentials, Connections::default(), LimitOptions::default()).await
}

fn refused(reason: &str) -> Result<[String; 3], Refusal> {
    Err(Refusal(Code::Unauthenticated, reason.to_owned(), None))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_says_who_calls_and_for_whom() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, keys(&[1, 2]).to_string()).unwrap();
    let rig = rig(json!({ "jwks_file": file })).await;
    let bot = called(&rig.client(&sign(2, &claims()))).await.unwrap();
    assert_eq!(bot, ["bot", "jwt", "eve"]);
    let eve = called(&rig.client(&sign(1, &with(json!({"act": null}))))).await.unwrap();
    assert_eq!(eve, ["eve", "jwt", ""]);
    // Static tokens go on beside them.
    assert_eq!(called(&rig.client("ada")).await.unwrap(), ["ada", "static_token", ""]);
    // The clocks of two machines differ a little.
    rig.clock.advance(Duration::from_secs(630));
    assert!(called(&rig.client(&sign(1, &claims()))).await.is_ok());
    rig.clock.advance(Duration::from_secs(30));
    assert_eq!(called(&rig.client(&sign(1, &claims()))).await, refused("CREDENTIAL_EXPIRED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_token_is_refused_with_its_reason() {
    let provider = Provider::start(&[1]).await;
    let rig = rig(json!({ "jwks_url": provider.url })).await;
    let good = sign(1, &claims());
    let (head, rest) = good.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let hmac = |secret: &[u8]| {
        let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap()
    };
    let none = part(json!({"alg": "none", "typ": "JWT"}));
    let bad = [
        (sign(1, &with(json!({"exp": START - 61}))), "CREDENTIAL_EXPIRED"),
        (sign(1, &with(json!({"exp": i64::MIN}))), "CREDENTIAL_EXPIRED"),
        (sign(1, &with(json!({"nbf": START + 61}))), "CREDENTIAL_NOT_YET_VALID"),
        (sign(1, &with(json!({"nbf": "soon"}))), "CREDENTIAL_CLAIM_MISSING"),
        (sign(1, &with(json!({"exp": null}))), "CREDENTIAL_CLAIM_MISSING"),
        (sign(1, &with(json!({"aud": null}))), "CREDENTIAL_CLAIM_MISSING"),
        (sign(1, &with(json!({"aud": "other"}))), "CREDENTIAL_AUDIENCE_WRONG"),
        (sign(1, &with(json!({"aud": []}))), "CREDENTIAL_AUDIENCE_WRONG"),
        (sign(1, &with(json!({"sub": null}))), "CREDENTIAL_CLAIM_MISSING"),
        (sign(1, &with(json!({"sub": "system:auto", "act": null}))), "CREDENTIAL_CLAIM_MISSING"),
        (sign(1, &with(json!({"iss": "https://id.example.org"}))), "CREDENTIAL_ISSUER_UNKNOWN"),
        (sign(1, &with(json!({"iss": null}))), "CREDENTIAL_ISSUER_UNKNOWN"),
        (format!("{none}.{body}."), "CREDENTIAL_ALGORITHM_REFUSED"),
        (format!("{none}.{body}.{signature}"), "CREDENTIAL_ALGORITHM_REFUSED"),
        (hmac(&public(1)), "CREDENTIAL_ALGORITHM_REFUSED"),
        (hmac(keys(&[1]).to_string().as_bytes()), "CREDENTIAL_ALGORITHM_REFUSED"),
        (
            format!("{}.{body}.{signature}", part(json!({"alg": "RS256", "kid": "k1"}))),
            "CREDENTIAL_ALGORITHM_REFUSED",
        ),
        (sign(9, &claims()), "CREDENTIAL_KEY_UNKNOWN"),
        (format!("{head}.{}.{signature}", part(with(json!({"sub": "ada"})))), "CREDENTIAL_SIGNATURE_INVALID"),
        (good[..good.len() - 7].to_owned(), "CREDENTIAL_SIGNATURE_INVALID"),
        (format!("{head}.{body}"), "CREDENTIAL_MALFORMED"),
        (format!("{head}.{}", &body[..body.len() / 2]), "CREDENTIAL_MALFORMED"),
        (format!("{head}.{}.{signature}", &body[..body.len() / 2]), "CREDENTIAL_MALFORMED"),
        (format!("{good}.{good}"), "CREDENTIAL_MALFORMED"),
        ("eyJ".to_owned(), "CREDENTIAL_MALFORMED"),
        (
            format!("{}.{body}.{signature}", part(json!({"alg": "EdDSA", "kid": "k1", "crit": ["b64"]}))),
            "CREDENTIAL_MALFORMED",
        ),
        (format!("{head}.{body}.{}", "A".repeat(1024 * 1024)), "CREDENTIAL_MALFORMED"),
        ("x".repeat(1024 * 1024), "CREDENTIAL_MALFORMED"),
        ("x".to_owned(), "CREDENTIAL_UNKNOWN"),
        (String::new(), "CREDENTIAL_MISSING"),
    ];
    for (token, reason) in &bad {
        let shown: String = token.chars().take(40).collect();
        assert_eq!(called(&rig.client(token)).await, refused(reason), "{shown}");
    }
    // And the server is as well as before.
    assert!(called(&rig.client(&good)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_when_new_ones_appear_but_not_for_everybody_who_asks() {
    let provider = Provider::start(&[1]).await;
    provider.published.send_replace(None);
    let rig = rig(json!({ "jwks_url": provider.url, "min_refresh_seconds": 10 })).await;
    // Started while the provider was away: nobody can be judged, and the caller may try again.
    let away = called(&rig.client(&sign(1, &claims()))).await.unwrap_err();
    assert_eq!((away.0, away.1.as_str()), (Code::Unavailable, "CREDENTIAL_KEYS_UNAVAILABLE"));
    provider.published.send_replace(Some(keys(&[1])));
    rig.clock.advance(Duration::from_secs(10));
    assert!(called(&rig.client(&sign(1, &claims()))).await.is_ok());

    let before = provider.asked();
    provider.published.send_replace(Some(keys(&[1, 2])));
    for _ in 0..20 {
        assert_eq!(called(&rig.client(&sign(2, &claims()))).await, refused("CREDENTIAL_KEY_UNKNOWN"));
    }
    assert_eq!(provider.asked(), before, "asked again too soon");
    rig.clock.advance(Duration::from_secs(10));
    assert!(called(&rig.client(&sign(2, &claims()))).await.is_ok());
    assert_eq!(provider.asked(), before + 1);

    // Away again: the last good keys go on being good.
    provider.published.send_replace(None);
    rig.clock.advance(Duration::from_secs(10));
    assert_eq!(called(&rig.client(&sign(3, &claims()))).await, refused("CREDENTIAL_KEY_UNKNOWN"));
    assert!(called(&rig.client(&sign(2, &claims()))).await.is_ok());
    // A key that was taken back is no longer good.
    provider.published.send_replace(Some(keys(&[2])));
    rig.clock.advance(Duration::from_secs(10));
    assert_eq!(called(&rig.client(&sign(3, &claims()))).await, refused("CREDENTIAL_KEY_UNKNOWN"));
    assert_eq!(called(&rig.client(&sign(1, &claims()))).await, refused("CREDENTIAL_KEY_UNKNOWN"));
}

#[test]
fn issuers_that_would_believe_anybody_are_refused() {
    let refused = [
        json!({"audiences": []}),
        json!({"audiences": [""]}),
        json!({"jwks_url": "http://id.example.com/keys"}),
        json!({"jwks_url": ""}),
        json!({"jwks_file": "/nowhere"}),
        json!({"algorithms": []}),
        json!({"claims": {"id": ""}}),
    ];
    assent_runtime::install_tls();
    for settings in refused {
        let mut all =
            json!({"issuer": "i", "audiences": ["assent"], "jwks_url": "https://id.example.com/keys"});
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let issuer: Issuer = serde_json::from_value(all).unwrap();
        let made = credentials().with_issuers(vec![issuer], &ContextSource::system());
        assert!(made.is_err(), "{settings}");
    }
    let symmetric = json!({"issuer": "i", "audiences": ["a"], "algorithms": ["HS256"]});
    assert!(serde_json::from_value::<Issuer>(symmetric).is_err());
}
