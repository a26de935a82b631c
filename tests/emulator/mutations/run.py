#!/usr/bin/env python3
"""Plants bugs in the CUDA backend, one after the other, and sees that the tests on the emulated device catch each.

    run.py BUILD_DIR [TEXT]...    all mutations of mutations.py, or those whose names contain one of the texts

Sources are changed in place and always put back. Exits with 1 if a mutation survives.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

from mutations import MUTATIONS

SOURCE = pathlib.Path(__file__).resolve().parents[3]


class Build:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()

    def make(self):
        command = ["cmake", "--build", self.folder, "--target", "dlengine_cuda_emu", "--parallel"]
        return subprocess.run(command, capture_output=True, text=True)

    def test(self, program, cases):
        """Runs the cases on the emulated device; exit status and output."""
        environment = os.environ | {
            "DLENGINE_CUDA_PLUGIN": str(self.folder / "lib" / "libdlengine_cuda_emu.so"),
            "DLENGINE_TEST_DEVICES": "cuda",
            "DLENGINE_REQUIRE_CUDA": "1",
            "OMP_WAIT_POLICY": "passive",
        }
        command = [self.folder / "bin" / program, f"--gtest_filter={cases}"]
        try:
            run = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, timeout=300)
        except subprocess.TimeoutExpired:
            return -1, "timed out"
        return run.returncode, run.stdout + run.stderr


def first_failure(output):
    """What gave the bug away: the device's first report, or the first case that failed."""
    found = re.search(r"^Failed\n(.*)", output, re.MULTILINE) or re.search(r"\[  FAILED  \] (\S+)", output)
    return found.group(1)[:150] if found else output.strip()[-150:]


def survives(build, mutation):
    """None if the tests catch the mutation, else why they do not."""
    path = SOURCE / mutation.file
    original = path.read_text()
    if original.count(mutation.old) != 1:
        return f"{mutation.file} has the text {original.count(mutation.old)} times"
    try:
        path.write_text(original.replace(mutation.old, mutation.new))
        made = build.make()
        if made.returncode != 0:
            return "it does not compile:\n" + made.stdout[-2000:]
        status, output = build.test(mutation.program, mutation.cases)
        if status == 0:
            return "all tests passed"
        print(f"  caught: {first_failure(output)}")
        return None
    finally:
        path.write_text(original)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build_dir")
    parser.add_argument("texts", nargs="*")
    arguments = parser.parse_args()
    build = Build(arguments.build_dir)
    chosen = [m for m in MUTATIONS if not arguments.texts or any(text in m.name for text in arguments.texts)]

    if build.make().returncode != 0:
        sys.exit("the sources do not compile as they are")
    for program, cases in sorted({(m.program, m.cases) for m in chosen}):
        status, output = build.test(program, cases)
        if status != 0 or "[  PASSED  ] 0 tests" in output:
            sys.exit(f"{program} {cases} does not pass as it is:\n{output[-2000:]}")

    survivors = []
    for mutation in chosen:
        start = time.monotonic()
        print(f"{mutation.name} ({mutation.file})", flush=True)
        reason = survives(build, mutation)
        if reason:
            survivors.append(mutation.name)
            print(f"  SURVIVED: {reason}")
        print(f"  {time.monotonic() - start:.0f} s", flush=True)
    build.make()
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutations caught")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
