//! Compiles `proto/` with protox, so that no protoc is needed.

mod tables;

use std::path::{Path, PathBuf};

use prost::Message as _;
use prost_reflect::DescriptorPool;

fn main() -> anyhow::Result<()> {
    // As it is now, not as it was when this program was compiled: a checkout may move with what it has built.
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root.join("assent"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_source_info(true).include_imports(true).open_files(&files)?;
    // Encoded by protox itself: a round trip through prost-types would drop the custom field rules.
    let encoded = compiler.encode_file_descriptor_set();
    let set = prost_types::FileDescriptorSet::decode(encoded.as_slice())?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.binpb"), &encoded)?;
    // What messages are turned into JSON with: a third as long without the comments and their places.
    let mut bare = protox::Compiler::new([&root])?;
    bare.include_source_info(false).include_imports(true).open_files(&files)?;
    let bare = bare.encode_file_descriptor_set();
    let contract = DescriptorPool::decode(bare.as_slice())?;
    std::fs::write(out.join("bare.binpb"), &bare)?;
    std::fs::write(out.join("methods.rs"), tables::methods(&contract))?;
    std::fs::write(out.join("messages.rs"), tables::messages(&contract)?)?;

    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure().build_transport(false).compile_fds_with_config(set, config)?;
    Ok(())
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
