"""The memory of another program."""

from pathlib import Path


def peak_bytes(pid: int) -> int:
    """The most that a process has held so far; 0 once it is gone.

    Of Linux: what `wait4` says counts the parent's memory too, from the moment before the program was loaded.
    """
    return _status(pid, "VmHWM")


def own_bytes(pid: int) -> int:
    """What a process holds now but for files' pages, which the system takes back when it needs them."""
    return _status(pid, "RssAnon")


def _status(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)
