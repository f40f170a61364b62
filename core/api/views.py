"""The base of every API view: who calls, how often, whether they may, in which practice, and what the trail tells."""

from collections.abc import Iterable
from contextlib import ExitStack
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from django.apps import apps
from django.http import HttpResponseBase
from rest_framework import serializers
from rest_framework.exceptions import APIException, MethodNotAllowed, NotAuthenticated, PermissionDenied
from rest_framework.request import Request
from rest_framework.views import APIView

from audit import context, trail
from audit.events import Kind, Outcome
from core.api import limits
from core.api.errors import NOT_FOUND
from core.api.permissions import RolePermission, effective_method
from core.errors import Forbidden, Missing
from core.scope import INSTALLATION, account_scope, open_scope, practice_scope

DATA = {Kind.CREATED, Kind.CHANGED, Kind.DELETED}
CHANGES = DATA | {
    Kind.AMENDED,
    Kind.SOFT_DELETED,
    Kind.RESTORED,
    Kind.NOTE_FINALISED,
    Kind.HOLD_PLACED,
    Kind.HOLD_LIFTED,
    Kind.RESTRICTED,
    Kind.UNRESTRICTED,
    Kind.GLASS_BROKEN,
    Kind.EMERGENCY_REVIEWED,
    Kind.JOIN_CODE_USED,
    Kind.ALL_SESSIONS_ENDED,
    Kind.FACTOR_REMOVED,
    Kind.REGISTRATION_CONFIRMED,
    Kind.REGISTRATION_DECLINED,
    Kind.REGISTRATION_REOPENED,
}
NOT_AUTHENTICATED = "Not authenticated"  # the contract's words
SECOND_FACTOR_DUE = "Your practice asks for two-factor sign-in. Please set up a second factor first."


