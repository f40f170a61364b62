"""What reports are read from: kept by triggers of the database (billing/kept_sums.py), written by nothing else but for
who pays."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from billing.models.invoice import DocumentKind, Invoice, InvoiceLine
from billing.models.ledger import LedgerEntry
from billing.models.service import Service
from core.tenancy.models import PracticeModel


class OpenAmount(PracticeModel):
    """What is open of an issued invoice: the sum of its movements less what was put towards it, 0 once it was paid or
    credited. The same as `Invoice.open`, for those who ask about all invoices at once. `payer` is a fingerprint of who
    pays instead of the patient, written when it is issued."""

    audited = False  # follows from the ledger, which is

    invoice = models.OneToOneField(
        Invoice, verbose_name=_("invoice"), on_delete=models.PROTECT, related_name="kept_open"
    )
    issued_on = models.DateField(_("issued on"))
    due_on = models.DateField(_("due on"), null=True)
    amount = models.BigIntegerField(_("amount"))
    payer = models.BinaryField(max_length=32, null=True, editable=False)

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("open amount"), _("open amounts")
        indexes: ClassVar = [
            models.Index(
                fields=["practice", "issued_on", "invoice", "amount"], name="open_by_age", condition=Q(amount__gt=0)
            ),
            models.Index(
                fields=["practice", "due_on", "invoice", "amount"], name="open_by_due_day", condition=Q(amount__gt=0)
            ),
        ]


class LeftAmount(PracticeModel):
    """What of a payment was neither put towards an invoice nor refunded: a deposit, or what was paid too much. The same
    as `LedgerEntry.left`, for those who ask about all payments at once."""

    audited = False  # follows from the ledger, which is

    payment = models.OneToOneField(
        LedgerEntry, verbose_name=_("payment"), on_delete=models.PROTECT, related_name="kept_left"
    )
    received_on = models.DateField(_("day"))
    amount = models.BigIntegerField(_("amount"))

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("credit of a payment"), _("credits of payments")
        indexes: ClassVar = [
            models.Index(
                fields=["practice", "received_on", "payment", "amount"],
                name="left_by_day",
                condition=Q(amount__gt=0),
            ),
        ]


class IssuedLine(PracticeModel):
    """A line of an issued invoice or credit note as reports sum it up: by day, doctor and service. The doctor is the
    one whose visit it was when it was issued."""

    audited = False  # a copy

    line = models.OneToOneField(
        InvoiceLine, verbose_name=_("line of an invoice"), on_delete=models.PROTECT, related_name="issued"
    )
    issued_on = models.DateField(_("issued on"))
    kind = models.CharField(_("kind"), max_length=11, choices=DocumentKind.choices)
    doctor = models.ForeignKey(
        User, verbose_name=_("doctor"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    service = models.ForeignKey(
        Service, verbose_name=_("service"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    total = models.BigIntegerField(_("total"))

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("issued line"), _("issued lines")
        indexes: ClassVar = [
            # all of what is summed up is in the index
            models.Index(
                fields=["practice", "issued_on", "doctor", "service", "kind", "total"], name="issued_line_sums"
            ),
        ]
