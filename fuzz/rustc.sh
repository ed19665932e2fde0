#!/usr/bin/env bash
# Stands before rustc (RUSTC_WORKSPACE_WRAPPER) and has LLVM count in our crates which code an input reaches; stable
# Rust does that as well as nightly. Build scripts are no part of what is tried.
set -euo pipefail
rustc=$1
shift
case " $* " in
  *" --crate-name build_script_"*) exec "$rustc" "$@" ;;
esac
exec "$rustc" "$@" --cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares
