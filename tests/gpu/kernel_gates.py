#!/usr/bin/env python3
"""What can be known of every CUDA kernel without a GPU: kernel_gates.py PTXAS LIBRARY RULES [TABLE].

Reads the PTX out of the built LIBRARY (nvcc --no-compress leaves it there as text), has ptxas report what each
kernel needs, and checks that
  - no kernel spills registers or keeps anything in local memory,
  - kernels that are not for doubles do no arithmetic in double,
  - kernels that should read or write 16 bytes at once do,
  - a block of kThreads threads finds its registers.
RULES lists the exceptions and the 16-byte kernels. Prints a summary of each kernel template; TABLE gets a line
for each kernel. Exits with 1 if a check fails.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

REGISTERS_OF_A_BLOCK = 65536
SIXTEEN_BYTES = r"\.global(?:\.\w+)*\.(?:v4\.[a-z]32|v2\.[a-z]64)"


@dataclass
class Kernel:
    name: str  # as in the source: update_kernel<AdamRule<float>, float, float, float>
    body: str  # PTX
    registers: int = 0
    shared: int = 0  # bytes; so are the next two
    stack: int = 0
    spilled: int = 0

    @property
    def template(self):
        return self.name.split("<")[0]

    def row(self):
        return f"{self.registers:9} {self.shared:6} {self.stack:5} {self.spilled:7}  {self.name}"


@dataclass
class Rules:
    """Patterns of kernel names by the rule they belong to."""
    patterns: dict = field(default_factory=lambda: {"local": [], "double": [], "load16": [], "store16": []})

    @classmethod
    def read(cls, path):
        rules = cls()
        for line in pathlib.Path(path).read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                rule, pattern = line.split("#")[0].split(maxsplit=1)
                rules.patterns[rule].append(pattern.strip())
        return rules

    def match(self, rule, kernel):
        return any(re.match(pattern, kernel.name) for pattern in self.patterns[rule])

    def unused(self, kernels):
        return [f"the rules name {pattern}, which is no kernel" for patterns in self.patterns.values()
                for pattern in patterns if not any(re.match(pattern, kernel.name) for kernel in kernels)]


def short_names(mangled):
    """Demangled names without our namespaces and without parameters."""
    text = subprocess.run(["c++filt"], input="\n".join(mangled), text=True, capture_output=True, check=True).stdout
    names = [re.sub(r"\(anonymous namespace\)::|dlengine::|cuda::|^void ", "", line) for line in text.splitlines()]
    return [re.sub(r"\([^()]*(?:\([^()]*\)[^()]*)*\)$", "", name) for name in names]


def bodies(ptx):
    """The kernels of one PTX module: mangled name -> text, up to the next function."""
    functions = re.split(r"^(?=[.\w ]*\.(?:entry|func)\b)", ptx, flags=re.MULTILINE)
    names = [re.match(r"[.\w ]*\.entry (\w+)", text) for text in functions]
    return {name[1]: text for name, text in zip(names, functions) if name}


def needs(ptxas, ptx):
    """What ptxas -v says of each kernel: mangled name -> (registers, shared, stack, spilled)."""
    target = re.search(r"\.target (\w+)", ptx)[1]
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(ptx)
        file.flush()
        command = [ptxas, "-v", f"-arch={target}", file.name, "-o", "/dev/null"]
        log = subprocess.run(command, text=True, capture_output=True, check=True).stderr
    pattern = (r"Compiling entry function '(\w+)'.*?Function properties for \1\s+(\d+) bytes stack frame, "
               r"(\d+) bytes spill stores, (\d+) bytes spill loads.*?Used (\d+) registers([^\n]*)")
    found = {}
    for name, stack, stores, loads, registers, rest in re.findall(pattern, log, re.DOTALL):
        shared = re.search(r"(\d+) bytes smem", rest)
        found[name] = (int(registers), int(shared[1]) if shared else 0, int(stack), int(stores) + int(loads))
    return found


def kernels_of(library, ptxas):
    data = pathlib.Path(library).read_bytes()
    modules = [text.decode() for text in re.findall(rb"\.version [^\0]+", data)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = list(pool.map(lambda ptx: needs(ptxas, ptx), modules))
    kernels = []
    for ptx, report in zip(modules, reports):
        text = bodies(ptx)
        kernels += [Kernel(name, text[mangled], *report[mangled])
                    for mangled, name in zip(text, short_names(text))]
    return kernels


def violations(kernel, rules, threads):
    if kernel.spilled or (kernel.stack and not rules.match("local", kernel)):
        yield f"keeps {kernel.stack} bytes in local memory, spills {kernel.spilled}"
    if ".f64" in kernel.body and not re.search(r"\bdouble\b", kernel.name) and not rules.match("double", kernel):
        yield "computes in double"
    if rules.match("load16", kernel) and not re.search("ld" + SIXTEEN_BYTES, kernel.body):
        yield "never reads 16 bytes at once"
    if rules.match("store16", kernel) and not re.search("st" + SIXTEEN_BYTES, kernel.body):
        yield "never writes 16 bytes at once"
    if kernel.registers * threads > REGISTERS_OF_A_BLOCK:
        yield f"needs {kernel.registers} registers for each of {threads} threads"


def print_templates(kernels):
    print("instances  registers up to  shared bytes up to  kernel")
    by_template = {}
    for kernel in kernels:
        by_template.setdefault(kernel.template, []).append(kernel)
    for template, instances in sorted(by_template.items()):
        registers, shared = (max(getattr(kernel, what) for kernel in instances) for what in ("registers", "shared"))
        print(f"{len(instances):9}  {registers:15}  {shared:18}  {template}")


def block_size():
    """kThreads of kernels/cuda/launch.h."""
    header = pathlib.Path(__file__).parents[2] / "kernels/cuda/launch.h"
    return int(re.search(r"kThreads = (\d+);", header.read_text())[1])


def check(ptxas, library, rules_path, threads, table=None):
    """Prints the violations for blocks of so many threads; returns how many there are."""
    rules = Rules.read(rules_path)
    kernels = kernels_of(library, ptxas)
    if not kernels:
        print(f"{library} holds no readable PTX")
        return 1
    if table:
        lines = ["registers shared stack spilled  kernel"] + sorted(kernel.row() for kernel in kernels)
        pathlib.Path(table).write_text("\n".join(lines) + "\n")
    print_templates(kernels)
    found = [f"{kernel.name}: {text}" for kernel in kernels for text in violations(kernel, rules, threads)]
    found += rules.unused(kernels)
    print("\n".join(found))
    print(f"{len(kernels)} kernels, {len(found)} violations")
    return len(found)


if __name__ == "__main__":
    program, built, rules_file, *table_file = sys.argv[1:]
    sys.exit(1 if check(program, built, rules_file, block_size(), *table_file) else 0)
