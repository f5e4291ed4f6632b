"""The memory of another program."""

from pathlib import Path


def peak_bytes(pid: int) -> int:
    """The most that a process has held so far; 0 once it is gone.

    Of Linux: what `wait4` says counts the parent's memory too, from the moment before the program was loaded.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
