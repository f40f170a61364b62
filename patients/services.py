"""Open, lock and change charts."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import context
from core.encryption.fields import unreadable_marked
from core.errors import CHANGED_MEANWHILE, Forbidden, Invalid, StaleVersion
from core.permissions import Permission
from core.tenancy.compiled import CompiledQuery
from patients.models import Patient, PatientQuerySet
from patients.restriction.services import check_access, check_regular_access
from patients.serializers import Chart

# Sent in the transaction in which a chart's allergies or medical history have changed, whoever changed them.
chart_texts_changed = Signal()

CONTACT_FIELDS = ("phone", "email", "address", "emergency_contact")
NOTHING = frozenset({"keine", "keiner", "none", "noaddress", "nothing", "null", "unbekannt", "unknown"})
TEXTS = frozenset({"allergies", "medical_history"})
CLINICAL_FIELDS = frozenset({"blood_type", *TEXTS})  # which doctors may change, too
ONLY_CLINICAL = _("Here you can only change the blood type, allergies and medical history.")
ONLY_CONTACT = _(
    "You can change the phone number, email, address and emergency contact. For anything else, please contact the "
    "practice."
)
UNREACHABLE = _("Enter a phone number, email, address or emergency contact, so that someone can be reached.")


@transaction.atomic(savepoint=False)
def open_chart(*, by: User, **fields: Any) -> Patient:
    """Open a confirmed chart, as the front desk does. Raises Invalid if nobody could be reached about this patient."""
    chart = Patient(**fields)
    check_reachable(chart)
    with context.done_by(by):
        chart.save()
    return chart


@transaction.atomic
def open_charts(*, by: User, charts: list[Patient]) -> list[Patient]:
    """Open many confirmed charts at once, which the trail says in one event for up to thousands of them. Raises Invalid
    if nobody could be reached about one of these patients: none is opened then."""
    for chart in charts:
        check_reachable(chart)
    with context.done_by(by):
        opened: list[Patient] = Patient.objects.bulk_create(charts) if charts else []
    return opened


def check_reachable(chart: Patient) -> None:
    """Raise Invalid if nobody could be reached about this patient."""
    with unreadable_marked():  # what cannot be decrypted is there
        if not any(_is_filled(getattr(chart, way)) for way in CONTACT_FIELDS):
            raise Invalid("phone", UNREACHABLE)


def _is_filled(text: str) -> bool:
    """Return whether it may be a way to reach somebody, and not what is typed to get past a field: "-", "n/a", "none".
    Two letters are a name where a letter is a word."""
    letters = "".join(character for character in text.casefold() if character.isalnum())
    return letters not in NOTHING and len(letters) > (2 if letters.isascii() else 0)


def lock_chart(*, by: User, patient_id: UUID) -> Patient:
    """Return the chart, locked for the rest of the transaction, before adding a row to it.

    Otherwise the registrations desk could merge or decline the chart at the same time and leave the row behind. Raises
    NotFound."""
    return _locked(by, pk=patient_id).get_or_refuse()


@CompiledQuery
def _locked(person: User, *, pk: UUID) -> PatientQuerySet:
    return Patient.objects.visible_to(person).filter(pk=pk).select_for_update(of=("self",), no_key=True)


@transaction.atomic
def update_chart(*, patient: Patient, by: User, expected: int | None = None, **changes: Any) -> Patient:
    """Change the given fields of a chart; values that it has already change nothing. `expected` is the version that the
    caller has read.

    Raises NotFound, also for an unknown doctor (`primary_doctor_id`), ChartRestricted if the chart is closed to `by`,
    and for a new primary doctor if `by` only has emergency access: the new doctor would get regular access; Forbidden
    for a field that is not theirs to change, StaleVersion, and Invalid like `open_chart`."""
    chart: Patient = Patient.objects.visible_to(by).select_for_update(of=("self",)).get_or_refuse(pk=patient.pk)
    check_access(by, chart)
    if expected is not None and chart.version != expected:
        raise StaleVersion(CHANGED_MEANWHILE, current=Chart.to_dict(chart))
    with unreadable_marked():  # what cannot be decrypted is replaced
        changes = {field: value for field, value in changes.items() if getattr(chart, field) != value}
    _check_may_change(by, changes.keys())  # clients send back whole charts
    changes = _with_doctor(changes)
    if "primary_doctor" in changes:
        check_regular_access(by, chart)
    for field, value in changes.items():
        setattr(chart, field, value)
    if not changes.keys().isdisjoint(CONTACT_FIELDS):
        check_reachable(chart)
    if changes:
        with context.done_by(by):
            chart.save(update_fields={*changes, "updated_at"})
    if not TEXTS.isdisjoint(changes):
        chart_texts_changed.send(sender=Patient, chart=chart, by=by)
    return chart


def _check_may_change(by: User, fields: Iterable[str]) -> None:
    """Raise Forbidden unless each of the fields is one that `by` may change."""
    if by.can(Permission.WRITE_CHARTS):
        return
    is_own = by.can(Permission.CHANGE_OWN_CONTACT)
    may_change = frozenset(CONTACT_FIELDS) if is_own else CLINICAL_FIELDS
    if not (is_own or by.can(Permission.WRITE_CLINICAL_FIELDS)) or set(fields) - may_change:
        raise Forbidden(ONLY_CONTACT if is_own else ONLY_CLINICAL)


def _with_doctor(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the changes with the doctor whose id they name. Raises NotFound."""
    if "primary_doctor_id" not in changes:
        return changes
    doctor_id = changes.pop("primary_doctor_id")
    return {**changes, "primary_doctor": User.objects.doctor(doctor_id) if doctor_id else None}
