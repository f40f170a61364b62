"""Fees for visits that were missed."""

from rest_framework.request import Request
from rest_framework.response import Response

from billing.policies import services
from billing.policies.serializers import PolicyInput, PolicyShape
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission


class Policy(ApiView):
    permissions = {"GET": Permission.READ_BILLING, "PUT": Permission.MANAGE_BILLING}
    extra_errors = {"PUT": NOT_FOUND}

    @extend_schema(responses={200: PolicyShape}, summary="Get the fees for missed visits")
    def get(self, request: Request) -> Response:
        return Response(PolicyShape.to_dict(services.policy()))

    @extend_schema(request=PolicyInput, responses={200: PolicyShape}, summary="Set the fees for missed visits")
    def put(self, request: Request) -> Response:
        return Response(PolicyShape.to_dict(services.set_policy(by=self.caller, **self.checked(PolicyInput))))
