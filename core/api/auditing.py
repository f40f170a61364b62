"""Audit events of API views (docs/adr/0011): recorded before any patient data leaves, and for refused attempts."""

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.apps import apps
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit import context, log
from audit.events import AuditEvent, Outcome
from core.api.permissions import effective_method
from core.tenancy.scope import INSTALLATION, account_scope, open_scope


class AuditMixin(APIView):
    """Records the audit event of a request: as DRF finishes a response, or turns an exception into one.

    `audit_events` maps each method that shows or changes patient data to its event (a guard asks for a reason where it
    does not); `audited_model` is the model's label.
    """

    audit_events: ClassVar[dict[str, AuditEvent]] = {}
    audited_model: ClassVar[str] = ""
    _read: tuple[Iterable[UUID], AuditEvent | None, dict[str, Any]] | None = None
    _shows_nobody = False

    def audit_read(self, patients: Iterable[UUID], *, kind: AuditEvent | None = None, **details: Any) -> None:
        """Declare the patients whose data the response holds; `kind` overrides the method's event.

        A change has recorded its own events already; for it this counts only if nothing was changed.
        """
        self._read = list(patients), kind, details

    def audit_nothing(self) -> None:
        """Declare that the response shows no patient, as one that is asked for every second or two and holds nothing
        new: it leaves no event."""
        self._shows_nobody = True

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if not getattr(response, "exception", False):  # set by DRF on responses of `handle_exception`
            try:
                self.audit_success()
            except Exception as error:
                response = self.handle_exception(error)
        return super().finalize_response(request, response, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(self.audit_refusal(exc))

    def audit_success(self) -> None:
        """Record whose data the response holds. A change has recorded itself, but not the emergency access it used."""
        kind = self.audit_events.get(effective_method(self.request))
        if kind is None or self._shows_nobody:
            return
        in_emergency = kind.is_data_change and self._read is not None and "emergency" in self._read[2]
        if kind.is_change and context.current().events and not in_emergency:
            return
        if self._read is None:
            raise RuntimeError(
                f"{type(self).__name__} shows patient data without declaring it: call self.audit_read(...)."
            )
        patients, read_kind, details = self._read
        caller: Any = self.request.user
        log.record(
            read_kind or kind, practice_id=caller.practice_id, patients=patients, about=self.audited_model, **details
        )

    def audit_refusal(self, error: Exception) -> Exception:
        """Record a refused attempt to access patient data. Return the error to answer: AuditLogUnavailable if it cannot
        be recorded."""
        kind, status = self.audit_events.get(effective_method(self.request)), _status_of(error)
        if kind is None or status not in (403, 404):
            return error
        caller: Any = self.request.user
        if caller is None:
            return error
        about = getattr(error, "about", "") or self.audited_model
        about_id = getattr(error, "about_id", None) or next(iter(self.kwargs.values()), None)
        try:
            with account_scope(caller.practice_id):
                log.record(
                    kind,
                    practice_id=caller.practice_id,
                    outcome=Outcome.REFUSED,
                    patients=patients_of(about, about_id),
                    about=about,
                    about_id=about_id,
                    status=status,
                )
        except log.AuditLogUnavailable as down:
            return down
        return error


def _status_of(error: Exception) -> int:
    return getattr(error, "status", 0) or getattr(error, "status_code", 0)


def patients_of(label: str, pk: UUID | None) -> list[UUID]:
    """Return the patients of a row of the current practice, deleted or not; an empty list if there is no such row."""
    model: Any = apps.get_model(label)
    if pk is None or not getattr(model, "patient_field", "") or open_scope() == INSTALLATION:
        return []
    rows = getattr(model, "with_deleted", model.objects)
    return list(rows.filter(pk=pk).values_list(model.patient_field, flat=True))
