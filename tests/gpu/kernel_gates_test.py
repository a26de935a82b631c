#!/usr/bin/env python3
"""kernel_gates.py finds each fault of bad_kernels.cu: kernel_gates_test.py NVCC PTXAS SCRATCH_DIR"""
import contextlib
import io
import pathlib
import re
import subprocess
import sys

import kernel_gates

RULES = """
load16 (good|narrow)_kernel
store16 (good|narrow)_kernel
local missing_kernel
"""
THREADS = 264  # one warp more than 255 registers for each allow
EXPECTED = [
    r"local_kernel: keeps \d+ bytes in local memory, spills 0",
    r"double_kernel: computes in double",
    r"greedy_kernel: keeps \d+ bytes in local memory, spills \d+",
    r"greedy_kernel: needs 255 registers for each of 264 threads",
    r"narrow_kernel: never reads 16 bytes at once",
    r"narrow_kernel: never writes 16 bytes at once",
    r"the rules name missing_kernel, which is no kernel",
]


def main(nvcc, ptxas, scratch):
    scratch = pathlib.Path(scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    source = pathlib.Path(__file__).with_name("bad_kernels.cu")
    library, rules = scratch / "bad.o", scratch / "rules.txt"
    subprocess.run([nvcc, "--no-compress", "-arch=sm_90", "-c", source, "-o", library], check=True)
    rules.write_text(RULES)
    with contextlib.redirect_stdout(io.StringIO()) as output:
        count = kernel_gates.check(ptxas, library, rules, THREADS)
    lines = output.getvalue().splitlines()
    print("\n".join(lines))
    missed = [pattern for pattern in EXPECTED if not any(re.fullmatch(pattern, line) for line in lines)]
    if missed or count != len(EXPECTED):
        sys.exit(f"not found: {missed}" if missed else "more than the faults was found")


if __name__ == "__main__":
    main(*sys.argv[1:])
