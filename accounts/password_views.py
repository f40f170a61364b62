"""A new password: for somebody who is signed in, and for somebody who has forgotten it."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import password_reset, services
from accounts.password_serializers import PasswordInput, ResetConfirmInput, ResetInput
from accounts.roles import Permission
from accounts.serializers import Message
from core.api.schema import UNAVAILABLE
from core.api.views import ApiView, PublicView

CHANGED = "Your password is changed. Every other session of yours has ended."


class OwnPassword(ApiView):
    permissions = {"POST": Permission.USE_OWN_ACCOUNT}
    needs_practice = False
    extra_errors = {"POST": UNAVAILABLE}

    @extend_schema(
        request=PasswordInput,
        responses={200: Message},
        summary="Change one's own password; ends one's other sessions",
        description="Five wrong `current` in 15 minutes lock it; they are counted apart from sign-ins.",
    )
    def post(self, request: Request) -> Response:
        services.change_password(by=self.caller, keep=self.caller.session_id, **self.checked(PasswordInput))
        return Response(Message.of(CHANGED))


class AskForReset(PublicView):
    methods = ("POST",)
    extra_errors = {"POST": UNAVAILABLE}

    @extend_schema(
        request=ResetInput,
        responses={200: Message},
        auth=[],
        summary="Ask for an e-mail with a link that sets a new password",
        description="The answer is the same whether or not the email has an account.",
    )
    def post(self, request: Request) -> Response:
        password_reset.ask(**self.checked(ResetInput))
        return Response(Message.of(password_reset.ASKED))


class ConfirmReset(PublicView):
    methods = ("POST",)

    @extend_schema(
        request=ResetConfirmInput,
        responses={200: Message},
        auth=[],
        summary="Set a new password with the token of the link; ends every session",
    )
    def post(self, request: Request) -> Response:
        password_reset.confirm(**self.checked(ResetConfirmInput))
        return Response(Message.of(password_reset.DONE))
