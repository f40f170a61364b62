"""The practice's settings and its offices."""

from functools import partial
from uuid import UUID

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.names import check_something_sent
from core.api.schema import NOT_FOUND, extend_schema, stale
from core.api.versioned import VersionedView
from core.api.versions import ETAG, IF_MATCH, etag, given_version
from core.api.views import ApiView
from core.permissions import Permission
from practices import services
from practices.models import Office, Practice
from practices.serializers import (
    OfficeChange,
    OfficeInput,
    OfficeList,
    OfficeShape,
    PracticeBrief,
    PracticeChange,
    PracticeShape,
)

OVERLAPPING = stale(
    OfficeShape, "In this time zone a doctor would work at two offices at once, or someone else has changed the office."
)
IN_USE = {"409": "People, appointments or join codes use it."}


STALE = stale(PracticeShape, "Someone else has changed the settings: `current` is how they are now.")


class PracticeSettings(ApiView):
    permissions = {
        "GET": (Permission.READ_SETTINGS, Permission.LIST_OFFICES),
        "PATCH": Permission.MANAGE_PRACTICE,
    }
    extra_errors = {"PATCH": STALE}

    @extend_schema(
        parameters=[ETAG],
        responses={200: PolymorphicProxySerializer("PracticeAnswer", [PracticeShape, PracticeBrief], None)},
        summary="Get the practice's settings; patients see those that concern them",
    )
    def get(self, request: Request) -> Response:
        practice = services.current_practice()
        if not self.caller.can(Permission.READ_SETTINGS):
            return Response(PracticeBrief.to_dict(practice))
        return self.respond(practice)

    @extend_schema(
        request=PracticeChange,
        parameters=[IF_MATCH, ETAG],
        responses={200: PracticeShape},
        summary="Change the practice's settings",
    )
    def patch(self, request: Request) -> Response:
        changes = self.checked_changes(PracticeChange, shown=lambda: PracticeShape.to_dict(services.current_practice()))
        expected = given_version(request, changes.pop("version", None))
        check_something_sent(request.data, PracticeChange().fields, besides=("version",))
        return self.respond(services.change_practice(by=self.caller, expected=expected, **changes))

    def respond(self, practice: Practice) -> Response:
        return Response(PracticeShape.to_dict(practice), headers=etag(practice.version))


class Offices(VersionedView):
    permissions = {"GET": Permission.LIST_OFFICES, "POST": Permission.MANAGE_OFFICES}

    @extend_schema(responses={200: OfficeList}, summary="List the practice's offices by name")
    def get(self, request: Request) -> Response:
        offices = [OfficeShape.to_dict(office) for office in Office.objects.order_by("name", "id")]
        return Response({"offices": offices, "total": len(offices)})

    @extend_schema(request=OfficeInput, parameters=[ETAG], responses={201: OfficeShape}, summary="Add an office")
    def post(self, request: Request) -> Response:
        office = services.save_office(office=Office(**self.checked(OfficeInput)), by=self.caller)
        return self.versioned(OfficeShape.to_dict(office), status=201)


class OfficeById(VersionedView):
    permissions = {
        "GET": Permission.LIST_OFFICES,
        "PATCH": Permission.MANAGE_OFFICES,
        "DELETE": Permission.MANAGE_OFFICES,
    }
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND | OVERLAPPING, "DELETE": NOT_FOUND | IN_USE}

    @extend_schema(parameters=[ETAG], responses={200: OfficeShape}, summary="Get an office")
    def get(self, request: Request, office_id: UUID) -> Response:
        return self.versioned(OfficeShape.to_dict(services.get_office(office_id)))

    @extend_schema(
        request=OfficeChange, parameters=[IF_MATCH, ETAG], responses={200: OfficeShape}, summary="Change an office"
    )
    def patch(self, request: Request, office_id: UUID) -> Response:
        return self.change_versioned(
            OfficeChange,
            shown=lambda: OfficeShape.to_dict(services.get_office(office_id)),
            change=partial(services.change_office, office_id=office_id, by=self.caller),
        )

    @extend_schema(responses={204: None}, summary="Remove an office that nothing uses")
    def delete(self, request: Request, office_id: UUID) -> Response:
        services.remove_office(office_id=office_id, by=self.caller)
        return Response(status=204)
