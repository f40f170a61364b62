"""Assign a patient to a doctor and an office by a join code, at registration or afterwards while the registration is
pending. Once it is confirmed, only the front desk can change this."""

from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.join_codes import services as join_codes
from accounts.join_codes.services import CodeRefused, JoinCodeState
from accounts.models import JoinCode, User
from accounts.sessions import services as sessions
from core.errors import Conflict
from patients.models import ChartStatus, Patient

NOT_PENDING = _("Your registration is no longer pending. Please ask the practice to change your doctor.")


def join_practice(*, by: User, request: HttpRequest, join_code: str) -> JoinCode:
    """Assign this patient's account and pending chart to the code's doctor and office. Repeating it with the same code
    changes nothing and uses up nothing.

    Raises CodeRefused for a code that is not valid, Conflict if the chart is not pending, and Throttled and Unavailable
    (join_codes.count_attempt)."""
    join_codes.count_attempt(by=by, request=request)
    try:
        return _associate(by, join_code)
    except CodeRefused as refusal:
        _log_refused(by, refusal.reason, refusal.code)
        raise
    except Conflict:
        _log_refused(by, "not_pending")
        raise


@transaction.atomic
def _associate(by: User, typed: str) -> JoinCode:
    chart: Patient | None = Patient.objects.select_for_update().filter(user=by).first()
    if chart is None or chart.status != ChartStatus.PENDING:
        raise Conflict(NOT_PENDING)  # before the lookup, so that confirmed patients cannot probe codes
    account: User = User.objects.select_for_update().get(pk=by.pk)
    code = join_codes.lock(typed)
    reason = join_codes.get_refusal_reason(code)
    is_assigned = code is not None and (chart.primary_doctor_id, account.office_id) == (code.doctor_id, code.office_id)
    if code is None or (reason and not (is_assigned and reason == JoinCodeState.USED_UP)):
        raise CodeRefused("join_code", reason=reason, code=code)
    if not is_assigned:
        _assign(chart=chart, account=account, code=code)
    join_codes.log_used(code, patient_id=chart.pk, again=is_assigned)
    return code


def assign_doctor_and_office(*, chart: Patient, account: User, typed: str) -> None:
    """Assign a newly registered patient. Raises CodeRefused if the code has become invalid since it was looked up."""
    code = join_codes.lock(typed)
    reason = join_codes.get_refusal_reason(code)
    if code is None or reason:
        raise CodeRefused("joinCode", reason=reason, code=code)
    _assign(chart=chart, account=account, code=code)
    join_codes.log_used(code, patient_id=chart.pk)


def _assign(*, chart: Patient, account: User, code: JoinCode) -> None:
    """Assign the account to the code's office and the chart to its doctor, and count one use. All three rows must be
    locked."""
    join_codes.count_use(code)
    chart.primary_doctor = code.doctor
    chart.save(update_fields={"primary_doctor", "updated_at"})
    account.office = code.office
    account.save(update_fields={"office", "updated_at"})
    sessions.invalidate_user(user=account)


def _log_refused(by: User, reason: str, code: JoinCode | None = None) -> None:
    charts: list[UUID] = list(Patient.objects.filter(user=by).values_list("pk", flat=True))
    join_codes.log_refused(practice_id=by.practice_id, reason=reason, code=code, patients=charts)


def log_refused_registration(refusal: CodeRefused, *, by: User | None) -> None:
    """Log a registration refused because of its code. `by` is the member of staff who registers the patient, if any."""
    of_code = refusal.code.practice_id if refusal.code else None
    practice_id = by.practice_id if by is not None else of_code
    join_codes.log_refused(practice_id=practice_id, reason=refusal.reason, code=refusal.code)
