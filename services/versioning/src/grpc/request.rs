//! Requests as commands.

use std::time::Duration;

use assent_core::id::SessionId;
use assent_plan::{Edit, InvalidPlan, Plan};
use assent_proto::plan::v1 as plan_pb;
use assent_proto::versioning::v1 as pb;
use assent_rpc::convert::{Wire as _, read_message};
use assent_rpc::invalid;
use tonic::Status;

use super::editor::key;
use crate::app::{CreateVersion, EditPlan, LONGEST_LEASE, ReleaseSeal, SealVersion, Subject, Wish};
use crate::error::VersioningError;

pub(super) fn session_of(id: String) -> Result<SessionId, Status> {
    SessionId::from_pb(id, "session_id").map_err(invalid)
}

pub(super) fn read_create(body: pb::CreateVersionRequest) -> Result<CreateVersion, Status> {
    let request = key("CreateVersion", &body.request_id, &body);
    let session = session_of(body.session_id)?;
    let plan = read_plan(body.plan.unwrap_or_default())?;
    let change_description = body.change_description;
    let (base, validate_only) = (body.base_version, body.validate_only);
    Ok(CreateVersion { session, plan, base, change_description, request, validate_only })
}

pub(super) fn read_plan(plan: plan_pb::Plan) -> Result<Plan, Status> {
    Ok(Plan::from_pb(plan, "plan").map_err(|found| VersioningError::from(InvalidPlan(found)))?)
}

pub(super) fn read_seal(body: pb::SealVersionRequest) -> Result<SealVersion, Status> {
    let read = read_message("", |at| {
        let session = at.field("session_id").read(body.session_id);
        let digest = at.field("digest").read(body.digest);
        let lease: Option<Duration> = at.field("lease").optional(body.lease)?;
        if lease.is_some_and(|lease| lease.is_zero() || lease > LONGEST_LEASE) {
            return Err(at
                .field("lease")
                .refuse("OUT_OF_RANGE", "must be more than 0 and at most 10 minutes"));
        }
        Ok(SealVersion { session: session?, number: body.version_number, digest: digest?, lease })
    });
    read.map_err(invalid)
}

pub(super) fn read_release(body: pb::ReleaseSealRequest) -> Result<ReleaseSeal, Status> {
    let read = read_message("", |at| {
        let session = at.field("session_id").read(body.session_id);
        let digest = at.field("digest").read(body.digest);
        let until = at.field("seal_expire_time").optional(body.seal_expire_time);
        Ok(ReleaseSeal { session: session?, number: body.version_number, digest: digest?, until: until? })
    });
    read.map_err(invalid)
}

pub(super) fn read_restore(body: pb::RestoreVersionRequest) -> Result<EditPlan, Status> {
    let request = key("RestoreVersion", &body.request_id, &body);
    let change_description = match body.change_description.as_str() {
        "" => format!("version {} restored", body.version_number),
        _ => body.change_description,
    };
    Ok(EditPlan {
        session: session_of(body.session_id)?,
        base: body.base_version,
        wish: Wish::Restore(body.version_number),
        change_description,
        request,
    })
}

pub(super) fn read_edits(edits: Vec<plan_pb::Edit>) -> Result<Vec<Edit>, Status> {
    read_message("", |at| at.field("edits").list(edits)).map_err(invalid)
}

pub(super) fn read_subject(body: pb::ValidatePlanRequest) -> Result<Subject, Status> {
    if body.plan.is_none() == body.session_id.is_empty() {
        let refused: Result<(), _> = read_message("", |at| {
            Err(at.field("plan").refuse("REQUIRED", "must be set, or session_id, and not both"))
        });
        refused.map_err(invalid)?;
    }
    match body.plan {
        Some(plan) => Ok(Subject::Plan(Box::new(read_plan(plan)?))),
        None => Ok(Subject::Version(session_of(body.session_id)?, body.version_number)),
    }
}
