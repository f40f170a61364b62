"""Giving back, through the provider, what was paid online.

Nothing is locked while the provider is asked. What it is asked for stands in a row before and until it is in the
ledger, and that row's id is its idempotency key: whoever asks again after a lost answer asks for the same refund."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from billing.models import Checkout, LedgerEntry, OnlineRefund
from billing.money import to_text
from core.database.chosen_ids import chosen_id
from core.errors import Conflict, Refusal, Unavailable
from integrations import payments as providers
from integrations.payments import PaymentsFailed, Reason

KEY_LIFETIME = timedelta(hours=23)  # the provider keeps idempotency keys; Stripe for a day
OTHER_MODE = _("This was paid while Praxis took other payments (real or for tests). Refund it at the provider.")
NOT_CONFIGURED = _("Online payments are switched off, so this can't be refunded to the card.")
REFUSED = _("The payment provider refuses this. Nothing was done.")
NOT_REACHED = _("The payment provider can't be reached now. Nothing was done. Please try again.")
UNKNOWN = _("The payment provider did not answer. Please try again: it will not be done twice.")
UNANSWERED = _(
    "A refund of %(amount)s to the card was not answered yet. Enter the same again: it will not be done twice."
)


def failure(error: PaymentsFailed) -> Refusal:
    """Return what people are told."""
    if error.reason in (Reason.REFUSED, Reason.CREDENTIALS):
        return Conflict(REFUSED)
    return Unavailable(UNKNOWN if error.reason == Reason.UNKNOWN else NOT_REACHED)


def check_pending_refund(
    payment: LedgerEntry, minor: int | None = None, refund_id: UUID | None = None
) -> OnlineRefund | None:
    """Return the refund of so much that the provider was asked for and that is not in the ledger. Raises Conflict if
    there is one of another amount, or with another id than a page has: it would be entered under an id that the page
    does not know, and that page sent again would refund again. The payment is locked."""
    asked: OnlineRefund | None = OnlineRefund.objects.filter(payment=payment).first()
    if asked and (asked.amount != minor or refund_id not in (None, asked.pk)):
        raise Conflict(UNANSWERED % {"amount": to_text(asked.amount, payment.currency)})
    return asked


def reserve(payment: LedgerEntry, minor: int, *, by: User, refund_id: UUID | None = None) -> OnlineRefund:
    """Return the refund to ask for: of a payment from `lock_payment`, in its transaction. Raises Conflict."""
    checkout = Checkout.objects.filter(payment=payment).first()
    if checkout is None or not providers.is_configured():
        raise Conflict(NOT_CONFIGURED)
    if checkout.is_live != providers.is_live() or checkout.provider != settings.PAYMENTS_PROVIDER:
        raise Conflict(OTHER_MODE)
    if asked := check_pending_refund(payment, minor, refund_id):
        # so that no earlier attempt forgets it, and `asked` stays older than its row, so that this one does not either
        OnlineRefund.objects.filter(pk=asked.pk).update(updated_at=timezone.now())
        return asked
    known = {"pk": refund_id} if refund_id else {}
    with chosen_id(refund_id):
        row: OnlineRefund = OnlineRefund.objects.create(payment=payment, amount=minor, made_by=by, **known)
    return row


def pay_back(asked: OnlineRefund) -> None:
    """Have the provider pay it back to the card, outside of a transaction. Raises Conflict and Unavailable, and forgets
    the refund if it is sure that nothing was done."""
    payment, key = asked.payment, str(asked.pk)
    intent, would_say = payment.checkout.intent, asked.created_at > timezone.now() - KEY_LIFETIME
    try:
        if not would_say and was_made(asked):
            return
        would_say = True  # if an earlier attempt had succeeded: by the same key or by its list
        providers.provider().refund(intent=intent, amount=asked.amount, currency=payment.currency, key=key)
    except PaymentsFailed as error:
        forgotten = OnlineRefund.objects.none()
        if error.reason == Reason.REFUSED and would_say:
            forgotten = OnlineRefund.objects.filter(pk=asked.pk)
        elif error.reason in (Reason.UNREACHABLE, Reason.CREDENTIALS):  # says nothing of other attempts
            forgotten = OnlineRefund.objects.filter(pk=asked.pk, updated_at=asked.updated_at)
        raise (failure(error) if forgotten.delete()[0] else Unavailable(UNKNOWN)) from error


def was_made(asked: OnlineRefund) -> bool:
    """Return whether the provider lists this refund. Raises PaymentsFailed."""
    return bool(providers.provider().has_refunded(asked.payment.checkout.intent, str(asked.pk)))
