//! `PlanEditorService`.

use std::sync::Arc;

use assent_core::Digest;
use assent_plan::Edit;
use assent_proto::plan::v1::Edit as PbEdit;
use assent_proto::plan::v1::edit::Edit as Kind;
use assent_proto::versioning::v1 as pb;
use assent_proto::versioning::v1::plan_editor_service_server::PlanEditorService;
use assent_rpc::convert::Wire as _;
use assent_rpc::{accept, invalid};
use tonic::{Request, Response, Status};

use super::convert;
use super::request::{read_edits, session_of};
use crate::app::{App, EditPlan, RequestKey, Wish};

pub(crate) struct Editor(pub(crate) Arc<App>);

/// The methods that carry out one edit differ in nothing but the edit.
macro_rules! editor {
    ($($method:ident: $request:ident -> $response:ident, $kind:ident;)*) => {
        #[tonic::async_trait]
        impl PlanEditorService for Editor {
            $(async fn $method(
                &self,
                request: Request<pb::$request>,
            ) -> Result<Response<pb::$response>, Status> {
                let (ctx, body) = accept(request)?;
                let request = key(stringify!($kind), &body.request_id, &body);
                let change = EditPlan {
                    session: session_of(body.session_id)?,
                    base: body.base_version,
                    wish: Wish::Edits(vec![read_edit(body.edit.map(Kind::$kind))?]),
                    change_description: body.change_description,
                    request,
                };
                let edited = self.0.edit(&ctx, change).await?;
                let version = Some(convert::with_plan(&edited.version));
                Ok(Response::new(pb::$response { version, merged_from: edited.merged_from }))
            })*

            async fn apply_edits(
                &self,
                request: Request<pb::ApplyEditsRequest>,
            ) -> Result<Response<pb::ApplyEditsResponse>, Status> {
                let (ctx, body) = accept(request)?;
                let request = key("ApplyEdits", &body.request_id, &body);
                let change = EditPlan {
                    session: session_of(body.session_id)?,
                    base: body.base_version,
                    wish: Wish::Edits(read_edits(body.edits)?),
                    change_description: body.change_description,
                    request,
                };
                let edited = self.0.edit(&ctx, change).await?;
                let version = Some(convert::with_plan(&edited.version));
                Ok(Response::new(pb::ApplyEditsResponse { version, merged_from: edited.merged_from }))
            }
        }
    };
}

editor! {
    add_work_item: AddWorkItemRequest -> AddWorkItemResponse, AddWorkItem;
    remove_work_item: RemoveWorkItemRequest -> RemoveWorkItemResponse, RemoveWorkItem;
    update_work_item: UpdateWorkItemRequest -> UpdateWorkItemResponse, UpdateWorkItem;
    add_dependency: AddDependencyRequest -> AddDependencyResponse, AddDependency;
    remove_dependency: RemoveDependencyRequest -> RemoveDependencyResponse, RemoveDependency;
    change_dependency_type: ChangeDependencyTypeRequest -> ChangeDependencyTypeResponse, ChangeDependencyType;
    split_work_item: SplitWorkItemRequest -> SplitWorkItemResponse, SplitWorkItem;
    merge_work_items: MergeWorkItemsRequest -> MergeWorkItemsResponse, MergeWorkItems;
    reorder_work_items: ReorderWorkItemsRequest -> ReorderWorkItemsResponse, ReorderWorkItems;
    assign_agent: AssignAgentRequest -> AssignAgentResponse, AssignAgent;
}

pub(super) fn key(method: &'static str, id: &str, body: &impl prost::Message) -> Option<RequestKey> {
    (!id.is_empty()).then(|| RequestKey {
        method,
        id: id.to_owned(),
        hash: Digest::of(&[&body.encode_to_vec()]),
    })
}

/// The edit of a request that holds one. Its fields stand right below `edit` there.
fn read_edit(edit: Option<Kind>) -> Result<Edit, Status> {
    Edit::from_pb(PbEdit { edit }, "edit").map_err(|mut violations| {
        for violation in &mut violations {
            let below = violation.field.strip_prefix("edit.").and_then(|rest| rest.split_once('.'));
            if let Some((_, path)) = below {
                violation.field = format!("edit.{path}");
            }
        }
        invalid(violations)
    })
}
