//! Puts the built web UI into the program: every file below `web/dist/ui`, or none where it has not been built.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The folder above is always there; a path that does not exist would make cargo build again each time.
    println!("cargo::rerun-if-changed=web/dist");
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("web/dist/ui");
    let mut files = Vec::new();
    if root.is_dir() {
        collect(&root, &mut files)?;
    }
    files.sort();
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut text = String::from("&[\n");
    for (number, file) in files.iter().enumerate() {
        let name = file.strip_prefix(&root)?.to_str().ok_or("a name of an asset is not UTF-8")?;
        // From a copy: the UI may be built anew before the compiler reads it.
        std::fs::copy(file, out.join(format!("asset{number}")))?;
        writeln!(text, "    ({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/asset{number}\"))),")?;
    }
    text.push(']');
    std::fs::write(out.join("assets.rs"), text)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
