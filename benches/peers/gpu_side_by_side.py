"""mmtl and PyTorch in turn on a device, in one call.

    python benches/peers/gpu_side_by_side.py [CASE...] [--mmtl target/release/mmtl] [--engine cuda] [--device cuda]
        [--precisions f32,tf32,bf16] [--compile CASE,...] [--kernels CASE,...] [--turns 3] [--seconds 1]
        [--write results/bench] [--from FILE...]

Writes a new page of Markdown named after the day, and beside it everything that was measured as JSON, after each case: a call
that is stopped keeps what it has. --from starts from such files, so that several calls make one page; with no case and
`--kernels none` nothing is measured. What one side does not have is left out, with its reason at the page's end.

On a machine without a device: --device cpu --engine wgpu --rows 64 --seconds 0.1 --precisions f32.
"""

import argparse
import datetime
import json
import platform
import subprocess
import sys
from pathlib import Path

import torch

from timed.arguments import positive
from timed.cases import CASES, DEVICE_CASES
from timed.gpu.page import page
from timed.gpu.precision import PRECISIONS
from timed.gpu.programs import Mmtl, Peer, Unmeasured
from timed.gpu.results import Results
from timed.pages import fresh, write
from timed.turns import check_sizes

STEPS = [*CASES, *DEVICE_CASES]
KERNELS = ["large", "small-1024", "star-1", "star-10", "experts-wide", "norm-wide"]


class Driver:
    def __init__(self, arguments: argparse.Namespace):
        self.arguments = arguments
        self.mmtl = Mmtl(arguments.mmtl.resolve(), arguments.engine, arguments.threads, arguments.seconds)
        self.peer = Peer(arguments.device, arguments.threads, arguments.seconds)
        self.results = Results.read(arguments.start)
        if arguments.write:
            self.file = fresh(arguments.write, f"{datetime.date.today().isoformat()}-{arguments.name}")

    def measure(self) -> None:
        arguments = self.arguments
        for precision in arguments.precisions if arguments.verify else []:
            self._try(f"verify, {precision}", lambda: self._verify(precision))
        for case in arguments.cases:
            for precision in arguments.precisions:
                self._try(f"{case}, {precision}", lambda: self._step(case, precision))
                if case == "experts-wide":
                    self._try(f"experts alone, {precision}", lambda: self._products(precision))
        self.peer.end()
        for case in arguments.kernels:
            for precision in arguments.precisions:
                self._try(f"{case}, kernels, {precision}", lambda: self._kernels(case, precision))

    def _try(self, what: str, measure) -> None:
        print(f"{what} ...", file=sys.stderr, flush=True)
        self.results.data["errors"].pop(what, None)
        try:
            measure()
        except Unmeasured as why:
            self._left_out(what, str(why))
        self.write()

    def _left_out(self, what: str, why: str) -> None:
        print(f"{what}: {why}", file=sys.stderr, flush=True)
        self.results.data["errors"][what] = why

    def _verify(self, precision: str) -> None:
        said = self.mmtl.verify(precision)
        told = f"{said['said']} (exit code {said['code']}, {said['seconds']:.0f} s)"
        self.results.data["machine"][f"`mmtl verify`, {precision}"] = told
        self.results.data["verified"][precision] = said["code"]

    def _step(self, case: str, precision: str) -> None:
        """All sides in turn. One that fails is left out from then on."""
        sides = ["eager", *(["compiled"] if case in self.arguments.compile else []), "mmtl"]
        found = {"forms": {}}
        for side in sides:
            self.results.data["errors"].pop(f"{case}, {precision}, {side}", None)
        seconds = {side: [] for side in sides}
        for _ in range(self.arguments.turns):
            for side in [side for side in sides if side in seconds]:
                try:
                    seconds[side].append(self._turn(side, case, precision, found))
                except Unmeasured as why:
                    del seconds[side]
                    self._left_out(f"{case}, {precision}, {side}", str(why))
        self.results.data["steps"].setdefault(case, {})[precision] = {**found, **seconds}

    def _turn(self, side: str, case: str, precision: str, found: dict) -> float:
        if side == "mmtl":
            report = self.mmtl.bench(case, precision, self.arguments.rows, "--no-kernels", "--beside", "none")
            measured = report["cases"][0]
            if "peer" in found:
                _check(found["peer"], measured, {**CASES, **DEVICE_CASES}[case].scenes)
            found["rows"] = measured["rows"]
            found["launches"] = sum(count["launches"] for step in report["steps"] for count in step["launches"])
            self.results.data["machine"][f"mmtl, {precision}"] = f"{report['program']}, {report['machine']['numerics']}"
            return measured["seconds"]["median"]
        answer = self.peer.time(case, precision, side, self.arguments.rows)
        found["forms"][side], found["rows"] = answer["form"], answer["rows"]
        found["peer"] = {key: answer[key] for key in ("rows", "parameters", "forward_flops_per_row")}
        found.setdefault("tried", {})[side] = answer["tried"]
        return answer["seconds"]["median"]

    def _products(self, precision: str) -> None:
        answer = self.peer.time("experts-wide", precision, "products", self.arguments.rows)
        self.results.data["products"][precision] = answer["products"]

    def _kernels(self, case: str, precision: str) -> None:
        report = self.mmtl.bench(case, precision, self.arguments.rows, "--beside", self.arguments.beside)
        self.results.data["kernels"].setdefault(case, {})[precision] = report

    def write(self) -> str:
        if self.arguments.cases or self.arguments.kernels or self.arguments.verify:
            self.results.data["machine"].update(machine(self.arguments))
        text = page(self.results, datetime.date.today().isoformat())
        if self.arguments.write:
            write(self.file.with_suffix(".json"), json.dumps(self.results.data) + "\n")
            write(self.file, text)
        return text


