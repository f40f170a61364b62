"""How a patient comes to a doctor and an office: by a join code, when they register or afterwards, as long as their
registration waits to be confirmed. From then on the front desk changes the chart."""

from uuid import UUID

from django.db import transaction
from django.http import HttpRequest

from accounts import join_codes, sessions
from accounts.join_codes import CodeRefused, State
from accounts.models import JoinCode, User
from core.errors import Conflict
from patients.models import Patient, Status

NOT_WAITING = "Your registration no longer waits to be confirmed. Please ask the practice to change your doctor."


def associate(*, by: User, request: HttpRequest, join_code: str) -> JoinCode:
    """Ties this patient's account and pending chart to the code's doctor and office. Raises CodeRefused for a code that
    is not good, whatever the reason; Conflict for a chart that no longer waits; Throttled and Unavailable
    (join_codes.count_try). Again with the same code changes nothing and uses nothing up."""
    join_codes.count_try(by=by, request=request)
    try:
        return _associate(by, join_code)
    except CodeRefused as refusal:
        _tell_refused(by, refusal.reason, refusal.code)
        raise
    except Conflict:
        _tell_refused(by, "not_pending")
        raise


@transaction.atomic
def _associate(by: User, typed: str) -> JoinCode:
    chart: Patient | None = Patient.objects.select_for_update().filter(user=by).first()
    if chart is None or chart.status != Status.PENDING:
        raise Conflict(NOT_WAITING)  # before the code is looked up: who is confirmed learns nothing of codes
    account: User = User.objects.select_for_update().get(pk=by.pk)
    code = join_codes.locked(typed)
    reason = join_codes.why_refused(code)
    is_there = code is not None and (chart.primary_doctor_id, account.office_id) == (code.doctor_id, code.office_id)
    if code is None or (reason and not (is_there and reason == State.USED_UP)):
        raise CodeRefused("join_code", reason=reason, code=code)
    if not is_there:
        _tie(chart=chart, account=account, code=code)
    join_codes.tell_used(code, patient_id=chart.pk, again=is_there)
    return code


def tie_newcomer(*, chart: Patient, account: User, typed: str) -> None:
    """The same for somebody who is just registering. Raises CodeRefused where the code has ended since it was found."""
    code = join_codes.locked(typed)
    reason = join_codes.why_refused(code)
    if code is None or reason:
        raise CodeRefused("joinCode", reason=reason, code=code)
    _tie(chart=chart, account=account, code=code)
    join_codes.tell_used(code, patient_id=chart.pk)


def _tie(*, chart: Patient, account: User, code: JoinCode) -> None:
    """The account belongs to the code's office and the chart to its doctor; one use is counted. All three rows are this
    transaction's."""
    join_codes.count_use(code)
    chart.primary_doctor = code.doctor
    chart.save(update_fields={"primary_doctor", "updated_at"})
    account.office = code.office
    account.save(update_fields={"office", "updated_at"})
    sessions.user_changed(user=account)


def _tell_refused(by: User, reason: str, code: JoinCode | None = None) -> None:
    charts: list[UUID] = list(Patient.objects.filter(user=by).values_list("pk", flat=True))
    join_codes.tell_refused(practice_id=by.practice_id, reason=reason, code=code, patients=charts)


def tell_refused_newcomer(refusal: CodeRefused, *, by: User | None) -> None:
    """`by`: the colleague who registers somebody, if one does."""
    of_code = refusal.code.practice_id if refusal.code else None
    practice_id = by.practice_id if by is not None else of_code
    join_codes.tell_refused(practice_id=practice_id, reason=refusal.reason, code=refusal.code)
