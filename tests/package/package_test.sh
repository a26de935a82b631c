#!/usr/bin/env bash
# What a user of the installed library meets: package_test.sh STEP BUILD_DIR SCRATCH_DIR COMPILER
set -euo pipefail
build=$2
scratch=$3
compiler=$4
prefix=$scratch/prefix
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
consumer=$here/../consumer
flags=(-std=c++20 -Wall -Wextra -Werror)

fail() {
  echo "$1"
  exit 1
}

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
  if grep -E '/(fmt|oneapi|curl|openssl|nlohmann|CLI|gtest)/|/(dnnl|cud|cublas|jpeglib|omp|png|zlib)[a-zA-Z0-9_]*\.h' "$dependencies"; then
    echo "$header brings the headers above to its users"
    exit 1
  fi
}

# configure SOURCE NAME OPTION...: in the scratch folder, as the library's own build was.
configure() {
  local generator
  generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$build/CMakeCache.txt")
  cmake -S "$1" -B "$scratch/$2" -G "$generator" -DCMAKE_CXX_COMPILER="$compiler" "${@:3}"
}

find_package() {
  configure "$consumer" consumer -DCMAKE_PREFIX_PATH="$prefix"
  cmake --build "$scratch/consumer"
  "$scratch/consumer/consumer"
  "$scratch/consumer/consumer_with_fmt"
}

pkg_config() {
  local pc_dir options
  pc_dir=$(dirname "$(find "$prefix" -name dlengine.pc)")
  export PKG_CONFIG_PATH=$pc_dir
  eval "options=(${CXXFLAGS:-} $(pkg-config --cflags --libs dlengine))"  # it escapes what a shell would split
  "$compiler" "${flags[@]}" "$consumer/consumer.cpp" "${options[@]}" -o "$scratch/by_pkg_config"
  LD_LIBRARY_PATH=$(dirname "$pc_dir") "$scratch/by_pkg_config"
  eval "options=(${CXXFLAGS:-} $(pkg-config --cflags --libs dlengine fmt))"
  "$compiler" "${flags[@]}" "$consumer/consumer_with_fmt.cpp" "${options[@]}" -o "$scratch/by_pkg_config_with_fmt"
  LD_LIBRARY_PATH=$(dirname "$pc_dir") "$scratch/by_pkg_config_with_fmt"
}

# As a part of another project: that one's settings stay its own, nothing is installed with it, and the plugins are
# built with what links the library, beside it.
subproject() {
  local parent=$scratch/build
  rm -rf "$scratch"
  configure "$here/parent" build -DDLENGINE="$here/../.."
  cmake --install "$parent" --prefix "$parent/installed"
  [[ ! -e $parent/installed ]] || fail "installed with its parent: $(find "$parent/installed" -type f)"
  local commands="" file folder
  folder=$(dirname "$(head -n 1 "$parent/libraries.txt")")
  [[ ! -e $parent/build.ninja ]] || commands=$(ninja -C "$parent" -n program)
  while read -r file; do
    [[ $(dirname "$file") == "$folder" ]] || fail "$file is not beside the library in $folder"
    if [[ -n $commands ]]; then
      grep -q "$(basename "$file")" <<<"$commands" || fail "$file is not built with a program"
    fi
  done <"$parent/libraries.txt"
  cmake "$parent" -DDLENGINE_INSTALL=ON
  [[ ! -e $parent/CPackConfig.cmake ]] || fail "dlengine says how its parent is packed"
}

# A processor that has no kernels here is named, before a compiler refuses its flags.
other_processor() {
  local output
  rm -rf "$scratch"
  if output=$(configure "$here/../.." build -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 2>&1) ||
    [[ $output != *"needs an x86-64 processor, not aarch64"* ]]; then
    fail "aarch64 must be refused by its name: $output"
  fi
}

"$1" "${@:5}"
