"""The token endpoint of OAuth 2 (RFC 6749): the password grant (4.3) and its refresh (6), for programs that know no
other way in, the Authorize button of /api/docs among them. Clients have no identity of their own here: whatever they
say of it, in the form or in a Basic header, is ignored."""

import re
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import bearer, services
from accounts.mobile_serializers import OAuthError, PasswordGrant, RefreshInput, TokenForm, Tokens
from accounts.mobile_views import answer_with, named_in_body, tokens_of
from accounts.models import Door
from accounts.second_factor.asking import SecondFactorAsked
from accounts.serializers import SecondFactorNeeded
from core.api.forms import FormParser
from core.api.schema import ALWAYS, UNAVAILABLE
from core.api.views import PublicView
from core.errors import Refusal

PASSWORD, REFRESH = "password", "refresh_token"
ERRORS = {401: "invalid_grant", 429: "temporarily_unavailable", 503: "temporarily_unavailable", 500: "server_error"}
SECOND_FACTOR = "A second factor is needed. Send it with the mfa_token to POST /auth/mfa."
_NOT_IN_DESCRIPTION = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")  # RFC 6749 5.2


class UnsupportedGrant(Refusal):
    def __init__(self) -> None:
        super().__init__("The grant_type is neither password nor refresh_token.")


class Token(PublicView):
    methods = ("POST",)
    parser_classes = [FormParser]

    def counted_session(self, request: Request) -> UUID | None:
        """Of a refresh alone: a password that is tried is its address's, whatever else the form holds."""
        session_id = named_in_body(request)
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
            return answer_with(bearer.refresh(self.checked(RefreshInput)["refresh_token"]))
        if grant != PASSWORD:
            raise UnsupportedGrant
        form = self.checked(PasswordGrant)
        outcome = services.sign_in(
            request=request._request, email=form["username"], password=form["password"], door=Door.BEARER
        )
        return _second_factor(outcome) if isinstance(outcome, SecondFactorAsked) else tokens_of(outcome)

    def handle_exception(self, exc: Exception) -> Response:
        """RFC 6749 5.2: what is 401 elsewhere is 400 here."""
        response = super().handle_exception(exc)
        code = "unsupported_grant_type" if isinstance(exc, UnsupportedGrant) else ""
        return _error(response, code or ERRORS.get(response.status_code, "invalid_request"))


def _grant_of(request: Request) -> str:
    """FastAPI's form, which the documents' clients send, may leave it out."""
    body: Any = request.data
    grant: str = body.get("grant_type", PASSWORD)
    return grant


def _second_factor(asked: SecondFactorAsked) -> Response:
    return _error(Response({"detail": SECOND_FACTOR, **SecondFactorNeeded.of(asked)}, status=400), "mfa_required")


def _error(response: Response, code: str) -> Response:
    data = response.data
    description = _NOT_IN_DESCRIPTION.sub("", data["detail"].replace('"', "'"))
    response.data = {"error": code, "error_description": description, **data}
    response.status_code = 400 if response.status_code == 401 else response.status_code
    response["Cache-Control"], response["Pragma"] = "no-store", "no-cache"
    return response
