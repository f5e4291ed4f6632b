#!/usr/bin/env python3
"""Counts the instructions of one training step of small cases, under callgrind, and holds them to the recorded ones.

    cargo build --release --locked --package mmtl-bench --example counted_step
    python3 benches/instructions/count.py             # fails when a count rose by more than 3 %
    python3 benches/instructions/count.py --record    # writes counts.json

One thread, AVX2 (valgrind knows no AVX-512), generated rows: the same program has the same count every time, on every
x86-64 machine, since valgrind shows programs a processor of its own. A small change of compiler, C library or inlining
may move a count within the tolerance; nothing else does.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOLERANCE_PERCENT = 3
INSTRUCTIONS = "avx2"
# A pattern, since the name carries the crate's hash.
FUNCTION = "*the_counted_step*"
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "target/release/examples/counted_step"
RECORDED = Path(__file__).with_name("counts.json")
HOW_TO_RECORD = "`python3 benches/instructions/count.py --record`"


class CannotCount(Exception):
    """Why there is no count."""


def run(command, **environment):
    try:
        env = os.environ | environment
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    except FileNotFoundError as error:
        raise CannotCount(f"{error.filename} is not there, expected an installed program or a release build") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CannotCount(f"{' '.join(map(str, command))} failed: {last}")
    return done


def collected(said):
    """The count in what callgrind says."""
    found = re.search(r"Collected\s*:\s*(\d+)", said)
    if not found or int(found[1]) == 0:
        raise CannotCount(f"callgrind collected nothing, expected a function {FUNCTION} in {PROGRAM}")
    return int(found[1])


def count(case):
    with tempfile.TemporaryDirectory() as scratch:
        callgrind = ["valgrind", "--tool=callgrind", f"--toggle-collect={FUNCTION}"]
        command = [*callgrind, f"--callgrind-out-file={scratch}/profile", PROGRAM, case]
        return collected(run(command, MMTL_SIMD=INSTRUCTIONS).stderr)


def measured():
    """What is recorded: counts, and what they were made with."""
    version = lambda program: run([program, "--version"]).stdout.strip()
    return {
        "made_with": {
            "rustc": version("rustc"),
            "valgrind": version("valgrind"),
            "libc": " ".join(platform.libc_ver()),
            "instructions": INSTRUCTIONS,
        },
        "counts": {case: count(case) for case in run([PROGRAM]).stdout.split()},
    }


def verdict(now, recorded):
    """(sentences that fail, sentences that do not)."""
    before, after = recorded["counts"], now["counts"]
    other = [f"{what} {made}" for what, made in now["made_with"].items() if recorded["made_with"].get(what) != made]
    unlike = f" (recorded with {described(recorded)}, counted with {', '.join(other)})" if other else ""
    failures = [f"{case}: has no recorded count, expected one; {HOW_TO_RECORD}" for case in after if case not in before]
    failures += [f"{case}: is recorded but no case any more; {HOW_TO_RECORD}" for case in before if case not in after]
    remarks = []
    for case in (case for case in after if case in before):
        change = after[case] - before[case]
        said = f"{case}: a step takes {after[case]:,} instructions, {{}} than the {before[case]:,} recorded{unlike}"
        share = f"{abs(change) / before[case]:.2%}"
        # In whole numbers, so that exactly 3 % is within the tolerance.
        if abs(change) * 100 <= TOLERANCE_PERCENT * before[case]:
            remarks.append(f"{case}: {after[case]:,} instructions, {change / before[case]:+.2%}")
        elif change > 0:
            failures.append(said.format(f"{share} more") + f": make it cheaper, or say why and {HOW_TO_RECORD}")
        else:
            remarks.append(said.format(f"{share} fewer") + f": keep the gain by {HOW_TO_RECORD}")
    return failures, remarks


def described(recorded):
    return ", ".join(f"{what} {made}" for what, made in recorded["made_with"].items())


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--record", action="store_true", help="write the counts instead of comparing them")
    arguments.add_argument("--against", type=Path, default=RECORDED, metavar="FILE", help="recorded counts")
    given = arguments.parse_args()
    try:
        now = measured()
    except CannotCount as error:
        sys.exit(f"count: {error}")
    if given.record:
        given.against.write_text(json.dumps(now, indent=2) + "\n")
        return
    failures, remarks = verdict(now, json.loads(given.against.read_text()))
    for remark in remarks:
        print(remark)
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
