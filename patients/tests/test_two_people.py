"""Lifting a restriction together, where its primary doctor is gone or away."""

from datetime import timedelta

import orjson
import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.mail import mailer
from accounts.models import User
from accounts.users import services
from appointments.tests.factories import ScheduleExceptionFactory
from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from core.errors import Conflict, Forbidden, NotFound
from core.tenancy.scope import practice_scope
from patients.models import LiftRequest, Patient
from patients.restriction import two_people
from patients.tests.factories import PatientFactory

WHY = "The doctor has left the practice"


def address(name, chart):
    return reverse(f"admin:patients_patient_{name}", args=[chart.pk])


@pytest.fixture
def closed(practice, make_user):
    with practice_scope(practice.pk):
        return PatientFactory(restricted=True, primary_doctor=make_user("doctor"))


def test_two_people_lift_it_on_the_page(enter_as, closed, practice, other_practice):
    manager, doctor = enter_as("admin", name="Mona Manager"), enter_as("doctor")
    page = address("change", closed)
    assert "Lift the restriction together" not in manager.get(page).content.decode()
    manager.post(address("ask_to_lift", closed), {"why": WHY})
    with practice_scope(practice.pk):
        assert not LiftRequest.objects.exists()
        User.objects.filter(pk=closed.primary_doctor_id).update(is_active=False)
    assert "Lift the restriction together" in manager.get(page).content.decode()
    manager.post(address("ask_to_lift", closed), {"why": "?"})
    manager.post(address("ask_to_lift", closed), {"why": WHY})
    manager.post(address("agree_to_lift", closed))
    with practice_scope(practice.pk):
        assert Patient.objects.get(pk=closed.pk).restricted
    assert "A second person must agree" in manager.get(page).content.decode()
    shown = doctor.get(page).content.decode()
    assert "Mona Manager asked on" in shown and WHY in shown
    assert "Lift the restriction together" not in enter_as("staff").get(page).content.decode()
    assert enter_as("admin", practice=other_practice).post(address("agree_to_lift", closed)).status_code == 404
    assert doctor.post(address("agree_to_lift", closed)).url == reverse("admin:patients_patient_changelist")
    with practice_scope(practice.pk):
        assert not Patient.objects.get(pk=closed.pk).restricted
        assert not LiftRequest.objects.exists()
    (asked,) = whole_trail().filter(kind=AuditEvent.LIFT_ASKED)
    (lifted,) = whole_trail().filter(kind=AuditEvent.UNRESTRICTED)
    assert (asked.user_id, lifted.user_id) == (manager.user.pk, doctor.user.pk)
    assert orjson.loads(lifted.details) == {"asked_by": [str(manager.user.pk)]}
    assert WHY not in asked.details


def test_who_may_and_when(closed, practice, make_user):
    one, other, staff, manager = (make_user(role) for role in ("doctor", "doctor", "staff", "admin"))
    with practice_scope(practice.pk):
        with pytest.raises(Conflict, match="is there"):
            two_people.request_lift(patient_id=closed.pk, by=manager, reason=WHY)
        now = timezone.now()
        ScheduleExceptionFactory(
            doctor=closed.primary_doctor, starts_at=now - timedelta(days=1), ends_at=now + timedelta(days=1)
        )
        with pytest.raises(Forbidden):
            two_people.request_lift(patient_id=closed.pk, by=staff, reason=WHY)
        with pytest.raises(Conflict, match="Nobody asks"):
            two_people.agree(patient_id=closed.pk, by=manager)
        two_people.request_lift(patient_id=closed.pk, by=one, reason=WHY)
        with pytest.raises(Conflict, match="already"):
            two_people.request_lift(patient_id=closed.pk, by=manager, reason=WHY)
        with pytest.raises(Forbidden, match="office manager"):
            two_people.agree(patient_id=closed.pk, by=other)
        with pytest.raises(Forbidden):
            two_people.withdraw(patient_id=closed.pk, by=other)
        two_people.withdraw(patient_id=closed.pk, by=one)
        with pytest.raises(NotFound):
            two_people.withdraw(patient_id=closed.pk, by=one)
        asked = two_people.request_lift(patient_id=closed.pk, by=one, reason=WHY)
        LiftRequest.objects.filter(pk=asked.pk).update(expires_at=now - timedelta(minutes=1))
        with pytest.raises(Conflict, match="Nobody asks"):
            two_people.agree(patient_id=closed.pk, by=manager)
        two_people.request_lift(patient_id=closed.pk, by=one, reason=WHY)
        User.objects.filter(pk=one.pk).update(role="staff")
        with pytest.raises(Conflict, match="Nobody asks"):
            two_people.agree(patient_id=closed.pk, by=manager)
        two_people.withdraw(patient_id=closed.pk, by=manager)
        two_people.request_lift(patient_id=closed.pk, by=other, reason=WHY)
        assert not two_people.agree(patient_id=closed.pk, by=manager).restricted
        with pytest.raises(Conflict, match="not restricted"):
            two_people.request_lift(patient_id=closed.pk, by=manager, reason=WHY)


def test_a_manager_is_not_the_second_person_through_an_account_opened_for_it(closed, practice, make_user):
    manager, helper = make_user("admin"), make_user("doctor")
    with practice_scope(practice.pk):
        User.objects.filter(pk=closed.primary_doctor_id).update(is_active=False)
        two_people.request_lift(patient_id=closed.pk, by=manager, reason=WHY)
        practice.created_at -= timedelta(days=400)
        practice.save()
        with pytest.raises(Forbidden, match="last 30 days"):
            two_people.agree(patient_id=closed.pk, by=helper)
        helper.created_at -= timedelta(days=31)
        assert not two_people.agree(patient_id=closed.pk, by=helper).restricted


@pytest.mark.django_db(transaction=True)
def test_account_that_somebody_took_over_by_its_email_is_no_second_person(
    as_role, enter_as, closed, practice, make_user, mailoutbox
):
    manager, doctor = as_role("admin", name="Mona Manager"), enter_as("doctor", email="dora@example.org")
    with practice_scope(practice.pk):
        User.objects.filter(pk=closed.primary_doctor_id).update(is_active=False)
        two_people.request_lift(patient_id=closed.pk, by=manager.user, reason=WHY)
    with practice_scope(practice.pk):
        services.update_user(user=doctor.user, by=manager.user, phone="555 0101", email="dora@example.org")
    assert mailoutbox == []
    with practice_scope(practice.pk):
        services.update_user(user=doctor.user, by=manager.user, email="mona+dora@example.org")
    mailer.submit(lambda: None).result()

    (told,) = mailoutbox
    assert told.to == ["dora@example.org"] and "Mona Manager" in told.body and "mona+dora" not in told.body
    (event,) = whole_trail().filter(kind=AuditEvent.EMAIL_CHANGED)
    assert (event.user_id, event.about_id) == (manager.user.pk, doctor.user.pk)
    doctor.post(address("agree_to_lift", closed))
    with practice_scope(practice.pk):
        assert Patient.objects.get(pk=closed.pk).restricted
        with pytest.raises(Forbidden, match="whose email somebody else changed"):
            two_people.agree(patient_id=closed.pk, by=doctor.user)
