"""The token endpoint of OAuth 2 (RFC 6749): the password grant (4.3) and its refresh (6), for programs that have no
other way to sign in, such as the Authorize button of /api/docs. Clients have no identity of their own here: client
credentials, in the form or in a Basic header, are ignored."""

import re
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api_clients import refresh_rotation
from accounts.api_clients.mobile_views import pair_response, session_id_in_body, token_response
from accounts.api_clients.serializers import OAuthError, PasswordGrant, RefreshGrant, TokenForm, Tokens
from accounts.models import SignInChannel
from accounts.second_factor_challenge import SecondFactorChallenge
from accounts.sign_in import services as sign_in_services
from accounts.sign_in.serializers import SecondFactorNeeded
from core.api.parsers import FormParser
from core.api.schema import ALWAYS, UNAVAILABLE, extend_schema
from core.api.views import PublicView
from core.errors import Refusal

PASSWORD, REFRESH = "password", "refresh_token"
ERRORS = {401: "invalid_grant", 429: "temporarily_unavailable", 503: "temporarily_unavailable", 500: "server_error"}
SECOND_FACTOR = _("Two-step verification is needed. Send the code with the mfa_token to POST /auth/mfa.")
_NOT_IN_DESCRIPTION = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")  # RFC 6749 5.2


class UnsupportedGrant(Refusal):
    def __init__(self) -> None:
        super().__init__(_("The grant_type is neither password nor refresh_token."))


class Token(PublicView):
    methods = ("POST",)
    parser_classes = [FormParser]

    def throttled_session(self, request: Request) -> UUID | None:
        """Return the session of a refresh; a password attempt always counts against the address."""
        session_id = session_id_in_body(request)
        return session_id if _grant_of(request) == REFRESH else None

    @extend_schema(
        request={FormParser.media_type: TokenForm},
        responses={
            200: Tokens,
            400: OpenApiResponse(OAuthError, "The grant or the request is not valid; RFC 6749 5.2 has the names."),
            415: OpenApiResponse(OAuthError, f"The body is not {FormParser.media_type}."),
            429: OpenApiResponse(OAuthError, ALWAYS["429"]),
            500: OpenApiResponse(OAuthError, ALWAYS["500"]),
            503: OpenApiResponse(OAuthError, UNAVAILABLE["503"]),
        },
        auth=[],
        summary="OAuth 2: tokens for an email and password, or for a refresh token",
    )
    def post(self, request: Request) -> Response:
        grant = _grant_of(request)
        if grant == REFRESH:
            return pair_response(refresh_rotation.refresh(self.checked(RefreshGrant)["refresh_token"]))
        if grant != PASSWORD:
            raise UnsupportedGrant
        form = self.checked(PasswordGrant)
        outcome = sign_in_services.sign_in(
            request=request._request, email=form["username"], password=form["password"], channel=SignInChannel.BEARER
        )
        return _second_factor(outcome) if isinstance(outcome, SecondFactorChallenge) else token_response(outcome)

    def handle_exception(self, exc: Exception) -> Response:
        """Return the error in the form of RFC 6749 5.2, where a 401 is a 400."""
        response = super().handle_exception(exc)
        code = "unsupported_grant_type" if isinstance(exc, UnsupportedGrant) else ""
        return _error(response, code or ERRORS.get(response.status_code, "invalid_request"))


def _grant_of(request: Request) -> str:
    """Return the grant type; FastAPI's form, which existing clients send, may leave it out."""
    body: Any = request.data
    grant: str = body.get("grant_type", PASSWORD)
    return grant


def _second_factor(asked: SecondFactorChallenge) -> Response:
    return _error(Response({"detail": SECOND_FACTOR, **SecondFactorNeeded.to_dict(asked)}, status=400), "mfa_required")


def _error(response: Response, code: str) -> Response:
    data = response.data
    description = _NOT_IN_DESCRIPTION.sub("", data["detail"].replace('"', "'"))
    response.data = {"error": code, "error_description": description, **data}
    response.status_code = 400 if response.status_code == 401 else response.status_code
    response["Cache-Control"], response["Pragma"] = "no-store", "no-cache"
    return response
