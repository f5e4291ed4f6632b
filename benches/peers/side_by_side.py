"""mmtl and PyTorch in turn on the same cases, in one call.

    python benches/peers/side_by_side.py [CASE...] [--mmtl target/release/mmtl] [--threads 2] [--turns 3]
        [--seconds 3] [--growth] [--write results/bench]

Prints a Markdown table, and another one of how a step grows if asked for. --write also leaves them in a new file named
after the day, from the first case on: a call that is stopped keeps what it has.
"""

import argparse
import datetime
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from machine import machine, versions
from timed.arguments import positive
from timed.cases import CASES
from timed.markdown import forms, growth, table
from timed.pages import fresh, write
from timed.targets import Results
from timed.trials import Trials
from timed.turns import Programs, compare

WHOLE_TRIALS = {
    "epoch-census": Trials.epoch,
    "epoch-movielens": Trials.epoch,
    "start-up": Trials.start_up,
    "jobs": Trials.jobs,
}
KNOWN_ALONE = ["auc", *WHOLE_TRIALS]  # in one form only
KNOWN = [*CASES, *KNOWN_ALONE]


def measure(programs: Programs, trials: Trials, names: list[str], turns: int) -> Iterator[Results]:
    """Everything measured so far, after each case."""
    results = {}
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        if name in WHOLE_TRIALS:
            results[name] = WHOLE_TRIALS[name](trials, name, turns)
        else:
            results[name] = compare(programs, name, turns)
        yield results


def page(results: Results, report: dict, arguments: argparse.Namespace) -> str:
    """The table with what it was made on. `report`: mmtl's, of the growth or of some case."""
    peaks = [peak for found in results.values() for peak in found.peaks] or [report["gemm_peak"]]
    here = machine(arguments.threads)
    lines = [
        f"# mmtl beside PyTorch, {datetime.date.today().isoformat()}",
        "",
        table(results),
        "Times are medians over turns with the least and the most of them; a turn is PyTorch, then mmtl, then PyTorch with",
        "fused Adam, each a median over rounds. A ratio is PyTorch's time by mmtl's in the same turn, and so is what a case",
        "takes above another: mmtl's time by that of the other at the turn's end. GFLOP/s count the model's own operations;",
        "the peak is that of matrix products on as many threads, measured in the same call. Epochs have fused Adam.",
        *growth(report["growth"]),
        "",
        f"- {here['cpu']}, {here['cores']} cores, {here['threads']} threads; {report['machine']['numerics']}; "
        f"load before: {arguments.load:.2f}",
        f"- peak of matrix products: {min(peaks):.0f} to {max(peaks):.0f} GFLOP/s over the calls",
        f"- {report['program']}; " + ", ".join(f"{name} {version}" for name, version in versions().items()),
        f"- turns: {arguments.turns}, of {arguments.seconds:g} s a case; parameters are equal on both sides and, but for epochs, "
        "forward FLOPs a row (checked; STAR's in PyTorch times the number of scenes)",
        f"- forms in PyTorch, the fastest of four for each Adam: {forms(results, CASES)}",
        f"- other programs beside mmtl: {forms(results, KNOWN_ALONE)}",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(KNOWN))
    parser.add_argument("--mmtl", type=Path, default=Path("target/release/mmtl"))
    parser.add_argument("--threads", type=positive(int), default=2)
    parser.add_argument("--turns", type=positive(int), default=3)
    parser.add_argument("--seconds", type=positive(float), default=3.0)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--work", type=Path, default=Path("target/side-by-side"), help="keeps prepared data")
    parser.add_argument("--write", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    for name in arguments.cases:
        if name not in KNOWN:
            parser.error(f"unknown case `{name}`, expected one of {', '.join(KNOWN)}")
    if not arguments.mmtl.exists():
        parser.error(f"there is no {arguments.mmtl}; `cargo build --release` makes it")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is stopped as at Ctrl-C
    arguments.load = os.getloadavg()[0]
    mmtl = arguments.mmtl.resolve()
    programs = Programs(mmtl, arguments.threads, arguments.seconds)
    arguments.work.mkdir(parents=True, exist_ok=True)
    trials = Trials(mmtl, arguments.threads, arguments.work)
    report = programs.growth() if arguments.growth else programs.bench("small-512")
    file = fresh(arguments.write, f"{datetime.date.today().isoformat()}-side-by-side") if arguments.write else None
    text = ""
    try:
        for results in measure(programs, trials, arguments.cases or KNOWN, arguments.turns):
            text = page(results, report, arguments)
            if file:
                write(file, text)
    finally:
        print(text, end="")
        if file and text:
            print(f"written to {file}", file=sys.stderr)


if __name__ == "__main__":
    main()
