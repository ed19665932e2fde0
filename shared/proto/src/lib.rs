//! The contract: messages, clients and servers made from `proto/` at build time, and the descriptors that
//! reflection and proto3 JSON are read from.

mod generated;
pub mod json;
pub mod tables;

use std::sync::LazyLock;

pub use generated::assent::*;
use prost_reflect::DescriptorPool;

/// Every file of the contract with its imports, comments and custom options, as a `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    // The bytes were written by this crate's build script; an empty pool makes every later lookup fail loudly.
    DescriptorPool::decode(include_bytes!(concat!(env!("OUT_DIR"), "/bare.binpb")).as_slice())
        .unwrap_or_default()
});

/// The contract's descriptors, without the comments.
pub fn pool() -> &'static DescriptorPool {
    &POOL
}
