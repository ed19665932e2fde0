//! `sqlx::migrate!` notices changed files by itself, but not added ones.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
