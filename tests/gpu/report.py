"""What gpu_check.py found: read out of the programs' output, kept as JSON, shown as Markdown."""
import json
import pathlib
import re


def gtest_counts(output):
    """Of one GoogleTest program: how many passed, and the names of those that failed or were skipped."""
    passed = re.search(r"^\[  PASSED  \] (\d+) test", output, re.MULTILINE)
    lists = {word: set(re.findall(rf"^\[  {word} \] ([\w/]+\.[\w/]+)", output, re.MULTILINE))
             for word in ("FAILED ", "SKIPPED")}
    return {"passed": int(passed[1]) if passed else 0, "failed": sorted(lists["FAILED "]),
            "skipped": sorted(lists["SKIPPED"])}


def bench_line(line):
    """A line of train_bench or pytorch_train.py, or None for any other line."""
    words = line.split()
    if len(words) < 6 or not re.fullmatch(r"W\d+", words[1]):
        return None
    extra = dict(word.split("=", 1) for word in words[6:] if "=" in word)
    return {"program": words[0], "workload": words[1], "batch": int(words[2]), "ms": float(words[4]), **extra}


class Report:
    """Parts by name, and the times of the benchmark. Goes on with the report that is in the folder."""

    def __init__(self, folder, machine):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = {"machine": machine, "parts": {}, "times": []}
        earlier = self.folder / "report.json"
        if earlier.exists():
            found = json.loads(earlier.read_text())
            if all(found["machine"].get(key) == machine[key] for key in ("commit", "build")):
                self.data.update(parts=found["parts"], times=found["times"])

    def add_part(self, name, status, text, seconds, details=()):
        """status: passed, failed or skipped; text: one line; details: lines that a failure needs."""
        self.data["parts"][name] = {"status": status, "text": text, "seconds": round(seconds, 1),
                                    "details": list(details)}
        print(f"{name}: {status}: {text} ({seconds:.0f} s)", flush=True)

    def set_times(self, lines):
        self.data["times"] = [time for time in map(bench_line, lines) if time]

    def save(self):
        (self.folder / "report.json").write_text(json.dumps(self.data, indent=1) + "\n")
        (self.folder / "report.md").write_text(markdown(self.data))


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


# What is compared: columns of others, over columns of dlengine. train_bench's steps are recorded ones.
EAGER = ("eager / eager", ("pytorch_eager", "pytorch_channels_last"), ("dlengine_eager",))
GRAPH = ("graph / graph1", ("pytorch_graph", "pytorch_graph_channels_last"), ("dlengine", "dlengine_graph1"))


def step_times(times):
    """A row for each workload: dlengine in its modes, each program beside it, and how much longer others took."""
    programs = sorted({time["program"] for time in times})
    own_programs = [program for program in programs if program.startswith("dlengine")]
    rows = {}
    for time in times:
        row = rows.setdefault((time["workload"], time["batch"]), {})
        row.setdefault(time["program"], []).append(time["ms"])
    lines = []
    for (workload, batch), row in rows.items():
        mean = {program: sum(values) / len(values) for program, values in row.items()}
        own = [program for program in own_programs if program in mean]
        spread = max((max(row[program]) / min(row[program]) - 1 for program in own), default=None)
        fastest = ("fastest / fastest", [program for program in mean if program not in own], own)
        lines.append([workload, batch, *(f"{mean[program]:.4f}" if program in mean else "-" for program in programs),
                      "-" if spread is None else f"{spread:.0%}",
                      *(ratio(mean, others, ours) for _, others, ours in (EAGER, GRAPH, fastest))])
    return table(["workload", "batch", *programs, "spread", EAGER[0], GRAPH[0], "fastest / fastest"], lines)


def ratio(mean, others, ours):
    """The fastest of the others over the fastest of ours."""
    others, ours = ([mean[program] for program in of if program in mean] for of in (others, ours))
    return f"{min(others) / min(ours):.2f}" if others and ours else "-"


def markdown(data):
    parts = [[name, part["status"], part["text"], part["seconds"]] for name, part in data["parts"].items()]
    text = "# GPU check\n\n" + table(["machine", ""], data["machine"].items())
    text += "\n## Parts\n\n" + table(["part", "status", "what was seen", "seconds"], parts)
    for name, part in data["parts"].items():
        if part["details"]:
            text += f"\n{name}:\n\n" + "".join(f"    {line}\n" for line in part["details"])
    if data["times"]:
        text += ("\n## Milliseconds per step\n\nMedians; where a program ran several times, their mean. Spread: the "
                 "slowest run of dlengine in a mode over its fastest; smaller differences mean nothing.\n\n"
                 + step_times(data["times"]))
    return text
