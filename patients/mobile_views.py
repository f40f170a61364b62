"""Registration by mobile apps and other programs, and how a patient comes to their doctor (seed 1-hipaa-auth.md)."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import JoinCode, User
from accounts.roles import ROLE_OF_NUMBER, Permission
from audit.events import Kind
from core.api.schema import NOT_FOUND
from core.api.views import ApiView
from patients import association, services
from patients.mobile_serializers import Associated, AssociateInput, MobileRegisterInput, Registered


class MobileRegister(ApiView):
    permissions = {"POST": Permission.REGISTER_USERS}
    trail = {"POST": Kind.CREATED}
    about = User._meta.label
    needs_practice = False
    extra_errors = {"POST": NOT_FOUND}

    @extend_schema(
        request=MobileRegisterInput,
        responses={201: Registered},
        summary="Register somebody of any role at an office of the practice",
        description="A platform superuser registers in the practice that the office belongs to.",
    )
    def post(self, request: Request) -> Response:
        body = self.checked(MobileRegisterInput)
        role = ROLE_OF_NUMBER[body.pop("role_id")]
        return Response(Registered.of(services.register_at_office(by=self.caller, role=role, **body)), status=201)


class Associate(ApiView):
    permissions = {"POST": Permission.USE_JOIN_CODE}
    trail = {"POST": Kind.JOIN_CODE_USED}
    about = JoinCode._meta.label
    extra_errors = {
        "POST": {
            "409": "The registration no longer waits to be confirmed.",
            "503": "Tries cannot be counted right now, so the code is refused.",
        }
    }

    @extend_schema(
        request=AssociateInput,
        responses={200: Associated},
        summary="Come to the doctor and the office of a join code",
        description="Ties the patient's account and their pending chart to both.",
    )
    def post(self, request: Request) -> Response:
        code = association.associate(by=self.caller, request=request._request, **self.checked(AssociateInput))
        return Response(Associated.of(code))
