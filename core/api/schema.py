"""The schema that /api/schema serves: drf-spectacular, with what every operation of this API shares."""

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from core.api.shapes import ErrorShape

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


class CookieScheme(OpenApiAuthenticationExtension):
    """Both cookies are stated here; a signed-in view takes the first, /api/auth/refresh alone names the second."""

    target_class = "accounts.authentication.CookieAuthentication"
    name = ["accessCookie", "refreshCookie"]

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        return {"accessCookie": []}

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        cookie = {"type": "apiKey", "in": "cookie", "description": "Set by POST /api/auth/login."}
        return [{**cookie, "name": "access_token"}, {**cookie, "name": "refresh_token"}]


class PraxisSchema(AutoSchema):
    """Adds the error answers, so that no view has to list them: `extra_errors` on a view names those of each method."""

    def get_tags(self) -> list[str]:
        return [self.path.split("/")[2]]

    def get_operation_id(self) -> str:
        return f"{self.method.lower()}_{type(self.view).__name__}"

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        errors = dict(ALWAYS)
        if hasattr(self.view, "permissions") or getattr(self.view, "answers_401", False):
            errors |= SIGNED_IN
        if self.method in ("POST", "PATCH", "PUT"):
            errors |= WITH_BODY
        errors |= getattr(self.view, "extra_errors", {}).get(self.method, {})
        for status, description in sorted(errors.items()):
            if status not in bodies:
                body = self._get_response_for_code(ErrorShape, status)
                bodies[status] = {**body, "description": description}
        return bodies
