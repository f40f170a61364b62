"""Giving back, through the provider, what was paid online."""

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from billing.models import Checkout, LedgerEntry
from core.errors import Conflict, Refusal, Unavailable
from integrations import payments as providers
from integrations.payments import PaymentsFailed, Reason

OTHER_MODE = _("This was paid while Praxis took other payments (real or for tests). Refund it at the provider.")
NOT_CONFIGURED = _("Online payments are switched off, so this can't be refunded to the card.")
REFUSED = _("The payment provider refuses this. Nothing was done.")
NOT_REACHED = _("The payment provider can't be reached now. Nothing was done. Please try again.")
UNKNOWN = _("The payment provider did not answer. Please try again: it will not be done twice.")


def failure(error: PaymentsFailed) -> Refusal:
    """Return what people are told."""
    if error.reason in (Reason.REFUSED, Reason.CREDENTIALS):
        return Conflict(REFUSED)
    return Unavailable(UNKNOWN if error.reason == Reason.UNKNOWN else NOT_REACHED)


def pay_back(payment: LedgerEntry, minor: int) -> None:
    """Have so much of a payment, from `lock_payment`, paid back to the card. Called again because the answer was lost,
    it is the same refund: the key names how much was refunded before. Raises Conflict and Unavailable."""
    checkout = Checkout.objects.filter(payment=payment).first()
    if checkout is None or not providers.is_configured():
        raise Conflict(NOT_CONFIGURED)
    if checkout.is_live != providers.is_live() or checkout.provider != settings.PAYMENTS_PROVIDER:
        raise Conflict(OTHER_MODE)
    key = f"refund-{payment.pk}-{payment.refunded}-{minor}"
    try:
        providers.provider().refund(intent=checkout.intent, amount=minor, currency=payment.currency, key=key)
    except PaymentsFailed as error:
        raise failure(error) from error
