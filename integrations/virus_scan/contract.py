"""What every virus scanner returns."""

from enum import StrEnum
from typing import NamedTuple


class Verdict(NamedTuple):
    """A scanner's verdict; `found` is its name for what it found in a file that is not clean."""

    clean: bool
    found: str = ""


class Reason(StrEnum):
    UNREACHABLE = "unreachable"  # no scanner is configured, or it refuses the connection
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"  # above the scanner's own limits, so not all of it was scanned
    ERROR = "error"  # it returned something unexpected, or stopped


class ScanFailed(Exception):
    """Nobody knows whether the file is clean, so it must not be accepted."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason

    @property
    def permanent(self) -> bool:
        """Whether retrying is pointless until someone changes the scanner's settings."""
        return self.reason == Reason.TOO_LARGE