def _check(peer: dict, measured: dict, scenes: int) -> None:
    try:
        check_sizes(peer, measured, scenes)
    except SystemExit as differ:
        raise Unmeasured(str(differ)) from None


def machine(arguments: argparse.Namespace) -> dict[str, str]:
    """What the figures were made on."""
    here = {"device": platform.processor() or platform.machine(), "system": platform.system()}
    if arguments.device.startswith("cuda") and torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(torch.device(arguments.device))
        here["device"] = properties.name
        here["memory"] = f"{properties.total_memory / 2**30:.0f} GiB"
        here["driver"] = _driver()
        here["CUDA of PyTorch"] = torch.version.cuda
    here["Python"], here["PyTorch"] = platform.python_version(), torch.__version__
    rows = f", {arguments.rows} rows instead of the cases' own" if arguments.rows else ""
    if arguments.cases:
        here["turns of steps"] = f"{arguments.turns}, of {arguments.seconds:g} s a case{rows}"
    if arguments.kernels:
        here["kernels"] = f"{arguments.seconds:g} s each{rows}"
    return here


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return "not told"
    return done.stdout.strip().splitlines()[0]


def listed(known: list[str]):
    """Names separated by commas; `none` for none, `all` for all."""

    def parse(text: str) -> list[str]:
        names = {"none": [], "all": known}.get(text, [name for name in text.split(",") if name])
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"`{name}`, expected some of {', '.join(known)}")
        return names

    return parse


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"`all` for all of {', '.join(STEPS)}")
    parser.add_argument("--mmtl", type=Path, default=Path("target/release/mmtl"))
    parser.add_argument("--engine", default="cuda", help="mmtl's")
    parser.add_argument("--device", default="cuda", help="PyTorch's")
    parser.add_argument("--precisions", type=listed(list(PRECISIONS)), default=list(PRECISIONS))
    parser.add_argument("--compile", type=listed(STEPS), default=STEPS, help="cases that are also compiled: minutes each")
    parser.add_argument("--kernels", type=listed(KERNELS), default=KERNELS, help="cases whose kernels are timed")
    parser.add_argument("--beside", default="none", help="mmtl's other engine where kernels are timed, such as cpu")
    parser.add_argument("--verify", action="store_true", help="also `mmtl verify`, first")
    parser.add_argument("--rows", type=positive(int), help="instead of each case's own")
    parser.add_argument("--threads", type=positive(int), default=8)
    parser.add_argument("--turns", type=positive(int), default=3)
    parser.add_argument("--seconds", type=positive(float), default=1.0)
    parser.add_argument("--write", type=Path, metavar="DIR")
    parser.add_argument("--name", default="gpu-side-by-side", help="of the files, after the day")
    parser.add_argument("--from", dest="start", type=Path, nargs="+", default=[], metavar="FILE")
    found = parser.parse_args(arguments)
    found.cases = STEPS if found.cases == ["all"] else found.cases
    for name in found.cases:
        if name not in STEPS:
            parser.error(f"unknown case `{name}`, expected `all` or some of {', '.join(STEPS)}")
    if (found.cases or found.kernels or found.verify) and not found.mmtl.exists():
        parser.error(f"there is no {found.mmtl}; `cargo build --release` makes it")
    return found


def main() -> None:
    driver = Driver(parsed())
    try:
        driver.measure()
    finally:
        driver.peer.end()
    print(driver.write(), end="")


if __name__ == "__main__":
    main()
