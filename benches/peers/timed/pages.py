"""Pages and other files that are whole at any time."""

import os
from pathlib import Path


def fresh(folder: Path, name: str) -> Path:
    """A path in a folder, made if need be, of a file that is not there: NAME.md, or NAME-2.md and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    names = (name if number == 1 else f"{name}-{number}" for number in range(1, 1000))
    return next(path for name in names if not (path := folder / f"{name}.md").exists())


def write(path: Path, text: str) -> None:
    """All of it or nothing."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    os.replace(partial, path)
