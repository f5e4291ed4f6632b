"""A case measured on both sides, several times in turn."""

import statistics
from dataclasses import dataclass, field


@dataclass
class Comparison:
    """Seconds of each turn; turns correspond by position."""

    name: str
    peer: list[float]
    mmtl: list[float]
    form: str = ""  # how the peer is written
    fused: list[float] = field(default_factory=list)  # the peer with fused Adam
    fused_form: str = ""  # how it is written
    base: list[float] = field(default_factory=list)  # mmtl on the case that this one is held to
    alone: list[float] = field(default_factory=list)  # mmtl with one job instead of two
    rows: int | None = None  # of one call
    gflops: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)  # GFLOP/s of matrix products, measured in mmtl's calls
    shares: list[float] = field(default_factory=list)  # of that peak

    @property
    def ratio(self) -> "Ratio":
        return Ratio.of(self.peer, self.mmtl)

    @property
    def fused_ratio(self) -> "Ratio | None":
        return Ratio.of(self.fused, self.mmtl) if self.fused else None

    @property
    def above_base(self) -> float:
        """The share of time that mmtl takes above the other case, the median over turns."""
        return 1 / Ratio.of(self.base, self.mmtl).median - 1

    @property
    def seconds(self) -> float:
        """mmtl's, the median over turns."""
        return statistics.median(self.mmtl)

    @property
    def share(self) -> float:
        return statistics.median(self.shares)


@dataclass(frozen=True)
class Ratio:
    """How many times faster mmtl is, over turns."""

    low: float
    median: float
    high: float

    @staticmethod
    def of(peer: list[float], mmtl: list[float]) -> "Ratio":
        ratios = [theirs / ours for theirs, ours in zip(peer, mmtl, strict=True)]
        return Ratio(min(ratios), statistics.median(ratios), max(ratios))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"
