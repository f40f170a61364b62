"""Open, lock and change charts."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import context
from core.encryption.fields import unreadable_marked
from core.errors import Invalid
from patients.models import Patient
from patients.restriction.services import check_regular_access

WAYS_TO_REACH = ("phone", "email", "address", "emergency_contact")
UNREACHABLE = _("Enter a phone number, email, address or emergency contact, so that someone can be reached.")


@transaction.atomic
def open_chart(*, by: User, **fields: Any) -> Patient:
    """Open a confirmed chart, as the front desk does. Raises Invalid if nobody could be reached about this patient."""
    chart = Patient(**fields)
    _check_reachable(chart)
    with context.done_by(by):
        chart.save()
    return chart


def _check_reachable(chart: Patient) -> None:
    with unreadable_marked():  # what cannot be decrypted is there
        if not any(character.isalnum() for way in WAYS_TO_REACH for character in getattr(chart, way)):
            raise Invalid("phone", UNREACHABLE)


def lock_chart(*, by: User, patient_id: UUID) -> Patient:
    """Return the chart, locked for the rest of the transaction, before adding a row to it.

    Otherwise the registrations desk could merge or decline the chart at the same time and leave the row behind. Raises
    NotFound."""
    chart: Patient = (
        Patient.objects.visible_to(by).select_for_update(of=("self",), no_key=True).get_or_refuse(pk=patient_id)
    )
    return chart


@transaction.atomic
def update_chart(*, patient: Patient, by: User, **changes: Any) -> Patient:
    """Change the given fields of a chart. Raises NotFound, Invalid like `open_chart`, and ChartRestricted for a new
    primary doctor if `by` only has emergency access: the new doctor would get regular access."""
    chart: Patient = Patient.objects.active().select_for_update().get_or_refuse(pk=patient.pk)
    if "primary_doctor" in changes:
        check_regular_access(by, chart)
    for field, value in changes.items():
        setattr(chart, field, value)
    if not changes.keys().isdisjoint(WAYS_TO_REACH):
        _check_reachable(chart)
    chart.save(update_fields={*changes, "updated_at"})
    return chart
