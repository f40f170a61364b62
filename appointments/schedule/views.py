"""Working hours, exceptions from them, holidays, and the free times that follow."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from appointments.models import ScheduleException, WorkingHours
from appointments.schedule import availability, services
from appointments.schedule.holidays import choose, holidays_of
from appointments.schedule.serializers import (
    AvailabilityQuery,
    ExceptionChange,
    ExceptionInput,
    ExceptionList,
    ExceptionQuery,
    ExceptionShape,
    HolidayInput,
    HolidayList,
    HolidayQuery,
    HoursChange,
    HoursInput,
    HoursList,
    HoursQuery,
    HoursShape,
    NextQuery,
    SlotList,
    SlotShape,
    slots_of,
)
from appointments.time_rules import LATEST
from core.api.pagination import Page
from core.api.schema import CONFLICT, NOT_FOUND, extend_schema, stale
from core.api.versioned import VersionedView
from core.api.versions import ETAG, IF_MATCH
from core.api.views import ApiView
from core.errors import Invalid
from core.permissions import Permission
from practices.services import current_practice

CHANGE = (Permission.MANAGE_SCHEDULES, Permission.MANAGE_OWN_SCHEDULE)
OVERLAPPING = {"409": "They overlap other working hours of this doctor."}
STALE_HOURS = stale(
    HoursShape, "They overlap other working hours of this doctor, or someone else has changed them: `current`."
)
STALE = stale(ExceptionShape, "Someone else has changed it: `current` is how it is now.")
MOST_DAYS, USUAL = timedelta(days=62), timedelta(days=7)
TOO_LONG = _("Ask for 62 days at most.")
CLOCK_CHANGE = timedelta(hours=1)


class DoctorsHours(VersionedView):
    permissions = {"GET": Permission.FIND_TIMES, "POST": CHANGE}
    extra_errors = {"POST": NOT_FOUND | OVERLAPPING}

    @extend_schema(
        parameters=[HoursQuery], responses={200: HoursList}, summary="List working hours, by doctor and weekday"
    )
    def get(self, request: Request) -> Response:
        asked = self.checked_query(HoursQuery)
        page = Page.taken_from(asked)
        found = WorkingHours.objects.filter(**asked).order_by("doctor_id", "weekday", "start", "pk")
        hours = [HoursShape.to_dict(one) for one in page.rows(found)]
        return Response({"workingHours": hours, "total": page.total(found.count), **page.asked, **page.next})

    @extend_schema(
        request=HoursInput,
        parameters=[ETAG],
        responses={201: HoursShape},
        summary="Add working hours; doctors add their own alone",
    )
    def post(self, request: Request) -> Response:
        hours = services.add_hours(by=self.caller, **self.checked(HoursInput))
        return self.versioned(HoursShape.to_dict(hours), status=201)


class HoursById(VersionedView):
    permissions = {"GET": Permission.FIND_TIMES, "PATCH": CHANGE, "DELETE": CHANGE}
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND | STALE_HOURS, "DELETE": NOT_FOUND}

    @extend_schema(parameters=[ETAG], responses={200: HoursShape}, summary="Get working hours")
    def get(self, request: Request, hours_id: UUID) -> Response:
        return self.versioned(self._shown(hours_id))

    @extend_schema(
        request=HoursChange, parameters=[IF_MATCH, ETAG], responses={200: HoursShape}, summary="Change working hours"
    )
    def patch(self, request: Request, hours_id: UUID) -> Response:
        return self.change_versioned(
            HoursChange,
            shown=lambda: self._shown(hours_id),
            change=partial(services.change_hours, hours_id=hours_id, by=self.caller),
        )

    @extend_schema(responses={204: None}, summary="Remove working hours")
    def delete(self, request: Request, hours_id: UUID) -> Response:
        services.remove_hours(hours_id=hours_id, by=self.caller)
        return Response(status=204)

    def _shown(self, hours_id: UUID) -> dict[str, Any]:
        return HoursShape.to_dict(WorkingHours.objects.get_or_refuse(pk=hours_id))


class ScheduleExceptions(VersionedView):
    permissions = {"GET": Permission.READ_APPOINTMENTS, "POST": CHANGE}
    extra_errors = {"POST": NOT_FOUND}

    @extend_schema(
        parameters=[ExceptionQuery],
        responses={200: ExceptionList},
        summary="List time off and extra hours, by when they begin",
        description="With `doctorId`, those that concern this doctor: their own, and those of everyone.",
    )
    def get(self, request: Request) -> Response:
        with timezone.override(current_practice().tzinfo):  # a day is the practice's day
            asked = self.checked_query(ExceptionQuery)
        page = Page.taken_from(asked)
        found = ScheduleException.objects.order_by("starts_at", "pk")
        if "doctor_id" in asked:
            found = found.filter(Q(doctor=asked["doctor_id"]) | Q(doctor=None))
        if "start" in asked:
            found = found.filter(ends_at__gt=asked["start"])
        if "end" in asked:
            found = found.filter(starts_at__lt=asked["end"])
        exceptions = [ExceptionShape.for_user(self.caller, one) for one in page.rows(found)]
        total = page.total(found.count)
        return Response({"scheduleExceptions": exceptions, "total": total, **page.asked, **page.next})

    @extend_schema(
        request=ExceptionInput,
        parameters=[ETAG],
        responses={201: ExceptionShape},
        summary="Add time off or extra hours; doctors add their own alone",
    )
    def post(self, request: Request) -> Response:
        exception = services.add_exception(by=self.caller, **self.checked(ExceptionInput))
        return self.versioned(ExceptionShape.for_user(self.caller, exception), status=201)


class ScheduleExceptionById(VersionedView):
    permissions = {"GET": Permission.READ_APPOINTMENTS, "PATCH": CHANGE, "DELETE": CHANGE}
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND | STALE, "DELETE": NOT_FOUND}

    @extend_schema(parameters=[ETAG], responses={200: ExceptionShape}, summary="Get time off or extra hours")
    def get(self, request: Request, exception_id: UUID) -> Response:
        return self.versioned(self._shown(exception_id))

    @extend_schema(
        request=ExceptionChange,
        parameters=[IF_MATCH, ETAG],
        responses={200: ExceptionShape},
        summary="Change time off or extra hours",
    )
    def patch(self, request: Request, exception_id: UUID) -> Response:
        return self.change_versioned(
            ExceptionChange,
            shown=lambda: self._shown(exception_id),
            change=partial(services.change_exception, exception_id=exception_id, by=self.caller),
        )

    @extend_schema(responses={204: None}, summary="Remove time off or extra hours")
    def delete(self, request: Request, exception_id: UUID) -> Response:
        services.remove_exception(exception_id=exception_id, by=self.caller)
        return Response(status=204)

    def _shown(self, exception_id: UUID) -> dict[str, Any]:
        return ExceptionShape.for_user(self.caller, ScheduleException.objects.get_or_refuse(pk=exception_id))


class Holidays(ApiView):
    permissions = {"GET": Permission.MANAGE_SCHEDULES, "POST": Permission.MANAGE_SCHEDULES}
    extra_errors = {"POST": NOT_FOUND}

    @extend_schema(
        parameters=[HolidayQuery], responses={200: HolidayList}, summary="List the public holidays of a country"
    )
    def get(self, request: Request) -> Response:
        found = holidays_of(**self.checked_query(HolidayQuery))
        return Response({"holidays": [{"date": day, "name": name} for day, name in found.items()], "total": len(found)})

    @extend_schema(
        request=HolidayInput,
        responses={201: ExceptionList},
        summary="Close an office, or the practice, on public holidays",
        description="Answers the days off that were added; a day that is off already is left as it is.",
    )
    def post(self, request: Request) -> Response:
        asked = self.checked(HolidayInput)
        dates, office_id = asked.pop("dates", None), asked.pop("office_id", None)
        names = choose(holidays_of(**asked), dates)
        made = [
            ExceptionShape.for_user(self.caller, one)
            for one in services.take_holidays(by=self.caller, names=names, office_id=office_id)
        ]
        return Response({"scheduleExceptions": made, "total": len(made)}, status=201)


class Availability(ApiView):
    permissions = {"GET": Permission.FIND_TIMES}
    extra_errors = {"GET": NOT_FOUND | CONFLICT}

    @extend_schema(
        parameters=[AvailabilityQuery],
        responses={200: SlotList},
        summary="List free times",
        description="What a patient is offered here, they can book; at other times they get 409. The practice's people "
        "can book any time that does not overlap another visit. More than "
        f"{availability.MOST_TIMES:,} free times are refused with 400: ask for a doctor, an office or fewer days.",
    )
    def get(self, request: Request) -> Response:
        with timezone.override(current_practice().tzinfo):  # a day is the practice's day
            asked = self.checked_query(AvailabilityQuery)
        start = asked.pop("start", None) or timezone.now()
        end = asked.pop("end", None) or min(start, LATEST) + USUAL
        if end - start > MOST_DAYS + CLOCK_CHANGE:
            raise Invalid("to", TOO_LONG)
        times = availability.find_times(by=self.caller, start=start, end=end, most=availability.MOST_TIMES, **asked)
        return Response({"slots": slots_of(times)})


class NextAvailable(ApiView):
    permissions = {"GET": Permission.FIND_TIMES}
    extra_errors = {"GET": NOT_FOUND | CONFLICT}

    @extend_schema(parameters=[NextQuery], responses={200: SlotList}, summary="Find the next free times")
    def get(self, request: Request) -> Response:
        slots = availability.find_next(by=self.caller, **self.checked_query(NextQuery))
        return Response({"slots": [SlotShape.to_dict(slot) for slot in slots]})
