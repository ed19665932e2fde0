//! What the dashboard lets through, as a browser would ask for it: HTTP/1.1, a cookie, gRPC-Web.

use std::time::Duration;

use assent_tests::process::{Cluster, Dev};
use assent_tests::{Fault, eventually, people};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An empty message in a frame of gRPC.
const EMPTY: &[u8] = &[0, 0, 0, 0, 0];
const GET_CALLER: &str = "/assent.approval.v1.DirectoryService/GetCaller";

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn holds(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

/// One request on a connection of its own.
async fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let host = address.trim_start_matches("http://");
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: answer[end + 4..].to_vec() }
}

async fn sign_in(address: &str, origin: &str, token: &str) -> Answer {
    let body = format!("{{\"token\":\"{token}\"}}");
    let headers = [("origin", origin), ("content-type", "application/json")];
    ask(address, "POST", "/session", &headers, body.as_bytes()).await
}

fn cookie(answer: &Answer) -> String {
    let line = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    for word in ["httponly", "samesite=strict", "path=/"] {
        assert!(line.contains(word), "{line}");
    }
    line.split(';').next().unwrap().to_owned()
}

async fn call(address: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let web = ("content-type", "application/grpc-web+proto");
    ask(address, "POST", path, &[&[web], headers].concat(), EMPTY).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_speaks_for_its_owner_and_only_from_the_dashboards_own_pages() {
    let dev = Dev::start().await;
    let address = dev.address();
    let page = ask(&address, "GET", "/sessions/ses_1", &[], b"").await;
    assert!(
        page.head.contains("content-security-policy: default-src 'none'; script-src 'self';"),
        "{}",
        page.head
    );
    assert!(page.status == 200 || page.holds("make web"), "{}", page.head);

    assert_eq!(sign_in(&address, &address, "assent_dev_guessed").await.status, 401);
    assert_eq!(sign_in(&address, "http://elsewhere.example", &dev.token("lead")).await.status, 403);
    let cookie = cookie(&sign_in(&address, &address, &dev.token("lead")).await);

    let own = call(&address, GET_CALLER, &[("cookie", &cookie), ("origin", &address)]).await;
    assert!(own.status == 200 && own.holds("lead@localhost") && own.holds("grpc-status:0"), "{}", own.head);
    for headers in [
        vec![("cookie", cookie.as_str())],
        vec![("cookie", cookie.as_str()), ("origin", "http://elsewhere.example")],
        vec![("cookie", cookie.as_str()), ("origin", address.as_str()), ("sec-fetch-site", "cross-site")],
    ] {
        assert_eq!(call(&address, GET_CALLER, &headers).await.status, 403, "{headers:?}");
    }
    let nobody = call(&address, GET_CALLER, &[("origin", &address)]).await;
    assert!(nobody.head.contains("grpc-status: 16") || nobody.holds("grpc-status:16"), "{}", nobody.head);
    // What agents and services call among themselves is not for browsers.
    for path in ["/assent.executor.v1.WorkerService/LeaseWork", "/assent.event.v1.EventService/ReadEvents"] {
        let refused = call(&address, path, &[("cookie", &cookie), ("origin", &address)]).await;
        assert_eq!(refused.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_front_of_six_processes_it_passes_the_callers_own_credential_on() {
    let mut cluster = Cluster::start().await;
    let address = cluster.start_dashboard().await;
    let admin = people::token(people::ADMIN);
    let cookie = cookie(&sign_in(&address, &address, &admin).await);
    let own = call(&address, GET_CALLER, &[("cookie", &cookie), ("origin", &address)]).await;
    assert!(own.holds(people::ADMIN), "{}", own.head);
    // Only services may speak for others, and the dashboard's callers are none.
    let forged = "eyJpZCI6ImFkbWluQGV4YW1wbGUuY29tIiwia2luZCI6InVzZXIiLCJyb2xlcyI6WyJhZG1pbiJdfQ";
    let dev = format!("Bearer {}", people::token(people::DEV));
    let spoofed = call(&address, GET_CALLER, &[("authorization", &dev), ("assent-actor", forged)]).await;
    assert!(spoofed.holds(people::DEV) && !spoofed.holds(people::ADMIN), "{}", spoofed.head);

    cluster.kill("approval-gate");
    let headers = [("cookie", cookie.as_str()), ("origin", address.as_str())];
    let broken = call(&address, GET_CALLER, &headers).await;
    assert!(broken.head.contains("grpc-status: 14") || broken.holds("grpc-status:14"), "{}", broken.head);
}

/// A call to each service that the dashboard passes on.
const CALLS: [(&str, &str); 5] = [
    ("risk", "/assent.risk.v1.RiskService/GetPolicy"),
    ("versioning", "/assent.versioning.v1.VersioningService/ListVersions"),
    ("approval-gate", GET_CALLER),
    ("executor", "/assent.executor.v1.ExecutorService/ListTools"),
    ("notification", "/assent.notification.v1.NotificationService/ListInbox"),
];

/// Whether a service answered, be it with a refusal.
fn answered(answer: &Answer) -> bool {
    let not_now = ["4", "14"].iter().any(|code| {
        answer.head.contains(&format!("grpc-status: {code}")) || answer.holds(&format!("grpc-status:{code}"))
    });
    answer.status == 200 && !not_now
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_wire_is_told_to_the_page_and_passes() {
    let mut cluster = Cluster::start_wired().await;
    let address = cluster.start_dashboard().await;
    let lead = format!("Bearer {}", people::token(people::LEAD));
    let headers = [("authorization", lead.as_str()), ("grpc-timeout", "2S")];
    let (address, headers) = (&address, &headers);
    let ask_all = || {
        join_all(CALLS.map(|(service, path)| async move { (service, call(address, path, headers).await) }))
    };
    for (service, answer) in ask_all().await {
        assert!(answered(&answer), "{service}: {}", answer.head);
    }
    for fault in [Fault::Latency(Duration::from_secs(3600)), Fault::Reset, Fault::HalfOpen, Fault::Blackhole]
    {
        let wires = || CALLS.map(|(service, _)| &cluster.wires()[&("dashboard", service)]);
        wires().iter().for_each(|wire| wire.set(fault));
        for (service, answer) in ask_all().await {
            assert!(!answered(&answer), "{service} with {fault:?}: {}", answer.head);
        }
        wires().iter().for_each(|wire| wire.set(Fault::None));
        eventually(&format!("{fault:?} to pass"), || async {
            ask_all().await.iter().all(|(_, answer)| answered(answer)).then_some(())
        })
        .await;
    }
}
