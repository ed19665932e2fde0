//! Mail over a real server of another language.

use std::process::Stdio;
use std::time::Duration;

use assent_notification::SmtpTls;
use assent_proto::approval::v1::ContactAddresses;
use assent_proto::notification::v1::DeliveryStatus;
use assent_testkit::{Storage, both_storages, free_port};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::facts::submitted;
use crate::messages::steady;
use crate::peers::actor;
use crate::rig::{LONG, Rig, Setup};
use crate::tools;

/// A mail server, until it is dropped.
struct MailServer {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl MailServer {
    async fn start(port: u16) -> Self {
        let mut process = Command::new(tools::folder().join("bin/python"))
            .arg(tools::pinned("mail_server.py"))
            .arg(port.to_string())
            .args([tools::pinned("tls/cert.pem"), tools::pinned("tls/key.pem")])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut server = Self { _process: process, lines };
        assert_eq!(server.next().await["listening"], port);
        server
    }

    async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(LONG, self.lines.next_line()).await.expect("no mail came").unwrap();
        serde_json::from_str(&line.expect("the mail server ended")).unwrap()
    }
}

fn setup(port: u16) -> Setup {
    Setup::new().secret("smtp_password", "s3cret\n").with(|config| {
        config.smtp_host = "localhost".to_owned();
        config.smtp_port = port;
        config.smtp_tls = SmtpTls::Starttls;
        config.smtp_ca_file = tools::pinned("tls/ca.pem").display().to_string();
        config.smtp_user = "assent".to_owned();
        config.email_from = "Assent <assent@example.com>".to_owned();
    })
}

fn mail_of(rig: &Rig, people: &[(&str, &str)]) {
    rig.world(|world| {
        world.approvers = people.iter().map(|(user, _)| actor(user)).collect();
        for (user, email) in people {
            world.reach(user, ContactAddresses { email: (*email).to_owned(), ..Default::default() });
        }
    });
}

async fn mail_goes_out_over_tls_with_both_parts(storage: Storage) {
    let port = free_port();
    let mut server = MailServer::start(port).await;
    let rig = Rig::start(storage, setup(port)).await;
    mail_of(&rig, &[("bob", "bob@example.com")]);
    rig.world(|world| world.review.plan.as_mut().unwrap().goal = "Delete <b>all</b> & \"more\"".to_owned());
    let session = rig.session();
    rig.gate_says(session, submitted()).await;
    let mail = server.next().await;
    assert_eq!((&mail["tls"], &mail["user"]), (&true.into(), &"assent".into()));
    assert_eq!((&mail["from"], &mail["to"][0]), (&"assent@example.com".into(), &"bob@example.com".into()));
    let [delivery] = rig.settled(1, |d| d.status() == DeliveryStatus::Delivered).await.try_into().unwrap();
    let headers = &mail["headers"];
    assert_eq!(headers["subject"], "Approval requested (HIGH): Delete <b>all</b> & \"more\"");
    assert_eq!(headers["message-id"], format!("<{}@example.com>", delivery.id));
    assert_eq!(headers["references"], format!("<{session}@example.com>"));
    assert_eq!(headers["auto-submitted"], "auto-generated");
    let link = format!("https://assent.example.com/sessions/{session}");
    let (text, html) = (mail["text"].as_str().unwrap(), mail["html"].as_str().unwrap());
    assert!(
        text.contains("agent asks for approval of a plan") && text.contains(&format!("Open: {link}")),
        "{text}"
    );
    assert!(
        html.contains("Delete &lt;b&gt;all&lt;")
            && html.contains(&format!("href=\"{}\"", link.replace('/', "&#x2f;"))),
        "{html}"
    );
    let whole = format!("{}\n\n{text}\n\n{html}", headers["subject"].as_str().unwrap()).replace("\r\n", "\n");
    insta::assert_snapshot!("mail", steady(&whole, &session.to_string(), &delivery.id));
    rig.stop().await;
}

async fn a_mailbox_that_is_not_there_is_given_up_and_a_busy_one_is_tried_again(storage: Storage) {
    let port = free_port();
    let mut server = MailServer::start(port).await;
    let rig = Rig::start(storage, setup(port)).await;
    mail_of(&rig, &[("bob", "bob@unknown.example"), ("cem", "cem@busy.example"), ("dan", "dan@example.com")]);
    rig.gate_says(rig.session(), submitted()).await;
    assert_eq!(server.next().await["to"][0], "dan@example.com");
    let all = rig.settled(3, |d| d.attempts == 1).await;
    let of = |user: &str| all.iter().find(|d| d.user_id == user).unwrap();
    assert_eq!(of("bob").status(), DeliveryStatus::Failed);
    assert!(of("bob").error.contains("no such mailbox"), "{}", of("bob").error);
    assert_eq!(of("cem").status(), DeliveryStatus::Pending);
    assert!(of("cem").error.contains("try again later"), "{}", of("cem").error);
    assert_eq!(of("dan").status(), DeliveryStatus::Delivered);
    rig.stop().await;
}

async fn mail_waits_for_a_server_that_is_down(storage: Storage) {
    let port = free_port();
    let setup = setup(port).with(|config| (config.max_attempts, config.breaker_failures) = (100, 2));
    let rig = Rig::start(storage, setup).await;
    let people = ["ann", "bob", "cem", "dan"];
    let addresses = people.map(|user| format!("{user}@example.com"));
    let reached: Vec<_> = people.into_iter().zip(addresses.iter().map(String::as_str)).collect();
    mail_of(&rig, &reached);
    rig.gate_says(rig.session(), submitted()).await;
    rig.settled(4, |d| d.attempts == 1 && !d.error.is_empty()).await;
    let mut server = MailServer::start(port).await;
    // The first after the pause finds out, and then all the others.
    let mut to = Vec::new();
    rig.wait(Duration::from_secs(31));
    while to.len() < 4 {
        to.push(server.next().await["to"][0].as_str().unwrap().to_owned());
    }
    to.sort_unstable();
    assert_eq!(to, addresses, "each once");
    rig.settled(4, |d| d.status() == DeliveryStatus::Delivered && d.attempts == 2).await;
    rig.stop().await;
}

async fn a_server_that_cannot_prove_itself_gets_nothing(storage: Storage) {
    let port = free_port();
    let _server = MailServer::start(port).await;
    let setup = setup(port).with(|config| config.smtp_ca_file = String::new());
    let rig = Rig::start(storage, setup).await;
    mail_of(&rig, &[("bob", "bob@example.com")]);
    rig.gate_says(rig.session(), submitted()).await;
    let [waiting] = rig.settled(1, |d| d.attempts == 1).await.try_into().unwrap();
    assert_eq!(waiting.status(), DeliveryStatus::Pending);
    assert!(waiting.error.contains("certificate"), "{}", waiting.error);
    rig.stop().await;
}

both_storages!(
    mail_goes_out_over_tls_with_both_parts,
    a_mailbox_that_is_not_there_is_given_up_and_a_busy_one_is_tried_again,
    mail_waits_for_a_server_that_is_down,
    a_server_that_cannot_prove_itself_gets_nothing,
);
