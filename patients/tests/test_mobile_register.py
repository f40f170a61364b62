"""A platform superuser registers people in the practice of the office."""

import pytest
from django.test import Client

from accounts.models import LoginSession, User
from accounts.tests.factories import PASSWORD
from accounts.users import services
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import Patient
from practices.models import Practice
from practices.tests.factories import OfficeFactory
from tests.contract.clinic import NOBODY


@pytest.fixture
def superuser(db, client_of) -> Client:
    user, _ = services.ensure_superuser(email="root@example.com", password=PASSWORD)
    client = client_of(user)
    client.user = user
    return client


def register(client, office_id, role_id=4):
    body = {"name": "Nora Quist", "email": "nora@example.com", "password": PASSWORD}
    return client.post(
        "/auth/register", {**body, "role_id": role_id, "office_id": office_id}, content_type="application/json"
    )


def test_superuser_registers_in_the_practice_of_the_office(superuser, practice, other_practice):
    with practice_scope(other_practice.pk):
        office = OfficeFactory()

    answer = register(superuser, office.pk)

    assert answer.status_code == 201
    user = User.all_practices.get(pk=answer.json()["user_id"])
    assert (user.practice_id, user.office_id, user.role) == (other_practice.pk, office.pk, "patient")
    with practice_scope(other_practice.pk):
        assert Patient.objects.get(user=user).status == "pending"
    event = whole_trail().filter(kind="account.registered", about_id=user.pk).get()
    assert (event.practice_id, event.user_id) == (other_practice.pk, superuser.user.pk)


def test_unknown_office_is_not_found_for_a_superuser(superuser, practice):
    answer = register(superuser, NOBODY)

    assert (answer.status_code, answer.json()) == (404, {"detail": "Office not found."})
    assert User.all_practices.count() == 1


def test_superuser_keeps_to_the_second_factor_that_the_practice_requires(superuser, practice):
    Practice.objects.update(two_factor_required=True)
    with practice_scope(practice.pk):
        office = OfficeFactory()

    refused = register(superuser, office.pk, role_id=2)

    assert refused.status_code == 403
    assert "two-step" in refused.json()["detail"]
    assert User.all_practices.count() == 1
    LoginSession.objects.filter(user=superuser.user).update(second_factor="totp")
    assert register(superuser, office.pk, role_id=2).status_code == 201
