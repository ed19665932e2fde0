//! The contract, described to whoever asks. Made when the first one does: it takes megabytes, and most never ask.

use std::sync::{Arc, OnceLock};

use assent_core::{Code, Fault, Reason};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use tonic::service::Routes;
use tonic_reflection::server::{Builder, Error};
use tower::ServiceExt as _;

use crate::status::status;

/// Both versions: grpcurl before 1.9 knows only the alpha.
const PATHS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

#[derive(Clone)]
struct Reflection {
    /// Full names of what this port serves. Only that is advertised; the whole contract can be described.
    served: Arc<[String]>,
    made: Arc<OnceLock<Result<axum::Router, Unreflected>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the contract cannot be reflected")]
struct Unreflected(#[from] Error);

impl Fault for Unreflected {
    fn code(&self) -> Code {
        Code::Internal
    }

    fn reason(&self) -> Reason {
        Reason::new("INTERNAL")
    }
}

/// Answers what is asked about `served` and the contract.
pub(crate) fn routes(served: Vec<String>) -> axum::Router {
    let reflection = Reflection { served: served.into(), made: Arc::default() };
    let routes = PATHS.iter().fold(axum::Router::new(), |routes, path| routes.route(path, any(answer)));
    routes.with_state(reflection)
}

async fn answer(State(reflection): State<Reflection>, request: Request) -> Response {
    match reflection.made.get_or_init(|| make(&reflection.served)) {
        Ok(routes) => routes.clone().oneshot(request).await.unwrap_or_else(|never| match never {}),
        Err(error) => status(error).into_http(),
    }
}

fn make(served: &[String]) -> Result<axum::Router, Unreflected> {
    let builder = || {
        let builder = Builder::configure()
            .register_encoded_file_descriptor_set(assent_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
            .include_reflection_service(false);
        served.iter().fold(builder, |builder, name| builder.with_service_name(name))
    };
    let routes = Routes::new(builder().build_v1()?).add_service(builder().build_v1alpha()?);
    Ok(routes.into_axum_router())
}
