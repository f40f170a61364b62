"""The price list."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import Service
from billing.prices import services
from billing.prices.serializers import (
    ServiceBrief,
    ServiceChange,
    ServiceInput,
    ServicePage,
    ServiceQuery,
    ServiceShape,
)
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema, stale
from core.api.versions import ETAG, IF_MATCH, etag, expected_version
from core.api.views import ApiView
from core.permissions import Permission

SEE, MANAGE = Permission.READ_BILLING, Permission.MANAGE_BILLING
CODE_TAKEN = {"409": "Another service has this code."}
STALE = stale(ServiceShape, "Another service has this code, or it was changed since; `current` is what it says now.")


class Services(ApiView):
    permissions = {"GET": SEE, "POST": MANAGE}
    extra_errors = {"POST": NOT_FOUND | CODE_TAKEN}

    @extend_schema(parameters=[ServiceQuery], responses={200: ServicePage}, summary="List the services, by code")
    def get(self, request: Request) -> Response:
        query = self.checked_query(ServiceQuery)
        page = Page.taken_from(query)
        found = services.listed()
        if query["is_active"] is not None:
            found = found.filter(is_active=query["is_active"])
        rows = [ServiceBrief.to_dict(row) for row in page.rows(found)]
        return Response({"services": rows, "total": page.total(found.count), **page.asked, **page.next})

    @extend_schema(
        request=ServiceInput, parameters=[ETAG], responses={201: ServiceShape}, summary="Add to the price list"
    )
    def post(self, request: Request) -> Response:
        return respond(services.add_service(by=self.caller, **self.checked(ServiceInput)), status=201)


class ServiceById(ApiView):
    permissions = {"GET": SEE, "PATCH": MANAGE}
    extra_errors = {
        "GET": NOT_FOUND,
        "PATCH": NOT_FOUND | STALE,
    }

    @extend_schema(parameters=[ETAG], responses={200: ServiceShape}, summary="Get a service and its prices so far")
    def get(self, request: Request, service_id: UUID) -> Response:
        return respond(services.get_service(service_id))

    @extend_schema(
        request=ServiceChange,
        parameters=[IF_MATCH, ETAG],
        responses={200: ServiceShape},
        summary="Change a service",
        description="Earlier prices are kept, and what was billed does not change.",
    )
    def patch(self, request: Request, service_id: UUID) -> Response:
        changes = self.checked_changes(
            ServiceChange, shown=lambda: ServiceShape.to_dict(services.get_service(service_id))
        )
        expected = expected_version(request, changes.pop("version", None))
        return respond(services.change_service(by=self.caller, service_id=service_id, expected=expected, **changes))


def respond(service: Service, status: int = 200) -> Response:
    return Response(ServiceShape.to_dict(service), status=status, headers=etag(service.version))
