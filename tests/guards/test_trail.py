"""Every method of every route that touches PHI writes an audit event, whether allowed or refused, in the API and in the
admin site. A new route without one fails here."""

from uuid import UUID

import orjson
import pytest
from django.contrib import admin
from django.urls import URLPattern, URLResolver, reverse

from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from core.api.views import ApiView
from core.tenancy.scope import practice_scope
from dashboard.middleware import get_mark
from tests.guards.rows import LOGGED, NAMES, Rows, call, expected_event, rolled_back
from tests.guards.test_routes import GUARDED, LET_IN, NOBODY, WHO, path_with_unknown_id
from tests.sampling import sample

pytestmark = pytest.mark.production  # walks every address and page

NO_PHI = {
    ("GET", "api/users/me"): "one's own account",
    ("PATCH", "api/users/me"): "one's own account; a change is logged as one",
    ("GET", "api/users/me/mfa"): "one's own second factors",
    ("POST", "api/users/me/mfa/totp"): "one's own second factors",
    ("DELETE", "api/users/me/mfa/totp"): "one's own second factors",
    ("POST", "api/users/me/mfa/totp/confirm"): "one's own second factors",
    ("POST", "api/users/me/mfa/passkeys"): "one's own second factors",
    ("POST", "api/users/me/mfa/passkeys/confirm"): "one's own second factors",
    ("DELETE", "api/users/me/mfa/passkeys/<uuid:passkey_id>"): "one's own second factors",
    ("POST", "api/users/me/mfa/recovery-codes"): "one's own second factors",
    ("POST", "api/users/me/password"): "one's own password; logged as a change",
    ("GET", "api/users/me/sessions"): "one's own devices",
    ("DELETE", "api/users/me/sessions"): "one's own devices; each end is logged",
    ("DELETE", "api/users/me/sessions/<uuid:session_id>"): "the same",
    ("GET", "api/doctors"): "who works here",
    ("GET", "api/doctors/<uuid:doctor_id>"): "who works here, and a count",
    ("POST", "api/ws-ticket"): "opens a connection that tells ids of appointments; reading them is logged",
    ("GET", "api/api-keys"): "keys and what they may do; each event that one causes names it",
    ("POST", "api/api-keys"): "the same; logged as a data change",
    ("DELETE", "api/api-keys/<uuid:key_id>"): "the same",
    ("GET", "api/invitations"): "people who have no account yet",
    ("POST", "api/invitations"): "the same; logged as a data change",
    ("POST", "api/invitations/<uuid:invitation_id>/resend"): "the same",
    ("POST", "api/invitations/<uuid:invitation_id>/withdraw"): "the same",
    ("GET", "api/join-codes"): "doctors, offices and counts; their use is logged where it assigns a chart",
    ("POST", "api/join-codes"): "the same; logged as a data change",
    ("DELETE", "api/join-codes/<uuid:code_id>"): "the same",
    ("GET", "api/services"): "what the practice bills for",
    ("POST", "api/services"): "the same; logged as a data change",
    ("GET", "api/services/<uuid:service_id>"): "the same",
    ("PATCH", "api/services/<uuid:service_id>"): "the same; logged as a data change",
    ("GET", "api/practice"): "the practice's settings",
    ("PATCH", "api/practice"): "the same; logged as a data change",
    ("GET", "api/offices"): "where the practice is",
    ("POST", "api/offices"): "the same; logged as a data change",
    ("GET", "api/offices/<uuid:office_id>"): "the same",
    ("PATCH", "api/offices/<uuid:office_id>"): "the same; logged as a data change",
    ("DELETE", "api/offices/<uuid:office_id>"): "the same",
    ("GET", "api/dashboard/stats"): "counts",
    ("GET", "api/reports/takings"): "sums",
    ("GET", "api/billing-policy"): "services of the price list",
    ("PUT", "api/billing-policy"): "the same; logged as a data change",
    ("GET", "api/claims/identities"): "by what payers know those who work here",
    ("PUT", "api/claims/identities"): "the same; logged as a data change",
    ("GET", "api/reports/revenue"): "sums",
    ("GET", "api/reports/unpaid"): "sums",
    ("GET", "api/reports/own-revenue"): "sums",
    ("GET", "api/reports/visits"): "sums",
    **{
        (method, path): "what the practice offers and when its doctors work; a change is logged as a data change"
        for path in (
            "api/appointment-types",
            "api/rooms",
            "api/working-hours",
            "api/schedule-exceptions",
            "api/holidays",
        )
        for method in ("GET", "POST")
    },
    **{
        (method, path): "the same"
        for path in (
            "api/appointment-types/<uuid:type_id>",
            "api/rooms/<uuid:room_id>",
            "api/working-hours/<uuid:hours_id>",
            "api/schedule-exceptions/<uuid:exception_id>",
        )
        for method in ("GET", "PATCH", "DELETE")
    },
    **{
        (method, path): "what notes are begun with, of no patient; a change is logged as a data change"
        for path in ("api/note-templates", "api/letter-templates", "api/phrases")
        for method in ("GET", "POST")
    },
    **{
        (method, path): "the same"
        for path in (
            "api/note-templates/<uuid:template_id>",
            "api/letter-templates/<uuid:letter_template_id>",
            "api/phrases/<uuid:phrase_id>",
        )
        for method in ("GET", "PATCH", "DELETE")
    },
    ("GET", "api/form-templates"): "what forms ask, of no patient",
    ("POST", "api/form-templates"): "the same; logged as a data change",
    ("GET", "api/form-templates/<uuid:form_template_id>"): "the same",
    ("PATCH", "api/form-templates/<uuid:form_template_id>"): "the same; logged as a data change",
    ("POST", "api/calendar-feed"): "the address of one's own calendar; logged as a data change, and so is each reading",
    ("DELETE", "api/calendar-feed"): "the same",
    ("GET", "api/webhooks"): "where events are sent",
    ("POST", "api/webhooks"): "the same; logged as a data change",
    **{
        (method, "api/webhooks/<uuid:webhook_id>"): "the same; a change is logged as a data change"
        for method in ("GET", "PATCH", "DELETE")
    },
    ("POST", "api/webhooks/<uuid:webhook_id>/rotate-secret"): "the same",
    ("GET", "api/webhooks/<uuid:webhook_id>/deliveries"): "ids of what changed, which the manager may read anyway",
    ("POST", "api/webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>/resend"): "the same",
    ("POST", "api/holds"): "a time of a doctor that is kept for the caller; logged as a data change",
    ("DELETE", "api/holds/<uuid:hold_id>"): "the same",
    ("GET", "api/availability"): "free times of doctors, of which no visit can be told",
    ("GET", "api/availability/next"): "the same",
}

