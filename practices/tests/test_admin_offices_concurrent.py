"""A form that names an office which is removed while it is stored: a sentence in the form, and nothing stored."""

import pytest
from django.db import connection

from accounts.models import User
from core.errors import NotFound
from core.tenancy.scope import practice_scope
from practices.models import Office
from practices.services import NO_SUCH_OFFICE, checking_office_exists
from tests.admin_forms import send

pytestmark = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite's transactions queue")


def remove_unseen(office):
    """As somebody else would, between the look-up and the end of this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM practices_office WHERE id = %s", [office.pk])


def test_removed_office_is_detected_inside_transaction(own, db):
    with practice_scope(own.practice.pk):
        office = Office.objects.create(name="Short-lived")
        own.doctor.office = office

        with pytest.raises(NotFound, match=str(NO_SUCH_OFFICE)), checking_office_exists():
            own.doctor.save()
            remove_unseen(office)


def test_missing_office_is_form_error(enter_as, own, monkeypatch):
    with practice_scope(own.practice.pk):
        office = Office.objects.create(name="Short-lived")

    def store_and_lose(*, user, by, confirmed=None, office):
        with checking_office_exists():
            user.save()
            remove_unseen(office)

    monkeypatch.setattr("accounts.admin.users.services.update_user", store_and_lose)
    answer = send(enter_as("admin"), own.doctor, office=office.pk)

    assert answer.status_code == 200
    assert answer.context["adminform"].form.non_field_errors() == [NO_SUCH_OFFICE]
    with practice_scope(own.practice.pk):
        assert User.objects.get(pk=own.doctor.pk).office_id is None
