"""The second step of a sign-in, at both doors, and what people set up for it."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.mobile_serializers import Tokens
from accounts.mobile_views import BearerDoor, tokens_of
from accounts.models import Door, Session
from accounts.roles import Permission
from accounts.second_factor import services
from accounts.second_factor.asking import user_of
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
from accounts.serializers import SignedIn
from accounts.views import signed_in
from core.api.schema import NOT_FOUND, UNAVAILABLE, WITH_BODY
from core.api.views import ApiView, PublicView

NOT_POSSIBLE = {"409": "What is set up already does not allow it."}
BODY = "The body is `{password}`: the password once more."
OPTIONS = "For `navigator.credentials.{}()`, in WebAuthn's JSON; good for five minutes and one answer."


def _begun(view: PublicView, request: Request, door: Door) -> Session:
    given = view.checked(SecondFactorInput)
    token = given.pop("mfa_token")
    return services.sign_in(request=request._request, token=token, door=door, **given)


class SecondFactor(PublicView):
    methods = ("POST",)
    answers_401 = True
    extra_errors = {"POST": UNAVAILABLE}

    @extend_schema(
        request=SecondFactorInput,
        responses={200: SignedIn},
        auth=[],
        summary="The second step of a sign-in; sets both cookies",
    )
    def post(self, request: Request) -> Response:
        return signed_in(request, _begun(self, request, Door.API))


class MobileSecondFactor(BearerDoor):
    answers_401 = True
    extra_errors = {"POST": UNAVAILABLE}

    @extend_schema(
        request=SecondFactorInput,
        responses={200: Tokens},
        auth=[],
        summary="The second step of a sign-in; answers both tokens",
    )
    def post(self, request: Request) -> Response:
        return tokens_of(_begun(self, request, Door.BEARER))


class SecondFactorPasskey(PublicView):
    methods = ("POST",)
    answers_401 = True
    door = Door.API

    @extend_schema(
        request=MfaToken,
        responses={200: OpenApiTypes.OBJECT},
        auth=[],
        summary="What to ask a passkey for",
        description=OPTIONS.format("get"),
    )
    def post(self, request: Request) -> Response:
        user = user_of(self.checked(MfaToken)["mfa_token"], self.door)
        return Response(services.passkey_options(user=user))


class MobileSecondFactorPasskey(BearerDoor, SecondFactorPasskey):
    door = Door.BEARER


class OwnFactorView(ApiView):
    """Open to somebody whose practice asks them to set up a second factor: this is where they do."""

    permissions: ClassVar[dict[str, Any]] = {"POST": Permission.USE_OWN_ACCOUNT}
    needs_practice = False
    before_second_factor = True
    extra_errors: ClassVar[dict[str, Any]] = {"POST": NOT_POSSIBLE | UNAVAILABLE}


class OwnFactors(OwnFactorView):
    permissions = {"GET": Permission.USE_OWN_ACCOUNT}

    @extend_schema(responses={200: FactorsShape}, summary="One's own second factors")
    def get(self, request: Request) -> Response:
        return Response(FactorsShape.of(services.factors_of(self.caller)))


class OwnTotp(OwnFactorView):
    permissions = {"POST": Permission.USE_OWN_ACCOUNT, "DELETE": Permission.USE_OWN_ACCOUNT}
    extra_errors = {
        "POST": NOT_POSSIBLE | UNAVAILABLE,
        "DELETE": UNAVAILABLE | NOT_FOUND | WITH_BODY,
    }

    @extend_schema(
        request=PasswordAgain, responses={200: TotpSetupShape}, summary="Begin to set up an authenticator app"
    )
    def post(self, request: Request) -> Response:
        return Response(TotpSetupShape.of(services.start_totp(by=self.caller, **self.checked(PasswordAgain))))

    @extend_schema(responses={204: None}, summary="Remove the authenticator app", description=BODY)
    def delete(self, request: Request) -> Response:
        services.remove_totp(by=self.caller, session_id=self.caller.session_id, **self.checked(PasswordAgain))
        return Response(status=204)


class OwnTotpConfirm(OwnFactorView):
    @extend_schema(
        request=CodeInput,
        responses={200: RecoveryCodes},
        summary="The authenticator app shows codes: ask for them from now on",
    )
    def post(self, request: Request) -> Response:
        session_id = self.caller.session_id
        codes = services.confirm_totp(by=self.caller, session_id=session_id, **self.checked(CodeInput))
        return Response(RecoveryCodes.of(codes))


class OwnPasskeys(OwnFactorView):
    @extend_schema(
        request=PasswordAgain,
        responses={200: OpenApiTypes.OBJECT},
        summary="Begin to add a passkey",
        description=OPTIONS.format("create"),
    )
    def post(self, request: Request) -> Response:
        return Response(services.start_passkey(by=self.caller, **self.checked(PasswordAgain)))


class OwnPasskeysConfirm(OwnFactorView):
    @extend_schema(request=NewPasskeyInput, responses={201: PasskeyAdded}, summary="Add the passkey that was made")
    def post(self, request: Request) -> Response:
        session_id = self.caller.session_id
        added = services.add_passkey(by=self.caller, session_id=session_id, **self.checked(NewPasskeyInput))
        return Response(PasskeyAdded.of(added), status=201)


class OwnPasskey(OwnFactorView):
    permissions = {"DELETE": Permission.USE_OWN_ACCOUNT}
    extra_errors = {"DELETE": UNAVAILABLE | NOT_FOUND | WITH_BODY}

    @extend_schema(responses={204: None}, summary="Remove a passkey", description=BODY)
    def delete(self, request: Request, passkey_id: UUID) -> Response:
        session_id = self.caller.session_id
        services.remove_passkey(
            by=self.caller, passkey_id=passkey_id, session_id=session_id, **self.checked(PasswordAgain)
        )
        return Response(status=204)


class OwnRecoveryCodes(OwnFactorView):
    @extend_schema(
        request=PasswordAgain, responses={200: RecoveryCodes}, summary="Ten new recovery codes in place of the old ones"
    )
    def post(self, request: Request) -> Response:
        return Response(RecoveryCodes.of(services.new_recovery_codes(by=self.caller, **self.checked(PasswordAgain))))
