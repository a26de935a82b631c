#!/usr/bin/env python3
"""Checks dlengine on the GPU of this machine and writes report.json, report.md and log.txt; see docs/gpu_check.md.

Parts (all of them without a name, in this order):
  tests     every test program that computes on devices, on CPU and GPU
  contract  what the emulated CUDA libraries are tested for, on the real ones
  train     the MNIST programs to their accuracy, twice: the same bytes must come out
  bench     time of training steps, beside PyTorch where it is installed
  sanitize  compute-sanitizer over the operations' tests
A part that fails does not stop the others. Exits with 0 if all passed or were skipped, and with 1 otherwise.
"""
import argparse
import hashlib
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import report as reports

HERE = pathlib.Path(__file__).resolve().parent
PARTS = ("tests", "contract", "train", "bench", "sanitize")
TEST_SHARDS = 4  # processes of one test program
MAX_PROCESSES = 8  # at once: each takes some hundred MB of the GPU's memory
ACCURACY = {
    "mnist": {"mnist_cnn": 0.988, "mnist_mlp": 0.980},  # 0.991 to 0.992 and 0.983 to 0.985 were seen on the CPU
    "synthetic": {"mnist_cnn": 0.9, "mnist_mlp": 0.9},
}
WORKLOADS = (("W0", 1), ("W1", 128), ("W2", 64), ("W3", 64), ("W4", 64), ("W5", 1), ("W5", 256), ("W6", 1))
RESIDENT = (("W1", 128), ("W1", 512), ("W1", 2048), ("W2", 128), ("W2", 512), ("W2", 2048))  # of gpu_train

# For all processes of a part together: one that hangs leaves time for the parts behind it.
TEST_SECONDS = 200
SANITIZE_SECONDS = 90

# For processes that run side by side: threads that wait must not keep a core busy.
PASSIVE = {"OMP_WAIT_POLICY": "passive"}

# Our own kernels alone, as cuBLAS and cuDNN are not ours to mend. initcheck must see every writer, and takes what a
# library wrote by TMA for unwritten, so it has only suites that call no library. Barriers and shared memory are in the
# row reductions only.
OURS = ("--kernel-name", "kns=dlengine")
ROWS = "*Reduce*:*Sum*:*Mean*:*Max*:*Softmax*:*CrossEntropy*"
ROWS_AND_ELEMENTS = ("All/Unary.*:All/Binary.*:All/Compare.*:All/Reduce.*:All/SoftmaxOp.*:All/CrossEntropy.*:All/View.*:"
                     "All/Pool.*:Where.*:Dropout.*:IndexSelect.*:Gather.*:OneHot.*:Concat.*:Stack.*:Argmax.*:Cumsum.*:"
                     "Argsort.*:TakeSamples.*")
SANITIZERS = {
    "memcheck": (OURS + ("--report-api-errors", "no"), "*"),
    "racecheck": (OURS, ROWS),
    "synccheck": (OURS, ROWS),
    "initcheck": ((), ROWS_AND_ELEMENTS),
}


class Outcome:
    """What a command did: its output and, in words, why it failed; empty if it did not."""

    def __init__(self, code, output, seconds):
        self.code, self.output, self.seconds = code, output, seconds
        if code is None:
            self.why = f"stopped after {seconds:.0f} s"
        elif code < 0:
            self.why = f"killed by {signal.Signals(-code).name}"
        else:
            self.why = f"exit status {code}" if code else ""

    def last_lines(self, count=5):
        return self.output.strip().splitlines()[-count:]


