//! Tokens as an identity provider makes them, and the keys that it publishes: Ed25519, made from a seed of one byte.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// What comes before the 32 bytes of an Ed25519 key in PKCS #8.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The public key of a seed.
pub fn public(seed: u8) -> [u8; 32] {
    SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes()
}

/// The set of keys (RFC 7517) that a provider with these seeds publishes; the key of seed 7 is `k7`.
pub fn keys(seeds: &[u8]) -> Value {
    let key = |seed: &u8| {
        let x = URL_SAFE_NO_PAD.encode(public(*seed));
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": format!("k{seed}"), "x": x})
    };
    // A key of a kind that nobody knows must not spoil the others.
    let mut all: Vec<Value> = vec![json!({"kty": "LATTICE", "kid": "new"})];
    all.extend(seeds.iter().map(key));
    json!({ "keys": all })
}

/// A token with these claims, signed with the key of a seed.
pub fn sign(seed: u8, claims: &Value) -> String {
    let header = Header { kid: Some(format!("k{seed}")), ..Header::new(Algorithm::EdDSA) };
    let key = EncodingKey::from_ed_der(&[PKCS8_PREFIX.as_slice(), &[seed; 32]].concat());
    jsonwebtoken::encode(&header, claims, &key).expect("a token")
}
