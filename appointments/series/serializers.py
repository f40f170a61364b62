"""Serializers of series."""

from typing import Any

from rest_framework import serializers

from appointments.models import SeriesUnit
from appointments.serializers import BookingInput
from core.api.serializers import ChoiceField, DayField, ErrorShape, OutputSerializer, StrictBooleanField


class SeriesInput(BookingInput):
    """A booking that is repeated. `date` is the first visit; the others are at the same local time."""

    every = serializers.IntegerField(min_value=1, max_value=366, default=1, help_text="2 with `week`: each other week.")
    unit = ChoiceField(choices=SeriesUnit.choices)
    count = serializers.IntegerField(
        min_value=2, max_value=100, required=False, help_text="How many visits; this or `until`."
    )
    until = DayField(required=False, help_text="The last day on which one may be; this or `count`.")
    dryRun = StrictBooleanField(
        source="dry_run", required=False, help_text="Book nothing; answer what would be booked, and what cannot be."
    )
    skipConflicts = StrictBooleanField(
        source="skip_conflicts",
        required=False,
        help_text="Book the others if some cannot take place; otherwise nothing is booked and the answer is 409.",
    )


class OccurrenceShape(OutputSerializer[Any]):
    """One visit of a series."""

    position = serializers.IntegerField(help_text="From 0.")
    date = serializers.DateTimeField(source="starts_at")
    conflict = serializers.CharField(allow_null=True, help_text="Why it cannot take place.")
    warnings = serializers.ListField(child=serializers.CharField(), help_text="What speaks against its time.")
    appointmentId = serializers.UUIDField(source="appointment_id", required=False, help_text="Present if it is booked.")

    @staticmethod
    def get_warnings(row: Any) -> list[str]:
        return [str(warning) for warning in row.warnings]


class OccurrenceList(OutputSerializer[Any]):
    occurrences = OccurrenceShape(many=True)


class SeriesRefusal(ErrorShape):
    """What a series is refused with: each visit, and why it cannot take place."""

    occurrences = OccurrenceShape(many=True, required=False)
