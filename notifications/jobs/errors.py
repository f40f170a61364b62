"""How a job ends other than well. Their texts are fixed words: they are stored and shown."""

from datetime import timedelta


class Again(Exception):
    """Nothing has happened, also if the point of no return was passed: do it again, `after` this time if given."""

    def __init__(self, reason: str, *, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.after = after


class GiveUp(Exception):
    """Nothing has happened, and trying again would not help: the job has failed."""


class Uncertain(Exception):
    """It may have happened. The job is never repeated by itself."""


class LeaseLost(Exception):
    """Another worker may have the job by now: stop."""
