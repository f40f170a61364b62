"""Stripe Checkout over its documented HTTP (https://docs.stripe.com/api/checkout/sessions, /api/refunds), and the
signatures of its webhooks (https://docs.stripe.com/webhooks#verify-manually)."""

import hmac
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from django.conf import settings

from integrations import http
from integrations.payments.contract import Checkout, CheckoutSession, Event, PaymentsFailed, Reason

SIGNATURE = "Stripe-Signature"
TOLERANCE = 300  # seconds, Stripe's own default
VERSION = "2024-06-20"
PAID = ("paid", "no_payment_required")
# https://docs.stripe.com/currencies: written with two decimal places there, which ISO 4217 does not give them
HUNDREDFOLD = ("ISK", "UGX")
THREE_DIGITS = ("BHD", "JOD", "KWD", "OMR", "TND")  # the last of the three must be 0
OVER = ("checkout.session.expired", "checkout.session.async_payment_failed")
NOT_REFUNDED = ("failed", "canceled")
HANDLED_EVENTS = ("checkout.session.completed", "checkout.session.async_payment_succeeded", *OVER)
PAGE = 100


def open_checkout(checkout: Checkout) -> CheckoutSession:
    """Open the page for a checkout. Called again with the same key within a day, Stripe gives the same page."""
    ours = {"checkout": checkout.key, "practice": checkout.practice}
    fields = {
        "mode": "payment",
        "client_reference_id": checkout.key,
        "success_url": checkout.back_to,
        "cancel_url": checkout.back_to,
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": checkout.currency.lower(),
        "line_items[0][price_data][unit_amount]": str(_theirs(checkout.amount, checkout.currency)),
        "line_items[0][price_data][product_data][name]": checkout.label,
        **{f"metadata[{name}]": value for name, value in ours.items()},
        **{f"payment_intent_data[metadata][{name}]": value for name, value in ours.items()},
    }
    session = _session(_call("/v1/checkout/sessions", fields, key=f"checkout-{checkout.key}"))
    if not session.id or not session.url:
        raise PaymentsFailed(Reason.UNKNOWN, "half an answer")
    return session


def expire(session_id: str) -> None:
    """Close a page, so that it can't be paid any more."""
    _call(f"/v1/checkout/sessions/{quote(session_id, safe='')}/expire", {}, key=f"expire-{session_id}")


def refund(*, intent: str, amount: int, currency: str, key: str) -> str:
    """Return the id of the refund."""
    fields = {"payment_intent": intent, "amount": str(_theirs(amount, currency)), "metadata[refund]": key}
    said = _call("/v1/refunds", fields, key=f"refund-{key}")
    if said.get("status") in NOT_REFUNDED:
        raise PaymentsFailed(Reason.REFUSED, str(said.get("failure_reason", "")))
    if not said.get("id"):
        raise PaymentsFailed(Reason.UNKNOWN, "half an answer")
    return str(said["id"])


def has_refunded(intent: str, key: str) -> bool:
    """Return whether the refund with this key was made, however long ago."""
    rows = _call(f"/v1/refunds?{urlencode({'payment_intent': intent, 'limit': str(PAGE)})}").get("data")
    if not isinstance(rows, list):
        raise PaymentsFailed(Reason.UNKNOWN, "half an answer")
    return any(row.get("metadata", {}).get("refund") == key and row.get("status") not in NOT_REFUNDED for row in rows)


def sessions_since(moment: int) -> Iterator[CheckoutSession]:
    """Yield the sessions that were opened since this moment (seconds of Unix time), the newest first."""
    after = ""
    while True:
        query = {"limit": str(PAGE), "created[gte]": str(moment), **({"starting_after": after} if after else {})}
        said = _call(f"/v1/checkout/sessions?{urlencode(query)}")
        rows = said.get("data")
        if not isinstance(rows, list):
            raise PaymentsFailed(Reason.UNKNOWN, "half an answer")
        for row in rows:
            yield _session(row)
        if not said.get("has_more") or not rows:
            return
        after = str(rows[-1]["id"])


