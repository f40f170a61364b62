"""The OpenAPI schema: drf-spectacular, with what all operations of this API share."""

from collections.abc import Callable, Sequence
from functools import cache
from inspect import cleandoc
from typing import Any, Literal, NamedTuple

from drf_spectacular import utils
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.hooks import postprocess_schema_enums
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import list_hash, load_enum_name_overrides

from core.api.idempotency import OTHER_REQUEST, PARAMETER
from core.api.serializers import ErrorShape, OutputSerializer, StrictSerializer
from core.choices import PublicTextChoices

ALWAYS = {
    "400": "The request is malformed or a field is invalid.",
    "403": "Not permitted, or the request came from another site.",
    "411": "The body was sent in chunks, without a Content-Length.",
    "413": "The body is larger than 1 MB.",
    "429": "Too many requests; Retry-After is the number of seconds to wait.",
    "500": "An unexpected error.",
    "503": "The database cannot be reached or has no room left; Retry-After is the number of seconds to wait.",
}
SIGNED_IN = {"401": "Not signed in, or the session has ended."}
WITH_BODY = {"415": "The body is not application/json."}
NOT_FOUND = {"404": "Not found in this practice."}
CONFLICT = {"409": "Someone else was faster: the slot is taken."}
UNAVAILABLE = {"503": "Sign-in attempts cannot be counted right now, so sign-in is refused."}
OAUTH2_URL = "/api/v1/auth/token"


class Takes(NamedTuple):
    """What an operation takes: the serializer of its body, and the names of its query and headers."""

    body: Any = None
    query: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()


TAKES_NOTHING = Takes()


def extend_schema(
    *, request: Any = None, parameters: Sequence[Any] = (), **described: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """drf-spectacular's decorator, which also notes at the handler what it takes: what the schema does not name is
    refused (core/api/names.py)."""
    document = utils.extend_schema(request=request, parameters=list(parameters), **described)
    query, headers = set(), set()
    for parameter in parameters:
        if not isinstance(parameter, utils.OpenApiParameter):
            query.update(parameter().fields)
        elif parameter.location == utils.OpenApiParameter.HEADER and not parameter.response:
            headers.add(parameter.name)
    (body,) = request.values() if isinstance(request, dict) else [request]
    if isinstance(body, utils.PolymorphicProxySerializer):
        body = body.serializers[0]  # the others take the same names
    takes = Takes(body=body, query=frozenset(query), headers=frozenset(headers))

    def decorate(handler: Callable[..., Any]) -> Callable[..., Any]:
        documented: Callable[..., Any] = document(handler)
        documented.takes = takes  # type: ignore[attr-defined]
        return documented

    return decorate


class Refused(NamedTuple):
    """An error response with more than a sentence."""

    description: str
    shape: type[ErrorShape]


def stale(shape: type[OutputSerializer[Any]], description: str) -> dict[str, Refused]:
    """Return the description of a 409 that may hold the current state of the entry."""
    return {"409": Refused(description, _stale_shape(shape))}


@cache
def _stale_shape(shape: type[OutputSerializer[Any]]) -> type[ErrorShape]:
    """Return one class for each shape: the schema knows them by name."""
    current = shape(required=False, help_text="The current state, if it was changed since it was read.")
    return type(f"Stale{shape.__name__}", (ErrorShape,), {"current": current})


def name_enums(result: Any, generator: Any, **kwargs: Any) -> Any:
    """Name the schema's enums: those of PublicTextChoices after their class, the others as ENUM_NAME_OVERRIDES says."""
    names = load_enum_name_overrides()  # drf-spectacular's cached dict, which its own hook reads next
    names |= {list_hash(choices.choices): choices.__name__ for choices in PublicTextChoices.__subclasses__()}
    return postprocess_schema_enums(result, generator)


def offer_alternatives(result: Any, generator: Any, **kwargs: Any) -> Any:
    """Let a body that may have one of several shapes fit more than one of them, as a whole chart does."""
    for schema in result["components"]["schemas"].values():
        if "oneOf" in schema:
            schema["anyOf"] = schema.pop("oneOf")
    return result


class TokenScheme(OpenApiAuthenticationExtension):
    """Signed-in views take the access cookie or a bearer token; only /api/auth/refresh takes the refresh cookie."""

    target_class = "accounts.sessions.authentication.TokenAuthentication"
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
    """Adds the common error responses; a view's `extra_errors` adds those of its methods."""

    def get_tags(self) -> list[str]:
        _, root, first, *_rest = self.path.split("/")
        return [first if root == "api" else "mobile"]

    def get_description(self) -> str:  # type: ignore[override] # drf-spectacular's, not DRF's
        """Return the view's own docstring, not that of its base classes."""
        return cleandoc(type(self.view).__doc__ or "")

    def get_operation_id(self) -> str:
        return f"{self.method.lower()}_{type(self.view).__name__}"

    def get_request_serializer(self) -> Any:
        """Return None for a DELETE: it has no body unless the view says so."""
        return None if self.method == "DELETE" else super().get_request_serializer()

    def _get_request_body(self, direction: Literal["request", "response"] = "request") -> Any:
        """Describe the body of a DELETE like that of a POST; drf-spectacular itself never describes one."""
        if self.method != "DELETE" or self.get_request_serializer() is None:
            return super()._get_request_body(direction)
        self.method = "POST"
        try:
            return super()._get_request_body(direction)
        finally:
            self.method = "DELETE"

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        described = super()._map_basic_serializer(serializer, direction)
        return {**described, "additionalProperties": False} if isinstance(serializer, StrictSerializer) else described

    def _takes_key(self) -> bool:
        is_signed_in = hasattr(self.view, "permissions")
        return self.method == "POST" and is_signed_in and getattr(self.view, "keeps_answers", False)

    def _get_parameters(self) -> list[Any]:
        parameters: list[Any] = super()._get_parameters()
        return [*parameters, PARAMETER] if self._takes_key() else parameters

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        errors: dict[str, str | Refused] = dict(ALWAYS)
        if hasattr(self.view, "permissions") or getattr(self.view, "answers_401", False):
            errors |= SIGNED_IN
        if self.method in ("POST", "PATCH", "PUT"):
            errors |= WITH_BODY
        if self._takes_key():
            errors |= OTHER_REQUEST
        errors |= getattr(self.view, "extra_errors", {}).get(self.method, {})
        for status, description in sorted(errors.items()):
            if status not in bodies:
                refused = description if isinstance(description, Refused) else Refused(description, ErrorShape)
                body = self._get_response_for_code(refused.shape, status)
                bodies[status] = {**body, "description": refused.description}
        return bodies