class Runner:
    """Runs commands, each with a limit, all before one deadline, and keeps their output in a log."""

    def __init__(self, root, log, minutes):
        self.root, self.log = root, log
        self.deadline = time.monotonic() + 60 * minutes
        self.lock = threading.Lock()
        self.running = set()
        self.environment = self.own_environment()

    def own_environment(self):
        """Where dlengine's programs find libraries and data: this folder first, then Python's CUDA packages, then
        what the environment says."""
        folders = [self.root / "lib"]
        folders += [folder for path in sys.path for folder in sorted(pathlib.Path(path).glob("nvidia/*/lib"))]
        folders += [folder for folder in (pathlib.Path("/usr/local/cuda/lib64"),) if folder.exists()]
        paths = [str(folder) for folder in folders] + os.environ.get("LD_LIBRARY_PATH", "").split(":")
        environment = dict(os.environ, LD_LIBRARY_PATH=":".join(filter(None, paths)))
        for variable, folder in (("DLENGINE_GOLDEN_DIR", "golden"), ("DLENGINE_DATA_DIR", "data")):
            if (self.root / folder).exists():
                environment.setdefault(variable, str(self.root / folder))
        return environment

    def program(self, name):
        return str(self.root / "bin" / name)

    def run(self, command, limit, environment=None):
        """environment: added to that of dlengine's programs; None leaves the user's own as it is."""
        full = None if environment is None else dict(self.environment, **environment)
        start = time.monotonic()
        limit = min(limit, self.deadline - start)
        if limit < 1:
            return Outcome(None, "no time was left\n", 0)
        with self.lock:
            process = subprocess.Popen(command, env=full, text=True, errors="replace", stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
            self.running.add(process)
        try:
            output, code = process.communicate(timeout=limit)[0], process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, code = process.communicate()[0], None
        with self.lock:
            self.running.discard(process)
        outcome = Outcome(code, output, time.monotonic() - start)
        settings = " ".join(f"{name}={value}" for name, value in (environment or {}).items())
        with open(self.log, "a") as log:
            log.write(f"$ {settings} {' '.join(command)}\n{output}[{outcome.why or 'passed'}, "
                      f"{outcome.seconds:.1f} s]\n\n")
        return outcome

    def run_all(self, jobs, limit):
        """jobs: (command, environment); side by side. limit: for all of them together."""
        end = time.monotonic() + limit
        with ThreadPoolExecutor(min(MAX_PROCESSES, os.cpu_count())) as pool:
            return list(pool.map(lambda job: self.run(job[0], end - time.monotonic(), dict(job[1], **PASSIVE)), jobs))

    def stop(self, *_):
        """Of a signal: ends what runs, and lets nothing begin."""
        self.deadline = 0
        for process in list(self.running):
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        sys.exit(128 + signal.SIGTERM)


def first_line(command):
    """The first line that the command prints, or "none" where it fails or is not there."""
    try:
        output = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20,
                                check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return "none"
    return (output.strip().splitlines() or ["none"])[0]


def find_devices(runner):
    """What `dlengine devices` says of the CPU and of the GPU (empty if there is none), and why there is none."""
    outcome = runner.run([runner.program("dlengine"), "devices"], 120, {})
    if outcome.why:
        return "unknown", "", f"dlengine does not start: {outcome.why}: {' '.join(outcome.last_lines(1))}"
    words = dict(line.split(": ", 1) for line in outcome.output.splitlines() if ": " in line)
    return words.get("cpu", "unknown"), words.get("cuda:0", ""), "no GPU: " + words.get("cuda", "").replace("not available: ", "")


def build_of(root):
    """Tells builds of the libraries apart."""
    digest = hashlib.sha256()
    for library in sorted((root / "lib").glob("libdlengine*.so*")):
        digest.update(library.read_bytes())
    return digest.hexdigest()[:12]


def describe_machine(runner, cpu, gpu):
    """Everything whose version can change a result."""
    commit = runner.root / "commit.txt"
    of_checkout = ["git", "describe", "--always", "--dirty"]
    show = "import torch as t; print(t.__version__, 'CUDA', t.version.cuda, 'cuDNN', t.backends.cudnn.version())"
    torch = runner.run([sys.executable, "-c", show], 120)
    query = "--query-gpu=name,memory.total,driver_version,compute_cap,power.limit,clocks.max.sm"
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S %Z"),
        "commit": commit.read_text().strip() if commit.exists() else first_line(of_checkout),
        "build": build_of(runner.root),
        "gpu": gpu or "none",
        "nvidia-smi": first_line(["nvidia-smi", query, "--format=csv,noheader"]),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": f"{platform.platform()} {' '.join(platform.libc_ver())}",
        "python": platform.python_version(),
        "pytorch": "none" if torch.why else torch.output.strip(),
        "compute-sanitizer": sanitizer() or "none",
    }


def sanitizer():
    return shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path="/usr/local/cuda/bin")


