"""The demo's price list, and an invoice of every visit that took place, a year of them: most are paid, some in part,
some not yet, and those of insured patients go to their insurers.

There are hundreds, so the rows are inserted at once, as those of the visits are; invoices as drafts first, since the
database lets nobody add lines to one that was issued."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.models import User
from appointments.models import Appointment, AppointmentStatus, AppointmentType
from billing.models import (
    Allocation,
    Coverage,
    EntryKind,
    Invoice,
    InvoiceLine,
    LedgerEntry,
    OpenAmount,
    PaymentMethod,
    Service,
)
from billing.prices.services import add_service
from core.encryption.blind_index import payer_fingerprint
from demo.load import insert
from demo.people import make_random
from patients.models import Patient
from practices.models import Practice

# code, name, price, and the type of visit that brings it
PRICES = (
    ("99203", "New patient, examination", "160.00", "First visit"),
    ("98940", "Spinal manipulation, 1-2 regions", "65.00", "Follow-up"),
    ("98016", "Brief video call", "40.00", "Video call"),
    ("97530", "Therapeutic activities, extended", "190.00", "Procedure"),
    ("97124", "Massage, 15 minutes", "45.00", None),
    ("TAPE", "Kinesiology tape, roll", "12.50", None),
)
PAID_SHARE, PART_SHARE = 0.78, 0.08
SETTLED_DAYS, OLD_DAYS = 30, 90
LATE, VERY_LATE = 8, 40  # of so many invoices older than that one is unpaid
INSURERS = ("Evergreen Health Plan", "Harbor Mutual")
INSURED = 4  # of so many patients one has an insurance
METHODS = (PaymentMethod.CARD, PaymentMethod.CARD, PaymentMethod.CASH, PaymentMethod.TRANSFER, PaymentMethod.CHEQUE)


def add_price_list(biller: User) -> None:
    kinds = dict(AppointmentType.objects.values_list("name", "pk"))
    for code, name, price, kind in PRICES:
        types = [kinds[kind]] if kind in kinds else []
        add_service(by=biller, code=code, name=name, price=Decimal(price), appointment_type_ids=types)


def bill_visits(practice: Practice, biller: User) -> None:
    """Issue an invoice of each completed visit on its day, in the order of the visits, and take payments of most."""
    random, services = make_random("demo bills"), _services()
    visits = Appointment.objects.filter(status=AppointmentStatus.COMPLETED).select_related("patient", "type")
    done = list(visits.order_by("starts_at", "id"))
    if not done:
        return
    insurers = _insure(practice, [visit.patient for visit in done])
    invoices = [_draft(practice, visit, services[visit.type_id], biller, insurers) for visit in done]
    insert([*invoices])
    insert([_line(invoice, visit, services[visit.type_id]) for invoice, visit in zip(invoices, done, strict=True)])
    last: Counter[int] = Counter()
    for invoice, visit in zip(invoices, done, strict=True):
        _issue(invoice, visit, last, practice, biller)
    entries, paid = [], []
    for number, invoice in enumerate(invoices):
        entries.append(_entry(invoice, EntryKind.CHARGE, invoice.total, biller, invoice=invoice))
        if payment := _payment(random, number, invoice, biller):
            entries.append(payment)
            paid.append((invoice, payment))
    insert([*entries])
    insert(
        [
            Allocation(practice=practice, payment=payment, invoice=invoice, amount=-payment.amount, author=biller)
            for invoice, payment in paid
        ]
    )
    for payer in INSURERS:
        theirs = OpenAmount.objects.filter(invoice__in=[one for one in invoices if one.payer_name == payer])
        theirs.update(payer=payer_fingerprint(payer, practice_id=practice.pk))


def _services() -> dict[UUID | None, Service]:
    """Return what a visit of each type brings; one without a type what a follow-up does."""
    found = Service.objects.order_by("code").prefetch_related("of_types")
    services: dict[UUID | None, Service] = {
        link.appointment_type_id: service for service in found for link in service.of_types.all()
    }
    usual = next(service for service in found if service.code == PRICES[1][0])
    kinds = AppointmentType.objects.values_list("pk", flat=True)
    return {None: usual, **dict.fromkeys(kinds, usual), **services}


def _insure(practice: Practice, charts: Iterable[Patient]) -> dict[UUID, str]:
    """Insure some of the patients, and return who pays for them."""
    insured = list({chart.pk: chart for chart in charts if chart.user_id is None}.values())[::INSURED]
    rows = [
        Coverage(
            practice=practice,
            patient=chart,
            position=1,
            payer=INSURERS[number % len(INSURERS)],
            member_id=f"M{100_200 + number}",
        )
        for number, chart in enumerate(insured)
    ]
    insert([*rows])
    return {row.patient_id: row.payer for row in rows}


def _draft(
    practice: Practice, visit: Appointment, service: Service, biller: User, insurers: Mapping[UUID, str]
) -> Invoice:
    chart = visit.patient
    insurer = insurers.get(chart.pk)
    return Invoice(
        practice=practice,
        patient=chart,
        currency=service.currency,
        net=service.price,
        total=service.price,
        patient_name=chart.name,
        patient_address=chart.address,
        payer_name=insurer or chart.name,
        payer_address="" if insurer else chart.address,
        created_by=biller,
        created_at=visit.ends_at,
    )


def _line(invoice: Invoice, visit: Appointment, service: Service) -> InvoiceLine:
    return InvoiceLine(
        practice=invoice.practice,
        invoice=invoice,
        position=1,
        service=service,
        appointment=visit,
        code=service.code,
        description=service.name,
        unit_price=service.price,
        net=service.price,
        tax=0,
        total=service.price,
    )


def _issue(invoice: Invoice, visit: Appointment, last: Counter[int], practice: Practice, biller: User) -> None:
    day = visit.ends_at.astimezone(practice.tzinfo).date()
    last[day.year] += 1
    issued: dict[str, Any] = {
        "year": day.year,
        "sequence": last[day.year],
        "issued_at": visit.ends_at,
        "issued_on": day,
        "due_on": day + timedelta(days=practice.payment_days),
        "issuer": practice.name,
        "issued_by": biller,
    }
    Invoice.objects.filter(pk=invoice.pk).update(**issued)
    for name, value in issued.items():
        setattr(invoice, name, value)


def _payment(random: Random, number: int, invoice: Invoice, biller: User) -> LedgerEntry | None:
    """Return what came in for the invoice. The longer ago it was issued, the fewer are open, and of each age some."""
    roll, method = random.random(), random.choice(METHODS)
    age = (invoice.practice.today() - invoice.issued_on).days if invoice.issued_on else 0
    if age > SETTLED_DAYS:
        place = number % (VERY_LATE if age > OLD_DAYS else LATE)
        roll = 1 if place == 0 else PAID_SHARE if place == 1 else 0
    if roll >= PAID_SHARE + PART_SHARE:
        return None
    amount = invoice.total if roll < PAID_SHARE else invoice.total // 2
    if invoice.payer_name in INSURERS:
        method = PaymentMethod.INSURANCE
    return _entry(invoice, EntryKind.PAYMENT, -amount, biller, method=method)


def _entry(of: Invoice, kind: EntryKind, amount: int, biller: User, **fields: Any) -> LedgerEntry:
    at = of.issued_at or timezone.now()
    return LedgerEntry(
        practice=of.practice,
        patient=of.patient,
        kind=kind,
        amount=amount,
        currency=of.currency,
        booked_on=of.issued_on or at.date(),
        author=biller,
        created_at=at,
        **fields,
    )