OF_A_COMPLETED_FORM = {f"api/forms/<uuid:form_id>/{what}" for what in ("withdraw", "review")}


def events():
    return set(whole_trail().values_list("pk", flat=True))


def events_since(seen):
    return list(whole_trail().exclude(pk__in=seen).exclude(kind__startswith="s").order_by("id"))


def test_every_method_is_logged_or_has_a_reason_not_to_be():
    silent = {
        (method, path) for path, view in GUARDED for method in view.permissions if method not in view.audit_events
    }

    assert silent == set(NO_PHI)
    for path, view in GUARDED:
        assert set(view.audit_events) <= set(view.permissions), path
        assert bool(view.audit_events) == bool(view.audited_model), path


@pytest.fixture
def rows(practice, make_user):
    return Rows(practice, make_user)


def first_of(method, path):
    """Return a role that is allowed to do it."""
    return next(role for role, initial in NAMES.items() if initial in LET_IN[(method, path)])


def prepared(rows, user, method, path):
    """Return the rows as this call needs them, and create what else it needs."""
    rows = rows.copy()
    rows.ids |= rows.draft_ids(method, path)
    if path in OF_A_COMPLETED_FORM:
        rows.ids["form_id"] = rows.completed_form.pk
    if path.endswith("/restore"):
        rows.delete(LOGGED[(method, path)].audited_model, user)
    if (method, path) == ("DELETE", "api/patients/<uuid:chart_id>/legal-hold"):
        rows.place_legal_hold(user)
    if path.endswith(("/arrive", "/start", "/finish", "/no-show", "/undo")):
        rows.begin_visit()
    if path.endswith("/emergency-access"):
        rows.restrict()
    if path == "auth/associate":
        rows.register(user)
    if path.endswith("<str:token>"):
        rows.link(user)
    return rows


@pytest.mark.slow  # walks the whole API
def test_successful_calls_are_logged(subtests, rows, client_of, make_user, practice):
    users = {role: rows.doctor if role == "doctor" else make_user(role) for role in NAMES}

    for method, path in LOGGED:
        with subtests.test(call=f"{method} {path}"), rolled_back():
            role = first_of(method, path)
            client = client_of(users[role])
            asked = prepared(rows, users[role], method, path)
            before = events()

            answer = call(client, method, asked.address(path), asked.body((method, path)))

            assert answer.status_code in (200, 201, 204), answer.content
            logged = [event for event in events_since(before) if event.kind == expected_event(method, path)]
            assert logged, "nothing was logged"
            for event in logged:
                assert (event.user_id, event.role, event.practice_id) == (users[role].pk, role, practice.pk)
                assert (event.outcome, event.address, event.request_id) == ("done", "127.0.0.1", answer["X-Request-ID"])
                assert event.about == LOGGED[(method, path)].audited_model
                assert all(UUID(patient) for patient in orjson.loads(event.patients))


