#!/usr/bin/env bash
# Runs check_sources.awk over all sources, after showing that it finds each kind of violation in made-up ones.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# expect_violation FILE TEXT MESSAGE: a source FILE that holds TEXT must be refused with MESSAGE.
expect_violation() {
  local file=$scratch/$1 output
  mkdir -p "$(dirname "$file")"
  printf '%b\n' "$2" >"$file"
  if output=$(cd "$scratch" && awk -f "$here/check_sources.awk" "$1") || [[ $output != *"$3"* ]]; then
    echo "check_sources.awk must say '$3' for $1, and fails to: '$output'"
    exit 1
  fi
}

long_body=$(printf '  x();\\n%.0s' {1..60})
expect_violation core/a.h "int x;" "does not begin with a comment"
expect_violation core/b.h "// b\n#include \"dlengine/layers/module.h\"" "core may not include layers"
expect_violation train/c.cpp "// c\n#include \"dlengine/kernels/functors.h\"" "train may not include kernels"
expect_violation core/d.cpp "// d\n#include \"shape.h\"" "not named by its full path"
expect_violation data/e.h "// e\nusing namespace std;" "using namespace in a header"
expect_violation layers/f.cpp "// f\n#ifdef __CUDACC__\n#endif" "#if outside of"
expect_violation kernels/cuda/g.cu "// g\n#include \"dlengine/core/check.h\"" "nvcc cannot read fmt"
expect_violation optim/h.cpp "// h\nvoid h(int a,\n       int b) {\n$long_body}" "the function is longer"
expect_violation apps/course/01_j.cpp "// j$(printf '\\n%.0s' {1..99})" "the chapter is longer"
expect_violation apps/i.cpp "// i$(printf '\\n%.0s' {1..400})" "the file is longer"

cd "$here/../.."
find core kernels layers optim data train apps bench tests dlengine.h \
  -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' | sort | xargs awk -f "$here/check_sources.awk"
