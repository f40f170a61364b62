"""The base of every API view. DRF's dispatch calls authentication, throttles, permissions and the handler; added here
are their order, the practice's scope around them, and audit events (core/api/auditing.py)."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import cache, partial
from typing import Any, ClassVar
from uuid import UUID

import orjson
from django.http import HttpResponseBase
from rest_framework import serializers
from rest_framework.exceptions import APIException, MethodNotAllowed
from rest_framework.request import Request
from rest_framework.views import APIView

from audit import context
from core.api import throttling
from core.api.auditing import AuditMixin
from core.api.exceptions import NOT_FOUND
from core.api.idempotency import HEADER, done_once
from core.api.names import (
    check_body_names,
    check_headers,
    check_nothing_empty,
    check_query,
    check_something_sent,
    only_changes,
)
from core.api.permissions import IsSignedIn, RolePermission, SecondFactorGiven, WorksInPractice, effective_method
from core.api.schema import TAKES_NOTHING, Takes
from core.api.throttling import CallThrottle
from core.cache import cached_counts
from core.errors import NotFound
from core.tenancy.scope import practice_scope


@cache
def _instances(classes: tuple[type[Any], ...]) -> list[Any]:
    """Return one instance of each for all requests: renderers, parsers and permissions keep nothing of a request."""
    return [one() for one in classes]


@cache
def _validator(serializer: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """Return one instance for all requests: creating one copies all fields, and validation leaves no state on it."""
    return serializer()


def _validated(serializer: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    return dict(_validator(serializer).run_validation(data))


class PracticeScoped(APIView):
    """Closes the scope that was opened for the call, and checks in the order of the contract: method (405), credentials
    if there are any (401), rate limit (429), permissions (401, 403). DRF checks the rate limit last."""

    throttle_classes = [CallThrottle]
    before_second_factor: ClassVar[bool] = False  # open to users who still have to set one up
    takes_api_keys: ClassVar[bool] = False
    keeps_answers: ClassVar[bool] = True  # for a repeated Idempotency-Key
    one_transaction: ClassVar[bool] = True  # what a POST with a key does and its kept answer
    format_kwarg = None

    def get_renderers(self) -> list[Any]:
        return _instances(tuple(self.renderer_classes))

    def get_parsers(self) -> list[Any]:
        return _instances(tuple(self.parser_classes))

    def get_permissions(self) -> list[Any]:
        return _instances(tuple(self.permission_classes))

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with ExitStack() as self.scope:
            return super().dispatch(request, *args, **kwargs)

    def view_methods(self) -> tuple[str, ...]:
        raise NotImplementedError

    @property
    def allowed_methods(self) -> list[str]:
        return sorted(self.view_methods())

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        if effective_method(request) not in self.view_methods():
            raise MethodNotAllowed(str(request.method))
        if request.method == "GET":
            self.scope.enter_context(cached_counts.reading_ahead(request.path))
            if self.is_poll(request):
                self.scope.enter_context(throttling.counted_as_poll())
        try:
            self.perform_authentication(request)
        except APIException:
            self.check_throttles(request)  # as an anonymous call
            raise
        self.check_throttles(request)
        self.check_permissions(request)
        self.check_names(request)
        if request.method == "POST" and HEADER in request.headers and self.is_done_once():
            verb = request.method.lower()  # DRF looks its handler up after this
            setattr(self, verb, partial(done_once, self, getattr(self, verb)))

    def is_done_once(self) -> bool:
        """Return whether a key is honoured: for somebody of a practice, where the answer is no secret."""
        return self.keeps_answers and getattr(self.caller, "practice_id", None) is not None

    def body_parts(self) -> Iterable[bytes]:
        """Yield what the body says, to tell whether a later one is the same."""
        if self.takes.body is not None:
            yield orjson.dumps(self.request.data, option=orjson.OPT_SORT_KEYS)

    @property
    def takes(self) -> Takes:
        """What the called method takes, as its schema says."""
        handler = getattr(type(self), effective_method(self.request).lower())
        found: Takes = getattr(handler, "takes", TAKES_NOTHING)
        return found

    def check_names(self, request: Request) -> None:
        """Raise ValidationError for what the operation would drop. A body that it takes is checked by `checked`."""
        check_query(request, self.takes)
        check_headers(request, self.takes)
        if self.takes.body is None and effective_method(request) != "GET":  # a GET's has no meaning (RFC 9110, 9.3.1)
            check_body_names(request)

    def check_permissions(self, request: Request) -> None:
        """Check permissions as DRF does. Audit events from here on name the user."""
        caller = self.caller
        if caller is not None:
            context.identify(
                user_id=caller.pk,
                role=caller.role,
                practice_id=caller.practice_id,
                api_key_id=caller.api_key_id,
            )
        super().check_permissions(request)

    @property
    def caller(self) -> Any:
        """The signed-in user; None on a public view without one."""
        return self.request.user

    def is_poll(self, request: Request) -> bool:
        """Return whether a client asks by itself, time and again, if anything has changed."""
        return False

    def throttled_session(self, request: Request) -> UUID | None:
        """Return the session to count the call by, if the view knows it without signing its user in.

        The call does not count as the user's: the session may have ended.
        """
        return None

    def checked(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Return the validated request body; raise ValidationError."""
        return _validated(serializer, self.request.data)

    def checked_changes(
        self, serializer: type[serializers.Serializer[Any]], *, shown: Callable[[], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Return what the validated request body asks to change; `shown` gives the row as the caller sees it. Raises
        ValidationError, also for a PATCH of nothing; where a version is sent along, the view checks that after it."""
        sent, fields = self.request.data, _validator(serializer).fields
        if self.request.method == "PATCH" and "version" not in fields:
            check_something_sent(sent, fields)
        return _validated(serializer, only_changes(sent, fields, shown))

    def checked_query(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Return the validated query string; raise ValidationError."""
        query = self.request.query_params
        validated = _validated(serializer, query)
        check_nothing_empty(query, _validator(serializer).fields)
        return validated


class ApiView(AuditMixin, PracticeScoped):
    """A view for signed-in users, in the scope of their practice. `permissions` maps each allowed method to the
    required permission."""

    permission_classes = [IsSignedIn, RolePermission, SecondFactorGiven, WorksInPractice]
    permissions: ClassVar[dict[str, Any]] = {}
    needs_practice: ClassVar[bool] = True
    takes_api_keys = True

    def view_methods(self) -> tuple[str, ...]:
        return tuple(self.permissions)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.caller.practice_id is not None:
            self.scope.enter_context(practice_scope(self.caller.practice_id))


class PublicView(PracticeScoped):
    """A view that anyone may call. Calls are counted by address, by the signed-in user with `optional_sign_in`, or by
    the session that the view names."""

    permission_classes = [SecondFactorGiven]
    methods: ClassVar[tuple[str, ...]] = ()
    optional_sign_in: ClassVar[bool] = False

    def get_authenticators(self) -> list[Any]:
        return super().get_authenticators() if self.optional_sign_in else []

    def view_methods(self) -> tuple[str, ...]:
        return self.methods


class UnknownPath(PublicView):
    """Answers 404 to everything under /api/ that is not a route."""

    schema = None

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}  # an Allow header would say that the path exists

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        self.check_throttles(request)
        raise NotFound(NOT_FOUND)
