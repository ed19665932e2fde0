//! The planner owns the making and estimating of plans. It keeps no state: the same goal always yields the same
//! plan.
//!
//! Invariants: a plan that leaves here is sound; goal and context are data and reach a plan only where a playbook
//! puts them, never as a reference or a template; secrets in them are redacted first.

mod app;
mod config;
mod domain;
mod error;
mod grpc;

use std::path::Path;
use std::sync::Arc;

use assent_plan::Catalog;
use assent_proto::planner::v1::planner_service_server::PlannerServiceServer;
use assent_rpc::Access;
use assent_runtime::{BuildError, Service, TaskSet, Wiring};
use assent_store::Db;
use tonic::service::RoutesBuilder;

pub use crate::app::{App, CreatePlan, Remark, RevisePlan, Revision};
pub use crate::config::Config;
pub use crate::domain::{Fit, Library, Playbook, PlaybookError};
pub use crate::error::PlannerError;

/// Makes plans from playbooks.
pub struct Planner(Arc<App>);

impl Service for Planner {
    const NAME: &'static str = "planner";
    const PORT: u16 = 7101;
    const ACCESS: &'static [(&'static str, Access)] = &[
        ("/assent.planner.v1.PlannerService/CreatePlan", Access::Authenticated),
        ("/assent.planner.v1.PlannerService/RevisePlan", Access::Authenticated),
        ("/assent.planner.v1.PlannerService/EstimatePlan", Access::Authenticated),
        ("/assent.planner.v1.PlannerService/ListPlaybooks", Access::Authenticated),
    ];
    type Config = Config;

    async fn build(config: Config, wiring: &Wiring) -> Result<Self, BuildError> {
        let catalog = wiring.catalog()?;
        let (mut library, unfit) = Library::shipped(&catalog);
        for (name, error) in unfit {
            tracing::error!(playbook = name, %error, "playbook left out");
        }
        if !config.playbooks_dir.is_empty() {
            add_directory(&mut library, Path::new(&config.playbooks_dir), &catalog)?;
        }
        Ok(Self(Arc::new(App::new(catalog, library))))
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        let service = PlannerServiceServer::new(grpc::Grpc(self.0.clone()))
            .max_decoding_message_size(assent_rpc::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(assent_rpc::MAX_MESSAGE_BYTES);
        routes.add_service(service);
    }

    fn tasks(&self, _tasks: &mut TaskSet) {}

    fn database(&self) -> Option<&Db> {
        None
    }
}

/// Adds the playbooks of a directory, by file name. One that cannot be used is logged and left out, so that a
/// mistake in one does not take the others away.
fn add_directory(library: &mut Library, directory: &Path, catalog: &Catalog) -> Result<(), BuildError> {
    let unreadable = |source| BuildError::File { path: directory.display().to_string(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    for path in files {
        let added = read(&path)
            .map_err(|error| error.to_string())
            .and_then(|text| library.add(&text, catalog).map_err(|error| error.to_string()));
        if let Err(error) = added {
            tracing::error!(file = %path.display(), %error, "playbook left out");
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, BuildError> {
    std::fs::read_to_string(path)
        .map_err(|source| BuildError::File { path: path.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_does_not_take_the_others_away() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        let search = include_str!("../playbooks/web-search.yaml");
        write("a.yaml", "name: [");
        write("b.yaml", &search.replace("name: web-search", "name: second-search"));
        write("c.yaml", search);
        write("d.txt", &search.replace("name: web-search", "name: not-yaml"));
        let catalog = Catalog::builtin().unwrap();
        let (mut library, _) = Library::shipped(&catalog);
        add_directory(&mut library, directory.path(), &catalog).unwrap_or_else(|error| panic!("{error}"));
        let names: Vec<&str> = library.playbooks().map(Playbook::name).collect();
        assert_eq!(names, ["database-export", "second-search", "web-search"]);
        assert!(add_directory(&mut library, Path::new("/nowhere"), &catalog).is_err());
    }
}
