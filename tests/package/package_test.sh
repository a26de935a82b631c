#!/usr/bin/env bash
# What a user of the installed library meets: package_test.sh STEP BUILD_DIR SCRATCH_DIR COMPILER
set -euo pipefail
build=$2
scratch=$3
compiler=$4
prefix=$scratch/prefix
consumer=$(cd "$(dirname "${BASH_SOURCE[0]}")/../consumer" && pwd)
flags=(-std=c++20 -Wall -Wextra -Werror)

# Installs, then moves the result: nothing in it may know where it was.
install() {
  rm -rf "$scratch"
  cmake --install "$build" --prefix "$scratch/first"
  mv "$scratch/first" "$prefix"
}

# Each header compiles alone, and brings no header of a library that users need not have; core/format.h is for those
# who have fmt.
headers() {
  (cd "$prefix/include" && find dlengine -name '*.h' ! -path dlengine/core/format.h) >"$scratch/headers.txt"
  [[ -s $scratch/headers.txt ]]
  xargs -P "$(nproc)" -I{} bash "${BASH_SOURCE[0]}" one_header "$build" "$scratch" "$compiler" {} <"$scratch/headers.txt"
}

one_header() {
  local header=$1 dependencies
  dependencies=$scratch/${header//\//_}.d
  echo "#include <$header>" |
    "$compiler" "${flags[@]}" -I"$prefix/include" -fsyntax-only -MD -MF "$dependencies" -x c++ -
  if grep -E '/(fmt|oneapi|curl|openssl|nlohmann|CLI|gtest)/|/(dnnl|cud|cublas|omp|png|zlib)[a-zA-Z0-9_]*\.h' "$dependencies"; then
    echo "$header brings the headers above to its users"
    exit 1
  fi
}

find_package() {
  local generator
  generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$build/CMakeCache.txt")
  cmake -S "$consumer" -B "$scratch/consumer" -G "$generator" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_CXX_COMPILER="$compiler"
  cmake --build "$scratch/consumer"
  "$scratch/consumer/consumer"
  "$scratch/consumer/consumer_with_fmt"
}

pkg_config() {
  local pc_dir options
  pc_dir=$(dirname "$(find "$prefix" -name dlengine.pc)")
  export PKG_CONFIG_PATH=$pc_dir
  read -ra options <<<"${CXXFLAGS:-} $(pkg-config --cflags --libs dlengine)"
  "$compiler" "${flags[@]}" "$consumer/consumer.cpp" "${options[@]}" -o "$scratch/by_pkg_config"
  LD_LIBRARY_PATH=$(dirname "$pc_dir") "$scratch/by_pkg_config"
  read -ra options <<<"${CXXFLAGS:-} $(pkg-config --cflags --libs dlengine fmt)"
  "$compiler" "${flags[@]}" "$consumer/consumer_with_fmt.cpp" "${options[@]}" -o "$scratch/by_pkg_config_with_fmt"
  LD_LIBRARY_PATH=$(dirname "$pc_dir") "$scratch/by_pkg_config_with_fmt"
}

"$1" "${@:5}"
