"""What providers of online payments take and tell."""

from enum import StrEnum
from typing import NamedTuple


class Checkout(NamedTuple):
    """What is to be paid: `amount` in minor units, `label` what the payer reads, which names nobody. `key` is ours, the
    same for each attempt to open it; `practice` and `key` come back with what the provider tells."""

    key: str
    practice: str
    amount: int
    currency: str
    label: str
    back_to: str


class CheckoutSession(NamedTuple):
    """A page of the provider for one checkout. `amount` is what it asks for, in minor units."""

    id: str
    url: str = ""
    intent: str = ""
    is_paid: bool = False
    is_over: bool = False  # expired or failed: it can't be paid any more
    amount: int = 0
    currency: str = ""
    is_live: bool = False
    key: str = ""
    practice: str = ""
    expires_at: int = 0


class Event(NamedTuple):
    """What a provider tells by itself; `session` is None for what does not matter here."""

    id: str
    is_live: bool
    session: CheckoutSession | None


class Reason(StrEnum):
    UNREACHABLE = "unreachable"  # not reached: nothing happened
    BUSY = "busy"  # it asks to be called later
    REFUSED = "refused"  # it refuses this
    CREDENTIALS = "credentials"  # it refuses our key
    UNKNOWN = "unknown"  # a time-out, a cut line or a 500: perhaps it was done


class PaymentsFailed(Exception):
    """It was not done, or nobody knows. The same call again is safe: it has the same idempotency key."""

    def __init__(self, reason: Reason, code: str = "") -> None:
        super().__init__(f"{reason.value} {code}".strip())
        self.reason, self.code = reason, code[:60]