@pytest.mark.slow  # walks the whole API
@pytest.mark.parametrize("role", sample(list(NAMES), 2))
def test_calls_refused_by_role_are_logged(subtests, rows, as_role, practice, role):
    client = as_role(role)
    refused = [key for key in LOGGED if WHO[role] not in LET_IN[key]]
    assert refused

    for method, path in refused:
        with subtests.test(call=f"{method} {path}"), rolled_back():
            before = events()

            assert call(client, method, rows.address(path), rows.body((method, path))).status_code == 403

            (event,) = events_since(before)
            assert (event.kind, event.outcome) == (expected_event(method, path), "refused")
            assert (event.user_id, event.role, event.practice_id) == (client.user.pk, role, practice.pk)
            assert orjson.loads(event.details) == {"status": 403}
            ids = (UUID(part) for part in rows.address(path).split("/") if len(part) == 36)
            assert event.about_id == next(ids, None)


@pytest.mark.slow  # walks the whole API
def test_calls_for_rows_of_another_practice_are_logged(subtests, as_role, make_user, practice, other_practice):
    foreign, clients = Rows(other_practice, make_user), {role: as_role(role) for role in NAMES}
    named = [key for key in LOGGED if "<" in key[1]]
    assert named

    for method, path in named:
        with subtests.test(call=f"{method} {path}"), rolled_back():
            before = events()

            for address in (foreign.address(path), path_with_unknown_id(path)):
                client = clients[first_of(method, path)]
                assert call(client, method, address, foreign.body((method, path))).status_code == 404

            stranger, nobody = events_since(before)
            for event in (stranger, nobody):
                assert (event.kind, event.outcome) == (expected_event(method, path), "refused")
                assert (event.practice_id, orjson.loads(event.details)) == (practice.pk, {"status": 404})
            assert str(stranger.about_id) in foreign.address(path)
            assert str(nobody.about_id) == NOBODY


def test_view_that_does_not_log_its_patients_fails(rows, as_role, monkeypatch):
    client = as_role("doctor")
    client.raise_request_exception = False
    monkeypatch.setattr(ApiView, "audit_read", lambda *args, **kwargs: None)

    answer = client.get(rows.address("api/patients/<uuid:chart_id>"))

    assert answer.status_code == 500
    assert rows.chart.name not in answer.content.decode()


# --- The admin site


def pages(patterns=None):
    for entry in admin.site.get_urls() if patterns is None else patterns:
        if isinstance(entry, URLResolver):
            yield from pages(entry.url_patterns)
        elif isinstance(entry, URLPattern):
            yield entry


@pytest.fixture
def desk(make_user, client):
    client.force_login(make_user("admin"))
    return client


SCHEDULES = tuple(f"appointments_{model}" for model in ("appointmenttype", "room", "workinghours", "scheduleexception"))
SETTINGS = ("practices_practice", "practices_office", "accounts_joincode", "accounts_apikey", "accounts_invitation")
SETTINGS += ("notifications_job", "notifications_webhook")
SHOW_NOBODY = {
    *("logout", "password_change", "password_change_done", "jsi18n", "app_list"),
    *("own_sessions", "own_sessions_end", "own_sessions_end_others", "pick_practice", "system"),
    "appointments_scheduleexception_holidays",
    *("security", "security_totp", "security_totp_confirm", "security_totp_remove", "security_recovery_codes"),
    *("security_passkey", "security_passkey_add", "security_passkey_remove"),
    *(
        f"{model}_{page}"
        for model in (*SETTINGS, *SCHEDULES)
        for page in ("changelist", "add", "change", "delete", "history")
    ),
}


def test_only_listed_pages_are_exempt_from_logging():
    silent = [page for page in pages() if get_mark(page.callback, "no_patient_reason")]

    assert {page.name for page in silent if page.name} == SHOW_NOBODY
    assert all(isinstance(get_mark(page.callback, "no_patient_reason"), str) for page in silent)


def test_only_own_account_pages_work_without_practice_or_second_factor():
    first = {page.name for page in pages() if get_mark(page.callback, "while_factor_due")}
    own = {page.name for page in pages() if get_mark(page.callback, "without_practice")}

    security = {name for name in SHOW_NOBODY if name.startswith("security")}
    entering = {"logout", "password_change", "password_change_done", "pick_practice"}
    assert first == security | entering | {"jsi18n"}
    assert own == first | {"own_sessions", "own_sessions_end", "own_sessions_end_others", "system"}


SHOWN_OF_PEOPLE = ("Ann Ownwood", "Pending Ownwood", "ann@ownwood.org", "scan-Ownwood", "Paul Portal")


