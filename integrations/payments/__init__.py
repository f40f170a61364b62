"""Online payments: what PAYMENTS_URL names hosts the page on which a card is entered: Stripe, or the console provider,
whose page of ours plays it in development. No number of a card ever comes here (docs/adr/0052)."""

from typing import Any

from django.conf import settings

from integrations.payments import console, stripe
from integrations.payments.contract import Checkout as Checkout
from integrations.payments.contract import CheckoutSession as CheckoutSession
from integrations.payments.contract import Event as Event
from integrations.payments.contract import PaymentsFailed as PaymentsFailed
from integrations.payments.contract import Reason as Reason

PROVIDERS: dict[str, Any] = {"console": console, "stripe": stripe}


def is_configured() -> bool:
    return settings.PAYMENTS_PROVIDER in PROVIDERS


def is_live() -> bool:
    """Return whether it is real money."""
    return bool(settings.PAYMENTS_LIVE)


def provider() -> Any:
    """Return the module of the provider: `open_checkout`, `expire`, `refund`, `has_refunded`,
    `sessions_since`. All raise
    PaymentsFailed."""
    return PROVIDERS[settings.PAYMENTS_PROVIDER]
