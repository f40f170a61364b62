"""What the trail tells of the admin site: every page that shows patients, and every refused attempt on one."""

from collections.abc import Callable, Iterable
from typing import Any, cast
from uuid import UUID

from django.db.models import Model, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import User
from audit import trail
from audit.events import Kind, Outcome
from core.api.errors import TRAIL_DOWN
from patients.models import Patient
from patients.restriction import emergencies, open_for

# Pages that show nobody, each with the reason. Any other page has to say whom it shows, or it is not shown.
SHOW_NOBODY = {
    "login": "the form to sign in",
    "logout": "the goodbye",
    "password_change": "one's own password",
    "password_change_done": "the same",
    "own_sessions": "one's own devices",
    "own_sessions_end": "the same",
    "own_sessions_end_others": "the same",
    "second_factor": "the form for a code or a passkey at sign-in",
    "security": "what one proves oneself with at sign-in",
    "security_totp": "the same",
    "security_totp_confirm": "the same",
    "security_totp_remove": "the same",
    "security_passkey": "the same",
    "security_passkey_add": "the same",
    "security_passkey_remove": "the same",
    "security_recovery_codes": "the same",
    "pick_practice": "names of practices",
    "jsi18n": "translations",
    "app_list": "names of models",
    "accounts_user_history": "Django's list of who changed a row, which ours leave empty",
    "patients_patient_history": "the same",
    "appointments_appointment_history": "the same",
    "records_medicalrecord_history": "the same",
    "records_sessionnote_history": "the same",
    "records_planofcare_history": "the same",
    "records_attachment_history": "the same",
    "patients_deletion_history": "the same",
    "patients_emergencyaccess_history": "the same",
    "practices_practice_history": "the same",
    "practices_office_history": "the same",
    "practices_practice_change": "the practice itself",
    "practices_office_changelist": "the practice's offices",
    "practices_office_add": "the same",
    "practices_office_change": "the same",
    "accounts_joincode_changelist": "doctors and offices; who came with a code is told where they did",
    "accounts_joincode_add": "the same",
    "accounts_joincode_change": "the same",
    "accounts_joincode_history": "Django's list of who changed a row, which ours leave empty",
}


def shows(
    request: HttpRequest, rows: Iterable[Model], *, about: str, about_id: UUID | None = None, **told: Any
) -> None:
    """Say whom the page shows, and open what of it this person may look into: a restricted chart is shown closed
    otherwise. A patient's account names their chart; rows that name no patient, such as the team's accounts, are told
    by their own keys."""
    rows = list(rows)
    charts = [row if isinstance(row, Patient) else getattr(row, "patient", None) for row in rows]
    user = cast("User", request.user)
    told |= emergencies(open_for(user, [chart for chart in charts if chart is not None]))
    charts_of = charts_of_accounts([row.pk for row in rows if isinstance(row, User)])
    named = {row.pk: charts_of.get(row.pk) or row.about_patients() for row in rows}  # type: ignore[attr-defined]
    patients = [patient for row in rows for patient in named[row.pk]]
    others = [row.pk for row in rows if not named[row.pk]]
    if others:
        told["rows"] = others
    request.shown = {"patients": patients, "about": about, "about_id": about_id, **told}  # type: ignore[attr-defined]


def charts_of_accounts(accounts: list[UUID]) -> dict[UUID, list[UUID]]:
    """Whose chart an account's is, where it is a patient's. Asked once for a whole page."""
    charts = Patient.objects.filter(user__in=accounts).values_list("user", "pk") if accounts else ()
    return {account: [chart] for account, chart in charts}


class AdminTrail:
    """Inside the practice's scope (dashboard/admin_scope.py): a page is answered once the trail has told of it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        practice = getattr(request, "practice", None)
        if practice is None:
            return self.get_response(request)
        response = self.get_response(request)
        try:
            _tell(request, response, practice.pk)
        except trail.TrailDown:
            return unavailable(request)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return unavailable(request) if isinstance(exception, trail.TrailDown) else None


def unavailable(request: HttpRequest) -> HttpResponse:
    """The page instead of one that the trail cannot tell of."""
    return render(request, "error.html", {"title": "This did not work", "sentence": TRAIL_DOWN}, status=503)


def _tell(request: HttpRequest, response: HttpResponse, practice_id: UUID) -> None:
    match = request.resolver_match
    page = match.url_name if match else None
    if response.status_code in (403, 404):
        asked = next((value for value in map(_as_uuid, match.kwargs.values()) if value), None) if match else None
        charts = Patient.objects.filter(Q(pk=asked) | Q(user=asked)).values_list("pk", flat=True) if asked else ()
        trail.record(
            Kind.PAGE_READ,
            practice_id=practice_id,
            outcome=Outcome.REFUSED,
            patients=charts,
            about_id=asked,
            page=page,
            status=response.status_code,
        )
    elif response.status_code == 200 and page not in SHOW_NOBODY:
        told = {"kind": Kind.PAGE_READ, **request.shown}  # type: ignore[attr-defined]
        trail.record(practice_id=practice_id, page=page, **told)


def _as_uuid(value: Any) -> UUID | None:
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError:
        return None
