"""What each case is held to."""

from collections.abc import Callable
from dataclasses import dataclass

from timed.comparison import Comparison, Ratio

Results = dict[str, Comparison]


@dataclass(frozen=True)
class Target:
    """`reached` gives the figure that counts."""

    says: str
    reached: Callable[[Results], float]
    bound: float
    at_most: bool = False
    shown: str = "{:.2f}"

    def verdict(self, results: Results) -> str:
        figure = self.reached(results)
        met = figure <= self.bound if self.at_most else figure >= self.bound
        return f"{'yes' if met else '**no**'} ({self.shown.format(figure)})"


def _faster(name: str, times: float) -> Target:
    return Target(f"{times:g} × PyTorch", lambda results: results[name].ratio.median, times, shown="{:.2f} ×")


def _share(name: str, share: float) -> Target:
    return Target(f"{share:.0%} of the peak", lambda results: results[name].share, share, shown="{:.0%}")


BASES = {"wide-exact": "large", "wide-sparse": "large", "star-10": "star-1"}  # timed again in each turn of these


def _within(name: str, growth: float) -> Target:
    return Target(
        f"at most {growth:.0%} above `{BASES[name]}`",
        lambda results: results[name].above_base,
        growth,
        at_most=True,
        shown="{:+.0%}",
    )


def _under(name: str, seconds: float, said: str) -> Target:
    return Target(f"under {said}", lambda results: results[name].seconds, seconds, at_most=True, shown="{:.3f} s")


def _throughput(name: str, times: float) -> Target:
    def reached(results: Results) -> float:
        return Ratio.of(results[name].alone, results[name].mmtl).median

    return Target(f"{times:g} × the throughput of one", reached, times, shown="{:.2f} ×")


TARGETS: dict[str, list[Target]] = {
    "large": [_faster("large", 1.7), _share("large", 0.85)],
    "wide-exact": [_faster("wide-exact", 3.5), _within("wide-exact", 0.12)],
    "wide-sparse": [_faster("wide-sparse", 1.7), _within("wide-sparse", 0.12)],
    "small-512": [_faster("small-512", 6)],
    "star-5": [_faster("star-5", 7)],
    "star-10": [_within("star-10", 0.25)],
    "evaluation": [_faster("evaluation", 2)],
    "start-up": [_under("start-up", 0.1, "100 ms")],
    "jobs": [_throughput("jobs", 1.9)],
    "epoch-census": [_faster("epoch-census", 2)],
    "epoch-movielens": [_faster("epoch-movielens", 2)],
    "auc": [_under("auc", 0.5, "0.5 s"), _faster("auc", 5)],
}
