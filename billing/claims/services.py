"""Codes of visits, insurances of patients, and by what payers know practice and doctors."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import Appointment, AppointmentStatus
from audit import context
from billing import codes
from billing.models import Coverage, ProviderIdentity, Service, VisitCoding
from billing.models.claims import MOST_COVERAGES
from billing.money import to_minor, to_text
from core.database.locks import take_lock
from core.errors import CHANGED_MEANWHILE, Conflict, Invalid, NotFound, StaleVersion
from patients.models import Patient
from patients.restriction.services import check_access, get_accessible_chart
from patients.services import lock_chart
from practices.services import current_practice

NO_DIAGNOSIS = _("Name at least one diagnosis.")
NO_LINES = _("Name at least one service.")
NO_CHARGE = _("Enter what “%(code)s” costs: it is not on the price list.")
WRONG_POINTER = _("A service points at diagnoses of this visit by their place, from 1, at four at most.")
CANCELLED = _("A visit that was cancelled has no codes.")
TWICE = _("A diagnosis is there twice.")
TOO_MANY_INSURANCES = _(
    "Together these charts have more than %(most)d insurances. Remove those that have ended from one of them first."
)
NO_CODES = _("No visit has codes there.")
TYPED = ("payer", "payer_id", "member_id", "group")  # of an insurance


# --- Codes of a visit -------------------------------------------------------------------------------------------------


def get_visit(*, by: User, appointment_id: UUID) -> tuple[Appointment, VisitCoding | None]:
    """Return the visit and its codes. Raises NotFound and ChartRestricted."""
    visit: Appointment = (
        Appointment.objects.visible_to(by).select_related("patient", "doctor").get_or_refuse(pk=appointment_id)
    )
    check_access(by, visit.patient)
    return visit, VisitCoding.objects.filter(appointment=visit).first()


def get_coded(*, by: User, appointment_id: UUID) -> tuple[Appointment, VisitCoding]:
    """The same of a visit that an insurer or a patient may be sent. Raises NotFound also without codes, and for a visit
    that was cancelled after it had been coded."""
    visit, coding = get_visit(by=by, appointment_id=appointment_id)
    if coding is None or visit.status == AppointmentStatus.CANCELLED:
        raise NotFound(NO_CODES)
    coding.appointment = visit
    return visit, coding


@transaction.atomic
def code_visit(
    *,
    by: User,
    appointment_id: UUID,
    diagnoses: Sequence[str],
    lines: Sequence[Mapping[str, Any]],
    place_of_service: str = codes.OFFICE,
    expected: int | None = None,
) -> VisitCoding:
    """Let these be the codes of a visit. A line without a charge costs what its code costs on the price list. Raises
    NotFound, ChartRestricted, Invalid, Conflict for a cancelled visit, and StaleVersion."""
    visit, _coding = get_visit(by=by, appointment_id=appointment_id)
    lock_chart(by=by, patient_id=visit.patient_id)
    coding = VisitCoding.objects.filter(appointment=visit).first()
    if visit.status == AppointmentStatus.CANCELLED:
        raise Conflict(CANCELLED)
    if expected is not None and (coding.version if coding else 0) != expected:
        raise StaleVersion(CHANGED_MEANWHILE, current=shown(visit, coding))
    content = _content(diagnoses, lines)
    with context.done_by(by):
        if coding is None:
            return _created(visit, place_of_service, content)
        coding.place_of_service, coding.content, coding.version = place_of_service, content, coding.version + 1
        coding.save()
    return coding


def _created(visit: Appointment, place: str, content: dict[str, Any]) -> VisitCoding:
    coding: VisitCoding = VisitCoding.objects.create(
        appointment=visit, patient_id=visit.patient_id, place_of_service=place, content=content
    )
    return coding


def _content(diagnoses: Sequence[str], lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if not diagnoses:
        raise Invalid("diagnoses", NO_DIAGNOSIS)
    if not lines:
        raise Invalid("lines", NO_LINES)
    named = [_checked("diagnoses", codes.diagnosis, text) for text in diagnoses]
    if len(set(named)) < len(named):
        raise Invalid("diagnoses", TWICE)
    prices = _prices(str(line["code"]).strip().casefold() for line in lines)
    return {"diagnoses": named, "lines": [_line(line, len(named), prices) for line in lines]}


def _line(given: Mapping[str, Any], number: int, prices: Mapping[str, int]) -> dict[str, Any]:
    code = _checked("lines", codes.service_code, given["code"])
    pointers = list(given.get("pointers") or [1])
    if len(pointers) > codes.MOST_POINTERS or len(set(pointers)) < len(pointers) or not _all_within(pointers, number):
        raise Invalid("lines", WRONG_POINTER)
    if given.get("charge") is not None:
        charge = to_minor(given["charge"], current_practice().currency, field="lines")
    elif code.casefold() in prices:
        charge = prices[code.casefold()] * given.get("units", 1)
    else:
        raise Invalid("lines", NO_CHARGE % {"code": code})
    modifiers = [_checked("lines", codes.modifier, text) for text in given.get("modifiers", ())]
    return {
        "code": code,
        "modifiers": modifiers,
        "units": given.get("units", 1),
        "pointers": pointers,
        "charge": charge,
    }


def _all_within(pointers: Iterable[int], number: int) -> bool:
    return all(1 <= pointer <= number for pointer in pointers)


def _prices(wanted: Iterable[str]) -> dict[str, int]:
    known = set(wanted)
    rows = Service.objects.filter(is_active=True).values_list("code", "price")
    return {code.casefold(): price for code, price in rows if code.casefold() in known}


def _checked(field: str, check: Any, text: str) -> str:
    try:
        return str(check(text))
    except ValidationError as error:
        raise Invalid(field, str(error.messages[0])) from error


def shown(visit: Appointment, coding: VisitCoding | None) -> dict[str, Any]:
    """Return the codes of a visit as the API shows them; version 0: it has none."""
    currency, content = current_practice().currency, coding.content if coding else {"diagnoses": [], "lines": []}
    return {
        "appointmentId": visit.pk,
        "patientId": visit.patient_id,
        "placeOfService": coding.place_of_service if coding else codes.OFFICE,
        "diagnoses": content["diagnoses"],
        "lines": [{**line, "charge": to_text(line["charge"], currency)} for line in content["lines"]],
        "currency": currency,
        "version": coding.version if coding else 0,
    }


def coded_visits(*, by: User, patient_id: UUID, first: date, last: date) -> tuple[Patient, list[VisitCoding]]:
    """Return a patient's visits of these days that have codes. Raises NotFound and ChartRestricted."""
    chart = get_accessible_chart(by, patient_id)
    practice = current_practice()
    start, end = practice.day_bounds(first)[0], practice.day_bounds(last)[1]
    rows = VisitCoding.objects.filter(
        patient=chart, appointment__deletion=None, appointment__starts_at__gte=start, appointment__starts_at__lt=end
    ).exclude(appointment__status=AppointmentStatus.CANCELLED)
    return chart, list(rows.select_related("appointment__doctor").order_by("appointment__starts_at", "pk"))


