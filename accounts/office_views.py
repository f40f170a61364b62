"""A practice's offices. Here and not in practices/, which does not know who may do what."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from core.api.schema import NOT_FOUND
from core.api.views import ApiView
from practices import services
from practices.models import Office
from practices.serializers import OfficeChange, OfficeInput, OfficeList, OfficeShape

IN_USE = {"409": "People, appointments or join codes name it."}


class Offices(ApiView):
    permissions = {"GET": Permission.LIST_OFFICES, "POST": Permission.MANAGE_OFFICES}

    @extend_schema(responses={200: OfficeList}, summary="The practice's offices, by name")
    def get(self, request: Request) -> Response:
        offices = [OfficeShape.of(office) for office in Office.objects.order_by("name", "id")]
        return Response({"offices": offices, "total": len(offices)})

    @extend_schema(request=OfficeInput, responses={201: OfficeShape}, summary="Add an office")
    def post(self, request: Request) -> Response:
        office = services.save_office(office=Office(**self.checked(OfficeInput)), by=self.caller)
        return Response(OfficeShape.of(office), status=201)


class OfficeById(ApiView):
    permissions = {
        "GET": Permission.LIST_OFFICES,
        "PATCH": Permission.MANAGE_OFFICES,
        "DELETE": Permission.MANAGE_OFFICES,
    }
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND, "DELETE": NOT_FOUND | IN_USE}

    @extend_schema(responses={200: OfficeShape}, summary="One office")
    def get(self, request: Request, office_id: UUID) -> Response:
        return Response(OfficeShape.of(services.office_of(office_id)))

    @extend_schema(request=OfficeChange, responses={200: OfficeShape}, summary="Change an office")
    def patch(self, request: Request, office_id: UUID) -> Response:
        office = services.change_office(office_id=office_id, by=self.caller, **self.checked(OfficeChange))
        return Response(OfficeShape.of(office))

    @extend_schema(responses={204: None}, summary="Remove an office that nothing names")
    def delete(self, request: Request, office_id: UUID) -> Response:
        services.remove_office(office_id=office_id, by=self.caller)
        return Response(status=204)
