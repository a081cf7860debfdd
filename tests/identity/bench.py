#!/usr/bin/env python3
"""Measures identity resolution beside Splink 5, on the same files in the same run: bench.py BINARY [SIZE]...

Rows are shuffled and keys numbered anew; neither side reads the truth, which is in a file of its own. Both sides are
judged by `tributary identity evaluate`. SIZE is a number of invented customers, 100000 if none is given.
"""

import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

import sets

HERE = pathlib.Path(__file__).parent
LABELLED = "historical_50k"


class Run:
    """One program run to its end: what it printed, its CPU-seconds, time, and most memory."""

    def __init__(self, *command):
        command = [str(part) for part in command]
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            wrapper = [sys.executable, "-I", "-S", HERE / "measured.py", report.name]
            ended = subprocess.run([*wrapper, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            self.text = ended.stdout.decode(errors="replace")
            taken = report.read()
        taken = json.loads(taken) if taken else {"exit": ended.returncode}
        if taken["exit"]:
            sys.exit(f"{' '.join(command)} ended with {taken['exit']}:\n{self.text}")
        self.seconds, self.cpu, self.megabytes = taken["seconds"], taken["cpu"], taken["megabytes"]


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{cpu or platform.processor()}, {os.cpu_count()} cores, {memory:.0f} GB, load {os.getloadavg()[0]:.1f}"


def judged(binary, truth, clusters, pairs=None):
    command = [binary, "identity", "evaluate", "--truth", truth, "--key", "record_id", "--truth-column", "truth"]
    command += ["--clusters", clusters] + (["--pairs", pairs] if pairs else [])
    return Run(*command).text


def line(set_name, who, text, run):
    def figures(name):
        found = re.search(rf"{name} +precision ([\d.]+) +recall ([\d.]+) +F1 ([\d.]+)", text)
        return [float(figure) for figure in found.groups()]

    pairs, cubed = figures("pairs"), figures("B-cubed")
    false_pairs = re.search(r"false pairs (\d+)", text).group(1)
    largest = re.search(r"largest clusters (\d+)", text).group(1)
    cost = f"{run.cpu:8.1f} {run.seconds:8.1f} {run.megabytes:7.0f}" if run else " " * 25
    print(
        f"{set_name:16} {who:22} {pairs[2]:.4f} {cubed[2]:.4f}  {pairs[0]:.4f} {pairs[1]:.4f}"
        f" {false_pairs:>7} {largest:>7} {cost}",
        flush=True,
    )


def ratios(run, peer):
    """What the peer took for each second and byte of ours."""
    parts = [("CPU", peer.cpu / run.cpu), ("time", peer.seconds / run.seconds), ("memory", peer.megabytes / run.megabytes)]
    print(f"{'':16} splink : tributary      " + ", ".join(f"{name} {ratio:.1f}" for name, ratio in parts), flush=True)


def calibration(text):
    lines = text[text.index("claimed probability") :].split("\n\n")[0]
    return "\n".join("    " + line for line in lines.splitlines())


def measure(binary, name, folder):
    """One set: ours, ours by a model trained before, and Splink. Returns our run and what it claimed."""
    records, truth = folder / f"{name}.parquet", folder / f"{name}_truth.parquet"
    ours, pairs, peers = (folder / f"{name}_{part}.parquet" for part in ("ours", "pairs", "peer"))
    model = folder / f"{name}_model.json"
    key = ["--key", "record_id"]
    run = Run(binary, "identity", "run", records, *key, "--out", ours)
    # Pairs are written by a run of their own: the peer writes none either.
    Run(binary, "identity", "run", records, *key, "--out", ours, "--pairs", pairs)
    text = judged(binary, truth, ours, pairs)
    line(name, "tributary", text, run)
    Run(binary, "identity", "train", records, *key, "--out", model)
    trained = Run(binary, "identity", "run", records, *key, "--out", ours, "--model", model)
    line(name, "tributary, trained", judged(binary, truth, ours), trained)
    peer = Run(sys.executable, HERE / "peer.py", name, records, peers)
    line(name, "splink 5", judged(binary, truth, peers), peer)
    ratios(run, peer)
    return run, calibration(text)


def growth(runs, sizes):
    """How time and CPU grow from each size to the next."""
    sizes = sorted(sizes)
    for less, more in zip(sizes, sizes[1:]):
        one, other = (runs[f"customers_{size}"] for size in (less, more))
        print(f"{less} to {more} customers, {more / less:g} times as many:", end=" ")
        print(f"CPU {other.cpu / one.cpu:.1f} times, time {other.seconds / one.seconds:.1f} times")


def measure_labels(binary, name, folder):
    """1,000 answers about one half of the people, judged on the other half."""
    asked, held, model, out = (
        folder / f"{name}_{part}" for part in ("asked.parquet", "held.parquet", "m.json", "h.csv")
    )
    truth = folder / f"{name}_held_truth.parquet"
    key = ["--key", "record_id"]
    Run(binary, "identity", "run", held, *key, "--out", out)
    line(name, "half, no labels", judged(binary, truth, out), None)
    train = ["identity", "train", asked, *key, "--labels-against", "truth", "--labels-count", "1000", "--out", model]
    Run(binary, *train)
    run = Run(binary, "identity", "run", held, *key, "--model", model, "--out", out)
    line(name, "half, 1,000 labels", judged(binary, truth, out), run)


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    sizes = [int(size) for size in sys.argv[2:]] or [100_000]
    print(f"machine: {machine()}")
    print(
        f"versions: {Run(binary, '--version').text.strip()}, splink {Run(sys.executable, '-m', 'pip', 'show', 'splink').text.split()[3]}"
    )
    with tempfile.TemporaryDirectory(prefix="tributary-identity-") as folder:
        folder = pathlib.Path(folder)
        made = {"febrl3": sets.febrl3(), "fake_1000": sets.fake_1000(), "historical_50k": sets.historical_50k()}
        made |= {f"customers_{size}": sets.customers(size, folder) for size in sizes}
        for name in list(made):
            prepared = sets.prepare(name, *made.pop(name), folder)
            print(f"input: {name}, {len(prepared[2])} records")
            if name == LABELLED:
                sets.halve(*prepared)
        print(f"\n{'set':16} {'':22} {'F1':>6} {'B3 F1':>6}  {'P':>6} {'R':>6} {'false':>7} {'largest':>7}", end="")
        print(f" {'CPU s':>8} {'time s':>8} {'MB':>7}")
        names = ["febrl3", "fake_1000", "historical_50k", *(f"customers_{size}" for size in sizes)]
        measured = {name: measure(binary, name, folder) for name in names}
        measure_labels(binary, LABELLED, folder)
        growth({name: run for name, (run, _) in measured.items()}, sizes)
        print("\nprobabilities claimed by tributary, and what is true of those pairs")
        for name, (_, text) in measured.items():
            print(f"  {name}\n{text}")


if __name__ == "__main__":
    main()