@cache
def _validator(serializer: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """One instance serves every request: DRF copies all fields for each, and validating leaves nothing on it."""
    return serializer()


def _validated(serializer: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    return dict(_validator(serializer).run_validation(data))


def _status_of(error: Exception) -> int:
    return getattr(error, "status", 0) or getattr(error, "status_code", 0)


def patients_of(label: str, pk: UUID | None) -> list[UUID]:
    """Whom a row of the open scope's practice tells of, a deleted one too; nobody where there is no such row in it."""
    model: Any = apps.get_model(label)
    if pk is None or not getattr(model, "patient_field", "") or open_scope() == INSTALLATION:
        return []
    rows = getattr(model, "with_deleted", model.objects)
    return list(rows.filter(pk=pk).values_list(model.patient_field, flat=True))


class PracticeScoped(APIView):
    """Counts the call, opens the practice's scope once the caller is known, and closes it whatever happens."""

    counted: ClassVar[bool] = True
    format_kwarg = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """DRF's own, with the scope and the trail around the handler."""
        self.args, self.kwargs = args, kwargs
        self.request = request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        with ExitStack() as self.scope:
            try:
                self.initial(request, *args, **kwargs)
                response = getattr(self, str(request.method).lower())(request, *args, **kwargs)
                self.tell_done()
            except Exception as error:
                response = self.handle_exception(self.told(error))
            self.response = self.finalize_response(request, response, *args, **kwargs)
        return self.response

    def tell_done(self) -> None:
        """Called before an answer leaves."""

    def told(self, error: Exception) -> Exception:
        """Called before an error is answered; the error to answer."""
        return error

    def allowed_here(self) -> tuple[str, ...]:
        raise NotImplementedError

    @property
    def allowed_methods(self) -> list[str]:
        return sorted(self.allowed_here())

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        if effective_method(request) not in self.allowed_here():
            raise MethodNotAllowed(str(request.method))
        self._count(request)
        self.enter(request)

    def _count(self, request: Request) -> None:
        if not self.counted:
            return
        try:
            user = request.user
        except APIException:
            limits.count_address(request._request)
            raise
        if user is None:
            limits.count_address(request._request)
        elif request.auth is None:
            limits.count_user(str(user.pk))
        elif not request.auth:
            limits.refuse(str(user.pk))

    def enter(self, request: Request) -> None:
        """Let the caller in or raise."""
        raise NotImplementedError

    def _identify(self) -> None:
        """Tell the trail who the request is from."""
        caller = self.caller
        if caller is not None:
            context.identify(user_id=caller.pk, role=caller.role, practice_id=caller.practice_id)

    @property
    def caller(self) -> Any:
        """The signed-in user; None on a public view where nobody is."""
        return self.request.user

    def checked(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The request's body as this serializer takes it; raises ValidationError."""
        return _validated(serializer, self.request.data)

    def checked_query(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The same for the query string."""
        return _validated(serializer, self.request.query_params)


class ApiView(PracticeScoped):
    """A view for signed-in people. `permissions` maps each method to what it takes; no entry, no method.

    `trail` maps each method that shows or changes what is known of patients to the event that tells of it (a guard
    asks for a reason where it does not); `about` names the model.
    """

    permissions: ClassVar[dict[str, Any]] = {}
    trail: ClassVar[dict[str, Kind]] = {}
    about: ClassVar[str] = ""
    needs_practice: ClassVar[bool] = True
    before_second_factor: ClassVar[bool] = False  # open to somebody whose practice asks them to set one up first
    _seen: tuple[Iterable[UUID], Kind | None, dict[str, Any]] | None = None

    def tell_done(self) -> None:
        """Nothing of a patient leaves before the trail has it."""
        kind = self.trail.get(effective_method(self.request))
        in_emergency = kind in DATA and self._seen is not None and "emergency" in self._seen[2]
        if kind is None or (kind in CHANGES and context.current().events and not in_emergency):
            return  # a change has told of itself, though not by which emergency access it was possible
        if self._seen is None:
            raise RuntimeError(f"{type(self).__name__} shows patients and does not say which: call self.saw(...).")
        patients, seen_kind, details = self._seen
        trail.record(
            seen_kind or kind, practice_id=self.caller.practice_id, patients=patients, about=self.about, **details
        )

    def told(self, error: Exception) -> Exception:
        """A refused attempt on what is known of patients is told too."""
        kind, status = self.trail.get(effective_method(self.request)), _status_of(error)
        if kind is None or status not in (403, 404) or self.caller is None:
            return error
        about = getattr(error, "about", "") or self.about
        about_id = getattr(error, "about_id", None) or next(iter(self.kwargs.values()), None)
        try:
            with account_scope(self.caller.practice_id):
                trail.record(
                    kind,
                    practice_id=self.caller.practice_id,
                    outcome=Outcome.REFUSED,
                    patients=patients_of(about, about_id),
                    about=about,
                    about_id=about_id,
                    status=status,
                )
        except trail.TrailDown as down:
            return down
        return error

    def saw(self, patients: Iterable[UUID], *, kind: Kind | None = None, **details: Any) -> None:
        """Say whom the answer tells of; `kind` where it is another than `trail` has for the method. A change needs no
        more than that: its own events are in the trail already, and this is for one that changed nothing."""
        self._seen = patients, kind, details

    def allowed_here(self) -> tuple[str, ...]:
        return tuple(self.permissions)

    def enter(self, request: Request) -> None:
        if self.caller is None:
            raise NotAuthenticated(NOT_AUTHENTICATED)
        self._identify()
        for permission in self.get_permissions():
            if not permission.has_permission(request, self):
                raise PermissionDenied(RolePermission.message)
        if self.caller.second_factor_due and not self.before_second_factor:
            raise Forbidden(SECOND_FACTOR_DUE)
        if self.caller.practice_id is not None:
            self.scope.enter_context(practice_scope(self.caller.practice_id))
        elif self.needs_practice:
            raise Forbidden("This account belongs to no practice; it works in the admin site.")


class PublicView(PracticeScoped):
    """A view that anybody may call; counted by address, by user where one is signed in and `knows_caller`, or by
    session where the view names one."""

    methods: ClassVar[tuple[str, ...]] = ()
    knows_caller: ClassVar[bool] = False

    def get_authenticators(self) -> list[Any]:
        return super().get_authenticators() if self.knows_caller else []

    def allowed_here(self) -> tuple[str, ...]:
        return self.methods

    def enter(self, request: Request) -> None:
        if self.knows_caller:
            self._identify()
            if self.caller is not None and self.caller.second_factor_due:
                raise Forbidden(SECOND_FACTOR_DUE)

    def counted_session(self, request: Request) -> UUID | None:
        """The session whose call this is, where the view can tell without signing its user in. It is counted by
        itself and not with its user's calls: the session may have ended, and then costs its user nothing."""
        return None

    def _count(self, request: Request) -> None:
        session_id = self.counted_session(request)
        if session_id is None:
            super()._count(request)
        else:
            limits.count_user(f"session:{session_id}")


class UnknownPath(PublicView):
    """Everything under /api/ that is no route."""

    schema = None

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}  # no method is allowed here, and an empty Allow would say that the path exists

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        self._count(request)
        raise Missing(NOT_FOUND)
