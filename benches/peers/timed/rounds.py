"""Warm-up, then rounds: the scheme of crates/bench/src/timing.rs."""

import time
from collections.abc import Callable

import numpy

ROUNDS = 15
FEWEST = 3


def time_rounds(
    seconds: float, warm_up: int, call: Callable[[int], None], wait: Callable[[], None] = lambda: None
) -> dict:
    """The median, the 10th and the 90th percentile over rounds of the seconds of one call; `call` gets the number of calls before. `wait` ends what calls have
    begun, once at the end of each round: some only tell a device what to do."""
    calls, start = 0, time.perf_counter()
    while calls == 0 or (calls < warm_up and time.perf_counter() - start < seconds):
        began = time.perf_counter()
        call(calls)
        wait()
        last = time.perf_counter() - began
        calls += 1
    each = max(int(seconds / ROUNDS / last), 1)
    means, start = [], time.perf_counter()
    while len(means) < FEWEST or (len(means) < ROUNDS and time.perf_counter() - start < seconds):
        began = time.perf_counter()
        for _ in range(each):
            call(calls)
            calls += 1
        wait()
        means.append((time.perf_counter() - began) / each)
    p10, median, p90 = numpy.quantile(means, [0.1, 0.5, 0.9])
    return {"p10": p10, "median": median, "p90": p90, "rounds": len(means)}
