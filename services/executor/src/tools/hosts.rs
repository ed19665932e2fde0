//! Which hosts may be called, and at which addresses.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use assent_core::net::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The hosts of the configuration. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Hosts(Arc<Vec<String>>);

/// What is known of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Named: any address.
    Named,
    /// Covered by `*`: public addresses only.
    Public,
    /// Not allowed.
    Denied,
}

impl Hosts {
    pub(super) fn new(hosts: &[String]) -> Self {
        Self(Arc::new(hosts.iter().map(|host| host.to_ascii_lowercase()).collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn rule(&self, host: &str) -> Rule {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let named = self.0.iter().any(|entry| match entry.strip_prefix("*.") {
            Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
            None => entry != "*" && entry == host,
        });
        if named {
            Rule::Named
        } else if self.0.iter().any(|entry| entry == "*") {
            Rule::Public
        } else {
            Rule::Denied
        }
    }

    /// Whether a host given by address may be called.
    pub(super) fn allows_address(&self, host: &str, address: IpAddr) -> bool {
        match self.rule(host) {
            Rule::Named => true,
            Rule::Public => is_public(address),
            Rule::Denied => false,
        }
    }
}

/// Resolves names, and leaves out the addresses that are not allowed: checked here, at the one place where a name
/// becomes the address that is called, so that a second answer of the name server cannot differ.
impl Resolve for Hosts {
    fn resolve(&self, name: Name) -> Resolving {
        let hosts = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| hosts.allows_address(name.as_str(), address.ip())).collect();
            if allowed.is_empty() {
                return Err("the host has no address that may be called".into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_allowed_by_name_and_private_addresses_by_name_only() {
        let hosts =
            Hosts::new(&["api.example.com".to_owned(), "*.trusted.org".to_owned(), "10.0.0.7".to_owned()]);
        assert_eq!(hosts.rule("API.example.com"), Rule::Named);
        assert_eq!(hosts.rule("a.b.trusted.org."), Rule::Named);
        for host in ["trusted.org", "nottrusted.org", "example.com", "x.api.example.com"] {
            assert_eq!(hosts.rule(host), Rule::Denied, "{host}");
        }
        assert!(hosts.allows_address("10.0.0.7", "10.0.0.7".parse().unwrap()));
        assert_eq!(Hosts::new(&[]).rule("example.com"), Rule::Denied);

        let any = Hosts::new(&["*".to_owned()]);
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "2002:7f00:1::",
            "224.0.0.1",
            "::",
        ] {
            assert!(!any.allows_address("x", private.parse().unwrap()), "{private}");
        }
        for public in ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(any.allows_address("x", public.parse().unwrap()), "{public}");
        }
    }
}
