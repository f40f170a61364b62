"""Every API route has a view that declares who may call it; routes open to anyone are listed with a reason."""

import re

import pytest

from accounts.roles import PERMISSIONS, Role
from core.api.routes import api_routes
from core.api.views import ApiView, PublicView
from core.permissions import Permission

OPEN = {
    "api/auth/login": "signing in is how one becomes known",
    "api/auth/refresh": "the refresh cookie is the proof; the access cookie may have expired",
    "api/auth/logout": "whoever is not signed in is signed out already",
    "api/auth/register": "patients register themselves; patients/registrations/register.py decides on every other role",
    "api/auth/token": "signing in is how one becomes known, and a refresh token is its own proof",
    "auth/login": "the same for mobile apps",
    "api/auth/mfa": "its token is the proof that the password was right",
    "api/auth/mfa/passkey": "the same",
    "auth/mfa": "the same",
    "auth/mfa/passkey": "the same",
    "auth/refresh": "the refresh token is the proof; the access token may have expired",
    "auth/logout": "whoever is not signed in is signed out already",
    "auth/roles": "what the roles are called; says nothing of anybody",
    "auth": "an unknown path like those below: 404",
    "auth/": "every unknown path: 404",
    "api/auth/password-reset": "who has forgotten their password is nobody yet; answers everybody the same",
    "api/auth/password-reset/confirm": "the token of the e-mail is the proof",
    "api/calendar-feed/<str:token>.ics": "for calendar programs: the secret in the address is the proof",
    "api/providers/sendgrid": "SendGrid's signature over the body is the proof",
    "api/payments/stripe/webhook": "Stripe's signature over the body is the proof",
    "api/providers/twilio": "Twilio's signature over address and body is the proof",
    "api/health": "for monitors; shows no data",
    "api/health/live": "for monitors; shows no data",
    "api/health/ready": "for orchestrators; shows no data",
    "api/health/worker": "for monitors; shows how late the worker is",
    "api/schema": "the documented contract",
    "api/docs": "the documented contract",
    "api/redoc": "the documented contract",
    "api": "an unknown path like those below: 404",
    "api/": "every unknown path: 404",
}
VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
WHO = {"admin": "A", "doctor": "D", "staff": "S", "billing": "B", "patient": "P"}
# The contract's role lines: who is let in, by their initials.
LET_IN = {
    ("GET", "api/users/me"): "ADSBP",
    ("PATCH", "api/users/me"): "ADSBP",
    ("GET", "api/users/me/mfa"): "ADSBP",
    ("POST", "api/users/me/mfa/totp"): "ADSBP",
    ("DELETE", "api/users/me/mfa/totp"): "ADSBP",
    ("POST", "api/users/me/mfa/totp/confirm"): "ADSBP",
    ("POST", "api/users/me/mfa/passkeys"): "ADSBP",
    ("POST", "api/users/me/mfa/passkeys/confirm"): "ADSBP",
    ("DELETE", "api/users/me/mfa/passkeys/<uuid:passkey_id>"): "ADSBP",
    ("POST", "api/users/me/mfa/recovery-codes"): "ADSBP",
    ("POST", "api/users/me/password"): "ADSBP",
    ("GET", "api/users/me/sessions"): "ADSBP",
    ("DELETE", "api/users/me/sessions"): "ADSBP",
    ("DELETE", "api/users/me/sessions/<uuid:session_id>"): "ADSBP",
    ("GET", "api/users"): "A",
    ("PATCH", "api/users/<uuid:user_id>"): "A",
    ("DELETE", "api/users/<uuid:user_id>/sessions"): "A",
    ("DELETE", "api/users/<uuid:user_id>/mfa"): "A",
    ("GET", "api/patients"): "ADSBP",
    ("POST", "api/patients"): "AS",
    ("GET", "api/patients/<uuid:chart_id>"): "ADSBP",
    ("PATCH", "api/patients/<uuid:chart_id>"): "ADSP",
    ("DELETE", "api/patients/<uuid:chart_id>"): "A",
    ("GET", "api/patients/<uuid:chart_id>/message-wishes"): "ADSBP",
    ("PATCH", "api/patients/<uuid:chart_id>/message-wishes"): "ASP",
    ("POST", "api/patients/<uuid:chart_id>/merge"): "AS",
    ("POST", "api/patients/<uuid:chart_id>/merge/undo"): "A",
    ("POST", "api/patients/<uuid:chart_id>/restore"): "A",
    ("GET", "api/patients/<uuid:chart_id>/legal-hold"): "A",
    ("POST", "api/patients/<uuid:chart_id>/legal-hold"): "A",
    ("DELETE", "api/patients/<uuid:chart_id>/legal-hold"): "A",
    ("GET", "api/deleted"): "A",
    ("PUT", "api/patients/<uuid:chart_id>/restriction"): "AD",
    ("DELETE", "api/patients/<uuid:chart_id>/restriction"): "AD",
    ("POST", "api/patients/<uuid:chart_id>/emergency-access"): "AD",
    ("GET", "api/registrations"): "AS",
    ("POST", "api/registrations/<uuid:registration_id>/confirm"): "AS",
    ("POST", "api/registrations/<uuid:registration_id>/decline"): "AS",
    ("POST", "api/registrations/<uuid:declined_id>/reopen"): "A",
    ("GET", "api/emergency-accesses"): "A",
    ("POST", "api/emergency-accesses/<uuid:access_id>/review"): "A",
    ("POST", "api/ws-ticket"): "ADSBP",
    ("GET", "api/api-keys"): "A",
    ("POST", "api/api-keys"): "A",
    ("DELETE", "api/api-keys/<uuid:key_id>"): "A",
    ("GET", "api/invitations"): "A",
    ("POST", "api/invitations"): "A",
    ("POST", "api/invitations/<uuid:invitation_id>/resend"): "A",
    ("POST", "api/invitations/<uuid:invitation_id>/withdraw"): "A",
    ("GET", "api/join-codes"): "AD",
    ("POST", "api/join-codes"): "AD",
    ("DELETE", "api/join-codes/<uuid:code_id>"): "AD",
    ("GET", "api/practice"): "ADSBP",
    ("PATCH", "api/practice"): "A",
    ("GET", "api/offices"): "ADSBP",
    ("POST", "api/offices"): "A",
    ("GET", "api/offices/<uuid:office_id>"): "ADSBP",
    ("PATCH", "api/offices/<uuid:office_id>"): "A",
    ("DELETE", "api/offices/<uuid:office_id>"): "A",
    ("GET", "api/doctors"): "ADSBP",
    ("GET", "api/doctors/<uuid:doctor_id>"): "ADSBP",
    ("GET", "api/appointments"): "ADSBP",
    ("POST", "api/appointments"): "DSP",
    ("GET", "api/appointments/<uuid:appointment_id>"): "ADSBP",
    ("PATCH", "api/appointments/<uuid:appointment_id>"): "ADSP",
    ("DELETE", "api/appointments/<uuid:appointment_id>"): "AS",
    ("POST", "api/appointments/<uuid:appointment_id>/restore"): "AS",
    ("POST", "api/appointments/series"): "DS",
    ("POST", "api/calendar-feed"): "DP",
    ("DELETE", "api/calendar-feed"): "DP",
    ("GET", "api/webhooks"): "A",
    ("POST", "api/webhooks"): "A",
    ("GET", "api/webhooks/<uuid:webhook_id>"): "A",
    ("PATCH", "api/webhooks/<uuid:webhook_id>"): "A",
    ("DELETE", "api/webhooks/<uuid:webhook_id>"): "A",
    ("POST", "api/webhooks/<uuid:webhook_id>/rotate-secret"): "A",
    ("GET", "api/webhooks/<uuid:webhook_id>/deliveries"): "A",
    ("POST", "api/webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/resend"): "A",
    ("POST", "api/holds"): "DSP",
    ("DELETE", "api/holds/<uuid:hold_id>"): "DSP",
    ("GET", "api/waiting-list"): "ADSP",
    ("POST", "api/waiting-list"): "ADS",
    ("GET", "api/waiting-list/matches"): "ADS",
    ("GET", "api/waiting-list/<uuid:entry_id>"): "ADSP",
    ("PATCH", "api/waiting-list/<uuid:entry_id>"): "ADS",
    ("POST", "api/waiting-list/<uuid:entry_id>/withdraw"): "ADSP",
    ("POST", "api/waiting-list/<uuid:entry_id>/offers"): "ADS",
    ("DELETE", "api/waiting-list/<uuid:entry_id>/offers/<uuid:offer_id>"): "ADSP",
    ("POST", "api/waiting-list/<uuid:entry_id>/offers/<uuid:offer_id>/accept"): "ADSP",
    ("GET", "api/appointments/<uuid:appointment_id>/history"): "ADSB",
    ("GET", "api/appointments/<uuid:appointment_id>/messages"): "ADSB",
    ("POST", "api/appointments/<uuid:appointment_id>/confirm"): "ADSP",
    ("POST", "api/appointments/<uuid:appointment_id>/arrive"): "ADS",
    ("POST", "api/appointments/<uuid:appointment_id>/start"): "ADS",
    ("POST", "api/appointments/<uuid:appointment_id>/finish"): "ADS",
    ("POST", "api/appointments/<uuid:appointment_id>/no-show"): "ADS",
    ("POST", "api/appointments/<uuid:appointment_id>/undo"): "ADSP",
    ("GET", "api/appointment-types"): "ADSBP",
    ("POST", "api/appointment-types"): "A",
    ("GET", "api/appointment-types/<uuid:type_id>"): "ADSBP",
    ("PATCH", "api/appointment-types/<uuid:type_id>"): "A",
    ("DELETE", "api/appointment-types/<uuid:type_id>"): "A",
    ("GET", "api/rooms"): "ADSBP",
    ("POST", "api/rooms"): "A",
    ("GET", "api/rooms/<uuid:room_id>"): "ADSBP",
    ("PATCH", "api/rooms/<uuid:room_id>"): "A",
    ("DELETE", "api/rooms/<uuid:room_id>"): "A",
    **{
        (method, f"api/patients/<uuid:chart_id>/{name}"): who
        for name in ("problems", "medications", "allergies")
        for method, who in {"GET": "ADSP", "POST": "ADS"}.items()
    },
    ("PUT", "api/patients/<uuid:chart_id>/allergies/none-known"): "ADS",
    ("GET", "api/chart-entries/<uuid:chart_entry_id>"): "ADSP",
    ("PATCH", "api/chart-entries/<uuid:chart_entry_id>"): "ADS",
    ("DELETE", "api/chart-entries/<uuid:chart_entry_id>"): "ADS",
    ("POST", "api/chart-entries/<uuid:chart_entry_id>/restore"): "ADS",
    ("GET", "api/chart-entries/<uuid:chart_entry_id>/versions"): "ADSP",
    ("GET", "api/chart-entries/<uuid:chart_entry_id>/versions/<int:number>"): "ADSP",
    ("GET", "api/measures"): "ADSP",
    ("GET", "api/body-charts"): "ADSP",
    ("POST", "api/measures"): "ADS",
    ("POST", "api/body-charts"): "ADS",
    ("GET", "api/measures/<uuid:measure_id>"): "ADSP",
    ("GET", "api/body-charts/<uuid:body_chart_id>"): "ADSP",
    ("DELETE", "api/measures/<uuid:measure_id>"): "ADS",
    ("DELETE", "api/body-charts/<uuid:body_chart_id>"): "ADS",
    ("POST", "api/measures/<uuid:measure_id>/restore"): "ADS",
    ("POST", "api/body-charts/<uuid:body_chart_id>/restore"): "ADS",
    ("POST", "api/measures/<uuid:measure_id>/amendments"): "ADS",
    ("POST", "api/body-charts/<uuid:body_chart_id>/amendments"): "ADS",
    ("GET", "api/measures/<uuid:measure_id>/versions"): "ADSP",
    ("GET", "api/body-charts/<uuid:body_chart_id>/versions"): "ADSP",
    ("GET", "api/measures/<uuid:measure_id>/versions/<int:number>"): "ADSP",
    ("GET", "api/body-charts/<uuid:body_chart_id>/versions/<int:number>"): "ADSP",
    ("GET", "api/form-templates"): "ADS",
    ("POST", "api/form-templates"): "A",
    ("GET", "api/form-templates/<uuid:form_template_id>"): "ADS",
    ("PATCH", "api/form-templates/<uuid:form_template_id>"): "A",
    ("GET", "api/forms"): "ADSP",
    ("POST", "api/forms"): "ADSP",
    ("GET", "api/forms/<uuid:form_id>"): "ADSP",
    ("DELETE", "api/forms/<uuid:form_id>"): "ADS",
    ("POST", "api/forms/<uuid:form_id>/restore"): "ADS",
    ("POST", "api/forms/<uuid:form_id>/complete"): "ADSP",
    ("POST", "api/forms/<uuid:form_id>/code"): "ADS",
    ("POST", "api/forms/<uuid:form_id>/withdraw"): "ADSP",
    ("POST", "api/forms/<uuid:form_id>/review"): "ADS",
    ("GET", "api/note-templates"): "AD",
    ("POST", "api/note-templates"): "AD",
    ("GET", "api/note-templates/<uuid:template_id>"): "AD",
    ("PATCH", "api/note-templates/<uuid:template_id>"): "AD",
    ("DELETE", "api/note-templates/<uuid:template_id>"): "AD",
    ("GET", "api/letter-templates"): "AD",
    ("POST", "api/letter-templates"): "AD",
    ("GET", "api/letter-templates/<uuid:letter_template_id>"): "AD",
    ("PATCH", "api/letter-templates/<uuid:letter_template_id>"): "AD",
    ("DELETE", "api/letter-templates/<uuid:letter_template_id>"): "AD",
    ("POST", "api/patients/<uuid:chart_id>/letters"): "D",
    ("GET", "api/patients/<uuid:chart_id>/letters/<uuid:letter_template_id>"): "D",
    ("GET", "api/phrases"): "AD",
    ("POST", "api/phrases"): "AD",
    ("GET", "api/phrases/<uuid:phrase_id>"): "AD",
    ("PATCH", "api/phrases/<uuid:phrase_id>"): "AD",
    ("DELETE", "api/phrases/<uuid:phrase_id>"): "AD",
    ("GET", "api/working-hours"): "ADSBP",
    ("POST", "api/working-hours"): "AD",
    ("GET", "api/working-hours/<uuid:hours_id>"): "ADSBP",
    ("PATCH", "api/working-hours/<uuid:hours_id>"): "AD",
    ("DELETE", "api/working-hours/<uuid:hours_id>"): "AD",
    ("GET", "api/schedule-exceptions"): "ADSB",
    ("POST", "api/schedule-exceptions"): "AD",
    ("GET", "api/schedule-exceptions/<uuid:exception_id>"): "ADSB",
    ("PATCH", "api/schedule-exceptions/<uuid:exception_id>"): "AD",
    ("DELETE", "api/schedule-exceptions/<uuid:exception_id>"): "AD",
    ("GET", "api/holidays"): "A",
    ("POST", "api/holidays"): "A",
    ("GET", "api/availability"): "ADSBP",
    ("GET", "api/availability/next"): "ADSBP",
    ("POST", "api/invoices/<uuid:invoice_id>/pay-link"): "ASBP",
    ("GET", "api/billing-policy"): "ASB",
    ("PUT", "api/billing-policy"): "AB",
    ("GET", "api/claims/identities"): "AB",
    ("PUT", "api/claims/identities"): "AB",
    ("GET", "api/claims/visits/<uuid:appointment_id>/codes"): "ADB",
    ("PUT", "api/claims/visits/<uuid:appointment_id>/codes"): "ADB",
    ("GET", "api/claims/visits/<uuid:appointment_id>/superbill"): "ADB",
    ("GET", "api/claims/patients/<uuid:chart_id>/coverages"): "ASB",
    ("PUT", "api/claims/patients/<uuid:chart_id>/coverages"): "ASB",
    ("GET", "api/claims/patients/<uuid:chart_id>/superbill"): "ADB",
    ("GET", "api/reports/takings"): "ASB",
    ("GET", "api/reports/revenue"): "AB",
    ("GET", "api/reports/unpaid"): "ASB",
    ("GET", "api/reports/payers"): "ASB",
    ("GET", "api/reports/visits"): "A",
    ("GET", "api/reports/own-revenue"): "D",
    ("GET", "api/claims/visits/<uuid:appointment_id>/cms1500"): "ADB",
    ("POST", "api/invoices/<uuid:invoice_id>/email"): "ASB",
    ("POST", "api/payments/<uuid:payment_id>/email"): "ASB",
    ("GET", "api/services"): "ASB",
    ("POST", "api/services"): "AB",
    ("GET", "api/services/<uuid:service_id>"): "ASB",
    ("PATCH", "api/services/<uuid:service_id>"): "AB",
    ("GET", "api/invoices"): "ASBP",
    ("POST", "api/invoices"): "AB",
    ("GET", "api/invoices/<uuid:invoice_id>"): "ASBP",
    ("PATCH", "api/invoices/<uuid:invoice_id>"): "AB",
    ("DELETE", "api/invoices/<uuid:invoice_id>"): "AB",
    ("POST", "api/invoices/<uuid:invoice_id>/issue"): "AB",
    ("POST", "api/invoices/<uuid:invoice_id>/credit"): "AB",
    ("POST", "api/invoices/<uuid:invoice_id>/write-off"): "AB",
    ("POST", "api/invoices/<uuid:invoice_id>/use-credit"): "ASB",
    **{
        ("GET", f"api/{path}"): "ASBP"
        for path in (
            "invoices/<uuid:invoice_id>/pdf",
            "payments/<uuid:payment_id>/receipt",
            "patients/<uuid:chart_id>/account/statement",
        )
    },
    ("GET", "api/payments"): "ASBP",
    ("POST", "api/payments"): "ASB",
    ("GET", "api/payments/<uuid:payment_id>"): "ASBP",
    ("POST", "api/payments/<uuid:payment_id>/allocations"): "ASB",
    ("POST", "api/payments/<uuid:payment_id>/refund"): "AB",
    ("GET", "api/patients/<uuid:chart_id>/account"): "ASBP",
    ("DELETE", "api/records/<uuid:record_id>"): "A",
    ("POST", "api/records/<uuid:record_id>/restore"): "A",
    ("DELETE", "api/sessions/<uuid:note_id>"): "AD",
    ("POST", "api/sessions/<uuid:note_id>/restore"): "AD",
    ("DELETE", "api/plans/<uuid:plan_id>"): "AD",
    ("POST", "api/plans/<uuid:plan_id>/restore"): "AD",
    ("GET", "api/attachments"): "ADSP",
    ("POST", "api/attachments"): "ADS",
    ("GET", "api/attachments/<uuid:attachment_id>"): "ADSP",
    ("PATCH", "api/attachments/<uuid:attachment_id>"): "ADS",
    ("GET", "api/attachments/<uuid:attachment_id>/content"): "ADSP",
    ("POST", "api/attachments/<uuid:attachment_id>/link"): "ADSP",
    ("GET", "api/attachments/<uuid:attachment_id>/link/<str:token>"): "ADSP",
    ("GET", "api/patients/<uuid:chart_id>/attachments.zip"): "ADSP",
    ("DELETE", "api/attachments/<uuid:attachment_id>"): "ADS",
    ("POST", "api/attachments/<uuid:attachment_id>/restore"): "ADS",
    ("GET", "api/records"): "ADSP",
    ("POST", "api/records"): "D",
    ("GET", "api/records/<uuid:record_id>"): "ADSP",
    ("POST", "api/records/<uuid:record_id>/amendments"): "D",
    ("GET", "api/records/<uuid:record_id>/versions"): "ADSP",
    ("GET", "api/records/<uuid:record_id>/versions/<int:number>"): "ADSP",
    ("GET", "api/sessions"): "ADSP",
    ("POST", "api/sessions"): "D",
    ("POST", "api/sessions/search"): "ADSP",
    ("GET", "api/sessions/last-finalised"): "ADSP",
    ("GET", "api/sessions/<uuid:note_id>"): "ADSP",
    ("PATCH", "api/sessions/<uuid:note_id>"): "D",
    ("POST", "api/sessions/<uuid:note_id>/finalise"): "D",
    ("POST", "api/sessions/<uuid:note_id>/amendments"): "D",
    ("GET", "api/sessions/<uuid:note_id>/versions"): "ADSP",
    ("GET", "api/sessions/<uuid:note_id>/versions/<int:number>"): "ADSP",
    ("GET", "api/plans"): "ADSP",
    ("POST", "api/plans"): "D",
    ("GET", "api/plans/<uuid:plan_id>"): "ADSP",
    ("POST", "api/plans/<uuid:plan_id>/amendments"): "D",
    ("GET", "api/plans/<uuid:plan_id>/versions"): "ADSP",
    ("GET", "api/plans/<uuid:plan_id>/versions/<int:number>"): "ADSP",
    ("POST", "api/plans/<uuid:plan_id>/goals/<uuid:goal_id>/progress"): "D",
    ("PUT", "api/plans/<uuid:plan_id>/appointments/<uuid:appointment_id>"): "D",
    ("DELETE", "api/plans/<uuid:plan_id>/appointments/<uuid:appointment_id>"): "D",
    ("GET", "api/plans/<uuid:plan_id>/pdf"): "ADSP",
    ("GET", "api/records/<uuid:record_id>/prescription"): "ADSP",
    ("GET", "api/sessions/<uuid:note_id>/pdf"): "ADSP",
    ("GET", "api/patients/<uuid:chart_id>/export"): "AP",
    ("GET", "api/dashboard/stats"): "ADSBP",
    ("GET", "api/audit"): "A",
    ("GET", "api/patients/<uuid:chart_id>/accesses"): "AP",
    ("POST", "auth/register"): "A",
    ("POST", "auth/associate"): "P",
}
NOBODY = "01890000-0000-7000-8000-000000000000"


