"""Invoices and credit notes. Amounts are in minor units of the currency."""

from typing import Any, ClassVar, Self
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment
from billing.models.service import Service
from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedCharField, EncryptedTextField
from core.permissions import Permission
from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.models import PracticeModel
from patients.models import Patient
from patients.restriction.services import inaccessible_to


class DocumentKind(PublicTextChoices):
    INVOICE = "invoice", _("Invoice")
    CREDIT_NOTE = "credit_note", _("Credit note")


class InvoiceState(PublicTextChoices):
    """Computed, but for drafts, from what the ledger says."""

    DRAFT = "draft", _("Draft")
    ISSUED = "issued", _("Issued")
    PARTLY_PAID = "partly_paid", _("Paid in part")
    PAID = "paid", _("Paid")
    CREDITED = "credited", _("Credited")


def sum_of(rows: Any, by: str) -> Any:
    """Return the sum of the amounts of these rows that name the outer row in the column `by`."""
    found = rows.filter(**{by: OuterRef("pk")}).order_by().values(by).annotate(sum=Sum("amount")).values("sum")
    return Coalesce(Subquery(found, output_field=models.BigIntegerField()), 0, output_field=models.BigIntegerField())


class OfAccountQuerySet(PracticeQuerySet):
    """Rows of a patient's account. Who bills or takes payments reads the practice's, patients their own."""

    def readable_by(self, user: User) -> Self:
        """Return the rows that this person's role may read, including those of charts closed to them."""
        not_deleted = self.filter(patient__deletion=None)
        if user.can(Permission.READ_BILLING):
            return not_deleted
        if user.can(Permission.READ_OWN_BILLING):
            return not_deleted.filter(patient__user_id=user.pk)
        return self.none()

    def visible_to(self, user: User) -> Self:
        """Return the readable rows without those of charts closed to this person."""
        return self.readable_by(user).exclude(patient__in=inaccessible_to(user).values("pk"))


class InvoiceQuerySet(OfAccountQuerySet):
    def readable_by(self, user: User) -> Self:
        """Patients see what was issued to them."""
        found = super().readable_by(user)
        return found if user.can(Permission.READ_BILLING) else found.exclude(issued_at=None)

    def with_sums(self) -> Self:
        """Annotate what was paid, what was written off, and whether it was credited."""
        allocations, entries = (apps.get_model("billing", name).objects.all() for name in ("Allocation", "LedgerEntry"))
        notes = Invoice.objects.filter(credits=OuterRef("pk")).exclude(issued_at=None)
        return self.annotate(
            paid=sum_of(allocations, "invoice"),
            off=sum_of(entries.filter(kind="write_off"), "invoice"),
            is_credited=Exists(notes),
        )

    def in_state(self, state: str) -> Self:
        """Return those in this state; all but drafts and unpaid ones of rows `with_sums`."""
        issued = self.exclude(issued_at=None)
        if state == InvoiceState.DRAFT:
            return self.filter(issued_at=None)
        if state == InvoiceState.CREDITED:
            return issued.filter(is_credited=True)
        if state == InvoiceState.ISSUED:
            return self.unpaid().filter(paid=0) | issued.filter(kind=DocumentKind.CREDIT_NOTE)
        if state == InvoiceState.PARTLY_PAID:
            return self.unpaid().filter(paid__gt=0)
        return issued.filter(kind=DocumentKind.INVOICE, is_credited=False, kept_open__amount__lte=0)

    def unpaid(self) -> Self:
        """Return the issued invoices of which something is still open."""
        return self.filter(kept_open__amount__gt=0)


class InvoiceManager(PracticeManager.from_queryset(InvoiceQuerySet)):  # type: ignore[misc]
    """Leaves out the drafts that were removed."""

    def base_queryset(self) -> PracticeQuerySet:
        kept: PracticeQuerySet = super().base_queryset().filter(removed_at=None)
        return kept