def shards(command, count, environment):
    return [(command, dict(environment, GTEST_TOTAL_SHARDS=str(count), GTEST_SHARD_INDEX=str(index)))
            for index in range(count)]


def check_tests(runner, options, report):
    names = (runner.root / "device_tests.txt").read_text().split()
    settings = {"DLENGINE_TEST_DEVICES": "cpu,cuda", "DLENGINE_REQUIRE_CUDA": "1"}
    jobs = [job for name in names for job in shards([runner.program(name)], TEST_SHARDS, settings)]
    outcomes = runner.run_all(jobs, TEST_SECONDS)
    counts = [reports.gtest_counts(outcome.output) for outcome in outcomes]
    failed = [name for count in counts for name in count["failed"]]
    skipped = [name for count in counts for name in count["skipped"]]
    broken = [f"{job[0][0]}: {outcome.why}: {' '.join(outcome.last_lines(1))}"
              for job, outcome, count in zip(jobs, outcomes, counts) if outcome.why and not count["failed"]]
    text = (f"{sum(count['passed'] for count in counts)} tests passed, {len(failed)} failed, {len(skipped)} skipped, "
            f"{len(broken)} of {len(jobs)} processes broke off")
    details = failed + broken + [f"skipped: {name}" for name in skipped]
    return "failed" if any(outcome.why for outcome in outcomes) else "passed", text, details


def check_contract(runner, options, report):
    if not pathlib.Path(runner.program("contract_test")).exists():
        return "skipped", "there is no contract_test", []
    outcome = runner.run([runner.program("contract_test")], 240, {"DLENGINE_REQUIRE_CUDA": "1"})
    count = reports.gtest_counts(outcome.output)
    text = f"{count['passed']} tests passed, {len(count['failed'])} failed, {len(count['skipped'])} skipped"
    broken = outcome.why or not count["passed"]
    details = count["failed"] or ([outcome.why or "no test ran", *outcome.last_lines()] if broken else [])
    return "failed" if broken else "passed", text, details


def check_sanitize(runner, options, report):
    tool = sanitizer()
    if not tool:
        return "skipped", "compute-sanitizer is not installed", []
    jobs, names = [], []
    for name, (flags, tests) in SANITIZERS.items():
        command = [tool, "--tool", name, "--error-exitcode", "99", "--print-limit", "10", *flags,
                   runner.program("ops_test"), f"--gtest_filter={tests}"]
        jobs += shards(command, 2, {"DLENGINE_TEST_DEVICES": "cuda", "DLENGINE_REQUIRE_CUDA": "1"})
        names += [name] * 2
    outcomes = runner.run_all(jobs, SANITIZE_SECONDS)
    if all("Device not supported" in outcome.output for outcome in outcomes):
        return "skipped", "compute-sanitizer says: Device not supported", []
    found = [re.findall(r"^========= (?!COMPUTE-SANITIZER|ERROR SUMMARY: 0).+", o.output, re.MULTILINE)
             for o in outcomes]
    stopped = [name for name, outcome in zip(names, outcomes) if outcome.code is None]
    details = [f"{name}: {outcome.why}: " + "; ".join(lines[:1] + lines[1:][-1:])
               for name, outcome, lines in zip(names, outcomes, found) if lines or outcome.code]
    text = ", ".join(SANITIZERS) + f" over {sum(reports.gtest_counts(o.output)['passed'] for o in outcomes)} tests"
    if stopped:
        text += f"; stopped before their end: {', '.join(stopped)}"
    return "failed" if details else "passed", text, details


def check_train(runner, options, report):
    real = (pathlib.Path(runner.environment.get("DLENGINE_DATA_DIR", "")) / "mnist").is_dir()
    dataset = "mnist" if real else "synthetic"
    seen, details = [dataset], []
    with tempfile.TemporaryDirectory() as scratch:
        for name, accuracy in ACCURACY[dataset].items():
            weights = [pathlib.Path(scratch) / f"{name}{run}.safetensors" for run in (1, 2)]
            for path in weights:
                outcome = runner.run([runner.program(name), "--dataset", dataset, "--device", "cuda", "--seed", "1",
                                      "--save", str(path), "--expect-accuracy", str(accuracy)], 120, {})
                if outcome.why:
                    details += [f"{name}: {outcome.why}", *outcome.last_lines()]
            result = dict(re.findall(r"(\w+)=(\S+)", "".join(outcome.last_lines(1))))
            seen.append(f"{name} {result.get('test_accuracy', '-')} at {result.get('images_per_second', '-')} images/s")
            if all(path.exists() for path in weights) and weights[0].read_bytes() != weights[1].read_bytes():
                details.append(f"{name}: two runs with one seed gave different weights")
    return "failed" if details else "passed", "; ".join(seen), details


