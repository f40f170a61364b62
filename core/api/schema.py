"""The schema that /api/schema serves: drf-spectacular, with what every operation of this API shares."""

from inspect import cleandoc
from typing import Any, Literal, NamedTuple

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from core.api.shapes import ErrorShape, Shape, Strict

ALWAYS = {
    "400": "The request is malformed or a field cannot be stored so.",
    "403": "The role may not do this, or a page of another site made the request.",
    "413": "The body is larger than 1 MB.",
    "429": "Too many calls; Retry-After says how many seconds to wait.",
    "500": "An unexpected error; no internals are shown.",
}
SIGNED_IN = {"401": "Not signed in, or the session has ended."}
WITH_BODY = {"415": "The body is not application/json."}
NOT_FOUND = {"404": "No such thing in this practice."}
CONFLICT = {"409": "Somebody was faster: the slot is taken."}
UNAVAILABLE = {"503": "Sign-in cannot be counted right now, so it is refused."}
OAUTH2_URL = "/api/v1/auth/token"


class Refused(NamedTuple):
    """An error answer that holds more than a sentence."""

    description: str
    shape: type[ErrorShape]


def stale(shape: type[Shape[Any]], description: str) -> dict[str, Refused]:
    """The 409 that may hold the entry as it is now."""
    current = shape(required=False, help_text="Where it was changed since it was read.")
    return {"409": Refused(description, type(f"Stale{shape.__name__}", (ErrorShape,), {"current": current}))}


class TokenScheme(OpenApiAuthenticationExtension):
    """A signed-in view takes the access cookie or a bearer token; /api/auth/refresh alone names the refresh cookie."""

    target_class = "accounts.authentication.TokenAuthentication"
    name = ["accessCookie", "refreshCookie", "bearer"]

    def get_security_requirement(self, auto_schema: Any) -> Any:
        return [{"accessCookie": []}, {"bearer": []}]

    def get_security_definition(self, auto_schema: Any) -> Any:
        cookie = {"type": "apiKey", "in": "cookie", "description": "Set by POST /api/auth/login."}
        password = {"tokenUrl": OAUTH2_URL, "refreshUrl": OAUTH2_URL, "scopes": {}}
        return [
            {**cookie, "name": "access_token"},
            {**cookie, "name": "refresh_token"},
            {"type": "oauth2", "description": "username is the email.", "flows": {"password": password}},
        ]


class PraxisSchema(AutoSchema):
    """Adds the error answers, so that no view has to list them: `extra_errors` on a view names those of each method."""

    def get_tags(self) -> list[str]:
        _, root, first, *_rest = self.path.split("/")
        return [first if root == "api" else "mobile"]

    def get_description(self) -> str:  # type: ignore[override] # drf-spectacular's, not DRF's
        """What the view itself says; its base speaks to whoever writes views."""
        return cleandoc(type(self.view).__doc__ or "")

    def get_operation_id(self) -> str:
        return f"{self.method.lower()}_{type(self.view).__name__}"

    def get_request_serializer(self) -> Any:
        """A DELETE has no body unless it says so."""
        return None if self.method == "DELETE" else super().get_request_serializer()

    def _get_request_body(self, direction: Literal["request", "response"] = "request") -> Any:
        """drf-spectacular never describes one of a DELETE: it is described as a POST's."""
        if self.method != "DELETE" or self.get_request_serializer() is None:
            return super()._get_request_body(direction)
        self.method = "POST"
        try:
            return super()._get_request_body(direction)
        finally:
            self.method = "DELETE"

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        described = super()._map_basic_serializer(serializer, direction)
        return {**described, "additionalProperties": False} if isinstance(serializer, Strict) else described

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        errors: dict[str, str | Refused] = dict(ALWAYS)
        if hasattr(self.view, "permissions") or getattr(self.view, "answers_401", False):
            errors |= SIGNED_IN
        if self.method in ("POST", "PATCH", "PUT"):
            errors |= WITH_BODY
        errors |= getattr(self.view, "extra_errors", {}).get(self.method, {})
        for status, description in sorted(errors.items()):
            if status not in bodies:
                refused = description if isinstance(description, Refused) else Refused(description, ErrorShape)
                body = self._get_response_for_code(refused.shape, status)
                bodies[status] = {**body, "description": refused.description}
        return bodies
