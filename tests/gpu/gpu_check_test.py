#!/usr/bin/env python3
"""gpu_check.py on programs made up of a few shell lines: what passes, fails, breaks off and is left out."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import gpu_check
import report

HERE = pathlib.Path(__file__).resolve().parent

DEVICES = "echo 'cpu: Made-up CPU'; echo 'cuda:0: Made-up GPU'"
NO_DEVICES = "echo 'cpu: Made-up CPU'; echo 'cuda: not available: no NVIDIA driver is installed'"
# One process of a test program passes, one fails, one crashes, one skips.
TEST_PROGRAM = r"""
case $GTEST_SHARD_INDEX in
  0) echo '[  PASSED  ] 7 tests.' ;;
  1) printf '[  FAILED  ] Sum.IsRight/f16, where GetParam() = f16 (3 ms)\n[  PASSED  ] 2 tests.\n'; exit 1 ;;
  2) echo 'Fatal: what happened'; kill -SEGV $$ ;;
  3) printf '[  SKIPPED ] Sum.OnTwoGpus (0 ms)\n[  PASSED  ] 0 tests.\n' ;;
esac
"""
PASSING_TESTS = "echo '[  PASSED  ] 5 tests.'"
# Saves what it was told to, and something else each time where the name is mnist_mlp.
TRAINING = r"""
while (($#)); do if [[ $1 == --save ]]; then file=$2; fi; shift; done
if [[ $0 == *mlp ]]; then echo "$file" >"$file"; else echo weights >"$file"; fi
echo 'result dataset=mnist test_accuracy=0.9912 images_per_second=100000 seed=1'
"""
BENCH = r"""
if [[ $3 == W3 ]]; then echo 'train_bench: error: no such thing'; exit 1; fi
echo "dlengine $3 $4 $5 0.2500 400.0 min=0.2 p99=0.3 n=40 block=80 rss_mb=100 device=cuda:0"
"""
GPU_TRAIN = r"""
for mode in eager graph1 graph16; do
  echo "dlengine_$mode $1 $2 4 0.1000 400.0 min=0.2 p99=0.3 n=40 block=80 rss_mb=100 kernels=8 device=cuda:0"
done
"""
SANITIZER = r"""
if [[ $2 == racecheck ]]; then echo '========= ERROR SUMMARY: 3 errors'; exit 99; fi
echo '[  PASSED  ] 4 tests.'
"""


class GpuCheck(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name)
        (self.root / "device_tests.txt").write_text("ops_test\n")
        (self.root / "commit.txt").write_text("abc1234\n")
        (self.root / "data/mnist").mkdir(parents=True)
        (self.root / "torch.py").write_text("raise ImportError('left out')\n")
        for name, text in (("dlengine", DEVICES), ("ops_test", PASSING_TESTS), ("mnist_cnn", TRAINING),
                           ("mnist_mlp", TRAINING), ("train_bench", BENCH), ("gpu_train", GPU_TRAIN),
                           ("compute-sanitizer", SANITIZER)):
            self.make_program(name, text)

    def make_program(self, name, text):
        path = self.root / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/bash\n" + text)
        path.chmod(0o755)

    def start(self, *arguments):
        environment = {name: value for name, value in os.environ.items() if name != "DLENGINE_DATA_DIR"}
        environment.update(PATH=f"{self.root}/bin:{os.environ['PATH']}", PYTHONPATH=str(self.root))
        command = [sys.executable, "-B", str(HERE / "gpu_check.py"), "--root", str(self.root), "--out",
                   str(self.root / "report"), *arguments]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    def check(self, *arguments):
        """Runs the check; returns its exit status and the parts of its report."""
        code = self.start(*arguments).wait()
        self.report = json.loads((self.root / "report/report.json").read_text())
        self.text = (self.root / "report/report.md").read_text()
        return code, self.report["parts"]

    def test_what_passes_ends_with_0(self):
        code, parts = self.check("tests", "contract")
        self.assertEqual(code, 0)
        self.assertEqual(parts["tests"]["status"], "passed")
        self.assertEqual(parts["tests"]["text"], "20 tests passed, 0 failed, 0 skipped, 0 of 4 processes broke off")
        self.assertEqual(parts["contract"]["status"], "skipped")
        self.assertEqual(self.report["machine"]["gpu"], "Made-up GPU")

    def test_failed_crashed_and_skipped_tests_are_named(self):
        self.make_program("ops_test", TEST_PROGRAM)
        code, parts = self.check("tests")
        self.assertEqual(code, 1)
        self.assertEqual(parts["tests"]["text"], "9 tests passed, 1 failed, 1 skipped, 1 of 4 processes broke off")
        failed, crashed, skipped = parts["tests"]["details"]
        self.assertEqual(failed, "Sum.IsRight/f16")
        self.assertRegex(crashed, "ops_test: killed by SIGSEGV: Fatal: what happened")
        self.assertEqual(skipped, "skipped: Sum.OnTwoGpus")
        self.assertIn("Sum.IsRight/f16", self.text)

    def test_a_contract_of_which_nothing_ran_is_not_kept(self):
        self.make_program("contract_test", "printf '[  SKIPPED ] A.B (0 ms)\\n[  PASSED  ] 0 tests.\\n'")
        code, parts = self.check("contract")
        self.assertEqual(code, 1)
        self.assertEqual(parts["contract"]["text"], "0 tests passed, 0 failed, 1 skipped")
        self.make_program("contract_test", PASSING_TESTS)
        self.assertEqual(self.check("contract")[0], 0)

    def test_what_compute_sanitizer_finds_is_a_failure(self):
        code, parts = self.check("sanitize")
        self.assertEqual(code, 1)
        self.assertEqual(parts["sanitize"]["details"],
                         ["racecheck: exit status 99: ========= ERROR SUMMARY: 3 errors"] * 2)

    def test_a_sanitizer_that_needs_longer_has_found_nothing(self):
        self.make_program("compute-sanitizer", "if [[ $2 == memcheck ]]; then sleep 60; fi; echo '[  PASSED  ] 4 tests.'")
        code, parts = self.check("sanitize", "--minutes", "0.1")
        self.assertEqual((code, parts["sanitize"]["details"]), (0, []))
        self.assertRegex(parts["sanitize"]["text"], "; stopped before their end: memcheck, memcheck")

    def test_what_a_stopped_sanitizer_had_found_is_a_failure(self):
        self.make_program("compute-sanitizer", "echo '========= Invalid __global__ read of size 4 bytes'; sleep 60")
        code, parts = self.check("sanitize", "--minutes", "0.1")
        self.assertEqual(code, 1)
        self.assertRegex(parts["sanitize"]["details"][0], "^memcheck: stopped after .*Invalid __global__ read")

    def test_a_check_that_is_stopped_leaves_nothing_behind(self):
        started = self.root / "started"
        self.make_program("ops_test", f"echo $$ >>{started}; sleep 60")
        check = self.start("tests")
        while not (started.exists() and started.read_text()):
            time.sleep(0.02)
        check.terminate()
        self.assertEqual(check.wait(50), 128 + signal.SIGTERM)  # of 60 that the test would sleep
        for pid in map(int, started.read_text().split()):
            with self.assertRaises(ProcessLookupError):
                os.kill(pid, 0)
        self.assertEqual(json.loads((self.root / "report/report.json").read_text())["parts"], {})

    def test_a_part_that_cannot_run_does_not_stop_the_others(self):
        (self.root / "device_tests.txt").unlink()
        code, parts = self.check("tests", "contract")
        self.assertEqual(code, 1)
        self.assertRegex(parts["tests"]["text"], "^FileNotFoundError: ")
        self.assertEqual(parts["contract"]["status"], "skipped")

    def test_a_pytorch_without_gpu_is_left_out(self):
        (self.root / "torch.py").write_text("class cuda:\n    def is_available(): return False\n")
        self.make_program("train_bench", "exit 0")
        code, parts = self.check("bench")
        self.assertEqual((code, parts["bench"]["text"]), (0, "36 runs; PyTorch sees no GPU"))

    @unittest.skipUnless("DLENGINE_PROGRAMS" in os.environ, "DLENGINE_PROGRAMS names no folder with train_bench")
    def test_the_real_program_takes_every_workload(self):
        for workload, batch in gpu_check.WORKLOADS:
            line = subprocess.check_output([os.environ["DLENGINE_PROGRAMS"] + "/train_bench", "--device", "cpu",
                                            workload, str(batch), "2", "0.01"], text=True,
                                           env=dict(os.environ, **gpu_check.PASSIVE))
            self.assertEqual(report.bench_line(line)["workload"], workload)

    def test_different_bytes_of_one_seed_are_a_failure(self):
        code, parts = self.check("train")
        self.assertEqual(code, 1)
        self.assertEqual(parts["train"]["text"],
                         "mnist; mnist_cnn 0.9912 at 100000 images/s; mnist_mlp 0.9912 at 100000 images/s")
        self.assertEqual(parts["train"]["details"], ["mnist_mlp: two runs with one seed gave different weights"])

    def test_times_become_a_table_and_earlier_parts_stay(self):
        self.check("tests")
        code, parts = self.check("bench")
        self.assertEqual(code, 1)
        self.assertEqual(list(parts), ["tests", "bench"])
        self.assertEqual(parts["bench"]["text"], "50 runs; PyTorch is not installed")
        self.assertIn("train_bench W3 64: exit status 1", parts["bench"]["details"])
        self.assertIn("| W5 | 256 | 0.2500 | - | - | - | 0% | - | - | - |", self.text)
        self.assertIn("| W1 | 512 | - | 0.1000 | 0.1000 | 0.1000 | 0% | - | - | - |", self.text)

    def test_times_are_kept_where_a_later_program_is_stopped(self):
        self.make_program("train_bench", "kill -KILL $(ps -o ppid= -p $$)")  # and the check with it
        with self.assertRaises(KeyError):
            self.check("bench")[1]["bench"]
        self.assertIn("| W2 | 2048 | 0.1000 | 0.1000 | 0.1000 | 0% | - | - | - |", self.text)

    def test_sanitizers_come_last_and_initcheck_sees_no_library(self):
        self.assertEqual(gpu_check.PARTS[-1], "sanitize")
        for suites in gpu_check.SANITIZERS["initcheck"][1].split(":"):
            self.assertNotRegex(suites.lower(), "conv|matmul|linear|norm|attention|lstm|gru|recurr|-")

    def test_no_time_left_is_a_failure(self):
        code, parts = self.check("tests", "--minutes", "0")
        self.assertEqual(code, 1)
        self.assertRegex(parts["tests"]["text"], "dlengine does not start: stopped after 0 s")

    def test_without_a_gpu_every_part_says_so(self):
        self.make_program("dlengine", NO_DEVICES)
        code, parts = self.check()
        self.assertEqual(code, 1)
        self.assertEqual({part["text"] for part in parts.values()}, {"no GPU: no NVIDIA driver is installed"})
        self.assertEqual({part["status"] for part in parts.values()}, {"failed"})
        self.assertEqual(len(parts), 5)

    def test_the_fastest_other_program_is_compared(self):
        def time(program, ms):
            return {"program": program, "workload": "W1", "batch": 128, "ms": ms}

        table = report.step_times([time("dlengine", 0.5), time("pytorch_graph", 1.1), time("pytorch_eager", 3.0),
                                   time("dlengine", 0.6), time("pytorch_eager", 5.0), time("dlengine_eager", 2.0),
                                   time("dlengine_graph16", 0.5)])
        self.assertEqual(table.splitlines()[0], "| workload | batch | dlengine | dlengine_eager | dlengine_graph16 | "
                         "pytorch_eager | pytorch_graph | spread | eager / eager | graph / graph1 | fastest / fastest |")
        self.assertEqual(table.splitlines()[2],
                         "| W1 | 128 | 0.5500 | 2.0000 | 0.5000 | 4.0000 | 1.1000 | 20% | 2.00 | 2.00 | 2.20 |")

    def test_lines_of_other_kinds_are_no_times(self):
        self.assertIsNone(report.bench_line("train_bench: error: device cuda:0 is not available: no driver"))
        line = "pytorch_graph W6 25000000 2 0.2 1e9 min=0.1 p99=0.3 n=4 block=9 rss_mb=2 device=cuda"
        found = report.bench_line(line)
        self.assertEqual((found["program"], found["batch"], found["ms"], found["block"]),
                         ("pytorch_graph", 25000000, 0.2, "9"))


@unittest.skipUnless(shutil.which("dpkg-query"), "packages are Debian's")
class CopiedLibraries(unittest.TestCase):
    def copy(self, scratch, library):
        return subprocess.run([HERE / "copy_libraries.sh", f"{scratch}/lib", f"{scratch}/licences", library],
                              capture_output=True, text=True)

    def test_a_library_comes_with_its_licence(self):
        with tempfile.TemporaryDirectory() as scratch:
            files = subprocess.check_output(["dpkg-query", "-L", "zlib1g"], text=True).splitlines()
            run = self.copy(scratch, next(file for file in files if file.endswith("/libz.so.1")))
            self.assertEqual((run.returncode, run.stderr), (0, ""))
            self.assertTrue(os.path.exists(f"{scratch}/lib/libz.so.1"))
            with open(f"{scratch}/licences/zlib1g.txt") as licence:
                self.assertIn("Permission is granted", licence.read())

    def test_a_library_of_no_package_is_refused(self):
        with tempfile.TemporaryDirectory() as scratch:
            made_up = pathlib.Path(scratch) / "libmade_up.so"
            made_up.touch()
            run = self.copy(scratch, made_up)
            self.assertEqual(run.returncode, 1)
            self.assertIn("libmade_up.so has no licence to go with it", run.stderr)
            self.assertEqual(os.listdir(f"{scratch}/lib"), [])


if __name__ == "__main__":
    unittest.main()