def _call(path: str, fields: Mapping[str, str] | None = None, *, key: str = "") -> dict[str, Any]:
    """Return what Stripe answers: to a GET, or with `fields` to a POST. Raises PaymentsFailed."""
    headers = {"Authorization": f"Bearer {settings.STRIPE_SECRET_KEY}", "Stripe-Version": VERSION}
    url, seconds = settings.STRIPE_API_URL + path, settings.PROVIDER_TIMEOUT
    try:
        if fields is None:
            answer = http.get(url, headers=headers, seconds=seconds)
        else:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": key}
            answer = http.post(url, urlencode(fields).encode(), headers=headers, seconds=seconds)
    except http.NotSent as error:
        raise PaymentsFailed(Reason.UNREACHABLE) from error
    except http.Unanswered as error:
        raise PaymentsFailed(Reason.UNKNOWN) from error
    said = _json(answer.body)
    if 200 <= answer.status < 300:
        return said
    raise PaymentsFailed(_reason(answer.status), _code(said) or str(answer.status))


def _reason(status: int) -> Reason:
    if status in (429, 503, 409):  # 409: the same key is being worked on
        return Reason.BUSY
    if status in (401, 403):
        return Reason.CREDENTIALS
    return Reason.REFUSED if status < 500 else Reason.UNKNOWN


def _code(said: dict[str, Any]) -> str:
    error = said.get("error")
    return str(error.get("code") or error.get("type") or "") if isinstance(error, dict) else ""


def _json(body: bytes | None) -> dict[str, Any]:
    try:
        said = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _theirs(amount: int, currency: str) -> int:
    """Return the amount as Stripe counts it."""
    if currency in THREE_DIGITS and amount % 10:
        raise PaymentsFailed(Reason.REFUSED, "amount_too_fine")
    return amount * 100 if currency in HUNDREDFOLD else amount


def _ours(amount: int, currency: str) -> int:
    return amount // 100 if currency in HUNDREDFOLD else amount


def _session(said: Mapping[str, Any], kind: str = "") -> CheckoutSession:
    metadata = said.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    currency = str(said.get("currency") or "").upper()
    amount = said.get("amount_total")
    return CheckoutSession(
        id=str(said.get("id") or ""),
        url=str(said.get("url") or ""),
        intent=str(said.get("payment_intent") or ""),
        is_paid=said.get("payment_status") in PAID,
        is_over=kind in OVER or said.get("status") == "expired",
        amount=_ours(amount, currency) if isinstance(amount, int) else 0,
        currency=currency,
        is_live=said.get("livemode") is True,
        key=str(metadata.get("checkout") or ""),
        practice=str(metadata.get("practice") or ""),
        expires_at=said["expires_at"] if isinstance(said.get("expires_at"), int) else 0,
    )


def is_genuine(body: bytes, header: str, *, now: float | None = None) -> bool:
    """Return whether Stripe signed this body within the last minutes."""
    secret = settings.STRIPE_WEBHOOK_SECRET
    if not secret:
        return False
    parts = [part.strip().split("=", 1) for part in header.split(",") if "=" in part]
    moments = [value for name, value in parts if name == "t"]
    if len(moments) != 1 or not (moments[0].isascii() and moments[0].isdigit()):
        return False
    if abs((time.time() if now is None else now) - int(moments[0])) > TOLERANCE:
        return False
    expected = signed(body, int(moments[0]), secret)
    return any(hmac.compare_digest(expected.encode(), value.encode()) for name, value in parts if name == "v1")


def signed(body: bytes, moment: int, secret: str) -> str:
    """Return the signature of a body that is sent at this moment."""
    return hmac.digest(secret.encode(), f"{moment}.".encode() + body, "sha256").hex()


def event_in(body: bytes) -> Event:
    """Return what a call tells. Raises ValueError for what Stripe does not send."""
    said = _json(body)
    data = said.get("data")
    if not isinstance(said.get("id"), str) or not isinstance(data, dict) or not isinstance(data.get("object"), dict):
        raise ValueError("not an event")
    kind = said.get("type")
    session = _session(data["object"], str(kind)) if kind in HANDLED_EVENTS else None
    return Event(said["id"][:255], said.get("livemode") is True, session)
