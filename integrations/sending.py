"""What every provider that sends messages to people raises (integrations/email/, integrations/sms/)."""

from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    UNREACHABLE = "unreachable"  # nothing is configured, or the provider refuses the connection
    BUSY = "busy"  # it asks to be called later (429, 503, a 4xx of SMTP)
    REFUSED = "refused"  # it refuses this message
    ADDRESS = "address"  # it refuses the address
    OPTED_OUT = "opted_out"  # it knows that this person wants no more messages
    CREDENTIALS = "credentials"  # it refuses ours
    UNKNOWN = "unknown"  # a time-out, a cut line or a 500: perhaps it was sent


class SendFailed(OSError):
    """The message was not accepted, or nobody knows. An OSError, as those of smtplib are, for callers of Django's mail.

    One of three: `permanent`: trying again is pointless; `uncertain`: trying again might send it twice; neither: it
    was not sent and may be tried again, after `wait` seconds if the provider said so.
    """

    def __init__(self, reason: Reason, *, code: str = "", wait: int = 0) -> None:
        super().__init__(f"{reason.value} {code}".strip())
        self.reason, self.code, self.wait = reason, code[:40], wait

    @property
    def permanent(self) -> bool:
        return self.reason in (Reason.REFUSED, Reason.ADDRESS, Reason.OPTED_OUT)

    @property
    def uncertain(self) -> bool:
        return self.reason == Reason.UNKNOWN


class Report(NamedTuple):
    """What a provider says became of a message that we called `reference`."""

    reference: str
    provider_id: str
    event: str  # delivered, failed, opted_out
    code: str = ""


MAX_WAIT = 3600  # seconds


def refusal_of(status: int, *, retry_after: str | None, code: str = "") -> SendFailed:
    """Return what an HTTP status other than 2xx means. A 500, 502 or 504 comes from somewhere behind the door: the
    message may have gone out all the same."""
    wait = min(int(retry_after), MAX_WAIT) if retry_after and retry_after.isascii() and retry_after.isdigit() else 0
    code = code or str(status)
    if status in (429, 503):
        return SendFailed(Reason.BUSY, code=code, wait=wait)
    if status in (401, 403):
        return SendFailed(Reason.CREDENTIALS, code=code)
    if 400 <= status < 500:
        return SendFailed(Reason.REFUSED, code=code)
    return SendFailed(Reason.UNKNOWN, code=code)
