"""Changing one's own password, and resetting a forgotten one."""

from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.passwords import reset as password_reset
from accounts.passwords import services as passwords_services
from accounts.passwords.serializers import PasswordInput, ResetConfirmInput, ResetInput
from accounts.sign_in.serializers import Message
from core.api.schema import UNAVAILABLE, extend_schema
from core.api.views import ApiView, PublicView
from core.permissions import Permission

CHANGED = _("Password changed. You have been signed out everywhere else.")


class OwnPassword(ApiView):
    permissions = {"POST": Permission.USE_OWN_ACCOUNT}
    needs_practice = False
    keeps_answers = False  # the password is checked each time
    extra_errors = {"POST": UNAVAILABLE}

    @extend_schema(
        request=PasswordInput,
        responses={200: Message},
        summary="Change your password; ends your other sessions",
        description="Five wrong `current` values in 15 minutes lock this; they are counted separately from sign-ins.",
    )
    def post(self, request: Request) -> Response:
        passwords_services.change_password(by=self.caller, keep=self.caller.session_id, **self.checked(PasswordInput))
        return Response(Message.to_dict(CHANGED))


class AskForReset(PublicView):
    methods = ("POST",)
    extra_errors = {"POST": UNAVAILABLE}

    @extend_schema(
        request=ResetInput,
        responses={200: Message},
        auth=[],
        summary="Request a password reset email",
        description="The answer is the same whether or not the email has an account.",
    )
    def post(self, request: Request) -> Response:
        password_reset.request_reset(**self.checked(ResetInput))
        return Response(Message.to_dict(password_reset.REQUESTED))


class ConfirmReset(PublicView):
    methods = ("POST",)

    @extend_schema(
        request=ResetConfirmInput,
        responses={200: Message},
        auth=[],
        summary="Set a new password with the token from the link; ends every session",
    )
    def post(self, request: Request) -> Response:
        password_reset.confirm(**self.checked(ResetConfirmInput))
        return Response(Message.to_dict(password_reset.DONE))
