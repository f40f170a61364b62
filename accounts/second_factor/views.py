"""The second step of sign-in, for the web app and for bearer clients, and setting up second factors."""

from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_clients.mobile_views import BearerView, token_response
from accounts.api_clients.serializers import Tokens
from accounts.models import LoginSession, SignInChannel
from accounts.second_factor import services
from accounts.second_factor.serializers import (
    CodeInput,
    FactorsShape,
    MfaToken,
    NewPasskeyInput,
    PasskeyAdded,
    PasswordAgain,
    RecoveryCodes,
    SecondFactorInput,
    TotpSetupShape,
)
from accounts.second_factor_challenge import get_challenged_user
from accounts.sign_in.serializers import SignedIn
from accounts.sign_in.views import sign_in_response
from accounts.users.views import AccountsView
from audit.events import AuditEvent
from core.api.schema import NOT_FOUND, UNAVAILABLE, WITH_BODY, extend_schema
from core.api.views import ApiView, PublicView
from core.errors import NotFound
from core.permissions import Permission

NOT_POSSIBLE = {"409": "Not possible with what is already set up."}
BODY = "The body is `{password}`: the current password."
OPTIONS = "For `navigator.credentials.{}()`, in WebAuthn's JSON; valid for five minutes and one response."


def _sign_in(view: PublicView, request: Request, channel: SignInChannel) -> LoginSession:
    given = view.checked(SecondFactorInput)
    token = given.pop("mfa_token")
    return services.sign_in(request=request._request, token=token, channel=channel, **given)


class SecondFactor(PublicView):
    methods = ("POST",)
    answers_401 = True
    extra_errors = {"POST": UNAVAILABLE}

    @extend_schema(
        request=SecondFactorInput,
        responses={200: SignedIn},
        auth=[],
        summary="Second step of sign-in; sets both cookies",
    )
    def post(self, request: Request) -> Response:
        return sign_in_response(request, _sign_in(self, request, SignInChannel.API))


class MobileSecondFactor(BearerView):
    answers_401 = True
    extra_errors = {"POST": UNAVAILABLE}

    @extend_schema(
        request=SecondFactorInput,
        responses={200: Tokens},
        auth=[],
        summary="Second step of sign-in; returns both tokens",
    )
    def post(self, request: Request) -> Response:
        return token_response(_sign_in(self, request, SignInChannel.BEARER))


class SecondFactorPasskey(PublicView):
    methods = ("POST",)
    answers_401 = True
    channel = SignInChannel.API

    @extend_schema(
        request=MfaToken,
        responses={200: OpenApiTypes.OBJECT},
        auth=[],
        summary="Get the options to ask a passkey for",
        description=OPTIONS.format("get"),
    )
    def post(self, request: Request) -> Response:
        user = get_challenged_user(self.checked(MfaToken)["mfa_token"], self.channel)
        return Response(services.passkey_options(user=user))


class MobileSecondFactorPasskey(BearerView, SecondFactorPasskey):
    channel = SignInChannel.BEARER


class OwnFactorView(ApiView):
    """Base of the endpoints that stay open while a required second factor has not been set up yet."""

    permissions: ClassVar[dict[str, Any]] = {"POST": Permission.USE_OWN_ACCOUNT}
    needs_practice = False
    before_second_factor = True
    keeps_answers = False  # secrets and recovery codes
    extra_errors: ClassVar[dict[str, Any]] = {"POST": NOT_POSSIBLE | UNAVAILABLE}


class OwnFactors(OwnFactorView):
    permissions = {"GET": Permission.USE_OWN_ACCOUNT}

    @extend_schema(responses={200: FactorsShape}, summary="Get your two-step verification methods")
    def get(self, request: Request) -> Response:
        return Response(FactorsShape.to_dict(services.get_factors(self.caller)))


class OwnTotp(OwnFactorView):
    permissions = {"POST": Permission.USE_OWN_ACCOUNT, "DELETE": Permission.USE_OWN_ACCOUNT}
    extra_errors = {
        "POST": NOT_POSSIBLE | UNAVAILABLE,
        "DELETE": UNAVAILABLE | NOT_FOUND | WITH_BODY,
    }

    @extend_schema(
        request=PasswordAgain, responses={200: TotpSetupShape}, summary="Start setting up an authenticator app"
    )
    def post(self, request: Request) -> Response:
        return Response(TotpSetupShape.to_dict(services.start_totp(by=self.caller, **self.checked(PasswordAgain))))

    @extend_schema(
        request=PasswordAgain, responses={204: None}, summary="Remove the authenticator app", description=BODY
    )
    def delete(self, request: Request) -> Response:
        services.remove_totp(by=self.caller, session_id=self.caller.session_id, **self.checked(PasswordAgain))
        return Response(status=204)


class OwnTotpConfirm(OwnFactorView):
    @extend_schema(
        request=CodeInput,
        responses={200: RecoveryCodes},
        summary="Confirm the authenticator app with a code",
    )
    def post(self, request: Request) -> Response:
        session_id = self.caller.session_id
        codes = services.confirm_totp(by=self.caller, session_id=session_id, **self.checked(CodeInput))
        return Response(RecoveryCodes.to_dict(codes))


class OwnPasskeys(OwnFactorView):
    @extend_schema(
        request=PasswordAgain,
        responses={200: OpenApiTypes.OBJECT},
        summary="Start adding a passkey",
        description=OPTIONS.format("create"),
    )
    def post(self, request: Request) -> Response:
        return Response(services.start_passkey(by=self.caller, **self.checked(PasswordAgain)))


class OwnPasskeysConfirm(OwnFactorView):
    @extend_schema(request=NewPasskeyInput, responses={201: PasskeyAdded}, summary="Add the new passkey")
    def post(self, request: Request) -> Response:
        session_id = self.caller.session_id
        added = services.add_passkey(by=self.caller, session_id=session_id, **self.checked(NewPasskeyInput))
        return Response(PasskeyAdded.to_dict(added), status=201)


class OwnPasskey(OwnFactorView):
    permissions = {"DELETE": Permission.USE_OWN_ACCOUNT}
    extra_errors = {"DELETE": UNAVAILABLE | NOT_FOUND | WITH_BODY}

    @extend_schema(request=PasswordAgain, responses={204: None}, summary="Remove a passkey", description=BODY)
    def delete(self, request: Request, passkey_id: UUID) -> Response:
        session_id = self.caller.session_id
        services.remove_passkey(
            by=self.caller, passkey_id=passkey_id, session_id=session_id, **self.checked(PasswordAgain)
        )
        return Response(status=204)


class OwnRecoveryCodes(OwnFactorView):
    @extend_schema(
        request=PasswordAgain, responses={200: RecoveryCodes}, summary="Replace the recovery codes with ten new ones"
    )
    def post(self, request: Request) -> Response:
        return Response(
            RecoveryCodes.to_dict(services.new_recovery_codes(by=self.caller, **self.checked(PasswordAgain)))
        )


class AccountSecondFactor(AccountsView):
    permissions = {"DELETE": Permission.MANAGE_USERS}
    audit_events = {"DELETE": AuditEvent.FACTOR_REMOVED}
    extra_errors = {"DELETE": NOT_FOUND}

    @extend_schema(responses={204: None}, summary="Turn off two-step verification for a person; signs them out")
    def delete(self, request: Request, user_id: UUID) -> Response:
        person = self.get_user_or_refuse(user_id)
        if not person.has_second_factor:  # type: ignore[attr-defined] # annotated above
            raise NotFound(_("This person has not set up two-step verification."))
        services.reset(user=person, by=self.caller)
        return Response(status=204)
