//! How fast reviews are decided, told and read, alone and beside many others.

use std::time::{Duration, Instant};

use assent_proto::approval::v1::{
    AddCommentRequest, ApproveRequest, GetSessionRequest, ListPendingSessionsRequest,
    SubmitForApprovalRequest, WaitForDecisionRequest,
};
use assent_proto::review::v1::{CommentType, PlanReviewSession};
use assent_proto::versioning::v1::ApplyEditsRequest;
use assent_rpc::convert::Wire as _;
use assent_testkit::Storage;
use assent_tests::embedded::Wishes;
use assent_tests::{Client, Embedded, eventually, people, scenario};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::task::JoinSet;

use crate::plans::{chain, line};
use crate::{cpu, pgbench};

const CALLERS: usize = 32;
const DECISIONS_PER_CALLER: usize = 40;
const WAITS: usize = 1000;
const PENDING: usize = 100_000;

async fn start(storage: Storage) -> Embedded {
    let approval_gate = assent_approval_gate::Config { comments_per_minute: 1_000_000, ..Default::default() };
    Embedded::start_with(storage, Wishes { review_only: true, approval_gate, ..Default::default() }).await
}

/// Prints a line for each figure, with what it must stay below.
pub(crate) async fn run(name: &str, storage: Storage) {
    println!("\napproval gate, {name}");
    println!("{:<46} {:>9} {:>9} {:>9} {:>9}", "", "p50", "p95", "p99", "limit");
    let stack = start(storage).await;
    beside_pgbench(&stack).await;
    waits(&stack).await;
    large_session(&stack).await;
    reviews(&stack).await;
    stack.stop().await;
}

/// Decisions alone.
pub(crate) async fn decide(storage: Storage) {
    println!("{:<46} {:>9} {:>9} {:>9} {:>9}", "", "p50", "p95", "p99", "limit");
    let stack = start(storage).await;
    for _ in 0..3 {
        beside_pgbench(&stack).await;
    }
    stack.stop().await;
}

async fn beside_pgbench(stack: &Embedded) {
    let per_second = decisions(stack).await;
    if !stack.storage().is_sqlite() {
        let (tps, times) = pgbench::decisions(stack.storage().url(), 32).await;
        line("pgbench with the same statements, 32 clients", times, 20);
        println!(
            "  decisions {per_second:.0}/s; pgbench with the same statements {tps:.0}/s; ratio {:.2}, at least 0.5",
            per_second / tps
        );
    }
}

async fn submit(agent: &Client, items: usize) -> PlanReviewSession {
    let request = SubmitForApprovalRequest { plan: Some(chain(items).to_pb()), ..Default::default() };
    agent.approval.clone().submit_for_approval(request).await.unwrap().into_inner().session.unwrap()
}

/// Sessions of one item each.
async fn submitted(stack: &Embedded, count: usize) -> Vec<PlanReviewSession> {
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let agent = stack.client(people::AGENT);
        tasks.spawn(async move {
            let mut sessions = Vec::new();
            for _ in 0..count.div_ceil(16) {
                sessions.push(submit(&agent, 1).await);
            }
            sessions
        });
    }
    let mut all: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    all.truncate(count);
    all
}

async fn decisions(stack: &Embedded) -> f64 {
    let mut sessions = submitted(stack, CALLERS * DECISIONS_PER_CALLER).await;
    let lead = stack.client(people::LEAD);
    let server = cpu::server(stack.storage().url()).await;
    let (started, before) = (Instant::now(), cpu::used(server));
    let mut tasks = JoinSet::new();
    while !sessions.is_empty() {
        let own = sessions.split_off(sessions.len() - DECISIONS_PER_CALLER);
        let lead = lead.clone();
        tasks.spawn(async move {
            let mut times = Vec::new();
            for session in own {
                let started = Instant::now();
                assert_eq!(scenario::approve(&lead, &session).await.unwrap(), 0);
                times.push(started.elapsed());
            }
            times
        });
    }
    let times: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    let per_second = times.len() as f64 / started.elapsed().as_secs_f64();
    let after = cpu::used(server);
    let each = |time: Duration| time.as_secs_f64() * 1000.0 / times.len() as f64;
    let own = each(after.own.saturating_sub(before.own));
    let database = each(after.database.saturating_sub(before.database));
    line("approve, 32 callers", times, 20);
    println!("  CPU of each: gate, its peers and the callers {own:.2} ms; Postgres {database:.2} ms");
    per_second
}

