//! The gRPC face.

pub(crate) mod convert;
mod editor;
mod request;

use std::sync::Arc;

use assent_core::page::Page;
use assent_proto::versioning::v1 as pb;
use assent_proto::versioning::v1::versioning_service_server::VersioningService;
use assent_rpc::convert::{Wire, validation_to_pb};
use assent_rpc::{Access, accept, invalid};
use tonic::{Request, Response, Status};

pub(crate) use self::editor::Editor;
use self::request::{
    read_create, read_edits, read_release, read_restore, read_seal, read_subject, session_of,
};
use crate::app::{App, Comparison, EditPlan, Wish};
use crate::error::VersioningError;

/// Who may call what. Who may edit depends on the plan; whole plans come from the approval gate only.
pub(crate) const ACCESS: &[(&str, Access)] = &[
    ("/assent.versioning.v1.VersioningService/CreateVersion", Access::Service),
    ("/assent.versioning.v1.VersioningService/GetVersion", Access::Authenticated),
    ("/assent.versioning.v1.VersioningService/ListVersions", Access::Authenticated),
    ("/assent.versioning.v1.VersioningService/SealVersion", Access::Service),
    ("/assent.versioning.v1.VersioningService/ReleaseSeal", Access::Service),
    ("/assent.versioning.v1.VersioningService/CompareVersions", Access::Authenticated),
    ("/assent.versioning.v1.VersioningService/RestoreVersion", Access::Authenticated),
    ("/assent.versioning.v1.VersioningService/ValidatePlan", Access::Authenticated),
    ("/assent.versioning.v1.VersioningService/PreviewEdits", Access::Authenticated),
    ("/assent.versioning.v1.PlanEditorService/AddWorkItem", Access::Authenticated),
    ("/assent.versioning.v1.PlanEditorService/RemoveWorkItem", Access::Authenticated),
    ("/assent.versioning.v1.PlanEditorService/UpdateWorkItem", Access::Authenticated),
    ("/assent.versioning.v1.PlanEditorService/AddDependency", Access::Authenticated),
    ("/assent.versioning.v1.PlanEditorService/RemoveDependency", Access::Authenticated),
    ("/assent.versioning.v1.PlanEditorService/ChangeDependencyType", Access::Authenticated),
    ("/assent.versioning.v1.PlanEditorService/SplitWorkItem", Access::Authenticated),
    ("/assent.versioning.v1.PlanEditorService/MergeWorkItems", Access::Authenticated),
    ("/assent.versioning.v1.PlanEditorService/ReorderWorkItems", Access::Authenticated),
    ("/assent.versioning.v1.PlanEditorService/AssignAgent", Access::Authenticated),
    ("/assent.versioning.v1.PlanEditorService/ApplyEdits", Access::Authenticated),
];

impl From<VersioningError> for Status {
    fn from(error: VersioningError) -> Self {
        assent_rpc::status(&error)
    }
}

pub(crate) struct Grpc(pub(crate) Arc<App>);

#[tonic::async_trait]
impl VersioningService for Grpc {
    async fn create_version(
        &self,
        request: Request<pb::CreateVersionRequest>,
    ) -> Result<Response<pb::CreateVersionResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let version = Box::pin(self.0.create(&ctx, read_create(body)?)).await?;
        Ok(Response::new(pb::CreateVersionResponse { version: Some(convert::with_plan(&version)) }))
    }

    async fn get_version(
        &self,
        request: Request<pb::GetVersionRequest>,
    ) -> Result<Response<pb::GetVersionResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let session = Wire::from_pb(body.session_id, "session_id").map_err(invalid)?;
        let (version, seal) = self.0.get(&ctx, session, body.version_number).await?;
        Ok(Response::new(pb::GetVersionResponse {
            version: Some(convert::with_plan(&version)),
            seal_expire_time: seal.map(|until| until.to_pb()),
        }))
    }

    async fn list_versions(
        &self,
        request: Request<pb::ListVersionsRequest>,
    ) -> Result<Response<pb::ListVersionsResponse>, Status> {
        let (_, body) = accept(request)?;
        let page = Page::parse(body.page_size, &body.page_token, &body.session_id);
        let page = page.map_err(|violation| invalid(vec![violation]))?;
        let session = Wire::from_pb(body.session_id, "session_id").map_err(invalid)?;
        let (versions, next_page_token) = self.0.list(session, &page).await?;
        let told = if body.brief { convert::brief_to_pb } else { convert::info_to_pb };
        let versions = versions.iter().map(told).collect();
        Ok(Response::new(pb::ListVersionsResponse { versions, next_page_token }))
    }

    async fn seal_version(
        &self,
        request: Request<pb::SealVersionRequest>,
    ) -> Result<Response<pb::SealVersionResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let seal = self.0.seal(&ctx, read_seal(body)?).await?;
        Ok(Response::new(pb::SealVersionResponse {
            seal_expire_time: Some(seal.until.to_pb()),
            prolonged: seal.prolonged,
        }))
    }

    async fn release_seal(
        &self,
        request: Request<pb::ReleaseSealRequest>,
    ) -> Result<Response<pb::ReleaseSealResponse>, Status> {
        let (ctx, body) = accept(request)?;
        self.0.release(&ctx, read_release(body)?).await?;
        Ok(Response::new(pb::ReleaseSealResponse {}))
    }

    async fn compare_versions(
        &self,
        request: Request<pb::CompareVersionsRequest>,
    ) -> Result<Response<pb::CompareVersionsResponse>, Status> {
        let (_, body) = accept(request)?;
        let session = session_of(body.session_id)?;
        let comparison = self.0.compare(session, body.from_version, body.to_version).await?;
        let comparison = Some(convert::comparison_to_pb(&comparison));
        Ok(Response::new(pb::CompareVersionsResponse { comparison }))
    }

    async fn restore_version(
        &self,
        request: Request<pb::RestoreVersionRequest>,
    ) -> Result<Response<pb::RestoreVersionResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let restored = self.0.edit(&ctx, read_restore(body)?).await?;
        let version = Some(convert::with_plan(&restored.version));
        Ok(Response::new(pb::RestoreVersionResponse { version }))
    }

    async fn validate_plan(
        &self,
        request: Request<pb::ValidatePlanRequest>,
    ) -> Result<Response<pb::ValidatePlanResponse>, Status> {
        let (_, body) = accept(request)?;
        let found = self.0.judge(read_subject(body)?).await?;
        Ok(Response::new(pb::ValidatePlanResponse { result: Some(validation_to_pb(&found)) }))
    }

    async fn preview_edits(
        &self,
        request: Request<pb::PreviewEditsRequest>,
    ) -> Result<Response<pb::PreviewEditsResponse>, Status> {
        let (ctx, body) = accept(request)?;
        let change = EditPlan {
            session: session_of(body.session_id)?,
            base: body.base_version,
            wish: Wish::Edits(read_edits(body.edits)?),
            change_description: String::new(),
            request: None,
        };
        let (head, edited) = self.0.preview(&ctx, &change).await?;
        let version = Some(convert::with_plan(&edited.version));
        let comparison = Some(convert::comparison_to_pb(&Comparison::of(head, edited.version)));
        Ok(Response::new(pb::PreviewEditsResponse { version, comparison, merged_from: edited.merged_from }))
    }
}
