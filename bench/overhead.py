#!/usr/bin/env python3
"""Counts the instructions of small steps with callgrind, so that the load of the machine does not matter.

usage: overhead.py [PATH/overhead_bench] [CASE...]

Each case of overhead_bench (see there) runs at two counts on one thread; the difference of their
instructions is what the calls between them cost. Ends with 1 if a case is beyond its limit. Needs valgrind.
"""
import os
import re
import subprocess
import sys
import tempfile

COUNTS = (200, 1200)
# Instructions per kernel, the kernel's own work included.
LIMITS = {
    "relu": 2000,
    "relu-tape": 2000,
    "relu-backward": 2000,
    "add": 2000,
    "add-tape": 2000,
    "add-backward": 2000,
    "many-replay": 200,
}


def run(program, case, count):
    """The instructions of the whole program, and the kernels of one call."""
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "callgrind.out")
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + output]
        command += [program, case, str(count)]
        environment = dict(os.environ, DLENGINE_NUM_THREADS="1", OMP_NUM_THREADS="1")
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        with open(output, encoding="utf-8", errors="replace") as file:
            totals = re.search(r"^totals: (\d+)", file.read(), re.MULTILINE)
    return int(totals[1]), int(done.stdout)


def measure(program, case):
    """Instructions per call, and kernels per call."""
    few, _ = run(program, case, COUNTS[0])
    many, kernels = run(program, case, COUNTS[1])
    return (many - few) / (COUNTS[1] - COUNTS[0]), kernels


def main(arguments):
    program = arguments[0] if arguments else "build/release/bin/overhead_bench"
    known = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    beyond = []
    print(f"{'case':14} {'instructions':>12} {'kernels':>8} {'per kernel':>11} {'limit':>6}")
    for case in arguments[1:] or known:
        instructions, kernels = measure(program, case)
        limit = LIMITS.get(case)
        each = instructions / kernels
        print(f"{case:14} {instructions:12.0f} {kernels:8} {each:11.0f} {limit or '-':>6}", flush=True)
        if limit and each >= limit:
            beyond.append(case)
    if beyond:
        sys.exit("beyond the limit: " + ", ".join(beyond))


if __name__ == "__main__":
    main(sys.argv[1:])