def path_with_unknown_id(path, pk=NOBODY):
    """Return the path with ids that no row has."""
    return "/" + re.sub(r"<(\w+):\w+>", lambda part: pk if part[1] == "uuid" else "1", path)


API = list(api_routes())
GUARDED = [(path, view) for path, view in API if isinstance(view, type) and issubclass(view, ApiView)]


@pytest.fixture(autouse=True)
def _no_limits(settings):
    settings.RATE_LIMIT_PER_MINUTE = settings.ANON_RATE_LIMIT_PER_MINUTE = 1_000_000


def test_every_address_is_guarded_or_open_for_a_reason():
    unguarded = {path for path, view in API if not (isinstance(view, type) and issubclass(view, ApiView))}

    assert unguarded == set(OPEN)


def test_guarded_view_names_a_permission_for_each_method_it_has(subtests):
    for path, view in GUARDED:
        with subtests.test(path=path):
            written = {verb for verb in VERBS if verb.lower() in view.__dict__}

            assert written == set(view.permissions)
            for wanted in view.permissions.values():
                for permission in wanted if isinstance(wanted, tuple) else (wanted,):
                    assert isinstance(permission, Permission)


def test_access_table_names_every_method_of_every_route():
    assert set(LET_IN) == {(method, path) for path, view in GUARDED for method in view.permissions}


