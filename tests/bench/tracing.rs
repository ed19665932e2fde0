//! What tracing everything costs: the same workflows against `assent dev` without traces and with all of them, in pairs.

use assent_tests::Dev;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use http_body_util::{BodyExt as _, Full};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::workflow;

const PAIRS: usize = 5;
const CALLERS: u32 = 16;

pub(crate) async fn run() {
    println!(
        "tracing: workflows a second of `assent dev` on SQLite, {CALLERS} callers, without traces and with all"
    );
    let mut tasks = JoinSet::new();
    let receiver = receive(&mut tasks).await;
    let mut ratios = Vec::new();
    for pair in 1..=PAIRS {
        // Whichever comes second finds a warmer machine.
        let (without, with) = if pair % 2 == 0 {
            let with = rate(Some(&receiver)).await;
            (rate(None).await, with)
        } else {
            (rate(None).await, rate(Some(&receiver)).await)
        };
        println!("  pair {pair}: {without:.1} without, {with:.1} with: {:.3}", with / without);
        ratios.push(with / without);
    }
    ratios.sort_by(f64::total_cmp);
    println!("  median {:.3}; the aim is above 0.9", ratios[PAIRS / 2]);
}

async fn rate(receiver: Option<&str>) -> f64 {
    let endpoint = receiver.map(|address| ("ASSENT_TELEMETRY__OTLP_ENDPOINT", address.to_owned()));
    let dev = Dev::start_with("", endpoint.as_slice()).await;
    let (laps, seconds) = workflow::many(&dev.client("agent"), &dev.client("lead"), CALLERS).await;
    laps.len() as f64 / seconds
}

/// Takes whatever is exported and thanks for it, so that the receiver costs next to nothing.
async fn receive(tasks: &mut JoinSet<std::io::Result<()>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(|request: Request| async {
        request.into_body().collect().await.unwrap();
        let mut trailers = axum::http::HeaderMap::new();
        trailers.insert("grpc-status", axum::http::HeaderValue::from_static("0"));
        // One empty message.
        let body = Full::new(Bytes::from_static(&[0; 5])).with_trailers(async { Some(Ok(trailers)) });
        Response::builder().header("content-type", "application/grpc").body(Body::new(body)).unwrap()
    });
    tasks.spawn(async move { axum::serve(listener, router).await });
    address
}