# --- Insurances of a patient ------------------------------------------------------------------------------------------


def coverages_of(*, by: User, patient_id: UUID) -> tuple[Patient, list[Coverage]]:
    """Raises NotFound and ChartRestricted."""
    chart = get_accessible_chart(by, patient_id)
    return chart, list(Coverage.objects.filter(patient=chart))


@transaction.atomic
def set_coverages(*, by: User, patient_id: UUID, coverages: Sequence[Mapping[str, str]]) -> list[Coverage]:
    """Let these be a patient's insurances, in the order in which they are asked to pay. An insurance keeps its row,
    wherever it goes, since undoing a merge gives rows back. Raises NotFound and ChartRestricted."""
    chart = check_access(by, lock_chart(by=by, patient_id=patient_id))
    there = list(Coverage.objects.filter(patient=chart))
    rows = [
        Coverage(patient=chart, position=position, **{"payer_id": "", "group": "", **given})
        for position, given in enumerate(coverages, start=1)
    ]
    same = _same(there, rows)
    stay = {old.pk for row, old in zip(rows, same, strict=True) if old and old.position == row.position}
    with context.done_by(by):
        # what moves is written anew with its id: there is no free place to pass through
        Coverage.objects.filter(patient=chart).exclude(pk__in=stay).delete()
        for row, old in zip(rows, same, strict=True):
            if old and old.pk in stay:
                _correct(old, row)
                continue
            if old:
                row.pk, row.created_at = old.pk, old.created_at
            row.save(force_insert=True)
    return list(Coverage.objects.filter(patient=chart))


def _same(there: Sequence[Coverage], rows: Sequence[Coverage]) -> list[Coverage | None]:
    """Return which of the insurances there each of these rows is: the same policy or, corrected, one of its payer."""
    found: dict[int, Coverage] = {}
    for is_same in (_policy, _payer):
        for place, row in enumerate(rows):
            left = [old for old in there if old not in found.values() and is_same(old) == is_same(row)]
            if place not in found and left:
                found[place] = left[0]
    return [found.get(place) for place in range(len(rows))]


def carry_over(rows: Any, target: Patient) -> list[UUID]:
    """Give these insurances to another chart, after those that it has, in their order; one that it has already stays
    where it is. Returns what went. Raises Conflict if they are too many for one chart."""
    there = list(Coverage.objects.filter(patient=target))
    free = [position for position in range(1, MOST_COVERAGES + 1) if position not in {row.position for row in there}]
    known, went = {_policy(row) for row in there}, []
    for row in rows.order_by("position"):
        if _policy(row) in known:
            continue
        if not free:
            raise Conflict(TOO_MANY_INSURANCES % {"most": MOST_COVERAGES})
        known.add(_policy(row))
        Coverage.objects.filter(pk=row.pk).update(patient=target, position=free.pop(0))
        went.append(row.pk)
    return went


def _policy(row: Coverage) -> tuple[str, ...]:
    """Return what tells an insurance from another: typed twice, it may differ in capitals and spaces."""
    return tuple("".join(text.split()).casefold() for text in (row.payer, row.member_id, row.group))


def _payer(row: Coverage) -> str:
    return _policy(row)[0]


def _correct(old: Coverage, row: Coverage) -> None:
    """Give an insurance what was typed, if that is something else. The row that was loaded is saved: django-auditlog
    passes over others."""
    typed = {name: getattr(row, name) for name in TYPED}
    if typed != {name: getattr(old, name) for name in TYPED}:
        for name, value in typed.items():
            setattr(old, name, value)
        old.save()


# --- By what payers know us -------------------------------------------------------------------------------------------


def identity_of(doctor: User | None) -> ProviderIdentity:
    """Return the identity of a doctor or, without one, of the practice; an unsaved one if nothing is known."""
    found = ProviderIdentity.objects.filter(doctor=doctor).first()
    return found or ProviderIdentity(doctor=doctor)


@transaction.atomic
def set_identity(*, by: User, doctor_id: UUID | None, **fields: str) -> ProviderIdentity:
    """Raises NotFound for somebody who is no doctor of the practice."""
    doctor = User.objects.doctor(doctor_id) if doctor_id else None
    take_lock(f"identities {current_practice().pk}")  # two who save the first one at once
    identity = identity_of(doctor)
    for name, value in fields.items():
        setattr(identity, name, value)
    with context.done_by(by):
        identity.save()
    return identity
