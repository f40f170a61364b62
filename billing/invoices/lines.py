"""Lines of drafts: from the price list, from visits, or in free words."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment, AppointmentQuerySet, AppointmentStatus
from billing.models import Invoice, InvoiceLine, Service, ServiceOfType
from billing.money import MOST, to_minor
from billing.rounding import line_sums
from core.errors import Conflict, Invalid
from patients.restriction.services import inaccessible_to

MOST_LINES = 100
COPIED = (
    *("position", "service_id", "appointment_id", "code", "description", "quantity", "unit_price", "discount"),
    *("tax_rate", "tax_included", "net", "tax", "total"),
)
NO_DESCRIPTION = _("Name a service of the price list, or describe what is billed.")
NO_PRICE = _("Enter a price.")
DISCOUNT_TOO_LARGE = _("The discount is more than the line comes to.")
TOO_MUCH = _("This line comes to more than an invoice can hold.")
TOO_MANY = _("An invoice can have %(most)d lines.")
OF_ANOTHER = _("This visit is another patient's.")
NOT_BILLED = _("A visit that was cancelled can't be billed from its type.")
BILLED_ALREADY = _("This visit is already on an invoice. You find it on the patient's account.")
OTHER_CURRENCY = _("The price of this service is in another currency.")


def lines_of_visits(invoice: Invoice, appointment_ids: Iterable[UUID]) -> list[InvoiceLine]:
    """Return what these visits bring to the invoice by their types, unsaved, in the order of the visits. Raises
    NotFound, Invalid for another patient's, and Conflict for one that is on an invoice or was cancelled."""
    ids = list(dict.fromkeys(appointment_ids))
    visits = [_visit(invoice, pk) for pk in ids]
    check_not_billed(ids)
    lines = []
    for visit in sorted(visits, key=lambda visit: (visit.starts_at, visit.pk)):
        if visit.status == AppointmentStatus.CANCELLED:
            raise Conflict(NOT_BILLED)
        brought = ServiceOfType.objects.filter(appointment_type=visit.type_id, service__is_active=True)
        links = brought.select_related("service").order_by("service__code", "pk")
        lines += [_summed(_of_service(invoice, link.service, appointment=visit)) for link in links]
    _check_number(lines)
    return lines


def lines_from(
    invoice: Invoice, wanted: Sequence[Mapping[str, Any]], there: Mapping[UUID, InvoiceLine] | None = None
) -> list[InvoiceLine]:
    """Return the lines that are asked for, unsaved. `there` are those to which an `id` may refer. Raises NotFound and
    Invalid."""
    there = there or {}
    lines = [_line(invoice, values, there, f"lines.{number}") for number, values in enumerate(wanted)]
    _check_number(lines)
    if len({line.pk for line in lines}) < len(lines):
        raise Invalid("lines", _("A line is there twice."))
    return lines


def not_billed(by: User) -> AppointmentQuerySet:
    """Return the visits that took place and are on no invoice, but for those of charts that are closed to this
    person."""
    of_visit = billed().filter(appointment=OuterRef("pk"))
    done: AppointmentQuerySet = Appointment.objects.visible_to(by).filter(status=AppointmentStatus.COMPLETED)
    return done.filter(~Exists(of_visit), patient__deletion=None).exclude(patient__in=inaccessible_to(by).values("pk"))


def billed_on(visit: Appointment) -> UUID | None:
    """Return the invoice that this visit is on."""
    line = billed().filter(appointment=visit).first()
    return line.invoice_id if line else None


def billed() -> QuerySet[InvoiceLine]:
    """Return the lines of drafts, and of invoices that were not credited."""
    found: QuerySet[InvoiceLine] = InvoiceLine.objects.filter(
        invoice__credits=None, invoice__credit_note=None, invoice__removed_at=None
    )
    return found


def copied(line: InvoiceLine) -> dict[str, Any]:
    """Return what a credit note takes over from a line."""
    return {name: getattr(line, name) for name in COPIED}


def _line(invoice: Invoice, values: Mapping[str, Any], there: Mapping[UUID, InvoiceLine], where: str) -> InvoiceLine:
    values = dict(values)
    line = there.get(values.pop("id", None))
    service_id, appointment_id = values.pop("service_id", None), values.pop("appointment_id", None)
    if line is None:
        line = InvoiceLine(invoice=invoice)
    if service_id and service_id != line.service_id:
        line = _of_service(invoice, Service.objects.get_or_refuse(pk=service_id), line=line)
    if appointment_id:
        line.appointment = _visit(invoice, appointment_id)
    for name in ("unit_price", "discount"):
        if name in values:
            values[name] = to_minor(values[name], invoice.currency, field=where)
    for name, value in values.items():
        setattr(line, name, value)
    if not line.description:
        raise Invalid(where, NO_DESCRIPTION)
    if line.unit_price is None:
        raise Invalid(where, NO_PRICE)
    return _summed(line, where)


def _of_service(
    invoice: Invoice, service: Service, *, line: InvoiceLine | None = None, appointment: Appointment | None = None
) -> InvoiceLine:
    if service.currency != invoice.currency:
        raise Conflict(OTHER_CURRENCY)
    line = line or InvoiceLine(invoice=invoice, appointment=appointment)
    line.service, line.code, line.description = service, service.code, service.name
    line.unit_price, line.tax_rate, line.tax_included = service.price, service.tax_rate, service.tax_included
    return line


def _summed(line: InvoiceLine, where: str = "lines") -> InvoiceLine:
    quantity, tax_rate = Decimal(line.quantity), Decimal(line.tax_rate)
    sums = line_sums(
        quantity=quantity,
        unit_price=line.unit_price,
        discount=line.discount,
        tax_rate=tax_rate,
        tax_included=line.tax_included,
    )
    if sums.total > MOST:
        raise Invalid(where, TOO_MUCH)
    if sums.net < 0:
        raise Invalid(where, DISCOUNT_TOO_LARGE)
    line.net, line.tax, line.total = sums
    return line


def _visit(invoice: Invoice, appointment_id: UUID) -> Appointment:
    visit: Appointment = Appointment.objects.get_or_refuse(pk=appointment_id)
    if visit.patient_id != invoice.patient_id:
        raise Invalid("appointmentIds", OF_ANOTHER)
    return visit


def check_not_billed(appointment_ids: list[UUID]) -> None:
    """Raise Conflict if one of the visits is on a draft, or on an invoice that was not credited."""
    if billed().filter(appointment__in=appointment_ids).exists():
        raise Conflict(BILLED_ALREADY)


def _check_number(lines: list[InvoiceLine]) -> None:
    if len(lines) > MOST_LINES:
        raise Invalid("lines", TOO_MANY % {"most": MOST_LINES})
