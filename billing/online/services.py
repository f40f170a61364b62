"""Paying an invoice online: the link to the provider's page, and what the provider tells of it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from billing import ledger
from billing.invoices.services import NOTHING_OPEN
from billing.models import Checkout, CheckoutState, Invoice, ProviderEvent
from billing.paying_back import failure
from billing.payments.services import receive_online
from core.errors import Conflict, Refusal, Unavailable
from core.forms import as_uuid
from core.tenancy.scope import practice_scope
from integrations import payments as providers
from integrations.payments import CheckoutSession, Event, PaymentsFailed
from patients.models import Patient
from practices.models import Practice

log = structlog.get_logger("praxis.payments")
SWITCHED_OFF = _("Online payments are switched off here.")
BEING_MADE = _("This link is just being made. Please try again in a moment.")
WRONG_MODE = _("This is an event of the other mode, tests or real money.")
WRONG_CURRENCY = _("This was paid in another currency than its invoice.")


def pay_link(*, by: User, invoice_id: UUID) -> Checkout:
    """Return the page on which what is open of an invoice can be paid: the one that is open already, if it asks for the
    same. Raises NotFound, ChartRestricted, Conflict if nothing is to be paid, and Unavailable.

    Nothing is locked while the provider is asked: a row without an address keeps the place meanwhile. If the answer is
    lost, so is the page: nobody knows its address."""
    if not providers.is_configured():
        raise Conflict(SWITCHED_OFF)
    there = _reserve(by, invoice_id)
    try:
        if there.session and not _still_asks(there, there.invoice):
            _close(there)
            there = _reserve(by, invoice_id, instead_of=there)
        return there if there.session else _open(there)
    except PaymentsFailed as error:
        log.warning("payments.provider_failed", reason=error.reason.value, code=error.code)
        if not there.session:
            there.delete()
        raise failure(error) from error


@transaction.atomic
def _reserve(by: User, invoice_id: UUID, *, instead_of: Checkout | None = None) -> Checkout:
    """Return the page that is open, or a row for a new one; another than `instead_of`, which is closed."""
    invoice = ledger.lock_invoice(by, invoice_id)
    ledger.check_open(invoice)
    if invoice.open <= 0:
        raise Conflict(NOTHING_OPEN)
    there = Checkout.objects.select_for_update(of=("self",)).filter(invoice=invoice, state=CheckoutState.OPEN).first()
    if there and there == instead_of:
        there.state = CheckoutState.OVER
        there.save()
    elif there and there.session:
        there.invoice = invoice
        return there
    elif there and there.created_at > timezone.now() - timedelta(seconds=2 * settings.PROVIDER_TIMEOUT):
        raise Unavailable(BEING_MADE)
    elif there:
        there.delete()  # whoever asked for it was stopped
    row: Checkout = Checkout.objects.create(
        patient=invoice.patient,
        invoice=invoice,
        amount=invoice.open,
        currency=invoice.currency,
        provider=settings.PAYMENTS_PROVIDER,
        is_live=providers.is_live(),
        made_by=by,
    )
    return row


def _still_asks(checkout: Checkout, invoice: Invoice) -> bool:
    is_ours = (checkout.provider, checkout.is_live) == (settings.PAYMENTS_PROVIDER, providers.is_live())
    return is_ours and checkout.amount == invoice.open and not _has_ended(checkout)


def _has_ended(checkout: Checkout) -> bool:
    return checkout.expires_at is not None and checkout.expires_at <= timezone.now()


def _close(checkout: Checkout) -> None:
    """Let the page not be paid any more; what is paid there all the same is taken (`apply`)."""
    if checkout.provider == settings.PAYMENTS_PROVIDER and not _has_ended(checkout) and checkout.session:
        try:
            providers.provider().expire(checkout.session)
        except PaymentsFailed as error:
            if error.reason != providers.Reason.REFUSED:  # refused: it was paid or has ended, and we'll be told
                raise


def _open(checkout: Checkout) -> Checkout:
    invoice = checkout.invoice
    session = providers.provider().open_checkout(
        providers.Checkout(
            key=str(checkout.pk),
            practice=str(checkout.practice_id),
            amount=checkout.amount,
            currency=checkout.currency,
            label=gettext("Invoice %(number)s, %(practice)s") % {"number": invoice.number, "practice": invoice.issuer},
            back_to=f"{settings.SITE_URL}/pay/thanks/",
        )
    )
    checkout.session, checkout.url, checkout.intent = session.id, session.url, session.intent
    if session.expires_at:
        checkout.expires_at = datetime.fromtimestamp(session.expires_at, UTC)
    checkout.save(update_fields={"session", "url", "intent", "expires_at", "updated_at"})
    return checkout


def take_event(event: Event) -> None:
    """Act on what the provider tells, once. Events of others who use the same account are left alone. Raises Refusal
    for one of the other mode, or in another currency."""
    session = event.session
    if event.is_live != providers.is_live():
        raise Refusal(WRONG_MODE)
    practice_id = as_uuid(session.practice) if session else None
    if session is None or practice_id is None or not Practice.objects.filter(pk=practice_id).exists():
        return
    with practice_scope(practice_id), transaction.atomic():
        # Whoever tells the same at the same time waits here for the other's commit.
        _, is_new = ProviderEvent.objects.get_or_create(event=event.id)
        if is_new:
            apply(session)


@transaction.atomic
def apply(session: CheckoutSession) -> bool:
    """Book what a session says, in the scope of its practice: paid or not any more to be paid. In any order and time
    and again, the same is true in the end. Returns whether a payment was booked."""
    known = Checkout.objects.filter(pk=as_uuid(session.key)).only("patient_id").first()
    if known is None:
        return False
    Patient.objects.select_for_update(of=("self",), no_key=True).get(pk=known.patient_id)
    checkout = Checkout.objects.select_for_update(of=("self",)).select_related("made_by").get(pk=known.pk)
    if checkout.payment_id or checkout.session != session.id:
        return False
    if not session.is_paid:
        if session.is_over and checkout.state == CheckoutState.OPEN:
            checkout.state = CheckoutState.OVER
            checkout.save()
        return False
    if session.currency != checkout.currency:
        raise Refusal(WRONG_CURRENCY)
    checkout.payment = receive_online(
        by=checkout.made_by, invoice_id=checkout.invoice_id, minor=session.amount, payment_id=checkout.pk
    )
    checkout.state, checkout.intent = CheckoutState.PAID, session.intent or checkout.intent
    checkout.save()
    return True
