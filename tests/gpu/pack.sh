#!/usr/bin/env bash
# Packs what gpu_check.py needs on a machine with a GPU, a driver, CUDA's libraries (the toolkit's, or Python's
# packages) and Python: pack.sh BUILD_DIR PACK_DIR. Makes PACK_DIR and PACK_DIR.tar.gz; DLENGINE_DATA_DIR, if set,
# gives MNIST. The system there must have this one's C and C++ libraries or newer ones.
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$1
pack=$2
max_bytes=60000000

if [[ ! -e $build/lib/libdlengine_cuda.so ]]; then
  echo "pack.sh: $build has no CUDA backend; DLENGINE_PRESET=cuda ./dev build says what it needs" >&2
  exit 1
fi
rm -rf "$pack" "$pack.tar.gz"
mkdir -p "$pack"/{bin,lib,check,golden}

cp "$build/device_tests.txt" "$pack"
mapfile -t programs < <(cat "$pack/device_tests.txt" && printf '%s\n' dlengine gpu_train mnist_cnn mnist_mlp train_bench)
if [[ -e $build/bin/contract_test ]]; then programs+=(contract_test); fi
for program in "${programs[@]}"; do strip -o "$pack/bin/$program" "$build/bin/$program"; done
own=$(ldd "$build/bin/dlengine" | awk '$1 ~ /^libdlengine/ { print $1 }')
for library in "$own" libdlengine_download.so libdlengine_cuda.so; do
  strip --strip-unneeded -o "$pack/lib/$library" "$build/lib/$library"
done

# Libraries that a bare system lacks; CUDA's come from the machine, so that nothing of NVIDIA's is handed on.
cuda='/lib(cud|cublas|nv)'
system='/(ld-linux-x86-64|libc|libm|libdl|librt|libpthread|libresolv|libgcc_s|libstdc\+\+)\.so'
mapfile -t others < <(ldd "$pack"/bin/* "$pack"/lib/* | awk '$3 ~ /^\// { print $3 }' | sort -u |
  grep -vE "$system|$cuda|/libdlengine")
"$source_dir/tests/gpu/copy_libraries.sh" "$pack/lib" "$pack/licences" "${others[@]}"
for package in libgtest-dev nlohmann-json3-dev; do # parts of them are compiled in
  cp -L "/usr/share/doc/$package/copyright" "$pack/licences/$package.txt"
done

cp "$source_dir"/tests/golden/*.safetensors "$pack/golden"
cp "$source_dir"/tests/gpu/{gpu_check,report}.py "$source_dir/bench/pytorch_train.py" "$pack/check"
cp "$source_dir/tests/gpu/run.sh" "$pack"
git -C "$source_dir" describe --always --dirty >"$pack/commit.txt" 2>/dev/null || echo unknown >"$pack/commit.txt"
if [[ -d ${DLENGINE_DATA_DIR:-}/mnist ]]; then
  mkdir -p "$pack/data/mnist"
  cp "$DLENGINE_DATA_DIR"/mnist/*.gz "$pack/data/mnist"
  chmod u+w "$pack"/data/mnist/*
fi

tar -C "$(dirname "$pack")" --owner=0 --group=0 -czf "$pack.tar.gz" "$(basename "$pack")"
bytes=$(stat -c %s "$pack.tar.gz")
if ((bytes > max_bytes)); then
  echo "pack.sh: $pack.tar.gz has $bytes bytes, more than $max_bytes" >&2
  exit 1
fi
echo "$pack.tar.gz: $((bytes / 1000000)) MB; there: tar xf gpu-pack.tar.gz && gpu-pack/run.sh --help"