def test_open_view_has_its_declared_methods():
    for path, view in API:
        if isinstance(view, type) and issubclass(view, PublicView) and view.methods:
            assert {verb for verb in VERBS if verb.lower() in view.__dict__ or hasattr(view, verb.lower())} == set(
                view.methods
            ), path


@pytest.mark.slow  # walks the whole API
@pytest.mark.parametrize("role", WHO)
def test_each_role_has_exactly_the_access_of_the_contract(as_role, practice, role):
    type(practice).objects.filter(pk=practice.pk).update(doctors_see_revenue=True)
    client = as_role(role)
    outcome = {}
    for path, view in GUARDED:
        for method in VERBS:
            answer = client.generic(method, path_with_unknown_id(path), "{}", content_type="application/json")
            outcome[(method, path)] = answer.status_code
            if method not in view.permissions:
                assert answer.status_code == 405, (method, path)

    refused = {key for key, status in outcome.items() if status == 403}
    assert refused == {key for key, who in LET_IN.items() if WHO[role] not in who}
    assert outcome.pop(("POST", "api/attachments")) == (415 if role in ("admin", "doctor", "staff") else 403)
    feed = [outcome.pop((method, "api/calendar-feed")) for method in ("POST", "DELETE")]  # asks for nothing
    assert feed == ([201, 204] if role in ("doctor", "patient") else [403, 403])
    assert not {status for key, status in outcome.items() if key in LET_IN} - {200, 400, 403, 404}


def test_anonymous_caller_is_refused(anonymous, db):
    for method, path in LET_IN:
        answer = anonymous.generic(method, path_with_unknown_id(path), "{}", content_type="application/json")
        assert answer.status_code == 401, (method, path)


def test_every_role_and_every_permission_is_in_the_table():
    assert set(PERMISSIONS) == set(Role.values)
    assert set().union(*PERMISSIONS.values()) == set(Permission)
