"""No address of the admin site is a failure, whatever stands behind its question mark."""

from itertools import islice, product
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.urls import reverse

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
    ]
    yield "form", reverse("admin:records_attachment_add_to", args=[own.chart.pk])
    yield "form", reverse("admin:records_attachment_content", args=[own.file.pk])
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


def a_third(of, number):
    """Every question is asked, but each address gets every third of them: all everywhere would take a minute."""
    return islice(of, number % 3, None, 3)


def test_no_question_is_a_failure(enter_as, own):
    client = enter_as("admin")
    client.raise_request_exception = False
    failed = []
    for number, (kind, address) in enumerate(addresses(own)):
        for query in a_third(queries(kind), number):
            asked = f"{address}{'&' if '?' in address else '?'}{query}"
            answer = client.get(asked)
            if answer.status_code >= 500 or ("%00" in query and answer.status_code != 400):
                failed.append((answer.status_code, asked))
    assert failed == []


def test_no_odd_form_is_a_failure(enter_as, own):
    client = enter_as("admin")
    client.raise_request_exception = False
    failed = []
    names = ("_to_field", "_popup", "name", "patient", "starts_at_0", "_selected_action", "action", "index")
    for number, (kind, address) in enumerate(addresses(own)):
        for name, value in a_third(product(names, ("", "\0", "9" * 30)), number):
            form = {"name": "A", "action": "confirm_registrations", "_selected_action": "x", name: value}
            if kind in ("list", "form") and client.post(address, form).status_code >= 500:
                failed.append((address, name, value))
    assert failed == []


@pytest.mark.parametrize("path", ["%00", "patients/patient/%00/change/", "%ff/", "nothing/"])
def test_an_odd_path_is_not_found(enter_as, own, path):
    assert enter_as("admin").get(f"/admin/{path}").status_code == 404


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
def test_suggestions_answer_our_own_forms_alone(enter_as, own, asked):
    client = enter_as("admin")
    assert client.get(f"{reverse('admin:autocomplete')}?{asked}&term=a").status_code == 403
    assert client.get(f"{reverse('admin:autocomplete')}?{SUGGESTIONS}&term=ann").json()["results"]


def test_an_address_fills_in_no_form(enter_as, own):
    client = enter_as("admin")
    page = client.get(reverse("admin:accounts_user_add"), {"role": "admin", "name": "Filled in"})
    assert page.context["adminform"].form.initial == {"role": "staff"}
