//! The services, as seen from outside.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use assent_core::ContextSource;
use assent_proto::approval::v1::approval_service_client::ApprovalServiceClient;
use assent_proto::approval::v1::audit_service_client::AuditServiceClient;
use assent_proto::approval::v1::comment_service_client::CommentServiceClient;
use assent_proto::approval::v1::directory_service_client::DirectoryServiceClient;
use assent_proto::executor::v1::executor_service_client::ExecutorServiceClient;
use assent_proto::notification::v1::notification_service_client::NotificationServiceClient;
use assent_proto::planner::v1::planner_service_client::PlannerServiceClient;
use assent_proto::risk::v1::risk_service_client::RiskServiceClient;
use assent_proto::versioning::v1::plan_editor_service_client::PlanEditorServiceClient;
use assent_proto::versioning::v1::versioning_service_client::VersioningServiceClient;
use assent_rpc::{ClientTlsFiles, MAX_MESSAGE_BYTES, PeerOptions, Transport};
use tonic::Request;
use tonic_health::pb::health_client::HealthClient;

use crate::failure::{Exit, stop};

/// Longest wait for an answer that needs no waiting.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Where the services are and who calls.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Target {
    /// Address of the server
    #[arg(
        long,
        global = true,
        env = "ASSENT_SERVER",
        default_value = "http://127.0.0.1:7100",
        value_name = "URL"
    )]
    pub(crate) server: String,
    /// Bearer token; better in a file
    #[arg(long, global = true, env = "ASSENT_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// File that holds the bearer token; --token goes before it
    #[arg(long, global = true, env = "ASSENT_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// PEM file with the roots by which an https server is trusted; those of the system without it
    #[arg(long, global = true, env = "ASSENT_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// PEM file with a certificate to show, for a server that asks for one
    #[arg(long, global = true, env = "ASSENT_CERTIFICATE_FILE", value_name = "FILE", requires = "key_file")]
    certificate_file: Option<PathBuf>,
    /// PEM file with the certificate's private key
    #[arg(long, global = true, env = "ASSENT_KEY_FILE", value_name = "FILE", requires = "certificate_file")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) addresses: Addresses,
}

impl Target {
    /// A server on this machine, and a file that holds the token.
    pub(crate) fn plain(server: String, token_file: PathBuf) -> Self {
        Self {
            server,
            token: None,
            token_file: Some(token_file),
            ca_file: None,
            certificate_file: None,
            key_file: None,
            addresses: Addresses::default(),
        }
    }

    fn options(&self) -> PeerOptions {
        let identity = self.certificate_file.clone().zip(self.key_file.clone());
        PeerOptions { connections: 1, tls: ClientTlsFiles { ca: self.ca_file.clone(), identity } }
    }
}

/// Addresses of single services, for a cluster without a common front; each falls back to --server.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Addresses {
    #[arg(long, global = true, env = "ASSENT_PLANNER_ADDRESS", hide = true)]
    planner_address: Option<String>,
    #[arg(long, global = true, env = "ASSENT_RISK_ADDRESS", hide = true)]
    risk_address: Option<String>,
    #[arg(long, global = true, env = "ASSENT_VERSIONING_ADDRESS", hide = true)]
    versioning_address: Option<String>,
    #[arg(long, global = true, env = "ASSENT_APPROVAL_GATE_ADDRESS", hide = true)]
    approval_gate_address: Option<String>,
    #[arg(long, global = true, env = "ASSENT_EXECUTOR_ADDRESS", hide = true)]
    executor_address: Option<String>,
    #[arg(long, global = true, env = "ASSENT_NOTIFICATION_ADDRESS", hide = true)]
    notification_address: Option<String>,
}

/// The names of the services, in the order of the workflow.
pub(crate) const SERVICES: [&str; 6] =
    ["planner", "risk", "versioning", "approval-gate", "executor", "notification"];

/// Clients of every service in the name of one caller. Connects when first used.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    transports: Vec<(&'static str, String, Transport)>,
    has_token: bool,
}

macro_rules! clients {
    ($($name:ident: $client:ident at $service:literal,)*) => {$(
        pub(crate) fn $name(&self) -> $client<Transport> {
            $client::new(self.transport($service))
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES)
        }
    )*};
}

impl Client {
    /// # Errors
    /// When an address or the token cannot be used.
    pub(crate) fn new(target: &Target) -> anyhow::Result<Self> {
        let token = match (&target.token, &target.token_file) {
            (Some(token), _) => token.trim().to_owned(),
            (None, Some(path)) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the token file {}", path.display()))?
                .trim()
                .to_owned(),
            (None, None) => String::new(),
        };
        let options = target.options();
        let connect = |service| {
            let address = target.addresses.of(service).unwrap_or(&target.server);
            let transport = Transport::remote_with(address, &token, &options, ContextSource::system());
            let transport = transport.map_err(|e| stop(Exit::Usage, e.to_string()))?;
            Ok((service, address.to_owned(), transport))
        };
        let transports = SERVICES.into_iter().map(connect).collect::<anyhow::Result<_>>()?;
        Ok(Self { transports, has_token: !token.is_empty() })
    }

    /// Whether a credential was given.
    pub(crate) fn has_token(&self) -> bool {
        self.has_token
    }

    /// Every service with its address.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.transports.iter().map(|(service, address, _)| (*service, address.as_str()))
    }

    fn transport(&self, service: &str) -> Transport {
        let found = self.transports.iter().find(|(name, ..)| *name == service);
        // The first stands for a name that is not in SERVICES, of which there is none.
        let (.., transport) = found.unwrap_or(&self.transports[0]);
        transport.clone()
    }

    pub(crate) fn health(&self, service: &str) -> HealthClient<Transport> {
        HealthClient::new(self.transport(service))
    }

    clients! {
        planner: PlannerServiceClient at "planner",
        risk: RiskServiceClient at "risk",
        versioning: VersioningServiceClient at "versioning",
        editor: PlanEditorServiceClient at "versioning",
        gate: ApprovalServiceClient at "approval-gate",
        comments: CommentServiceClient at "approval-gate",
        audit: AuditServiceClient at "approval-gate",
        directory: DirectoryServiceClient at "approval-gate",
        executor: ExecutorServiceClient at "executor",
        notification: NotificationServiceClient at "notification",
    }
}

impl Addresses {
    fn of(&self, service: &str) -> Option<&str> {
        let address = match service {
            "planner" => &self.planner_address,
            "risk" => &self.risk_address,
            "versioning" => &self.versioning_address,
            "approval-gate" => &self.approval_gate_address,
            "executor" => &self.executor_address,
            _ => &self.notification_address,
        };
        address.as_deref().filter(|a| !a.is_empty())
    }
}

/// A request that is answered at once or not at all.
pub(crate) fn ask<M>(message: M) -> Request<M> {
    ask_within(message, ANSWER_WITHIN)
}

/// A request that may take so long.
pub(crate) fn ask_within<M>(message: M, timeout: Duration) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(timeout);
    request
}
