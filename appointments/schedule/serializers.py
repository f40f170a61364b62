"""Serializers of working hours, exceptions, holidays and free times."""

from collections.abc import Iterable
from typing import Any

import orjson
from rest_framework import serializers

from accounts.models import User
from appointments.models import ExceptionKind, ScheduleException, WorkingHours
from appointments.schedule.availability import Place, Times
from appointments.schedule.services import may_read_reason
from core.api.pagination import MAX_LIMIT, PageQuery, PageShape
from core.api.renderers import dumps
from core.api.serializers import (
    ChoiceField,
    DayField,
    LocalDateTimeField,
    OptionalCharField,
    OptionalDateField,
    OutputSerializer,
    RangeBoundaryField,
    StrictCharField,
    StrictSerializer,
    UUIDField,
    WithRange,
)
from core.api.versions import NO_VERSION, version_field
from core.texts import validate_line

MOMENT = "Without an offset: local time of the office, else the practice's."


class HoursChange(StrictSerializer):
    doctorId = UUIDField(source="doctor_id", required=False)
    officeId = UUIDField(source="office_id", required=False, allow_null=True)
    weekday = serializers.IntegerField(min_value=0, max_value=6, required=False, help_text="0 is Monday.")
    start = serializers.TimeField(
        format="%H:%M", input_formats=["%H:%M"], required=False, help_text="Local time of the office: 09:00."
    )
    end = serializers.TimeField(format="%H:%M", input_formats=["%H:%M"], required=False)
    validFrom = OptionalDateField(source="valid_from", help_text="The first day; empty: always.")
    validTo = OptionalDateField(source="valid_to", help_text="The last day; empty: open.")
    version = version_field()


class HoursInput(HoursChange):
    version = NO_VERSION
    doctorId = UUIDField(source="doctor_id")
    weekday = serializers.IntegerField(min_value=0, max_value=6, help_text="0 is Monday.")
    start = serializers.TimeField(format="%H:%M", input_formats=["%H:%M"], help_text="Local time of the office: 09:00.")
    end = serializers.TimeField(format="%H:%M", input_formats=["%H:%M"])


class HoursShape(OutputSerializer[WorkingHours]):
    """A stretch of a doctor's working week."""

    id = serializers.UUIDField()
    doctorId = serializers.UUIDField(source="doctor_id")
    officeId = serializers.UUIDField(source="office_id", allow_null=True)
    weekday = serializers.IntegerField(help_text="0 is Monday.")
    start = serializers.CharField(help_text="Local time of the office: 09:00.")
    end = serializers.CharField()
    validFrom = serializers.DateField(source="valid_from", allow_null=True)
    validTo = serializers.DateField(source="valid_to", allow_null=True)
    version = serializers.IntegerField()

    @staticmethod
    def get_start(row: WorkingHours) -> str:
        return f"{row.start:%H:%M}"

    @staticmethod
    def get_end(row: WorkingHours) -> str:
        return f"{row.end:%H:%M}"


class HoursList(PageShape):
    workingHours = HoursShape(many=True)


class HoursQuery(PageQuery):
    """Pages are as long as they may be, since most of those who ask draw a week."""

    doctorId = UUIDField(source="doctor_id", required=False)
    limit = serializers.IntegerField(min_value=1, default=MAX_LIMIT, help_text=f"At most {MAX_LIMIT}.")


def _span(required: bool) -> dict[str, Any]:
    """Return the fields of a span: `from` is a keyword, so they cannot be attributes of a serializer."""
    return {
        "from": LocalDateTimeField(source="start", required=required, help_text=MOMENT),
        "to": LocalDateTimeField(source="end", required=required, help_text=MOMENT),
    }


class ExceptionChange(StrictSerializer):
    doctorId = UUIDField(source="doctor_id", required=False, allow_null=True)
    officeId = UUIDField(source="office_id", required=False, allow_null=True)
    kind = ChoiceField(choices=ExceptionKind.choices, required=False, help_text="Time off by default.")
    reason = OptionalCharField(max_length=200, validators=[validate_line])
    version = version_field()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **_span(required=False)}


class ExceptionInput(ExceptionChange):
    """Time off, or extra hours, of a doctor or an office; without either, of the whole practice."""

    version = NO_VERSION

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **_span(required=True)}


