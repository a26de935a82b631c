#!/usr/bin/env bash
# Programs start and speak plainly where a GPU, its driver, its libraries or the plugin are missing:
# start_test.sh STEP BUILD_DIR SCRATCH_DIR. Exits with 77 where the machine cannot show the case.
set -euo pipefail
build=$2
scratch=$3

fail() {
  echo "$1"
  exit 1
}

# expect_line TEXT PATTERN: TEXT has a line that matches, and only one on this subject.
expect_line() {
  [[ $(grep -cE "$2" <<<"$1") == 1 ]] || fail "expected one line that matches '$2' in: $1"
}

skip_with_gpu() {
  if compgen -G '/dev/nvidia[0-9]*' >/dev/null; then exit 77; fi
}

# The list of devices names the CPU, and CUDA with its devices or with the reason why there are none.
devices() {
  local output
  output=$("$build/bin/dlengine" devices)
  expect_line "$output" '^cpu'
  grep -qE '^cuda' <<<"$output" || fail "no word about cuda in: $output"
}

# A GPU that was asked for and is not there: one line, and no success.
asked_for() {
  skip_with_gpu
  local output status=0
  output=$("$build/bin/mnist_cnn" --dataset synthetic --device cuda 2>&1) || status=$?
  ((status == 1)) || fail "mnist_cnn --device cuda ended with $status, need 1: $output"
  expect_line "$output" '.'
  expect_line "$output" 'cuda'
}

# program_elsewhere: puts the command and the library, but no plugin, into the scratch folder.
program_elsewhere() {
  rm -rf "$scratch"
  mkdir -p "$scratch"
  cp "$build/bin/dlengine" "$build"/lib/libdlengine.so.* "$scratch"
}

no_plugin() {
  local output
  program_elsewhere
  output=$(LD_LIBRARY_PATH=$scratch "$scratch/dlengine" devices)
  expect_line "$output" '^cuda.*libdlengine_cuda.so'
}

# CUDA's own libraries cannot be loaded: an unreadable libcudart is found first.
no_cuda_libraries() {
  local output
  program_elsewhere
  cp "$build/lib/libdlengine_cuda.so" "$scratch"
  touch "$scratch"/libcudart.so.{12,13}
  output=$(LD_LIBRARY_PATH=$scratch "$scratch/dlengine" devices)
  expect_line "$output" '^cuda.*libcudart.so'
}

"$1"
