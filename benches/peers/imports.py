"""Imports of mmtl beside the same preparation in pandas, in turn in one call, and how an import grows.

    python benches/peers/imports.py [--mmtl target/release/mmtl] [--epinions FILE] [--movielens INTER USER ITEM]
        [--generated 5] [--turns 3] [--grow 2.5 5 10 20] [--write results/bench]

Prints a Markdown page; --write also leaves it in a new file named after the day. Files are the user's own: Epinions as
tab-separated text with a header, MovieLens-1M as RecBole's three files. --generated compares on so many million generated
rows, --grow imports so many.
"""

import argparse
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np
import pyarrow
import pyarrow.csv

from machine import machine
from timed.arguments import positive
from timed.memory import own_bytes, peak_bytes
from timed.pages import fresh, write

PREPARE = Path(__file__).parent / "prepare_pandas.py"
ENGINES = ("c", "pyarrow")
CARDS = {"epinions": "epinions", "movielens": "movielens-1m-recbole"}
TARGETS = {"epinions": 4, "movielens": 6}  # seconds
FASTER = 3.0  # times, than pandas
MOST_BYTES = 1 << 30  # of generated rows
LOOK = 0.005  # seconds between looks at a program that runs

CARD = """\
name = "generated"
[columns]
user = "user"
item = "item"
time = "time"
[scene]
by = "page"
[tasks.click]
kind = "binary"
label = "click"
[tasks.spend]
kind = "regression"
label = "spend"
[fields.user]
kind = "categorical"
min_count = 2
[fields.item]
kind = "categorical"
[fields.brand]
kind = "categorical"
[fields.price]
kind = "numeric"
transform = "log1p"
missing = "mean"
indicator = true
[fields.time]
kind = "time"
parts = ["hour", "weekday"]
[split]
by = "random"
valid = 0.1
test = 0.1
"""


@dataclass
class Side:
    """One program's turns."""

    seconds: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)  # of the whole program, its own start included
    peak_bytes: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def median_whole(self) -> float:
        return statistics.median(self.whole)

    def add(self, seconds: float, whole: float, peak_bytes: int) -> None:
        self.seconds.append(seconds)
        self.whole.append(whole)
        self.peak_bytes = max(self.peak_bytes, peak_bytes)


@contextmanager
def importing(
    mmtl: Path, card: str | Path, files: list[Path], out: int | TextIO = subprocess.DEVNULL
) -> Iterator[subprocess.Popen]:
    """The whole program, nothing prepared before. What it complains of is seen."""
    with tempfile.TemporaryDirectory() as results, tempfile.TemporaryFile("w+") as complaints:
        command = [mmtl, "data", "import", card, *files, "--results", results]
        with subprocess.Popen(command, stdout=out, stderr=complaints) as process:
            yield process
        if process.returncode != 0:
            complaints.seek(0)
            said = f"`{' '.join(map(str, command))}` ended with exit code {process.returncode}"
            raise SystemExit(f"{complaints.read()}{said}")


def imported(mmtl: Path, card: str | Path, files: list[Path]) -> float:
    """Seconds of the whole program from its start to its end."""
    read(files)
    began = time.perf_counter()
    with importing(mmtl, card, files) as process:
        process.wait()
        seconds = time.perf_counter() - began
    return seconds


def watched(mmtl: Path, card: str | Path, files: list[Path]) -> tuple[int, int, int]:
    """The program's peak memory, that but for files' pages, and the rows that it kept. Looking takes time of its own: this
    run is not timed."""
    peak, own = 0, 0
    with tempfile.TemporaryFile("w+") as description:
        with importing(mmtl, card, files, description) as process:
            while process.poll() is None:
                peak, own = max(peak, peak_bytes(process.pid)), max(own, own_bytes(process.pid))
                time.sleep(LOOK)
        description.seek(0)
        return peak, own, rows_kept(description.read())


