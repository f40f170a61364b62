"""Undo of a change of several visits of a series. What they were before goes with the message that offers it, as for a
single visit; the services check it like any other change."""

from typing import Any
from uuid import UUID

import orjson
from django import forms
from django.utils.translation import gettext

from appointments.calendar.forms import IsoDateTimeField
from appointments.models import Appointment, AppointmentStatus
from appointments.models.appointment_type import LONGEST, SHORTEST
from appointments.series.recurrence import MOST
from appointments.series.services import Before
from core.errors import Invalid
from core.forms import CheckedForm

NAMES = {"date": "start", "doctor_id": "doctor", "office_id": "office", "room_id": "room", "type_id": "type"}


class BeforeForm(CheckedForm):
    """One visit: what is not given was not changed, what is given but empty was none."""

    visit = forms.UUIDField()
    version = forms.IntegerField(min_value=1)
    start = IsoDateTimeField(required=False)
    doctor = forms.UUIDField(required=False)
    office = forms.UUIDField(required=False)
    room = forms.UUIDField(required=False)
    type = forms.UUIDField(required=False)
    minutes = forms.IntegerField(required=False, min_value=SHORTEST, max_value=LONGEST)
    status = forms.ChoiceField(
        choices=[(value, value) for value in (AppointmentStatus.SCHEDULED, AppointmentStatus.CANCELLED)],
        required=False,
    )

    def before(self) -> Before:
        given = self.validated_data
        values = {name: given[NAMES.get(name, name)] for name in (*NAMES, "minutes", "status")}
        said = {name: value for name, value in values.items() if NAMES.get(name, name) in self.data}
        needed = {"date", "doctor_id", "minutes", "status"}
        if not said or any(not value for name, value in said.items() if name in needed):
            raise Invalid("several", gettext("Choose what to change."))
        return Before(given["visit"], given["version"], said)


class SeveralForm(CheckedForm):
    several = forms.CharField(max_length=60_000)


def as_text(changed: list[Before]) -> str:
    return orjson.dumps([_as_dict(one) for one in changed]).decode()


def _as_dict(one: Before) -> dict[str, Any]:
    values = {NAMES.get(name, name): "" if value is None else value for name, value in one.values.items()}
    return {"visit": one.appointment_id, "version": one.version, **values}


def from_text(text: str) -> list[Before]:
    """Return what `as_text` wrote. Raises Invalid for anything else."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, list) or not 0 < len(found) <= MOST or not all(isinstance(one, dict) for one in found):
        raise Invalid("several", gettext("Choose what to change."))
    if not all(isinstance(value, str | int) for one in found for value in one.values()):
        raise Invalid("several", gettext("Choose what to change."))
    changed = [BeforeForm({name: str(value) for name, value in one.items()}).before() for one in found]
    if len({one.appointment_id for one in changed}) < len(changed):
        raise Invalid("several", gettext("Choose what to change."))
    return changed


def now_at(text: str, visit: Appointment) -> str:
    """Return the text with the version that this visit has by now: its change is taken back too."""
    changed = from_text(text)
    for one in changed:
        one.version = visit.version if one.appointment_id == visit.pk else one.version
    return as_text(changed)


def restored_visit(visit_id: UUID, restored: list[Appointment]) -> Appointment:
    return next((visit for visit in restored if visit.pk == visit_id), restored[0])
