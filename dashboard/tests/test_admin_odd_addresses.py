"""No query string or form causes a server error in the admin site."""

from itertools import product
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.sampling import sample

SUGGESTIONS = "app_label=appointments&model_name=appointment&field_name=patient"
VALUES = ["", "a%00b", "%ff", "zzz", "9" * 30, "[1]&{name}=b"]
NAMES = {
    "list": (
        "q",
        "o",
        "p",
        "e",
        "all",
        "unknown",
        "id__in",
        "status__exact",
        "when",
        "doctor",
        "who",
        "kind",
        "state",
        "%00",
    ),
    "form": ("starts_at", "patient", "reason"),
    "suggestions": ("term", "page", "app_label", "field_name"),
    "own": ("next", "practice"),
}
EVERYWHERE = ("_popup", "_to_field", "_changelist_filters")


def queries(kind):
    for name in (*NAMES[kind], *EVERYWHERE):
        for value in VALUES:
            yield f"{name}={value.format(name=name)}"
    yield from ("===&&%", "_changelist_filters=" + quote("q=%ff&o=9.x"), "o=1.-2.99.x")


def addresses(own):
    models = [
        ("patients_patient", own.chart),
        ("appointments_appointment", own.appointment),
        ("records_medicalrecord", own.record),
        ("records_sessionnote", own.note),
        ("records_planofcare", own.plan),
        ("records_attachment", own.file),
        ("patients_deletion", own.deletion),
        ("patients_emergencyaccess", own.emergency),
        ("accounts_user", own.doctor),
        ("practices_office", own.office),
        ("practices_practice", own.practice),
        ("accounts_joincode", own.join_code),
        ("accounts_invitation", own.invitation),
        ("appointments_appointmenttype", own.kind),
        ("appointments_room", own.room),
        ("appointments_workinghours", own.hours),
        ("appointments_scheduleexception", own.time_off),
        ("notifications_job", own.job),
        ("accounts_apikey", own.api_key),
        ("notifications_webhook", own.webhook),
    ]
    yield "form", reverse("admin:records_attachment_add_to", args=[own.chart.pk])
    yield "form", reverse("admin:records_attachment_content", args=[own.file.pk])
    yield "form", reverse("admin:appointments_scheduleexception_holidays")
    yield "form", reverse("admin:records_planofcare_pdf", args=[own.plan.pk])
    assert len(models) == len(admin.site._registry)
    for model, row in models:
        yield "list", reverse(f"admin:{model}_changelist")
        yield "form", reverse(f"admin:{model}_add")
        for page in ("change", "history", "delete"):
            yield "form", reverse(f"admin:{model}_{page}", args=[row.pk])
    yield "suggestions", f"{reverse('admin:autocomplete')}?{SUGGESTIONS}"
    own_pages = ("password_change", "password_change_done", "own_sessions", "security")
    for name in ("index", "login", "pick_practice", "jsi18n", "search", *own_pages):
        yield "own", reverse(f"admin:{name}")


def failures(client, send, cases):
    """Those that the site answers with a server error, or lets pass a zero byte."""
    client.raise_request_exception = False
    answers = [(send(client, *case).status_code, *case) for case in cases]
    return [case for case in answers if case[0] >= 500 or ("%00" in str(case[2]) and case[0] != 400)]


@pytest.mark.slow
def test_no_query_is_a_server_error(enter_as, own):
    def get(client, address, query):
        return client.get(f"{address}{'&' if '?' in address else '?'}{query}")

    cases = [(address, query) for kind, address in addresses(own) for query in queries(kind)]
    assert failures(enter_as("admin"), get, sample(cases, 120)) == []


@pytest.mark.slow
def test_no_form_is_a_server_error(enter_as, own):
    def post(client, address, name, value):
        form = {"name": "A", "action": "confirm_registrations", "_selected_action": "x", name: value}
        return client.post(address, form)

    pages = [address for kind, address in addresses(own) if kind in ("list", "form")]
    names = ("_to_field", "_popup", "name", "patient", "starts_at_0", "_selected_action", "action", "index")
    cases = list(product(pages, names, ("", "\0", "9" * 30)))
    assert failures(enter_as("admin"), post, sample(cases, 120)) == []


@pytest.mark.parametrize("path", ["%00", "patients/patient/%00/change/", "%ff/", "nothing/"])
def test_odd_path_is_404(enter_as, own, path):
    assert enter_as("admin").get(f"/admin/{path}").status_code == 404


@pytest.mark.parametrize("debug", [False, True])
def test_unknown_address_leads_back(enter_as, own, settings, debug):
    settings.DEBUG = debug  # as in the demo
    for answer in (Client().get("/nowhere/"), enter_as("admin").get("/admin/nowhere/")):
        assert answer.status_code == 404
        assert "Check the address" in answer.content.decode() and 'href="/"' in answer.content.decode()


# --- Suggestions


@pytest.mark.parametrize(
    "asked",
    [
        "app_label=records&model_name=medicalrecord&field_name=appointment",
        "app_label=records&model_name=medicalrecord&field_name=patient",
        "app_label=patients&model_name=patient&field_name=primary_doctor",
        "app_label=patients&model_name=patient&field_name=user",
        "app_label=accounts&model_name=session&field_name=user",
        "app_label=appointments&model_name=appointment&field_name=doctor",
    ],
)
def test_suggestions_are_for_own_forms_only(enter_as, own, asked):
    client = enter_as("admin")
    assert client.get(f"{reverse('admin:autocomplete')}?{asked}&term=a").status_code == 403
    assert client.get(f"{reverse('admin:autocomplete')}?{SUGGESTIONS}&term=ann").json()["results"]


def test_query_string_does_not_fill_in_forms(enter_as, own):
    client = enter_as("admin")
    page = client.get(reverse("admin:accounts_invitation_add"), {"role": "admin", "name": "Filled in"})
    assert page.context["adminform"].form.initial == {"role": "staff"}
