"""Each list of the admin site as a CSV file: what the list shows, for whom it shows it, told in the trail."""

import csv
import io

import orjson
import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from core.admin import export
from core.csv_files import safe_cell
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory

PATIENTS = reverse("admin:patients_patient_export_list")


def rows_of(answer):
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))


def test_every_list_is_a_file_of_its_rows(enter_as, own, foreign, subtests):
    client = enter_as("admin")
    for model in admin.site._registry:
        with subtests.test(model=model._meta.label):
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            listed = client.get(reverse(f"{name}_changelist"), follow=True)
            answer = client.get(reverse(f"{name}_export_list"))
            found = rows_of(answer)
            if "cl" in (listed.context or {}):
                assert len(found) - 1 == listed.context["cl"].result_count
            text = str(found)
            assert "Foreignson" not in text and "<" not in text and " object" not in text


def test_search_filters_order_and_trail(enter_as, practice, monkeypatch):
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 2)
    client = enter_as("staff")
    with practice_scope(practice.pk):
        charts = [PatientFactory(name=f"=Paula {letter}") for letter in "abc"]
        closed = PatientFactory(name="Paula Closed", restricted=True)
        PatientFactory(name="Someone Else")
    found = rows_of(client.get(PATIENTS, {"q": "paula", "status__exact": "confirmed"}))
    assert [row[0] for row in found] == ["Name", "Paula Closed", "'=Paula c", "'=Paula b", "'=Paula a"]
    assert closed.email not in str(found) and charts[0].phone in str(found).replace("'+", "+")
    first, *parts = whole_trail().filter(user_id=client.user.pk, kind=AuditEvent.LIST_EXPORTED).order_by("at", "id")
    parts = sorted((first, *parts), key=lambda event: "count" not in orjson.loads(event.details))
    assert orjson.loads(parts[0].details) == {
        "count": 4,
        "filters": ["status__exact"],
        "searched": True,
        "page": "patients_patient_export_list",
    }
    named = [key for event in parts[1:] for key in orjson.loads(event.patients)]
    assert named == [str(chart.pk) for chart in (closed, *reversed(charts))]


def test_number_of_queries_and_who_may(enter_as, practice, other_practice):
    client = enter_as("admin")

    def cost():
        with CaptureQueriesContext(connection) as queries:
            rows_of(client.get(PATIENTS))
        return len(queries)

    with practice_scope(practice.pk):
        PatientFactory()
    cost()  # what is asked once
    few = cost()
    with practice_scope(practice.pk):
        PatientFactory.create_batch(5)
    assert cost() == few
    people = reverse("admin:accounts_user_export_list")
    assert {role: enter_as(role).get(people).status_code for role in ("admin", "doctor", "staff", "billing")} == {
        "admin": 200,
        "doctor": 403,
        "staff": 403,
        "billing": 403,
    }
    assert enter_as("patient").get(PATIENTS).status_code == 403
    assert client.post(PATIENTS).status_code == 405


def test_trail_as_a_file(enter_as, practice):
    client = enter_as("admin", name="Mona Manager")
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Paula Jensen")
    client.get(reverse("admin:patients_patient_change", args=[chart.pk]))
    address = reverse("admin:trail_export")
    found = rows_of(client.get(address, {"user": client.user.pk, "event": AuditEvent.PAGE_READ.value}))
    assert found[0][:4] == ["When", "Who", "Role", "What"]
    assert [row[1] for row in found[1:]] == ["Mona Manager"] * (len(found) - 1)
    assert any(str(chart.pk) in row[6] for row in found) and "Paula" not in str(found)
    assert address in client.get(reverse("admin:trail")).content.decode()
    assert client.get(address, {"event": "nonsense"}).status_code == 302
    assert enter_as("staff").get(address).status_code == 403


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[
            ("=1+1", "'=1+1"),
            ("@x", "'@x"),
            ("-1+1", "'-1+1"),
            ("-1.50", "-1.50"),
            ("\n=1", "'\n=1"),
            ("\uff1d1+1", "'\uff1d1+1"),
        ],
        *[(None, ""), ("a=", "a=")],
    ],
)
def test_no_cell_is_computed(value, text):
    assert safe_cell(value) == text


def test_rows_gone_since_are_left_out(enter_as, practice, monkeypatch):
    client = enter_as("admin")
    with practice_scope(practice.pk):
        PatientFactory.create_batch(3)
    answer = client.get(PATIENTS)
    with practice_scope(practice.pk):
        Patient.objects.all()._raw_delete("default")
    assert len(rows_of(answer)) == 1