/// From the decision to those who wait for it, while a thousand wait for others.
async fn waits(stack: &Embedded) {
    let sessions = submitted(stack, WAITS).await;
    let (dev, lead) = (stack.client(people::DEV), stack.client(people::LEAD));
    let mut tasks = JoinSet::new();
    let (told, mut hear) = tokio::sync::mpsc::unbounded_channel();
    for session in &sessions {
        let (dev, told, session_id) = (dev.clone(), told.clone(), session.id.clone());
        tasks.spawn(async move {
            let timeout = Some(prost_types::Duration { seconds: 300, nanos: 0 });
            let request = WaitForDecisionRequest { session_id: session_id.clone(), timeout };
            let answer = dev.approval.clone().wait_for_decision(request).await.unwrap().into_inner();
            assert!(answer.decision.is_some());
            let _ = told.send((session_id, Instant::now()));
        });
    }
    // All of them wait when the last one has been taken in; nothing tells from outside.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut times = Vec::new();
    for session in &sessions {
        scenario::approve(&lead, session).await.unwrap();
        let decided = Instant::now();
        let (id, at) = hear.recv().await.unwrap();
        assert_eq!(id, session.id);
        times.push(at.saturating_duration_since(decided));
    }
    tasks.join_all().await;
    line("decision → who waits, 1,000 open waits", times, 50);
}

/// A plan of 50 items with 100 comments and 10 versions.
async fn large_session(stack: &Embedded) {
    let session = submit(&stack.client(people::AGENT), 50).await;
    let (dev, lead) = (stack.client(people::DEV), stack.client(people::LEAD));
    for base in 1..10 {
        let edit = json!({"update_work_item": {"item": {"id": "item-0007", "name": format!("Name {base}")}}});
        let request = json!({"session_id": session.id, "base_version": base, "edits": [edit]});
        let request: ApplyEditsRequest = assent_proto::json::from_json(request).unwrap();
        stack.client(people::AGENT).editor.clone().apply_edits(request).await.unwrap();
    }
    for n in 0..100 {
        let comment = AddCommentRequest {
            session_id: session.id.clone(),
            content: format!("Comment {n}: is every column of this needed by those who read it?"),
            r#type: CommentType::Question.into(),
            target_item_id: format!("item-{:04}", n % 50),
            scope: assent_proto::review::v1::CommentScope::WorkItem.into(),
            ..Default::default()
        };
        dev.comments.clone().add_comment(comment).await.unwrap();
    }
    let read = || async {
        let request = GetSessionRequest { session_id: session.id.clone(), ..Default::default() };
        lead.approval.clone().get_session(request).await.unwrap().into_inner().session.unwrap()
    };
    eventually("ten versions", || async { (read().await.current_version == 10).then_some(()) }).await;
    let mut times = Vec::new();
    for _ in 0..200 {
        let started = Instant::now();
        let found = read().await;
        times.push(started.elapsed());
        assert_eq!((found.comments.len(), found.versions.len()), (100, 10));
    }
    line("get a session: 50 items, 100 comments, 10 versions", times, 10);
}

