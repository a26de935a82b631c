#!/usr/bin/env bash
# A disk that fills up while weights are saved: full_disk_test.sh PROGRAM SCRATCH_DIR. Exits with 77 where no small
# disk can be mounted.
set -euo pipefail
program=$1
scratch=$2

if [[ ${3:-} != mounted ]]; then
  unshare --user --map-root-user --mount true 2>/dev/null || exit 77
  exec unshare --user --map-root-user --mount "$0" "$program" "$scratch" mounted
fi

mkdir -p "$scratch"
mount -t tmpfs -o size=1m tmpfs "$scratch"
echo "the earlier file" >"$scratch/weights"

status=0
output=$("$program" --dataset synthetic --epochs 1 --save "$scratch/weights" 2>&1) || status=$?
echo "$output"
((status == 1))
grep -q "$scratch/weights.*No space left on device" <<<"$output"
[[ $(cat "$scratch/weights") == "the earlier file" ]]
[[ $(ls -A "$scratch") == weights ]]
