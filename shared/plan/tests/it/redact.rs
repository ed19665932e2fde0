//! The corpus of secrets: every one goes, and what only looks alike stays.

use assent_plan::Map;
use assent_plan::redact::{literal_secret, redact};

/// A text in which `§` stands for a secret, and the secret: kept apart, so that no scanner takes this file for a leak.
const SECRETS: &[(&str, &str)] = &[
    // The patterns of the requirements.
    (r#"password = "§""#, "correct horse"),
    (r#"api_key="§""#, "k-1"),
    ("secret='§'", "s3"),
    (r#"token = "§""#, "t0k3n"),
    (r#"{"client_secret": "§"}"#, "x y z"),
    (r#"aws_secret_access_key = "§""#, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("AWS_SECRET_ACCESS_KEY=§ aws s3 ls", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("export GITHUB_TOKEN=§", "abcdef0123"),
    ("PGPASSWORD=§ psql -h db", "hunter2"),
    ("host=db user=app password=§ dbname=x", "hunter2"),
    ("password: §", "hunter22"),
    ("the password is § until Friday", "Tr0ub4dor"),
    ("?access_token=§&page=2", "abc123"),
    // Connection strings.
    ("postgres://app:§@db.example.com/users", "pa55"),
    ("mysql+pymysql://root:§@localhost:3306/x", "r00t"),
    ("mongodb+srv://u:§@cluster0.example.net", "p%40ss"),
    ("redis://default:§@cache:6379/0", "x"),
    ("amqps://guest:§@mq", "guest1"),
    ("Server=db;Database=x;User Id=sa;Password=§;", "S0me"),
    ("Driver=x;Server=y;Uid=sa;Pwd=§;", "S0me"),
    ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=§;", "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4=="),
    ("Endpoint=sb://x/;SharedAccessKeyName=r;SharedAccessKey=§", "c2VjcmV0c2VjcmV0c2VjcmV0"),
    ("https://a.blob.core.windows.net/c?sv=2024&sig=§", "dGhpcyUyQmlzJTJGYQ%3D%3D"),
    ("https://b.s3.amazonaws.com/k?X-Amz-Signature=§", "fe5f80f77d5fa3beca038a248ff027"),
    // Headers.
    ("Authorization: Bearer §", "abcdefghijklmnop1234"),
    ("authorization: basic §", "dXNlcjpwYXNzd29yZA=="),
    (r#""Authorization": "Token §""#, "0123456789abcdef"),
    ("X-Api-Key: §", "0123456789abcdef"),
    ("PRIVATE-TOKEN: §", "abcdefgh12345678"),
    ("curl -s -u admin:§ https://x.dev", "s3cr3tpw"),
    // Keys by their shape.
    ("use § now", concat!("AKIA", "IOSFODNN7EXAMPLE")),
    ("use § now", concat!("ASIA", "IOSFODNN7EXAMPLE")),
    ("key §", concat!("AIza", "SyA1234567890abcdefghijklmnopqrstuv")),
    ("key §", concat!("ya29", ".a0AfH6SMBx1234567890abcdef")),
    ("key §", concat!("GOCSPX", "-abcdefghijklmnopqrstuvwx1234")),
    ("key §", concat!("dop_v1_", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")),
    ("key §", concat!("dapi", "0123456789abcdef0123456789abcdef")),
    ("key §", concat!("hvs", ".CAESIJ1234567890abcdefgh")),
    ("git clone with §", concat!("ghp_", "0123456789abcdefghijABCDEFGHIJ012345")),
    ("git clone with §", concat!("gho_", "0123456789abcdefghijABCDEFGHIJ012345")),
    ("git clone with §", concat!("github_pat_", "11ABCDEFG0123456789_abcdefghijklmnop")),
    ("git clone with §", concat!("glpat-", "abcdefghij0123456789")),
    ("//registry.npmjs.org/:_authToken=§", concat!("npm_", "0123456789abcdefghijABCDEFGHIJ012345")),
    ("publish with §", concat!("pypi-", "AgEIcHlwaS5vcmcCJDAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm")),
    ("publish with §", concat!("dckr_pat_", "abcdefghij0123456789-_x")),
    ("slack §", concat!("xoxb", "-123456789012-abcdefABCDEF")),
    ("slack §", concat!("xapp-1", "-A0123456789-0123456789")),
    (
        "post to §",
        concat!("https://hooks.slack.com", "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"),
    ),
    ("bot §", concat!("123456789", ":AAabcdefghijklmnopqrstuvwxyz0123456")),
    ("mail §", concat!("SG.", "abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789")),
    ("mail §", concat!("key-", "0123456789abcdef0123456789abcdef")),
    ("call §", concat!("SK", "0123456789abcdef0123456789abcdef")),
    ("pay §", concat!("sk_live_", "0123456789abcdefghijABCD")),
    ("pay §", concat!("rk_test_", "0123456789abcdefghijABCD")),
    ("pay §", concat!("whsec_", "0123456789abcdefghijABCDEFGHIJ01")),
    ("pay §", concat!("sq0atp-", "0123456789abcdefghijAB")),
    ("shop §", concat!("shpat_", "0123456789abcdef0123456789abcdef")),
    ("ask §", concat!("sk-", "0123456789abcdefghijABCDEFGHIJ0123456789")),
    ("ask §", concat!("sk-proj-", "0123456789_abcdefghij-ABCDEFGHIJ")),
    ("ask §", concat!("sk-ant-api03-", "0123456789abcdefghij")),
    ("ask §", concat!("hf_", "abcdefghijklmnopqrstuvwxyzABCDEFGH")),
    (
        "log in with §",
        concat!("assent_dev_", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
    ),
    (
        "jwt § end",
        concat!(
            "eyJhbGciOiJIUzI1NiJ9",
            ".eyJzdWIiOiIxMjM0NTY3ODkwIn0",
            ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
        ),
    ),
    ("§", concat!("-----BEGIN ", "PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----")),
    ("§", concat!("-----BEGIN ", "OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----")),
    ("§", concat!("-----BEGIN ", "PGP PRIVATE KEY BLOCK-----\nlQ\n-----END PGP PRIVATE KEY BLOCK-----")),
    // Cut off by somebody who copied too little.
    ("§", concat!("-----BEGIN ", "EC PRIVATE KEY-----\nMHcCAQEE")),
];

/// Beyond doubt: these keep a plan from being taken in when they stand in its arguments.
const DOUBTFUL: &[&str] = &[
    "AWS_SECRET_ACCESS_KEY=§",
    "export GITHUB",
    "PGPASSWORD",
    "host=db",
    "password: §",
    "the password",
    "?access_token",
];

const HARMLESS: &[&str] = &[
    "Create a Python script that connects to our PostgreSQL database and exports user data to CSV",
    "Rotate the database password and the API key every 90 days",
    "The token is checked before every call",
    "Tokens: 1500 estimated, 1432 used",
    "max_tokens=4096",
    "password = os.environ[\"DB_PASSWORD\"]",
    "password=os.getenv('PGPASSWORD')",
    "token = get_token(client)",
    "api_key = settings.api_key()",
    "secret = vault.read(path)",
    r#"password = "${secret:DB_PASSWORD}""#,
    "DATABASE_URL=postgres://${secret:USER}@db/users",
    "postgres://app@db.example.com/users",
    "postgres://{user}:{password}@{host}/{db}",
    "postgres://<user>:<password>@<host>/db",
    "https://example.com:8443/path?query=1",
    "http://localhost:3000/api/v1/items",
    "git@github.com:owner/name.git",
    "ssh://git@github.com:22/owner/name",
    "mailto:ada@example.com",
    "Authorization: Bearer ${secret:API}",
    "Authorization: Bearer <token>",
    "Add a Bearer token to the request",
    "Bearer shares are forbidden here",
    "The API key is missing",
    "password: required",
    "token: see the documentation",
    "secret: the garden behind the wall",
    "Passwords must have 12 characters, 1 digit and 1 sign",
    "kubectl create secret generic app --from-file=./config",
    "kubectl get secret app-config -o yaml",
    "docker run -u 1000:1000 alpine id",
    "docker run --user www-data:www-data nginx",
    "chown app:app /var/lib/app",
    "curl -s https://example.com/health",
    "curl -u \"$USER:$PASS\" https://example.com",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
    "ses_0190163d8694739aaea5966c26f8ad91",
    "pln_0190163d8694739aaea5966c26f8ad91",
    "0190163d-8694-739a-aea5-966c26f8ad91",
    "arn:aws:iam::123456789012:role/deploy",
    "projects/my-project/secrets/db/versions/latest",
    "AKIA is the prefix of access keys",
    "sk-learn is a nickname of scikit-learn",
    "risk-assessment-of-the-whole-migration-plan",
    "task-runner-with-a-very-long-descriptive-name",
    "ask-me-anything-about-this-release-please",
    "SELECT id, token_count FROM usage WHERE token_count > 10",
    "UPDATE users SET password_hash = crypt(input, gen_salt('bf'))",
    "CREATE TABLE tokens (id uuid, secret_hash bytea)",
    "if password == expected: pass",
    "def check(password: str, token: str) -> bool:",
    "fn redact(secret: &Secret, token: Token) -> String",
    "const KEY_NAME: &str = \"db\";",
    "PWD=/home/app make test",
    "OLDPWD=/tmp",
    "key=value; other=thing",
    "sort -k 2 --key=3",
    "primary key, foreign key and partition key",
    "keyboard-interactive authentication",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxyz user@host",
    "2026-11-22T09:27:30Z",
    "12:34:56",
    "eyJhbGciOiJIUzI1NiJ9 is the header of a token",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
    "https://hooks.slack.com/ is the host of webhooks",
    "Set-Cookie: theme=dark; Path=/",
    "npm_config_registry=https://registry.npmjs.org",
    "pip install pypi-simple",
    "${items.connection.output.text}",
    "$${secret:NAME} stands for itself",
    "tokenize(text) returns tokens",
    "The secretary keeps the passwords of nobody",
    "use --token-file /run/secrets/token",
    "password_file: /run/secrets/db",
    "the password is required",
    "the passphrase was changed yesterday",
];

fn arguments(text: &str) -> Map {
    serde_json::json!({ "a": [{ "b": text }] }).as_object().unwrap().clone()
}

#[test]
fn every_secret_goes_and_its_surroundings_stay() {
    assert!(SECRETS.len() >= 60);
    for (text, secret) in SECRETS {
        let whole = text.replace('§', secret);
        let redacted = redact(&whole);
        assert!(!redacted.contains(secret), "{redacted}");
        assert!(redacted.contains("[REDACTED]"), "{redacted}");
        assert_eq!(redact(&redacted), redacted, "{redacted}");
        for word in text
            .split('§')
            .flat_map(str::split_whitespace)
            .filter(|w| w.bytes().all(|b| b.is_ascii_alphabetic()))
        {
            assert!(redacted.contains(word), "{redacted} lacks {word}");
        }
        let doubtful = DOUBTFUL.iter().any(|start| text.starts_with(start));
        assert_eq!(literal_secret(&arguments(&whole)).is_some(), !doubtful, "{whole}");
    }
}

#[test]
fn harmless_text_stays_as_it_is() {
    assert!(HARMLESS.len() >= 80, "{}", HARMLESS.len());
    for text in HARMLESS {
        assert_eq!(redact(text), *text);
        assert_eq!(literal_secret(&arguments(text)), None, "{text}");
    }
}

/// Secrets among harmless text, in any number and order.
#[test]
fn neighbours_neither_hide_a_secret_nor_suffer() {
    for (at, (text, secret)) in
        SECRETS.iter().enumerate().filter(|(_, (_, secret))| !secret.starts_with("-----"))
    {
        let whole = text.replace('§', secret);
        let before = HARMLESS[at % HARMLESS.len()];
        let after = HARMLESS[(at * 7 + 3) % HARMLESS.len()];
        let redacted = redact(&format!("{before}\n{whole}\n{after}")).into_owned();
        let between = redacted.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        // Only there: a secret of one letter stands in harmless words as well.
        assert!(between.is_some_and(|line| !line.contains(secret)), "{redacted}");
    }
}