/// A hundred reviews at once: each is submitted, discussed, decided and waited for.
async fn reviews(stack: &Embedded) {
    let (agent, dev, lead) =
        (stack.client(people::AGENT), stack.client(people::DEV), stack.client(people::LEAD));
    let review = |(agent, dev, lead): (Client, Client, Client)| async move {
        let session = submit(&agent, 5).await;
        let comment = AddCommentRequest {
            session_id: session.id.clone(),
            content: "Why?".to_owned(),
            r#type: CommentType::Question.into(),
            ..Default::default()
        };
        dev.comments.clone().add_comment(comment).await?;
        let request = ApproveRequest {
            session_id: session.id.clone(),
            version: 1,
            digest: session.digest.clone(),
            reason: "looks right".to_owned(),
            ..Default::default()
        };
        lead.approval.clone().approve(request).await?;
        let timeout = Some(prost_types::Duration { seconds: 60, nanos: 0 });
        let request = WaitForDecisionRequest { session_id: session.id, timeout };
        agent.approval.clone().wait_for_decision(request).await.map(drop)
    };
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        tasks.spawn(review((agent.clone(), dev.clone(), lead.clone())));
    }
    let errors = tasks.join_all().await.into_iter().filter(Result::is_err).count();
    println!("{:<46} {errors} errors, in {:.1} s", "100 reviews at once", started.elapsed().as_secs_f64());
}

/// A hundred thousand sessions that wait.
pub(crate) async fn many(storage: Storage) {
    println!("\napproval gate, postgres, {PENDING} pending sessions");
    println!("{:<46} {:>9} {:>9} {:>9} {:>9}", "", "p50", "p95", "p99", "limit");
    let stack = start(storage).await;
    submit(&stack.client(people::AGENT), 1).await;
    let mut db = sqlx::PgConnection::connect(stack.storage().url()).await.unwrap();
    for statement in [
        "SET search_path TO approval_gate",
        "CREATE TEMPORARY TABLE copies AS SELECT gen_random_uuid() AS id,
             to_char(TIMESTAMPTZ '2026-01-05 08:00:00Z' - n * INTERVAL '1 millisecond',
                 'YYYY-MM-DD\"T\"HH24:MI:SS.USOF') AS at
         FROM generate_series(1, PENDING) n",
        "INSERT INTO plan_review_sessions SELECT (jsonb_populate_record(s,
             jsonb_build_object('id', c.id, 'created_at', c.at))).* FROM plan_review_sessions s, copies c",
        "INSERT INTO open_requirements SELECT o.voters, c.at::timestamptz, c.id FROM open_requirements o, copies c",
        "INSERT INTO open_exclusions SELECT c.id, o.person FROM open_exclusions o, copies c",
        "ANALYZE",
    ] {
        db.execute(AssertSqlSafe(statement.replace("PENDING", &PENDING.to_string()))).await.unwrap();
    }
    let lead = stack.client(people::LEAD);
    let mut times = Vec::new();
    for _ in 0..200 {
        let started = Instant::now();
        let request = ListPendingSessionsRequest::default();
        let page = lead.approval.clone().list_pending_sessions(request).await.unwrap().into_inner();
        times.push(started.elapsed());
        assert!(!page.sessions.is_empty());
    }
    line("list what is pending for a lead", times, 20);
    // Nothing is due at first, then a hundred sessions are.
    let before = rows_read(&mut db).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = rows_read(&mut db).await;
    const DUE: i64 = 100;
    let overdue = format!(
        "UPDATE plan_review_sessions SET expires_at = created_at, wake_at = created_at
         WHERE id IN (SELECT id FROM plan_review_sessions ORDER BY id LIMIT {DUE})"
    );
    db.execute(AssertSqlSafe(overdue)).await.unwrap();
    let ended = "SELECT count(*) FROM approval_decisions WHERE outcome = 'timed_out'";
    while sqlx::query_scalar::<_, i64>(ended).fetch_one(&mut db).await.unwrap() < DUE {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{:<46} {:>9}", "sessions read by 5 s of looks, none due", idle - before);
    let all = rows_read(&mut db).await - idle;
    println!("{:<46} {all:>9}", "sessions read to make 100 due and end them");
    drop(db);
    stack.stop().await;
}

/// Rows of sessions that all statements have read so far.
async fn rows_read(db: &mut sqlx::PgConnection) -> i64 {
    // A connection that has nothing to do tells what it read after ten seconds.
    db.execute(AssertSqlSafe("SELECT pg_sleep(12)".to_owned())).await.unwrap();
    let query = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables
                 WHERE schemaname = 'approval_gate' AND relname = 'plan_review_sessions'";
    sqlx::query_scalar(query).fetch_one(db).await.unwrap()
}
