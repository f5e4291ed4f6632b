"""Whole trials of mmtl: their epochs, their start, and two of them at once."""

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from timed.comparison import Comparison

EXPERIMENTS = Path(__file__).parent / "experiments"
EPOCHS = Path(__file__).parent.parent / "epochs.py"
START_LIMIT = 60  # seconds that a start may take before something is wrong


@dataclass(frozen=True)
class Trials:
    mmtl: Path
    threads: int
    work: Path  # a folder that may be kept: it holds prepared data

    @property
    def results(self) -> Path:
        return self.work / "results"

    def epoch(self, name: str, turns: int) -> Comparison:
        """Seconds of an epoch with its evaluation, from the end of the first evaluation on."""
        export = self.work / f"{name}-export"
        shutil.rmtree(export, ignore_errors=True)
        self._mmtl("data", "export", str(_experiment(name)), str(export), "--results", str(self.results))
        found = Comparison(name, [], [], form="fused Adam, batches by index from tensors")
        for _ in range(turns):
            done = _run([sys.executable, str(EPOCHS), str(export), "--threads", str(self.threads)])
            peer = json.loads(done)
            found.peer.append(between(peer["evaluated_at"]))
            self._grid(name, jobs=1, threads=self.threads)
            (run,) = self._runs(name)
            (fit,) = json.loads((run / "record.json").read_text())["record"]["fits"]
            parameters = fit["dense_parameters"] + fit["table_parameters"]
            if peer["parameters"] != parameters:
                raise SystemExit(f"{name}: {peer['parameters']} parameters in PyTorch, {parameters} in mmtl")
            ends = [event["at"] / 1000 for event in events(run) if "evaluated" in event["event"]]
            found.mmtl.append(between(ends))
        return found

    def jobs(self, name: str, turns: int) -> Comparison:
        """Seconds of a grid with two jobs of a thread each, and with one; the bits must be the same."""
        self._mmtl("data", "describe", str(_experiment(name)), "--results", str(self.results))
        found = Comparison(name, [], [])
        for _ in range(turns):
            contents = []
            for jobs, seconds in ((1, found.alone), (2, found.mmtl)):
                seconds.append(self._grid(name, jobs, threads=1))
                contents.append(self._contents(name))
            if contents[0] != contents[1]:
                raise SystemExit("a trial's bits depend on how many run at once")
        return found

    def start_up(self, name: str, turns: int) -> Comparison:
        """Seconds from the start of a worker until its first step is done and in a checkpoint."""
        folder = self.results / name
        try:
            self._grid(name, jobs=1, threads=self.threads, more=("--detach",))
            (run,) = self._runs(name)
            _first(run, "checkpointed", attempt=1)
        finally:
            # Its scheduler would go on whatever becomes of this program.
            self._scheduler_gone(folder)
        _first(run, "stopped", attempt=1)
        found = Comparison(name, [], [])
        for turn in range(turns):
            for checkpoint in run.glob("checkpoint-*"):
                checkpoint.unlink()
            command = [self.mmtl, "worker", folder, run.name, "--threads", str(self.threads)]
            began = time.time()
            with subprocess.Popen(command, stdin=subprocess.PIPE) as worker:
                first = _first(run, "checkpointed", attempt=turn + 2)
                worker.stdin.close()  # it checkpoints and stops
            found.mmtl.append(first["at"] / 1000 - began)
        shutil.rmtree(folder)
        return found

    def _grid(self, name: str, jobs: int, threads: int, more: tuple[str, ...] = ()) -> float:
        """Runs the grid afresh, on data prepared before; its seconds."""
        shutil.rmtree(self.results / name, ignore_errors=True)
        where = ("--results", str(self.results), "--plain")
        began = time.perf_counter()
        try:
            self._mmtl("run", str(_experiment(name)), *where, "--jobs", str(jobs), "--threads", str(threads), *more)
        except BaseException:
            # The scheduler is a process of its own and would go on.
            subprocess.run([self.mmtl, "ctl", self.results / name, "stop"], capture_output=True, check=False)
            raise
        return time.perf_counter() - began

    def _runs(self, name: str) -> list[Path]:
        return sorted(path.parent for path in (self.results / name).glob("*/trial.toml"))

    def _contents(self, name: str) -> dict[str, bytes]:
        files = ("record.json", "predictions.parquet")
        return {f"{run.name}/{file}": (run / file).read_bytes() for run in self._runs(name) for file in files}

    def _scheduler_gone(self, folder: Path) -> None:
        """Stops a scheduler: `mmtl ctl` refuses to steer a grid that nothing runs."""
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit:
            asked = subprocess.run([self.mmtl, "ctl", folder, "stop"], capture_output=True, check=False)
            if asked.returncode != 0:
                return
            time.sleep(0.1)
        raise SystemExit(f"the scheduler of {folder} does not stop")

    def _mmtl(self, *arguments: str) -> str:
        return _run([str(self.mmtl), *arguments])


def between(ends: list[float]) -> float:
    """Mean distance of what lies evenly, such as the ends of evaluations."""
    if len(ends) < 2:
        raise SystemExit(f"{len(ends)} evaluations, expected at least 2")
    return statistics.fmean(later - earlier for earlier, later in zip(ends, ends[1:]))


def events(run: Path) -> Iterator[dict]:
    """What a worker told; a line that is being written is left out."""
    file = run / "events.jsonl"
    if not file.exists():
        return
    for line in file.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)


def _first(run: Path, kind: str, attempt: int) -> dict:
    """The first event of a kind in an attempt, as soon as there is one."""
    limit = time.monotonic() + START_LIMIT
    while time.monotonic() < limit:
        for event in events(run):
            if event["attempt"] == attempt and kind in event["event"]:
                return event
        time.sleep(0.005)
    raise SystemExit(f"{run} tells of nothing `{kind}` within {START_LIMIT} s")


def _experiment(name: str) -> Path:
    return EXPERIMENTS / f"{name}.toml"


def _run(command: list[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"`{' '.join(command)}` ended with {done.returncode}")
    return done.stdout
