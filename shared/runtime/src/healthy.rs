//! Asks a running process how it is, for surroundings that cannot speak gRPC themselves and images without a shell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tonic::transport::Endpoint;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::error::RunError;

const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Asks whoever serves at `listen` whether it is ready.
///
/// # Errors
/// [`RunError::NotReady`], with what it said or why it did not.
pub(crate) async fn ask(listen: SocketAddr) -> Result<(), RunError> {
    let address = reachable(listen);
    let not_ready = |why: String| RunError::NotReady { address, why };
    let endpoint =
        Endpoint::from_shared(format!("http://{address}")).map_err(|e| not_ready(e.to_string()))?;
    let channel = endpoint.connect_timeout(ANSWER_WITHIN).timeout(ANSWER_WITHIN).connect().await;
    let channel = channel.map_err(|error| not_ready(error.to_string()))?;
    let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    match answer.map(|answer| answer.into_inner().status()) {
        Ok(status) if status as i32 == ServingStatus::Serving as i32 => Ok(()),
        Ok(status) => Err(not_ready(format!("it says {}", status.as_str_name()))),
        Err(status) => Err(not_ready(status.message().to_owned())),
    }
}

/// Where one can connect to what listens on all addresses.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_reached_on_the_loopback_interface() {
        for (listen, expected) in
            [("0.0.0.0:7101", "127.0.0.1:7101"), ("[::]:1", "[::1]:1"), ("10.0.0.1:2", "10.0.0.1:2")]
        {
            assert_eq!(reachable(listen.parse().unwrap()), expected.parse().unwrap());
        }
    }
}
