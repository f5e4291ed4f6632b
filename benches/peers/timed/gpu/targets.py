"""What steps and kernels on a device are held to."""

from collections.abc import Callable
from dataclasses import dataclass

from timed.gpu.precision import PRECISIONS
from timed.gpu.results import Results, experts, rate

# Kernels that move memory, by how their names begin: of which case, on what they are held to copies.
MOVING = {
    "embed": ("experts-wide", ("embed",)),
    "embed, gradient": ("experts-wide", ("tables, gradient",)),
    "gate and mix": ("experts-wide", ("gate", "mix")),
    "update": ("experts-wide", ("update", "tables, update")),
    "norm": ("norm-wide", ("norm",)),
}


@dataclass(frozen=True)
class Target:
    """`reached` gives the figure that counts, or None where it was not measured."""

    says: str
    reached: Callable[[Results], float | None]
    bound: float
    at_most: bool = False
    shown: str = "{:.2f} ×"

    def verdict(self, results: Results) -> tuple[str, str]:
        """The figure, and whether it is met."""
        figure = self.reached(results)
        if figure is None:
            return "—", "not measured"
        met = figure <= self.bound if self.at_most else figure >= self.bound
        return self.shown.format(figure), "yes" if met else "**no**"


def moving(results: Results, name: str, precision: str = "f32") -> list[dict]:
    """The kernels of a line of `MOVING`, those left out that caches may have served."""
    case, begin = MOVING[name]
    return [kernel for kernel in results.kernels(case, precision) if kernel["uncached"] and kernel["kernel"].startswith(begin)]


def _moved(name: str) -> Target:
    def reached(results: Results) -> float | None:
        gigabytes, copy = rate(moving(results, name), "bytes"), results.copy(MOVING[name][0], "f32")
        return gigabytes / copy if gigabytes and copy else None

    return Target(f"{name}: 80% of the copy's bandwidth", reached, 0.8, shown="{:.0%}")


def _experts(precision: str) -> Target:
    def reached(results: Results) -> float | None:
        flops, peak = rate(experts(results.kernels("experts-wide", precision)), "flops"), results.peak("experts-wide", precision)
        return flops / peak if flops and peak else None

    return Target(f"experts, {precision}: 60% of the instruction's peak", reached, 0.6, shown="{:.0%}")


def _faster(case: str, precision: str, side: str, said: str, times: float) -> Target:
    return Target(
        f"`{case}`, {precision}: {times:g} × {said}", lambda results: results.ratio(case, precision, side), times
    )


def _verified(precision: str) -> Target:
    def reached(results: Results) -> float | None:
        return results.data["verified"].get(precision)

    return Target(f"`mmtl verify`, {precision}: passes", reached, 0, at_most=True, shown="exit code {:.0f}")


def _star(results: Results) -> float | None:
    ten, one = results.median("star-10", "f32", "mmtl"), results.median("star-1", "f32", "mmtl")
    return ten / one if ten and one else None


TARGETS = [
    *(_verified(precision) for precision in PRECISIONS),
    *(_moved(name) for name in MOVING),
    *(_experts(precision) for precision in PRECISIONS),
    *(_faster("large", precision, "eager", "PyTorch eager", 3) for precision in PRECISIONS),
    *(_faster("large", precision, "compiled", "`torch.compile`", 1.5) for precision in PRECISIONS),
    *(_faster("small-1024", precision, "eager", "PyTorch eager", 5) for precision in PRECISIONS),
    Target("`star-10`: at most 1.25 × `star-1`", _star, 1.25, at_most=True),
]
