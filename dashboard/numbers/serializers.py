"""Serializers of the practice's numbers."""

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from billing.reports.serializers import DaysQuery
from core.api.serializers import DayField, OutputSerializer
from dashboard.numbers.figures import MOST_WEEKS, WEEK, Week

TOO_LONG = _("Ask for two years at most.")


class VisitsQuery(DaysQuery):
    most_days: ClassVar = (MOST_WEEKS - 1) * WEEK.days
    too_long: ClassVar = TOO_LONG

    def get_fields(self) -> dict[str, Any]:
        first = DayField(source="first", required=False, help_text="By default eleven weeks before `to`.")
        return {**super().get_fields(), "from": first}


class WeekShape(OutputSerializer[Week]):
    """A week of the practice, from Monday. Rates are percentages, null where there is nothing to divide by."""

    monday = serializers.DateField(source="first")
    visits = serializers.IntegerField()
    completed = serializers.IntegerField()
    scheduled = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    noShows = serializers.IntegerField(source="no_shows")
    noShowRate = serializers.FloatField(source="no_show_rate", allow_null=True)
    newPatients = serializers.IntegerField(source="new_patients")
    notesOwed = serializers.IntegerField(source="owed", help_text="Visits that nothing signed tells of.")
    workingMinutes = serializers.IntegerField(source="minutes")
    bookedMinutes = serializers.IntegerField(source="booked")
    utilisation = serializers.FloatField(allow_null=True, help_text="How much of the working hours is booked.")


class VisitsShape(OutputSerializer[Any]):
    """Whole weeks, that of `from` to that of `to`, and all of them in sums."""

    weeks: OutputSerializer[Any] = WeekShape(many=True)
    total: OutputSerializer[Any] = WeekShape()
