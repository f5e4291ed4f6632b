"""What numbers on a command line may be."""

import argparse
from collections.abc import Callable


def positive(kind: type) -> Callable[[str], float]:
    """For `type=`: a number above 0."""

    def parse(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = kind(0)
        if not number > 0:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"`{text}`, expected {what} above 0")
        return number

    return parse
