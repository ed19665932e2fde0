//! Who may call what, in one table per service, checked before the handler.

use std::collections::{BTreeSet, HashMap};

use assent_core::Actor;

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, also without a credential: health and reflection.
    Open,
    /// Anybody with a credential. The handler may ask for more, depending on the thing named.
    Authenticated,
    /// Whoever carries one of these roles; services always may.
    AnyRole(&'static [&'static str]),
    /// Only Assent's services.
    Service,
}

/// The methods that a port serves. A method that is not in the table is denied.
#[derive(Debug, Clone, Default)]
pub struct AccessTable(HashMap<&'static str, Access>);

/// Served on every port, without a credential, so that probes and grpcurl work.
pub(crate) const OPEN_SERVICES: &[&str] = &[
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

impl AccessTable {
    /// Adds the methods of a service, by path: `/assent.approval.v1.ApprovalService/Approve`.
    pub fn extend(&mut self, methods: &[(&'static str, Access)]) {
        self.0.extend(methods.iter().copied());
    }

    /// Whether anybody may call the method, because it belongs to health or reflection.
    pub(crate) fn is_open(path: &str) -> bool {
        service_of(path).is_some_and(|service| OPEN_SERVICES.contains(&service))
    }

    /// The path of every method in the table.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    /// The rule of a method; none when nothing says that it may be called.
    pub fn get(&self, path: &str) -> Option<Access> {
        if Self::is_open(path) {
            return Some(Access::Open);
        }
        self.0.get(path).copied()
    }

    /// Full name of every service that has a method in the table, by name.
    pub fn services(&self) -> impl Iterator<Item = &'static str> {
        let names: BTreeSet<_> = self.0.keys().filter_map(|path| service_of(path)).collect();
        names.into_iter()
    }
}

impl Access {
    /// Whether a call may go on, made with `credential` and acting as `actor`.
    ///
    /// # Errors
    /// The roles that would be needed.
    pub fn check(self, credential: &Actor, actor: &Actor) -> Result<(), &'static [&'static str]> {
        match self {
            Self::Open | Self::Authenticated => Ok(()),
            Self::AnyRole(roles) => {
                let fits = actor.is_service() || roles.iter().any(|role| actor.has_role(role));
                if fits { Ok(()) } else { Err(roles) }
            }
            Self::Service if credential.is_service() => Ok(()),
            Self::Service => Err(&[assent_core::actor::SERVICE]),
        }
    }
}

/// `assent.approval.v1.ApprovalService` of `/assent.approval.v1.ApprovalService/Approve`.
fn service_of(path: &str) -> Option<&str> {
    path.strip_prefix('/')?.split_once('/').map(|(service, _)| service)
}