def rows_kept(description: str) -> int:
    """The rows of a data set, as `mmtl data import` describes it."""
    found = re.search(r"([\d,]+) rows", description)
    if found is None:
        raise SystemExit("mmtl tells of no rows")
    return int(found[1].replace(",", ""))


def read(files: list[Path]) -> None:
    """Has the system hold the files' contents: else whoever comes first waits for them, ten times what a reading takes."""
    for path in files:
        with path.open("rb") as file:
            while file.read(1 << 20):
                pass


def prepared(case: str, what: str, engine: str, files: list[Path]) -> dict:
    """What pandas says of itself, without its own import in the seconds; and those of the whole program."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, PREPARE, case, what, engine, Path(folder) / "rows.parquet", *files]
        read(files)
        began = time.perf_counter()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout) | {"whole": time.perf_counter() - began}


def compare(
    mmtl: Path, case: str, card: str | Path, files: list[Path], turns: int
) -> tuple[Side, dict[str, dict[str, Side]], dict]:
    """mmtl's turns, pandas' turns with each reader by what it does, and what it says of its last one."""
    ours, theirs, said = Side(), {what: {engine: Side() for engine in ENGINES} for what in ("same", "least")}, {}
    for _ in range(turns):
        seconds = imported(mmtl, card, files)
        ours.add(seconds, seconds, 0)
        for what, sides in theirs.items():
            for engine, side in sides.items():
                said = prepared(case, what, engine, files)
                side.add(said["seconds"], said["whole"], said["peak_bytes"])
    ours.peak_bytes, _, rows = watched(mmtl, card, files)
    if rows != said["rows"]:
        raise SystemExit(f"{case}: mmtl keeps {rows} rows, pandas {said['rows']}")
    return ours, theirs, said


def fastest(sides: dict[str, Side], figure: Callable[[Side], float] = lambda side: side.median) -> tuple[str, Side]:
    return min(sides.items(), key=lambda side: figure(side[1]))


def generate(path: Path, rows: int, piece: int = 500_000) -> None:
    """Rows of users and items of which few are frequent, written piece by piece."""
    rng = np.random.default_rng(1)
    with path.open("wb") as file:
        for first in range(0, rows, piece):
            size = min(piece, rows - first)
            price = rng.lognormal(3.0, 1.0, size).round(2)
            click = rng.random(size) < 0.1
            table = pyarrow.table(
                {
                    "user": np.minimum(rng.zipf(1.3, size), 1_000_000),
                    "item": np.minimum(rng.zipf(1.2, size), 200_000),
                    "brand": rng.integers(0, 500, size),
                    "page": np.array(["search", "feed", "cart"])[rng.integers(0, 3, size)],
                    "price": pyarrow.array(price, mask=rng.random(size) < 0.05),
                    "time": 1_700_000_000 + rng.integers(0, 10_000_000, size),
                    "click": click.astype(np.int8),
                    "spend": np.where(click, price, 0.0),
                }
            )
            options = pyarrow.csv.WriteOptions(include_header=first == 0, quoting_style="none")
            pyarrow.csv.write_csv(table, file, options)


def world(folder: Path, million: float) -> tuple[Path, list[Path]]:
    """A card and a file of so many rows."""
    card, path = folder / "generated.toml", folder / "rows.csv"
    card.write_text(CARD)
    generate(path, round(million * 1e6))
    return card, [path]


def grow(mmtl: Path, millions: list[float]) -> list[str]:
    lines = ["| million rows | MB of text | seconds | rows/s | own memory, MB | of 1 GB | with mapped files, MB |", "| --- " * 7 + "|"]
    with tempfile.TemporaryDirectory() as folder:
        for million in millions:
            (card, [path]), rows = world(Path(folder), million), round(million * 1e6)
            seconds = imported(mmtl, card, [path])
            peak, own, _ = watched(mmtl, card, [path])
            met = "yes" if own <= MOST_BYTES else "**no**"
            size = path.stat().st_size / 1e6
            lines.append(f"| {million:g} | {size:.0f} | {seconds:.2f} | {rows / seconds:,.0f} | {own / 1e6:.0f} | {met} | {peak / 1e6:.0f} |")
            print(lines[-1], file=sys.stderr, flush=True)
    return lines


def page(mmtl: Path, cases: dict[str, tuple[str | Path, list[Path]]], turns: int, millions: list[float]) -> str:
    lines = [f"# Imports, {datetime.date.today().isoformat()}", ""]
    load, pandas = os.getloadavg()[0], ""
    if cases:
        lines += [
            "| files | rows kept | mmtl, s | at most | peak, MB | pandas, s | its peak, MB | times faster "
            f"| pandas but for its start, s | times faster | {FASTER:g} | pandas at the least, s |",
            "| --- " * 12 + "|",
        ]
    for case, (card, files) in cases.items():
        print(f"{case} ...", file=sys.stderr, flush=True)
        ours, theirs, said = compare(mmtl, case, card, files, turns)
        _, best = fastest(theirs["same"])
        engine, whole = fastest(theirs["same"], lambda side: side.median_whole)
        least_engine, least = fastest(theirs["least"])
        pandas, faster = said["pandas"], best.median / ours.median
        lines.append(
            f"| {case} | {said['rows']:,} | {ours.median:.2f} | {TARGETS.get(case, '—')} | {ours.peak_bytes / 1e6:.0f} | "
            f"{whole.median_whole:.2f} ({engine}) | {whole.peak_bytes / 1e6:.0f} | "
            f"{whole.median_whole / ours.median:.2f} | {best.median:.2f} | {faster:.2f} | "
            f"{'yes' if faster >= FASTER else '**no**'} | "
            f"{least.median:.2f} ({least_engine}) |"
        )
    if cases:
        lines += [
            "",
            "mmtl: the whole program, from its start to the printed description, nothing prepared before. pandas: the whole",
            "program that does the same (read, join, scenes, labels, a split by contents, repeated rows, leaks, vocabularies",
            "and means of train rows, one file, base rates). But for its start: from where pandas is loaded on, while mmtl's",
            "time is still that of the whole program. At the least: so, too, and without row ids, leaks and base rates, with a",
            "split by position. The faster of its readers so counts. Files are read before each program starts, so that none",
            f"waits for the disk; mmtl's memory is watched in a run of its own. Medians of {turns} turns, but for growing numbers.",
            "",
        ]
    if millions:
        lines += [*grow(mmtl, millions), ""]
    here = machine(os.cpu_count() or 1)
    version = subprocess.run([mmtl, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    lines.append(f"- {here['cpu']}, {here['cores']} cores; {version}; pandas {pandas or 'not run'}; load before: {load:.2f}")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mmtl", type=Path, default=Path("target/release/mmtl"))
    parser.add_argument("--epinions", type=Path, nargs=1)
    parser.add_argument("--movielens", type=Path, nargs=3)
    parser.add_argument("--generated", type=positive(float), metavar="MILLIONS")
    parser.add_argument("--turns", type=positive(int), default=3)
    parser.add_argument("--grow", type=positive(float), nargs="+", default=[], metavar="MILLIONS")
    parser.add_argument("--write", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    if not arguments.mmtl.exists():
        parser.error(f"there is no {arguments.mmtl}; `cargo build --release` makes it")
    cases = {case: (card, files) for case, card in CARDS.items() if (files := getattr(arguments, case))}
    if not (cases or arguments.generated or arguments.grow):
        parser.error("nothing to do: name --epinions, --movielens, --generated or --grow")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.generated:
            cases["generated"] = world(Path(folder), arguments.generated)
        text = page(arguments.mmtl.resolve(), cases, arguments.turns, arguments.grow)
    print(text, end="")
    if arguments.write:
        file = fresh(arguments.write, f"{datetime.date.today().isoformat()}-import")
        write(file, text)
        print(f"written to {file}", file=sys.stderr)


if __name__ == "__main__":
    main()
