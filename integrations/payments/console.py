"""Plays the provider in development: its page is one of ours (billing/online/), which tells what was paid by the same
signed webhook. Nothing leaves the machine."""

import secrets
import time
from collections.abc import Iterator

from django.conf import settings

from integrations.payments.contract import Checkout, CheckoutSession

PREFIX = "cs_console_"
HOURS = 24


def open_checkout(checkout: Checkout) -> CheckoutSession:
    name = f"{PREFIX}{checkout.practice}_{secrets.token_urlsafe(24)}"
    url = f"{settings.SITE_URL}/pay/{name}/"
    return CheckoutSession(id=name, url=url, expires_at=int(time.time()) + HOURS * 3600)


def expire(session_id: str) -> None:
    pass


def refund(*, intent: str, amount: int, currency: str, key: str) -> str:
    return f"re_console_{key[:40]}"


def has_refunded(intent: str, key: str) -> bool:
    return False


def sessions_since(moment: int) -> Iterator[CheckoutSession]:
    return iter(())
