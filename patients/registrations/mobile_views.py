"""Registration by mobile apps, and assigning patients by join code (seed 1-hipaa-auth.md)."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import JoinCode, User
from accounts.roles import ROLE_OF_NUMBER
from audit.events import AuditEvent
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from patients.registrations import join, register
from patients.registrations.mobile_serializers import Associated, AssociateInput, MobileRegisterInput, Registered


class MobileRegister(ApiView):
    permissions = {"POST": Permission.REGISTER_USERS}
    audit_events = {"POST": AuditEvent.CREATED}
    audited_model = User._meta.label
    needs_practice = False
    extra_errors = {"POST": NOT_FOUND}

    @extend_schema(
        request=MobileRegisterInput,
        responses={201: Registered},
        summary="Register a person of any role at an office of the practice",
        description="A platform superuser registers the person in the practice that the office belongs to.",
    )
    def post(self, request: Request) -> Response:
        body = self.checked(MobileRegisterInput)
        role = ROLE_OF_NUMBER[body.pop("role_id")]
        return Response(Registered.to_dict(register.register_at_office(by=self.caller, role=role, **body)), status=201)


class Associate(ApiView):
    permissions = {"POST": Permission.USE_JOIN_CODE}
    audit_events = {"POST": AuditEvent.JOIN_CODE_USED}
    audited_model = JoinCode._meta.label
    extra_errors = {
        "POST": {
            "409": "The registration is no longer pending.",
            "503": "Attempts cannot be counted right now, so the code is rejected.",
        }
    }

    @extend_schema(
        request=AssociateInput,
        responses={200: Associated},
        summary="Join the doctor and the office of a join code",
        description="Assigns the patient's account and pending chart to both.",
    )
    def post(self, request: Request) -> Response:
        code = join.join_practice(by=self.caller, request=request._request, **self.checked(AssociateInput))
        return Response(Associated.to_dict(code))
