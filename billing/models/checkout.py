"""Attempts to pay invoices online, and what the provider has told of them (docs/adr/0052)."""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from billing.models.invoice import Invoice
from billing.models.ledger import LedgerEntry
from core.encryption.fields import EncryptedCharField
from core.tenancy.models import PracticeModel
from patients.models import Patient


class CheckoutState(models.TextChoices):
    OPEN = "open", _("Open")
    PAID = "paid", _("Paid")
    OVER = "over", _("Expired")


class Checkout(PracticeModel):
    """A page of the provider on which so much of an invoice can be paid; one at a time for each invoice. Its payment
    has its id, so that it can't be booked twice. `intent` is what a refund names."""

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, verbose_name=_("invoice"), on_delete=models.PROTECT, related_name="checkouts")
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=4, choices=CheckoutState.choices, default=CheckoutState.OPEN)
    provider = models.CharField(_("provider"), max_length=20)
    is_live = models.BooleanField(_("real money"))
    session = models.CharField(_("session"), max_length=255, null=True)
    url = EncryptedCharField(_("address"), label="checkout.url", max_length=2000, blank=True, default="")
    intent = models.CharField(_("intent"), max_length=255, blank=True, default="")
    expires_at = models.DateTimeField(_("ends at"), null=True)
    payment = models.OneToOneField(
        LedgerEntry, verbose_name=_("payment"), null=True, on_delete=models.PROTECT, related_name="checkout"
    )
    made_by = models.ForeignKey(User, verbose_name=_("made by"), on_delete=models.PROTECT, related_name="+")

    patient_field = "patient_id"

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("online payment"), _("online payments")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["practice", "invoice"], condition=Q(state=CheckoutState.OPEN), name="checkout_one_open"
            ),
            models.UniqueConstraint(fields=["practice", "session"], name="checkout_session"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="checkout_of_something"),
            models.CheckConstraint(condition=Q(state__in=CheckoutState.values), name="checkout_state_known"),
            models.CheckConstraint(
                condition=Q(state=CheckoutState.PAID, payment__isnull=False)
                | ~Q(state=CheckoutState.PAID) & Q(payment=None),
                name="checkout_paid_has_payment",
            ),
        ]

    def __str__(self) -> str:
        return f"Checkout {str(self.pk)[-6:]}"


class OnlineRefund(PracticeModel):
    """A refund that the provider is asked for and that is not in the ledger yet: there while it is under way, and as
    long as nobody knows whether it was done. The entry in the ledger gets its id."""

    payment = models.ForeignKey(
        LedgerEntry, verbose_name=_("payment"), on_delete=models.PROTECT, related_name="asked_refunds"
    )
    amount = models.BigIntegerField(_("amount"))
    made_by = models.ForeignKey(User, verbose_name=_("made by"), on_delete=models.PROTECT, related_name="+")

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("refund under way"), _("refunds under way")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "payment"], name="online_refund_one_at_a_time"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="online_refund_of_something"),
        ]

    def __str__(self) -> str:
        return f"Refund {str(self.pk)[-6:]}"

    def about_patients(self) -> list[UUID]:
        return [self.payment.patient_id]


class ProviderEvent(PracticeModel):
    """An event that was acted on: told again, it does nothing."""

    event = models.CharField(_("event"), max_length=255)

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("event of a provider"), _("events of providers")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "event"], name="provider_event_once"),
        ]
