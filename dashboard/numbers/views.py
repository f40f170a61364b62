"""The practice's numbers: visits, no-shows, new patients, and how full the calendar is."""

from rest_framework.request import Request
from rest_framework.response import Response

from core.api.schema import extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from dashboard.numbers.figures import days_of, summed, weeks_of
from dashboard.numbers.serializers import VisitsQuery, VisitsShape, WeekShape
from practices.services import current_practice


class VisitsReport(ApiView):
    permissions = {"GET": Permission.SEE_NUMBERS}

    @extend_schema(
        parameters=[VisitsQuery],
        responses={200: VisitsShape},
        summary="Visits by status, no-shows, new patients and how full the calendar is, by week",
    )
    def get(self, request: Request) -> Response:
        query, practice = self.checked_query(VisitsQuery), current_practice()
        first, last = days_of(practice.today(), query.get("first"), query.get("last"))
        weeks = weeks_of(practice, first, last)
        return Response(
            {"weeks": [WeekShape.to_dict(week) for week in weeks], "total": WeekShape.to_dict(summed(weeks))}
        )
