//! How long processors worked, as the kernel counts it: neither what was waited nor what others took.

use std::time::Duration;

use sqlx::Connection as _;

/// Of this process, and of the server of a database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    pub(crate) own: Duration,
    pub(crate) database: Duration,
}

/// The process that all processes of the Postgres at `url` come from; none of another database, or where it runs elsewhere.
pub(crate) async fn server(url: &str) -> Option<u32> {
    let mut db = sqlx::PgConnection::connect(url).await.ok()?;
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut db).await.ok()?;
    Some(stat(&backend.to_string())?.parent)
}

/// Since they began.
pub(crate) fn used(server: Option<u32>) -> Used {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = processes.filter_map(|process| stat(process.file_name().to_str()?));
    let of_server = stats.filter(|stat| Some(stat.parent) == server);
    Used {
        own: stat("self").map_or(Duration::ZERO, |stat| stat.time),
        database: of_server.map(|stat| stat.time).sum(),
    }
}

struct Stat {
    parent: u32,
    time: Duration,
}

fn stat(process: &str) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind the name, which is in parentheses and may hold anything: the parent is the second word, user and system
    // time are the 12th and 13th.
    let words: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |place: usize| words.get(place)?.parse::<u64>().ok();
    // A tick is a hundredth of a second for programs on every Linux.
    let time = Duration::from_millis((number(11)? + number(12)?) * 10);
    Some(Stat { parent: u32::try_from(number(1)?).ok()?, time })
}