def addresses_of(page, own, account):
    """Yield the page's address for each row that could be meant by the ids in it."""
    ids = list(page.pattern.converters)
    if not ids:
        yield reverse(f"admin:{page.name}", args=["patients"] if page.name == "app_list" else [])
        return
    rows = [row for row in vars(own).values() if hasattr(row, "pk")]
    for row in [*rows, account]:
        of_the_page = page.name.startswith(f"{row._meta.app_label}_{row._meta.model_name}_")
        if of_the_page or (row == own.chart and ids != ["object_id"]):
            yield reverse(f"admin:{page.name}", kwargs=dict.fromkeys(ids, row.pk))


@pytest.mark.slow  # opens every page of the admin site, for every row that its address can name
def test_page_that_shows_somebody_is_logged(subtests, own, enter_as, make_user):
    """Whatever a page says of itself: what it shows decides."""
    desk = enter_as("admin")
    account = make_user("patient", name="Paul Portal")
    with practice_scope(own.practice.pk):
        own.chart.user = account
        own.chart.save()
    showing = set()
    for page in pages():
        if not page.name or page.name in ("logout", "view_on_site"):
            continue
        for address in addresses_of(page, own, account):
            with subtests.test(address=address), rolled_back():
                before = events()
                answer = desk.get(address)
                text = b"".join(answer) if answer.streaming else answer.content
                if answer.status_code != 200 or not any(word.encode() in text for word in SHOWN_OF_PEOPLE):
                    continue
                showing.add(page.name)
                assert [event for event in events_since(before) if event.outcome == "done"], "shown, and not logged"
    assert {"patients_patient_changelist", "patients_patient_change", "records_attachment_change"} <= showing


CHARTS_BY_NAME = "app_label=appointments&model_name=appointment&field_name=patient"
PAGES = {
    "/admin/": "today",
    "/admin/patients/patient/": "patients.Patient",
    "/admin/patients/patient/?q=ada": "patients.Patient",
    "/admin/patients/patient/{chart_id}/change/": "patients.Patient",
    "/admin/appointments/appointment/": "appointments.Appointment",
    "/admin/appointments/appointment/{appointment_id}/change/": "appointments.Appointment",
    "/admin/records/medicalrecord/": "records.MedicalRecord",
    "/admin/records/medicalrecord/{record_id}/change/": "records.MedicalRecord",
    "/admin/records/sessionnote/": "records.SessionNote",
    "/admin/records/sessionnote/{note_id}/change/": "records.SessionNote",
    "/admin/records/sessionnote/{note_id}/delete/": "records.SessionNote",
    "/admin/records/planofcare/": "records.PlanOfCare",
    "/admin/records/planofcare/{plan_id}/change/": "records.PlanOfCare",
    "/admin/records/attachment/": "records.Attachment",
    "/admin/records/attachment/{attachment_id}/change/": "records.Attachment",
    "/admin/records/attachment/to/{chart_id}/": "patients.Patient",
    "/admin/patients/emergencyaccess/": "patients.EmergencyAccess",
    "/admin/patients/emergencyaccess/{access_id}/change/": "patients.EmergencyAccess",
    "/admin/accounts/user/": "accounts.User",
    "/admin/accounts/user/{doctor_id}/change/": "accounts.User",
    f"/admin/autocomplete/?{CHARTS_BY_NAME}&term=ada": "patients.Patient",
}


def test_every_page_with_people_is_logged(subtests, rows, desk, practice):
    for address, about in PAGES.items():
        with subtests.test(address=address), rolled_back():
            before = events()

            assert desk.get(address.format(**rows.ids)).status_code == 200

            (event,) = events_since(before)
            assert (event.kind, event.outcome, event.about) == (AuditEvent.PAGE_READ, "done", about)
            assert (event.role, event.practice_id) == ("admin", practice.pk)
            details = orjson.loads(event.details)
            if about == "accounts.User":
                assert details["rows"]
            elif about != "today":
                whole_list = [rows.ids["registration_id"], rows.twin.pk, rows.chart.pk]
                listed = whole_list if address == "/admin/patients/patient/" else [rows.chart.pk]
                named = [] if "ada" in address else [str(pk) for pk in listed]
                assert orjson.loads(event.patients) == named
            assert "ada" not in event.details


def test_page_of_another_practice_is_logged_as_refused(desk, make_user, practice, other_practice):
    foreign = Rows(other_practice, make_user)
    before = events()

    assert desk.get(f"/admin/patients/patient/{foreign.chart.pk}/change/").status_code == 404

    (event,) = events_since(before)
    assert (event.outcome, event.about_id, event.practice_id) == ("refused", foreign.chart.pk, practice.pk)
