"""Both programs: mmtl, started for each measurement, and PyTorch, which goes on between its own.

Whatever fails or takes too long is a sentence in the results, and the rest is measured: time on a device is short.
"""

import contextlib
import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

STEPS = Path(__file__).parents[2] / "gpu_steps.py"


class Unmeasured(Exception):
    """Why a figure is not to be had, in one sentence."""


@dataclass(frozen=True)
class Mmtl:
    program: Path
    engine: str
    threads: int
    seconds: float
    limit: float = 240.0  # of one call; a verification, which compiles every kernel, may take twice as long

    def bench(self, case: str, precision: str, rows: int | None, *more: str) -> dict:
        """A case with the device's peaks."""
        command = [str(self.program), "bench", case, "--engine", self.engine, "--precision", precision]
        command += ["--threads", str(self.threads), "--seconds", str(self.seconds), "--format", "json", *more]
        command += ["--rows", str(rows)] if rows else []
        report = json.loads(self._run(command))
        if not report["cases"]:
            raise Unmeasured("; ".join(failed["why"] for failed in report.get("failed", [])) or "mmtl timed nothing")
        return report

    def verify(self, precision: str) -> dict:
        """Whether the engine is held to the oracle, in what time and with what last line."""
        began = time.perf_counter()
        command = [str(self.program), "verify", "--engine", self.engine, "--precision", precision]
        done = self._done(command, 2 * self.limit)
        lines = (done.stdout + done.stderr).strip().splitlines() or ["nothing was said"]
        # Of a program that a signal ended shells say 128 and more.
        code = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return {"code": code, "said": lines[-1], "seconds": time.perf_counter() - began}

    def _run(self, command: list[str]) -> str:
        done = self._done(command, self.limit)
        # A report of what went well comes with what failed, and exit code 1.
        if done.returncode != 0 and not done.stdout.startswith("{"):
            lines = done.stderr.strip().splitlines() or [f"mmtl ended with {done.returncode}"]
            raise Unmeasured(lines[-1].removeprefix("mmtl: "))
        return done.stdout

    def _done(self, command: list[str], limit: float) -> subprocess.CompletedProcess:
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
        except subprocess.TimeoutExpired:
            raise Unmeasured(f"mmtl did not end within {limit:g} s") from None


class Peer:
    """`gpu_steps.py`, started at the first request and anew after it died or was stopped."""

    def __init__(self, device: str, threads: int, seconds: float, limit: float = 240.0):
        self.command = [sys.executable, str(STEPS), "--device", device, "--threads", str(threads)]
        self.seconds, self.limit = seconds, limit
        self.running: subprocess.Popen | None = None

    def time(self, case: str, precision: str, what: str, rows: int | None) -> dict:
        """Times a case, in `what` of eager, compiled and products."""
        request = {"case": case, "precision": precision, "what": what, "rows": rows, "seconds": self.seconds}
        request["trial"] = self.seconds / 4
        if self.running is None:
            self.running = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running = self.running
        stop = threading.Timer(self.limit, running.kill)
        stop.start()
        try:
            running.stdin.write(json.dumps(request) + "\n")
            running.stdin.flush()
            # Libraries may print what they like; answers are objects.
            answer = next((json.loads(line) for line in running.stdout if line.startswith("{")), None)
        except BrokenPipeError:
            answer = None
        finally:
            stop.cancel()
        if answer is None:
            self.end()
            raise Unmeasured(f"PyTorch's side ended or did not answer within {self.limit:g} s")
        if "error" in answer:
            raise Unmeasured(answer["error"])
        return answer

    def end(self) -> None:
        if self.running is not None:
            # What was not sent goes nowhere, if it has died.
            with contextlib.suppress(BrokenPipeError):
                self.running.stdin.close()
            try:
                self.running.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.running.kill()
                self.running.wait()
            self.running = None
