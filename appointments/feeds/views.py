"""Calendar feeds: the secret address of one's own calendar, and the calendar."""

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from appointments.feeds import services
from appointments.feeds.serializers import FeedShape
from core.api.schema import extend_schema
from core.api.views import ApiView, PublicView
from core.permissions import Permission

OWN = Permission.SUBSCRIBE_TO_OWN_CALENDAR
CALENDAR = {(200, "text/calendar"): OpenApiResponse(OpenApiTypes.BINARY, "The calendar.")}


class CalendarFeedAddress(ApiView):
    permissions = {"POST": OWN, "DELETE": OWN}
    keeps_answers = False  # the address is a secret

    @extend_schema(
        request=None,
        responses={201: FeedShape},
        summary="Get a new secret address of your own calendar",
        description="For doctors and patients; an address that you were given before no longer works. The calendar has "
        "when and where, the kind of visit, and no name of a patient.",
    )
    def post(self, request: Request) -> Response:
        path = reverse("calendar_feed", kwargs={"token": services.renew(by=self.caller)})
        return Response({"url": request.build_absolute_uri(path)}, status=201)

    @extend_schema(responses={204: None}, summary="Let no address of your calendar work any more")
    def delete(self, request: Request) -> Response:
        services.revoke(by=self.caller)
        return Response(status=204)


class CalendarFeedContent(PublicView):
    methods = ("GET",)
    extra_errors = {"GET": {"404": "No calendar has this address, or it was replaced."}}

    @extend_schema(
        responses=CALENDAR,
        summary="Read a calendar by its secret address",
        description="iCalendar (RFC 5545), from 30 days back to a year ahead; cancelled visits are marked as such.",
    )
    def get(self, request: Request, token: str) -> HttpResponse:
        return HttpResponse(services.read(token), content_type="text/calendar; charset=utf-8")
