"""The cases: the names and shapes of crates/bench/src/case.rs."""

from dataclasses import dataclass

AUC_ROWS = 10_000_000
DIM = 16


@dataclass(frozen=True)
class Case:
    rows: int
    fields: int
    ids: int
    tasks: int
    towers: tuple[int, ...]
    widths: tuple[int, ...]  # of each expert, or of the star layers
    experts: int = 0  # none: STAR
    scenes: int = 1
    sparse: bool = False  # SparseAdam for the table
    predict: bool = False  # forward only
    norm: bool = False  # a normalisation of each scene's inputs, with scales and shifts of its own
    batches: int = 16  # different ones, in turn


def _mmoe(ids: int, experts: int, widths: tuple[int, ...], rows: int, **more) -> Case:
    return Case(rows, 16, ids, 2, (64, 32), widths, experts, **more)


def _star(scenes: int) -> Case:
    return Case(4096, 14, 10_000, 1, (), (256, 128, 64), scenes=scenes)


CASES = {
    "large": _mmoe(10_000, 8, (256, 128), 4096),
    "wide-exact": _mmoe(100_000, 8, (256, 128), 4096, batches=64),
    "wide-sparse": _mmoe(100_000, 8, (256, 128), 4096, batches=64, sparse=True),
    "small-512": _mmoe(10_000, 4, (64, 32), 512),
    "small-1024": _mmoe(10_000, 4, (64, 32), 1024),
    "small-2048": _mmoe(10_000, 4, (64, 32), 2048),
    "star-1": _star(1),
    "star-5": _star(5),
    "star-10": _star(10),
    "evaluation": _mmoe(10_000, 8, (256, 128), 4096, predict=True),
}

# Too large for a processor: only on devices.
DEVICE_CASES = {
    "experts-wide": Case(65_536, 39, 10_000, 2, (), (512, 256), experts=16, batches=4),
    "norm-wide": Case(65_536, 39, 10_000, 1, (), (64,), scenes=10, norm=True, batches=4),
}
