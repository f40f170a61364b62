"""A form opened before somebody else's change does not overwrite it."""

import threading

import pytest
from django.db import connection
from django.test import Client

from accounts.models import User
from appointments import services as appointments
from core.admin.base import STALE
from core.tenancy.scope import practice_scope
from patients import services as patients
from tests.admin_forms import errors_of, form_values, page_of, send

ROWS = ["chart", "appointment", "doctor", "office", "practice"]


def row_now(own, name):
    row = getattr(own, name)
    with practice_scope(own.practice.pk):
        return User.all_practices.get(pk=row.pk) if name == "doctor" else type(row).objects.get(pk=row.pk)


def test_stale_form_does_not_reactivate_an_account(enter_as, own):
    client = enter_as("admin")
    form = form_values(client, own.doctor)
    assert send(enter_as("admin"), own.doctor, is_active=None).status_code == 302
    answer = client.post(page_of(own.doctor), {**form, "name": "Renamed"})
    assert errors_of(answer) == {"__all__": [STALE]}
    assert str(STALE) in answer.content.decode()
    doctor = row_now(own, "doctor")
    assert (doctor.is_active, doctor.name) == (False, own.doctor.name)
    assert send(client, own.doctor, name="Renamed").status_code == 302  # opened again
    assert not row_now(own, "doctor").is_active


def test_stale_chart_and_a_stale_appointment_are_refused(enter_as, own):
    client = enter_as("admin")
    chart, appointment = form_values(client, own.chart), form_values(client, own.appointment)
    with practice_scope(own.practice.pk):
        patients.update_chart(patient=own.chart, by=client.user, allergies="Latex")
        appointments.change(by=client.user, appointment_id=own.appointment.pk, status="cancelled")
    assert errors_of(client.post(page_of(own.chart), {**chart, "phone": "1"})) == {"__all__": [STALE]}
    assert errors_of(client.post(page_of(own.appointment), {**appointment, "notes": "x"})) == {"__all__": [STALE]}
    assert row_now(own, "chart").allergies == "Latex"
    assert row_now(own, "appointment").status == "cancelled"


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("version", [None, "", "nonsense", "2020-01-01T00:00:00+00:00"])
def test_form_without_its_rows_version_is_refused(enter_as, own, name, version):
    before = row_now(own, name)
    answer = send(enter_as("admin"), before, version=version)
    assert errors_of(answer) == {"__all__": [STALE]}
    assert row_now(own, name).updated_at == before.updated_at


@pytest.mark.parametrize("name", ROWS)
def test_page_carries_the_version_and_nothing_else_changes_by_it(enter_as, own, name):
    client, row = enter_as("admin"), row_now(own, name)
    page = client.get(page_of(row)).content.decode()
    assert page.count('name="version"') == 1
    assert f'name="version" value="{row.updated_at.isoformat()}' in page
    assert send(client, row).status_code == 302  # as it was opened
    assert row_now(own, name).updated_at == row.updated_at


def test_only_what_differs_reaches_the_service(enter_as, own, monkeypatch):
    asked = []

    def update_user(*, user, by, confirmed, **changes):
        asked.append(changes)
        return user

    monkeypatch.setattr("accounts.users.services.update_user", update_user)
    client = enter_as("admin")
    send(client, own.doctor, phone="5")
    send(client, own.doctor, is_active=None)
    send(client, own.doctor, new_password="An0ther!")
    assert asked == [{"phone": "5"}, {"is_active": False}]


@pytest.mark.slow  # forms sent by threads
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["chart", "office"])
def test_one_of_parallel_forms_is_stored(enter_as, own, name):
    clients = [enter_as("admin") for _ in range(4)]
    row = getattr(own, name)
    forms = [{**form_values(client, row), "phone": str(at)} for at, client in enumerate(clients)]
    ready, answers = threading.Barrier(len(clients)), []

    def post(client: Client, form: dict[str, str]) -> None:
        try:
            ready.wait()
            answers.append(client.post(page_of(row), form).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=post, args=pair) for pair in zip(clients, forms, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 200, 200, 302]
