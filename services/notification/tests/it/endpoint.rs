//! An HTTP endpoint that answers as it is told and remembers what it got.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::rig::LONG;

/// One post.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Post {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// How a post is answered.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Status(u16),
    /// With `Retry-After` in seconds.
    Wait(u16, u64),
    /// To another address.
    Redirect(String),
    /// Never.
    Silence,
    /// With more than anybody wants to read.
    Huge,
    Json(Value),
}

#[derive(Clone)]
struct Shared {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    usual: Answer,
    posts: mpsc::UnboundedSender<Post>,
}

pub(crate) struct Endpoint {
    /// Without a path.
    pub(crate) address: String,
    pub(crate) posts: mpsc::UnboundedReceiver<Post>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    _server: tokio::task::JoinSet<()>,
}

impl Endpoint {
    /// Answers with `answers` one after the other, then with 204.
    pub(crate) async fn answering(answers: &[Answer]) -> Self {
        Self::usually(Answer::Status(204), answers).await
    }

    /// Answers with `answers` one after the other, then always with `usual`.
    pub(crate) async fn usually(usual: Answer, answers: &[Answer]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, posts) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(answers.iter().cloned().collect()));
        let shared = Shared { answers: Arc::clone(&answers), usual, posts: sender };
        let router = Router::new().fallback(take).with_state(shared);
        let mut server = tokio::task::JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, posts, answers, _server: server }
    }

    /// Address of the webhook.
    pub(crate) fn hook(&self) -> String {
        format!("{}/hook?token=t0ken", self.address)
    }

    /// How the next posts are answered.
    pub(crate) fn answer(&self, answers: &[Answer]) {
        self.answers.lock().unwrap().extend(answers.iter().cloned());
    }

    /// The next post.
    pub(crate) async fn next(&mut self) -> Post {
        tokio::time::timeout(LONG, self.posts.recv()).await.expect("no post came").unwrap()
    }

    /// The next `count` posts.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Post> {
        let mut posts = Vec::new();
        while posts.len() < count {
            posts.push(self.next().await);
        }
        posts
    }

    /// Whether nothing more has come.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.posts.try_recv().is_err()
    }
}

async fn take(State(shared): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let json = serde_json::from_str(&text).unwrap_or_default();
    // The test may have ended.
    let _ended = shared.posts.send(Post { path: uri.path().to_owned(), headers, json, text });
    let answer = shared.answers.lock().unwrap().pop_front().unwrap_or(shared.usual);
    match answer {
        Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answer::Wait(status, seconds) => {
            (StatusCode::from_u16(status).unwrap(), [("retry-after", seconds.to_string())]).into_response()
        }
        Answer::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response(),
        Answer::Silence => std::future::pending().await,
        Answer::Huge => {
            let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 65_536]));
            let endless = futures_util::stream::repeat_with(chunk);
            axum::body::Body::from_stream(endless).into_response()
        }
        Answer::Json(json) => axum::Json(json).into_response(),
    }
}