class Invoice(PracticeModel):
    """An invoice, or the credit note that undoes one. A draft until it is issued, which gives it a number and copies
    the names; from then on the database refuses to change it or its lines (migration 0002). Who pays is the patient,
    unless another payer is named. A draft that was removed can come back for a day."""

    patient = models.ForeignKey(Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="invoices")
    kind = models.CharField(_("kind"), max_length=11, choices=DocumentKind.choices, default=DocumentKind.INVOICE)
    credits = models.OneToOneField(
        "self", verbose_name=_("credits"), null=True, on_delete=models.PROTECT, related_name="credit_note"
    )
    currency = models.CharField(_("currency"), max_length=3)
    net = models.BigIntegerField(_("net"), default=0)
    tax = models.BigIntegerField(_("tax"), default=0)
    total = models.BigIntegerField(_("total"), default=0)
    year = models.PositiveSmallIntegerField(_("year"), null=True)
    sequence = models.PositiveIntegerField(_("number in the year"), null=True)
    issued_at = models.DateTimeField(_("issued at"), null=True)
    issued_on = models.DateField(_("issued on"), null=True)
    due_on = models.DateField(_("due on"), null=True)
    issuer = models.CharField(_("issued by the practice"), max_length=200, blank=True, default="")
    patient_name = EncryptedCharField(
        _("patient's name"), label="invoice.patient_name", max_length=200, blank=True, default=""
    )
    patient_address = EncryptedCharField(
        _("patient's address"), label="invoice.patient_address", max_length=500, blank=True, default=""
    )
    payer_name = EncryptedCharField(_("payer"), label="invoice.payer_name", max_length=200, blank=True, default="")
    payer_address = EncryptedCharField(
        _("payer's address"), label="invoice.payer_address", max_length=500, blank=True, default=""
    )
    note = EncryptedTextField(_("note"), label="invoice.note", max_length=2000, blank=True, default="")
    reason = EncryptedTextField(_("reason"), label="invoice.reason", max_length=1000, blank=True, default="")
    created_by = models.ForeignKey(User, verbose_name=_("written by"), on_delete=models.PROTECT, related_name="+")
    issued_by = models.ForeignKey(
        User, verbose_name=_("issued by"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    removed_at = models.DateTimeField(_("removed at"), null=True, editable=False)

    patient_field = "patient_id"
    unlogged_fields: ClassVar = {"version"}
    # annotated by `with_sums`
    paid: int
    off: int
    is_credited: bool

    objects: ClassVar[InvoiceManager] = InvoiceManager()
    with_removed: ClassVar[Any] = PracticeManager.from_queryset(InvoiceQuerySet)()

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("invoice"), _("invoices")
        indexes: ClassVar = [
            models.Index(fields=["patient", "id"], name="invoice_of_patient"),
            models.Index(fields=["practice", "id"], name="invoice_order"),
            models.Index(fields=["practice", "issued_on", "id"], name="invoice_issued_on"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "kind", "year", "sequence"], name="invoice_number"),
            models.CheckConstraint(condition=Q(kind__in=DocumentKind.values), name="invoice_kind_known"),
            models.CheckConstraint(
                condition=Q(issued_at=None, issued_on=None, year=None, sequence=None, issued_by=None)
                | Q(
                    issued_at__isnull=False,
                    issued_on__isnull=False,
                    year__isnull=False,
                    sequence__isnull=False,
                    issued_by__isnull=False,
                ),
                name="invoice_issued_as_a_whole",
            ),
            models.CheckConstraint(
                condition=Q(kind=DocumentKind.INVOICE, credits=None)
                | Q(kind=DocumentKind.CREDIT_NOTE, credits__isnull=False),
                name="invoice_credit_note_names_it",
            ),
            models.CheckConstraint(
                condition=Q(net__gte=0, tax__gte=0, total=F("net") + F("tax")), name="invoice_sums_agree"
            ),
            models.CheckConstraint(condition=Q(issued_at=None) | Q(removed_at=None), name="invoice_issued_is_there"),
        ]

    def __str__(self) -> str:
        return f"Invoice {str(self.pk)[-6:]}"

    @property
    def is_draft(self) -> bool:
        return self.issued_at is None

    @property
    def number(self) -> str | None:
        """The number that is printed: "2026-0007", of a credit note "CN-2026-0007"."""
        if self.sequence is None:
            return None
        return f"{'CN-' if self.kind == DocumentKind.CREDIT_NOTE else ''}{self.year}-{self.sequence:04d}"

    @property
    def written_off(self) -> int:
        return -self.off

    @property
    def open(self) -> int:
        """What is still to be paid, of a row `with_sums`."""
        if self.is_draft or self.is_credited or self.kind == DocumentKind.CREDIT_NOTE:
            return 0
        return self.total - self.paid - self.written_off

    @property
    def state(self) -> InvoiceState:
        if self.is_draft:
            return InvoiceState.DRAFT
        if self.kind == DocumentKind.CREDIT_NOTE:
            return InvoiceState.ISSUED
        if self.is_credited:
            return InvoiceState.CREDITED
        if self.open <= 0:
            return InvoiceState.PAID
        return InvoiceState.PARTLY_PAID if self.paid else InvoiceState.ISSUED


class InvoiceLine(PracticeModel):
    """A line: a service of the price list or something else, with what it cost when the line was written."""

    invoice = models.ForeignKey(Invoice, verbose_name=_("invoice"), on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField(_("position"))
    service = models.ForeignKey(
        Service, verbose_name=_("service"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    appointment = models.ForeignKey(
        Appointment, verbose_name=_("visit"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    code = EncryptedCharField(_("code"), label="invoice_line.code", max_length=20, blank=True, default="")
    description = EncryptedCharField(_("description"), label="invoice_line.description", max_length=500)
    quantity = models.DecimalField(_("quantity"), max_digits=10, decimal_places=4, default=1)
    unit_price = models.BigIntegerField(_("price"))
    discount = models.BigIntegerField(_("discount"), default=0)
    tax_rate = models.DecimalField(_("tax rate"), max_digits=6, decimal_places=3, default=0)
    tax_included = models.BooleanField(_("the price includes the tax"), default=False)
    net = models.BigIntegerField(_("net"))
    tax = models.BigIntegerField(_("tax"))
    total = models.BigIntegerField(_("total"))

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("line of an invoice"), _("lines of invoices")
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "invoice", "position"], name="invoice_line_positions"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, unit_price__gte=0, discount__gte=0), name="invoice_line_sensible"
            ),
            models.CheckConstraint(
                condition=Q(net__gte=0, tax__gte=0, total=F("net") + F("tax")), name="invoice_line_sums_agree"
            ),
        ]

    def about_patients(self) -> list[UUID]:
        return [self.invoice.patient_id]