class ExceptionQuery(WithRange, HoursQuery):
    def get_fields(self) -> dict[str, Any]:
        return {
            **super().get_fields(),
            "from": RangeBoundaryField(source="start", required=False, help_text="Only what ends after this."),
            "to": RangeBoundaryField(
                source="end", last=True, required=False, help_text="Only what begins before the end of this."
            ),
        }


class ExceptionShape(OutputSerializer[ScheduleException]):
    """Time off, or extra hours."""

    id = serializers.UUIDField()
    doctorId = serializers.UUIDField(source="doctor_id", allow_null=True)
    officeId = serializers.UUIDField(source="office_id", allow_null=True)
    kind = serializers.ChoiceField(choices=ExceptionKind.choices)
    reason = serializers.CharField(allow_null=True, help_text="Of a doctor's: null but for managers and themselves.")
    # `from` is a keyword
    vars()["from"] = serializers.DateTimeField(source="starts_at")
    to = serializers.DateTimeField(source="ends_at")
    version = serializers.IntegerField()

    @classmethod
    def for_user(cls, user: User, row: ScheduleException) -> dict[str, Any]:
        """Return it as `user` may see it: colleagues see that a doctor is off, and not why."""
        data = cls.to_dict(row)
        return data if may_read_reason(user, row) else {**data, "reason": None}


class ExceptionList(PageShape):
    scheduleExceptions = ExceptionShape(many=True)


class HolidayQuery(StrictSerializer):
    country = StrictCharField(max_length=2, help_text="ISO 3166: US.")
    region = StrictCharField(max_length=10, required=False, help_text="ISO 3166-2 without the country: NY.")
    year = serializers.IntegerField(min_value=2000, max_value=2099)


class HolidayInput(HolidayQuery):
    dates = serializers.ListField(
        child=DayField(), max_length=100, required=False, help_text="Which of them; all if it is left out."
    )
    officeId = UUIDField(source="office_id", required=False, allow_null=True)


class HolidayShape(OutputSerializer[Any]):
    """A public holiday."""

    date = serializers.DateField()
    name = serializers.CharField()


class HolidayList(OutputSerializer[Any]):
    holidays = HolidayShape(many=True)
    total = serializers.IntegerField()


class SlotQuery(StrictSerializer):
    typeId = UUIDField(
        source="type_id", required=False, help_text="Without it, a visit of the practice's usual length."
    )
    doctorId = UUIDField(source="doctor_id", required=False, help_text="Without it, all doctors who offer the type.")
    officeId = UUIDField(source="office_id", required=False)


class AvailabilityQuery(WithRange, SlotQuery):
    def get_fields(self) -> dict[str, Any]:
        return {
            **super().get_fields(),
            "from": RangeBoundaryField(source="start", required=False, help_text="Now, if it is left out."),
            "to": RangeBoundaryField(
                source="end", last=True, required=False, help_text="A week later, if it is left out; at most 62 days."
            ),
        }


class NextQuery(SlotQuery):
    count = serializers.IntegerField(min_value=1, max_value=50, default=5)


class SlotShape(OutputSerializer[Any]):
    """A free time."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    doctorId = serializers.UUIDField(source="doctor_id")
    officeId = serializers.UUIDField(source="office_id", allow_null=True)


def slots_of(times: Iterable[Times]) -> orjson.Fragment:
    """Return the same JSON as of SlotShape of each, for tens of thousands: each moment and each place is written once,
    and putting these texts together takes a tenth of the time of so many dicts."""
    known: dict[Place, str] = {}
    slots: list[str] = []
    for start, end, places in times:
        for place in places:
            if place not in known:
                known[place] = _part(doctorId=place.doctor_id, officeId=place.office_id) + "}"
        when = "{" + _part(start=start, end=end) + ","
        slots.append(when + f",{when}".join([known[place] for place in places]))
    return orjson.Fragment(f"[{','.join(slots)}]")


def _part(**values: Any) -> str:
    """Return these members of an object as JSON."""
    return dumps(values)[1:-1].decode()


class SlotList(OutputSerializer[Any]):
    slots = SlotShape(many=True)
