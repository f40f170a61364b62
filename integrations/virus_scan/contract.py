"""What every virus scanner answers."""

from enum import StrEnum
from typing import NamedTuple


class Verdict(NamedTuple):
    """`found` is the name of what was found in a file that is not clean, as the scanner calls it."""

    clean: bool
    found: str = ""


class Reason(StrEnum):
    UNREACHABLE = "unreachable"  # no scanner is set, or it does not answer the door
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"  # for this scanner's own limits, so that not all of it was looked at
    ERROR = "error"  # it answered something else, or broke off


class ScanFailed(Exception):
    """Nobody knows whether the file is clean, so it must not be let through."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason

    @property
    def permanent(self) -> bool:
        """Whether another try ends the same way until somebody changes the scanner's settings."""
        return self.reason == Reason.TOO_LARGE