def why_no_torch(runner, device):
    """Empty if PyTorch can be timed."""
    asked = "import sys, torch; sys.exit(0 if sys.argv[1] == 'cpu' or torch.cuda.is_available() else 3)"
    code = runner.run([sys.executable, "-c", asked, device], 120).code
    return "" if code == 0 else "; PyTorch sees no GPU" if code == 3 else "; PyTorch is not installed"


def check_bench(runner, options, report):
    script = next(path for path in (HERE / "pytorch_train.py", HERE.parents[1] / "bench/pytorch_train.py")
                  if path.exists())
    threads, lines, details = str(os.cpu_count()), [], []
    without_torch = why_no_torch(runner, options.device)
    own_programs = [(workload, batch, ["gpu_train", workload, str(batch), str(options.seconds)])
                    for workload, batch in RESIDENT if options.device == "cuda"]
    own_programs += [(workload, batch, ["train_bench", "--device", options.device, workload, str(batch), threads,
                                        str(options.seconds)]) for workload, batch in WORKLOADS]
    for workload, batch, (program, *arguments) in own_programs:
        own = ([runner.program(program), *arguments], {})
        other = ([sys.executable, str(script), workload, str(batch), "--device", options.device, "--modes",
                  options.modes, "--seconds", str(options.seconds)], None)
        for command, environment in (own, own) if without_torch else (own, other, own):
            outcome = runner.run(command, 240, environment)
            lines += outcome.output.splitlines()
            if outcome.why:
                name = program if environment is not None else script.name
                details += [f"{name} {workload} {batch}: {outcome.why}", *outcome.last_lines(3)]
        report.set_times(lines)
        report.save()  # what comes later may be stopped
    text = f"{len(report.data['times'])} runs{without_torch}"
    return "failed" if details else "passed", text, details


CHECKS = {"tests": check_tests, "contract": check_contract, "sanitize": check_sanitize, "train": check_train,
          "bench": check_bench}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--root", type=pathlib.Path, required=True, help="folder with bin/ and lib/")
    parser.add_argument("--out", type=pathlib.Path, default="gpu-report", help="where the report goes [gpu-report]")
    parser.add_argument("--minutes", type=float, default=9.5, help="for all parts together [9.5]")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"], help="of the benchmark [cuda]")
    parser.add_argument("--modes", help="of PyTorch [eager,channels_last,graph,graph_channels_last; on the CPU no graph]; there is compile")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each timing [1]")
    options = parser.parse_args()
    if not options.modes:
        options.modes = "eager,channels_last" + (",graph,graph_channels_last" if options.device == "cuda" else "")
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


def main():
    options = parse_options()
    options.out.mkdir(parents=True, exist_ok=True)
    runner = Runner(options.root.resolve(), options.out / "log.txt", options.minutes)
    signal.signal(signal.SIGTERM, runner.stop)
    cpu, gpu, no_gpu = find_devices(runner)
    report = reports.Report(options.out, describe_machine(runner, cpu, gpu))
    report.save()
    passed = True
    for name in options.parts or PARTS:
        start = time.monotonic()
        if not gpu and not (name == "bench" and options.device == "cpu"):
            status, text, details = "failed", no_gpu, []
        else:
            try:
                status, text, details = CHECKS[name](runner, options, report)
            except Exception as error:  # the other parts still count
                status, text, details = "failed", f"{type(error).__name__}: {error}", []
        report.add_part(name, status, text, time.monotonic() - start, details)
        report.save()
        passed = passed and status != "failed"
    print(f"report: {options.out / 'report.md'}")
    sys.exit(not passed)


if __name__ == "__main__":
    main()
