#!/usr/bin/env bash
# Checks dlengine on the GPU of this machine; `run.sh --help` says how. Needs Python 3.8 or newer.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v python3 >/dev/null || { echo "run.sh: python3 is missing" >&2; exit 1; }
exec python3 -B "$here/check/gpu_check.py" --root "$here" "$@"
