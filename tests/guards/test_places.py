"""Views and admins are where a newcomer looks: `<app>/<feature>/views.py` (`pages.py` for HTML), `<app>/views.py` in an
app with one feature, and `<app>/admin…`."""

import re

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver

APPS = "accounts|appointments|audit_review|billing|dashboard|notifications|patients|practices|records"
VIEWS = re.compile(rf"({APPS})(\.\w+)?\.(views|pages)")
ELSEWHERE = {
    "accounts.api_clients.mobile_views": "the folder holds the addresses of two kinds of clients",
    "accounts.api_clients.oauth2_views": "the same",
    "patients.registrations.mobile_views": "the mobile apps register under addresses of their own",
    "appointments.calendar.booking_pages": "the calendar has more than one panel: that of a free time",
    "appointments.calendar.visit_pages": "that of a visit",
    "dashboard.me.account_pages": "the patient's own page has more than one thing to do: the account",
    "dashboard.me.form_pages": "the same: forms",
    "records.forms.tablet_pages": "outside the sign-in: a tablet that nobody is signed in on; the code is the proof",
    "appointments.calendar.waiting_pages": "that of the waiting list",
    "records.chart.file_pages": "a chart has more than one page: that of its files",
    "records.chart.body_pages": "that of body charts",
    "records.chart.letter_pages": "that of a new letter",
    "records.chart.measure_pages": "that of its measures",
    "records.chart.plan_pages": "that of a plan of care",
    "records.chart.record_pages": "that of a new medical record",
    "dashboard.privacy.access_pages": "privacy has more than one page: who saw a chart",
    "dashboard.privacy.people_pages": "who may see what",
    "dashboard.privacy.retention_pages": "what is due to be removed",
    "core.monitoring.pages": "of every app: what a Prometheus reads",
    "core.api.docs": "of every app: the schema and its pages",
    "core.api.health": "of the installation, not of an app",
    "core.api.views": "of no app: every unknown path",
    "django.views.generic.base": "a redirect to the admin site",
}


# Where one guesses first: the first segment of the address, or the last word where that names the feature.
HOMES = {
    "": "accounts.sign_in",
    "appointment-types": "appointments.types",
    "appointments": "appointments",
    "associate": "patients.registrations",
    "attachments": "records.attachments",
    "audit": "audit_review",
    "availability": "appointments.schedule",
    "auth": "accounts|patients.registrations",
    "chart-entries": "records.chart_lists",
    "billing": "billing",
    "billing-policy": "billing.policies",
    "claims": "billing.claims",
    "body-charts": "records.body_charts",
    "calendar-feed": "appointments.feeds",
    "dashboard": "dashboard",
    "calendar": "appointments.calendar",
    "deleted": "patients.deletion",
    "doctors": "dashboard",
    "duplicates": "patients.duplicates",
    "emergency-accesses": "patients.restriction",
    "health": "notifications.jobs",
    "form-templates": "records.form_templates",
    "forms": "records.(forms|form_templates)",
    "holds": "appointments.holds",
    "invoices": "billing.(invoices|messages|online|payments)",
    "pay": "billing.online",
    "payments": "billing.(payments|messages|online)",
    "services": "billing.prices",
    "holidays": "appointments.schedule",
    "ws": "notifications.live",
    "ws-ticket": "notifications.live",
    "api-keys": "accounts.api_keys",
    "import": "patients.imports",
    "invitation": "accounts.invitations",
    "invitations": "accounts.invitations",
    "language": "accounts.language",
    "join-codes": "accounts.join_codes",
    "me": "dashboard.me|billing.online",
    "letter-templates": "records.letters",
    "measures": "records.measures",
    "messages": "appointments.messages",
    "my-day": "records.my_day",
    "note-templates": "records.note_templates",
    "notes": "records.(notes|note_templates)",
    "numbers": "dashboard.numbers",
    "offices": "practices",
    "password-reset": "accounts.passwords",
    "patients": (
        "patients|appointments.patient_visits|billing.accounts|audit_review|"
        "records.(attachments|chart|chart_lists|export|forms|letters)"
    ),
    "reports": "billing.(reports|own_revenue)|dashboard.numbers",
    "phrases": "records.note_templates",
    "plans": "records.plans",
    "providers": "notifications.providers",
    "practice": "practices",
    "privacy": "dashboard.privacy",
    "prescriptions": "records.medical_records",
    "records": "records.medical_records",
    "registrations": "patients.registrations",
    "rooms": "appointments.rooms",
    "schedule-exceptions": "appointments.schedule",
    "second-factor": "accounts.second_factor",
    "sessions": "records.notes",
    "session": "accounts.sessions",
    "sign-out": "accounts.sign_in",
    "search": "dashboard.search",
    "tablet": "records.forms",
    "users": "accounts",
    "visit": "appointments.visit_links",
    "waiting-list": "appointments.waiting_list",
    "webhooks": "notifications.webhooks",
    "working-hours": "appointments.schedule",
}


def modules_of_views(patterns=None, prefix=""):
    """Yield `("api/patients", "patients.views")` for each route outside the admin site."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver) and path != "admin/":
            yield from modules_of_views(entry.url_patterns, path)
        elif isinstance(entry, URLPattern):
            view = entry.callback
            yield path, getattr(view, "view_class", getattr(view, "cls", view)).__module__


def test_every_route_has_its_view_in_the_expected_file(subtests):
    for path, module in modules_of_views():
        if module not in ELSEWHERE:
            with subtests.test(path=path):
                assert VIEWS.fullmatch(module), module
                segment = path.removeprefix("api/").partition("/")[0]
                assert re.match(rf"({HOMES[segment]})\b", module), f"{module} is not in {HOMES[segment]}"


def test_listed_exceptions_still_exist():
    assert set(ELSEWHERE) <= {module for _, module in modules_of_views()}


def test_every_model_has_its_admin_in_its_own_app(subtests):
    assert admin.site._registry
    for model, its_admin in admin.site._registry.items():
        with subtests.test(model=model._meta.label):
            assert re.fullmatch(rf"{model._meta.app_label}\.admin(\.\w+)?", type(its_admin).__module__)
