"""The ledger: what each patient was charged and has paid. Rows are only added (docs/adr/0041)."""

from typing import ClassVar, Self
from uuid import UUID

from django.db import models
from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from billing.models.invoice import Invoice, OfAccountQuerySet, sum_of
from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedCharField, EncryptedTextField
from core.tenancy.managers import PracticeManager
from core.tenancy.models import PracticeModel
from patients.models import Patient


class EntryKind(PublicTextChoices):
    CHARGE = "charge", _("Invoice")
    CREDIT_NOTE = "credit_note", _("Credit note")
    PAYMENT = "payment", _("Payment")
    REFUND = "refund", _("Refund")
    WRITE_OFF = "write_off", _("Write-off")


class PaymentMethod(PublicTextChoices):
    CASH = "cash", _("Cash")
    CARD = "card", _("Card")
    TRANSFER = "transfer", _("Bank transfer")
    CHEQUE = "cheque", _("Cheque")
    INSURANCE = "insurance", _("Insurance")
    STRIPE = "stripe", _("Online by card")


class MethodByHand(PublicTextChoices):
    """What is taken at the desk: the others are entered by the provider that took the money."""

    CASH = PaymentMethod.CASH.value, PaymentMethod.CASH.label
    CARD = PaymentMethod.CARD.value, PaymentMethod.CARD.label
    TRANSFER = PaymentMethod.TRANSFER.value, PaymentMethod.TRANSFER.label
    CHEQUE = PaymentMethod.CHEQUE.value, PaymentMethod.CHEQUE.label
    INSURANCE = PaymentMethod.INSURANCE.value, PaymentMethod.INSURANCE.label


BY_HAND = MethodByHand.choices
MONEY = (EntryKind.PAYMENT, EntryKind.REFUND)
ENCRYPTED = (
    *("reference", "reason", "invoice__patient_name", "invoice__patient_address", "invoice__payer_name"),
    *("invoice__payer_address", "invoice__note", "invoice__reason"),
)


class LedgerQuerySet(OfAccountQuerySet):
    def payments(self) -> Self:
        return self.filter(kind=EntryKind.PAYMENT)

    def with_credit(self) -> Self:
        """Return the payments that are not used up, and of which no refund is under way."""
        return self.payments().filter(kept_left__amount__gt=0, asked_refunds=None)

    def with_sums(self) -> Self:
        """Annotate payments with what of them was allocated to invoices, and what was refunded."""
        return self.annotate(
            allocated=sum_of(Allocation.objects.all(), "payment"), refunded=sum_of(LedgerEntry.objects.all(), "payment")
        )

    def with_numbers(self) -> Self:
        """Fetch the numbers of the invoices in the same query, and nothing that would have to be decrypted."""
        return self.select_related("invoice").defer(*ENCRYPTED)

    def sum(self) -> int:
        return int(self.order_by().aggregate(sum=Sum("amount"))["sum"] or 0)


class LedgerManager(PracticeManager.from_queryset(LedgerQuerySet)):  # type: ignore[misc]
    pass


class LedgerEntry(PracticeModel):
    """A movement of a patient's account. `amount` is what it adds to what the patient owes, in minor units: charges and
    refunds are positive, payments, credit notes and write-offs negative; a positive write-off takes one back. A refund
    names the payment that it reverses."""

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=11, choices=EntryKind.choices)
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    booked_on = models.DateField(_("day"))
    invoice = models.ForeignKey(
        Invoice, verbose_name=_("invoice"), null=True, on_delete=models.PROTECT, related_name="entries"
    )
    payment = models.ForeignKey(
        "self", verbose_name=_("payment"), null=True, on_delete=models.PROTECT, related_name="refunds"
    )
    method = models.CharField(_("method"), max_length=9, choices=PaymentMethod.choices, blank=True, default="")
    reference = EncryptedCharField(
        _("reference"), label="ledger_entry.reference", max_length=200, blank=True, default=""
    )
    reason = EncryptedTextField(_("reason"), label="ledger_entry.reason", max_length=1000, blank=True, default="")
    author = models.ForeignKey(User, verbose_name=_("entered by"), on_delete=models.PROTECT, related_name="+")

    patient_field = "patient_id"
    # annotated by `with_sums`
    allocated: int
    refunded: int
    balance: int  # of the account after it, where a page of it is shown

    objects: ClassVar[LedgerManager] = LedgerManager()

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("entry of the ledger"), _("ledger")
        indexes: ClassVar = [
            models.Index(fields=["patient", "id"], name="ledger_of_patient"),
            models.Index(fields=["practice", "kind", "booked_on", "id"], name="ledger_by_day"),
            models.Index(fields=["practice", "kind", "id"], name="ledger_by_kind"),
            # what reports sum up: all of it is in the index
            models.Index(fields=["practice", "booked_on", "kind", "method", "amount"], name="ledger_sums"),
            models.Index(fields=["practice", "invoice", "kind", "amount"], name="ledger_of_invoice_sums"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=EntryKind.values), name="ledger_kind_known"),
            models.CheckConstraint(condition=Q(method__in=["", *PaymentMethod.values]), name="ledger_method_known"),
            models.CheckConstraint(
                condition=Q(kind=EntryKind.CHARGE, amount__gte=0)
                | Q(kind=EntryKind.CREDIT_NOTE, amount__lte=0)
                | Q(kind=EntryKind.PAYMENT, amount__lt=0)
                | Q(kind=EntryKind.REFUND, amount__gt=0)
                | Q(kind=EntryKind.WRITE_OFF) & ~Q(amount=0),
                name="ledger_signs",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=MONEY, invoice=None) & ~Q(method="")
                | ~Q(kind__in=MONEY) & Q(method="", invoice__isnull=False),
                name="ledger_money_or_invoice",
            ),
            models.CheckConstraint(
                condition=Q(kind=EntryKind.REFUND, payment__isnull=False) | ~Q(kind=EntryKind.REFUND) & Q(payment=None),
                name="ledger_refund_names_payment",
            ),
        ]

    def __str__(self) -> str:
        return f"Entry {str(self.pk)[-6:]}"

    @property
    def left(self) -> int:
        """What of a payment was neither allocated nor refunded, of a row `with_sums`."""
        return -self.amount - self.allocated - self.refunded

    @property
    def refundable(self) -> int:
        return -self.amount - self.refunded


class Allocation(PracticeModel):
    """An amount of a payment that pays an invoice; a negative one takes it back."""

    payment = models.ForeignKey(
        LedgerEntry, verbose_name=_("payment"), on_delete=models.PROTECT, related_name="allocations"
    )
    invoice = models.ForeignKey(
        Invoice, verbose_name=_("invoice"), on_delete=models.PROTECT, related_name="allocations"
    )
    amount = models.BigIntegerField(_("amount"))
    author = models.ForeignKey(User, verbose_name=_("entered by"), on_delete=models.PROTECT, related_name="+")

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("allocation of a payment"), _("allocations of payments")
        indexes: ClassVar = [
            models.Index(fields=["practice", "invoice", "amount"], name="allocation_sums"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(amount=0), name="allocation_of_something"),
        ]

    def about_patients(self) -> list[UUID]:
        return [self.payment.patient_id]
