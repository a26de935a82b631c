#!/usr/bin/env bash
# ./dev says what keeps it from building: dev_test.sh. Every package is missing here, apt-get fails, and CMake is old.
set -euo pipefail
dev=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/dev
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# stand_in NAME COMMAND: a program of that name, found before the system's.
stand_in() {
  printf '#!/bin/sh\n%s\n' "$2" >"$scratch/$1"
  chmod +x "$scratch/$1"
}

# expect MESSAGE: `./dev build` must fail with it.
expect() {
  local output
  if output=$(PATH=$scratch:$PATH "$dev" build 2>&1) || [[ $output != *"$1"* ]]; then
    echo "./dev build must fail with '$1', and says: $output"
    exit 1
  fi
}

unset DLENGINE_INSTALL_PACKAGES
stand_in dpkg-query 'exit 1'
stand_in apt-get 'exit 100'
stand_in sudo 'exec "$@"'
stand_in cmake 'echo "cmake version 3.22.1"'
expect "DLENGINE_INSTALL_PACKAGES=0 goes on without them"
export DLENGINE_INSTALL_PACKAGES=0
expect "needs CMake 3.25 or newer, and there is 3.22.1"
stand_in cmake 'exit 127'
expect "needs CMake 3.25 or newer, and there is none"
