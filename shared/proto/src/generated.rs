//! The generated code, one module per proto package.
#![allow(clippy::all, reason = "generated code")]

/// All packages.
pub(super) mod assent {
    /// Package `assent.types`.
    pub mod types {
        /// Package `assent.types.v1`.
        pub mod v1 {
            tonic::include_proto!("assent.types.v1");
        }
    }
    /// Package `assent.plan`.
    pub mod plan {
        /// Package `assent.plan.v1`.
        pub mod v1 {
            tonic::include_proto!("assent.plan.v1");
        }
    }
    /// Package `assent.review`.
    pub mod review {
        /// Package `assent.review.v1`.
        pub mod v1 {
            tonic::include_proto!("assent.review.v1");
        }
    }
    /// Package `assent.execution`.
    pub mod execution {
        /// Package `assent.execution.v1`.
        pub mod v1 {
            tonic::include_proto!("assent.execution.v1");
        }
    }
    /// Package `assent.event`.
    pub mod event {
        /// Package `assent.event.v1`.
        pub mod v1 {
            tonic::include_proto!("assent.event.v1");
        }
    }
    /// Package `assent.planner`.
    pub mod planner {
        /// Package `assent.planner.v1`.
        pub mod v1 {
            tonic::include_proto!("assent.planner.v1");
        }
    }
    /// Package `assent.risk`.
    pub mod risk {
        /// Package `assent.risk.v1`.
        pub mod v1 {
            tonic::include_proto!("assent.risk.v1");
        }
    }
    /// Package `assent.versioning`.
    pub mod versioning {
        /// Package `assent.versioning.v1`.
        pub mod v1 {
            tonic::include_proto!("assent.versioning.v1");
        }
    }
    /// Package `assent.approval`.
    pub mod approval {
        /// Package `assent.approval.v1`.
        pub mod v1 {
            tonic::include_proto!("assent.approval.v1");
        }
    }
    /// Package `assent.executor`.
    pub mod executor {
        /// Package `assent.executor.v1`.
        pub mod v1 {
            tonic::include_proto!("assent.executor.v1");
        }
    }
    /// Package `assent.notification`.
    pub mod notification {
        /// Package `assent.notification.v1`.
        pub mod v1 {
            tonic::include_proto!("assent.notification.v1");
        }
    }
}
