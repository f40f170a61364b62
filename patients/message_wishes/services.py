"""How a patient wants to be written to: by which channels, and in which language. The practice says it for them, or
they do themselves."""

from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import User
from audit import context
from core.permissions import Permission
from notifications.messages.settings import get_preference, preferences_of, say_preference
from notifications.models import Channel, How, MessagePreference
from patients.models import Patient
from patients.restriction.services import check_access
from patients.services import lock_chart


def get_wishes(*, by: User, patient_id: UUID) -> tuple[Patient, MessagePreference]:
    """Return the chart and its wishes. Raises NotFound, and ChartRestricted."""
    chart = check_access(by, Patient.objects.visible_to(by).get_or_refuse(pk=patient_id))
    return chart, preferences_of([chart.pk]).get(chart.pk) or get_preference(chart.pk)


@transaction.atomic
def change_wishes(*, by: User, patient_id: UUID, **wishes: Any) -> MessagePreference:
    """Change `email` and `sms`, whether the patient wants messages by them, and `language`, empty for the practice's.
    Raises NotFound, and ChartRestricted."""
    chart = check_access(by, lock_chart(by=by, patient_id=patient_id))
    how = How.PATIENT if by.can(Permission.CHANGE_OWN_CONTACT) else How.STAFF
    with context.done_by(by):
        for channel in Channel.values:
            if channel in wishes:
                say_preference(patient_id=chart.pk, how=how, channels=[channel], wanted=wishes[channel])
        if "language" in wishes:
            say_preference(patient_id=chart.pk, how=how, language=wishes["language"] or "")
    return preferences_of([chart.pk]).get(chart.pk) or get_preference(chart.pk)
