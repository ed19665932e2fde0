//! Writes what the fuzzers start from: `fuzz-seeds FOLDER`, a folder below it for each target.

use std::io;
use std::path::PathBuf;

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "name a folder"))?;
    for seed in assent_fuzz::seeds() {
        let target = folder.join(seed.target);
        std::fs::create_dir_all(&target)?;
        std::fs::write(target.join(seed.name), seed.bytes)?;
    }
    Ok(())
}
