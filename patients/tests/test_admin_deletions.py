"""Deleting with a reason, the list of deletions and restoring in the admin site."""

from datetime import timedelta

import orjson
import pytest
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.deletion import services as deletions
from patients.models import Deletion, Patient
from practices.models import Practice
from records.models import SessionNote
from records.tests.factories import NoteFactory, stored_file
from tests.admin_forms import page_of, send

LIST = reverse("admin:patients_deletion_changelist")
WHY = {"reason": "Entered for the wrong patient"}
MODEL_NAMES = {"chart": "Chart", "appointment": "Appointment", "record": "Medical record", "note": "Session note",
         "plan": "Plan of care", "file": "File"}  # fmt: skip


def delete_page(row):
    return page_of(row).replace("/change/", "/delete/")


@pytest.fixture
def deletion_of(own):
    """`deletion_of(row)`: its deletion, or None."""

    def find(row):
        with practice_scope(own.practice.pk):
            return Deletion.objects.filter(about_id=row.pk).first()

    return find


@pytest.fixture
def hide(own):
    """`hide(row, by=user)`."""

    def hide(row, *, by, reason="Entered twice", days_ago=0):
        with practice_scope(own.practice.pk):
            row = type(row).objects.get(pk=row.pk)
            deletion = deletions.delete(by=by, row=row, reason=reason)
            Deletion.objects.filter(pk=deletion.pk).update(created_at=timezone.now() - timedelta(days=days_ago))
        return deletion

    return hide


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_office_manager_deletes_with_a_reason_and_has_it_back(enter_as, own, deletion_of, name):
    client = enter_as("admin")
    row = getattr(own, name)
    if name == "appointment":
        with practice_scope(own.practice.pk):
            row = AppointmentFactory(patient=own.chart, doctor=own.doctor, starts_at=timezone.now() + timedelta(days=3))
    assert delete_page(row) in client.get(page_of(row)).content.decode()
    asked = client.get(delete_page(row))
    assert asked.status_code == 200
    assert "30 days" in asked.content.decode() and "Ann Ownwood" in asked.content.decode()

    answer = client.post(delete_page(row), WHY, follow=True)

    assert f"{MODEL_NAMES[name].replace('Chart', 'chart').lower()} was deleted" in answer.content.decode()
    assert client.get(page_of(row)).status_code == 404
    assert client.post(delete_page(row), WHY).status_code == 404  # twice
    deletion = deletion_of(row)
    assert (deletion.reason, deletion.deleted_by_id) == (WHY["reason"], client.user.pk)
    listed = client.get(LIST).content.decode()
    assert page_of(deletion) in listed and "Can be restored until" in listed
    page = client.get(page_of(deletion)).content.decode()
    for words in (MODEL_NAMES[name], "Ann Ownwood", WHY["reason"], client.user.name):
        assert words in page

    restored = client.post(reverse("admin:patients_deletion_restore", args=[deletion.pk]), follow=True)

    assert "was restored" in restored.content.decode()
    assert (client.get(page_of(row)).status_code, deletion_of(row)) == (200, None)
    kinds = [event.kind for event in whole_trail().filter(about_id=row.pk).order_by("id")]
    assert [kind for kind in kinds if kind in ("data.soft_deleted", "data.restored")] == [
        "data.soft_deleted",
        "data.restored",
    ]


@pytest.mark.parametrize("reason", ["", " ", "x" * 1001])
def test_delete_without_reason_is_refused(enter_as, own, deletion_of, reason):
    answer = enter_as("admin").post(delete_page(own.note), {"reason": reason})
    assert (answer.status_code, "reason" in answer.context["form"].errors) == (200, True)
    assert deletion_of(own.note) is None


def test_front_desk_deletes_bookings_and_its_own_files_alone(enter_as, own, deletion_of):
    client = enter_as("staff")
    with practice_scope(own.practice.pk):
        theirs = stored_file(patient=own.chart, uploaded_by=client.user)
        booked = AppointmentFactory(patient=own.chart, doctor=own.doctor, starts_at=timezone.now() + timedelta(days=3))
    for row in (own.chart, own.record, own.note, own.plan, own.file):
        assert delete_page(row) not in client.get(page_of(row)).content.decode()
        assert client.get(delete_page(row)).status_code == 403
        assert client.post(delete_page(row), WHY).status_code == 403
        assert deletion_of(row) is None
    for row in (theirs, booked):
        assert delete_page(row) in client.get(page_of(row)).content.decode()
        assert client.post(delete_page(row), WHY).status_code == 302
        assert deletion_of(row).deleted_by_id == client.user.pk
    assert client.get(LIST).status_code == 403
    assert LIST not in client.get(reverse("admin:index")).content.decode()
    assert LIST in enter_as("admin").get(reverse("admin:index")).content.decode()


def test_refused_delete_shows_the_reason(enter_as, own, deletion_of):
    with practice_scope(own.practice.pk):
        SessionNote.objects.filter(pk=own.note.pk).update(appointment=own.appointment)

    answer = enter_as("admin").post(delete_page(own.appointment), WHY)

    assert "This appointment has a session note: cancel it instead." in answer.content.decode()
    assert deletion_of(own.appointment) is None


def test_chart_goes_with_all_that_is_in_it_and_comes_back_with_it(enter_as, own, deletion_of):
    client = enter_as("admin")
    with practice_scope(own.practice.pk):
        to_come = AppointmentFactory(patient=own.chart, doctor=own.doctor, starts_at=timezone.now() + timedelta(days=3))
    client.post(delete_page(own.chart), WHY)
    for row in (own.chart, own.record, own.note, own.plan, own.file, own.appointment, to_come):
        assert client.get(page_of(row)).status_code == 404, row
    assert "Ann Ownwood" not in client.get(reverse("admin:patients_patient_changelist")).content.decode()

    client.post(reverse("admin:patients_deletion_restore", args=[deletion_of(own.chart).pk]))

    for row in (own.chart, own.record, own.note, own.plan, own.file, own.appointment):
        assert client.get(page_of(row)).status_code == 200, row
    with practice_scope(own.practice.pk):
        assert Appointment.objects.get(pk=to_come.pk).status == "cancelled"


def test_chart_that_is_gone_is_named_on_the_page_of_the_deleted(enter_as, own, hide):
    client = enter_as("admin")
    deletion = hide(own.chart, by=client.user)
    assert "Ann Ownwood" in client.get(page_of(deletion)).content.decode()
    found = client.get(LIST, {"q": "ownwo"}).context["cl"].result_list
    assert {row.pk for row in found} == {deletion.pk, own.deletion.pk}


def test_page_filters_by_kind(enter_as, own, hide):
    client = enter_as("admin")
    plan = hide(own.plan, by=client.user)
    shown = {kind: [row.pk for row in client.get(LIST, {"kind": kind}).context["cl"].result_list]
             for kind in ("plan", "session", "attachment")}  # fmt: skip
    assert shown == {"plan": [plan.pk], "session": [own.deletion.pk], "attachment": []}
    assert client.get(LIST, {"kind": "nonsense"}).context["cl"].result_count == 2


def test_expired_deletion_shows_why_it_is_still_kept(enter_as, own, hide, make_user):
    client = enter_as("admin")
    kept = hide(own.plan, by=client.user, days_ago=31)
    with practice_scope(own.practice.pk):
        draft = NoteFactory(patient=own.chart, doctor=own.doctor)
    gone = hide(draft, by=own.doctor, days_ago=31)

    page = client.get(page_of(kept)).content.decode()
    assert "Can no longer be restored; kept until" in page and "(record retention)" in page
    assert "restore-title" not in page
    assert "Can no longer be restored; to be deleted permanently soon" in client.get(page_of(gone)).content.decode()
    answer = client.post(reverse("admin:patients_deletion_restore", args=[kept.pk]), follow=True)
    assert "could be restored until" in answer.content.decode()
    assert client.get(page_of(own.plan)).status_code == 404

    with practice_scope(own.practice.pk):
        deletions.place_hold(by=client.user, patient_id=own.chart.pk, reason="Court")
    assert "on legal hold" in client.get(page_of(gone)).content.decode()
    with practice_scope(own.practice.pk):
        Deletion.objects.filter(pk=gone.pk).update(purge_began_at=timezone.now())
    assert "Being deleted permanently" in client.get(LIST).content.decode()


def test_closed_chart_shows_only_the_name(enter_as, own, hide):
    client = enter_as("admin")
    deletion = hide(own.plan, by=client.user, reason="zqreason")
    with practice_scope(own.practice.pk):
        Patient.objects.filter(pk=own.chart.pk).update(restricted=True)

    page = client.get(page_of(deletion)).content.decode()

    assert "Ann Ownwood" in page and "Hidden: the chart is restricted." in page
    assert "zqreason" not in page and "Plan Ownwood" not in page
    assert client.post(reverse("admin:patients_deletion_restore", args=[deletion.pk])).status_code == 302
    assert client.get(page_of(deletion)).status_code == 200  # it is still there
    closed = client.get(delete_page(own.chart))
    assert (closed.status_code, "Break the glass" in closed.content.decode()) == (403, True)
    assert client.post(delete_page(own.chart), WHY).status_code == 403
    assert client.post(delete_page(own.appointment), WHY).url == page_of(own.chart)


def test_emergency_deletes_nothing(enter_as, own, deletion_of):
    client = enter_as("admin")
    with practice_scope(own.practice.pk):
        Patient.objects.filter(pk=own.chart.pk).update(restricted=True)
    client.post(reverse("admin:patients_patient_break_glass", args=[own.chart.pk]), {"reason": "Found unconscious"})

    answer = client.post(delete_page(own.note), WHY)

    assert "Emergency access is not enough for this" in answer.content.decode()
    assert deletion_of(own.note) is None


def test_foreign_deletions_and_rows_do_not_exist(enter_as, own, foreign):
    client = enter_as("admin")
    assert client.post(reverse("admin:patients_deletion_restore", args=[foreign.deletion.pk])).status_code == 404
    assert client.get(page_of(foreign.deletion)).status_code == 404
    assert "Foreignson" not in client.get(LIST).content.decode()
    assert client.post(delete_page(foreign.note), WHY).status_code == 404


def test_deletions_by_a_superuser_are_listed(client, superuser, own, deletion_of):
    client.force_login(superuser)
    client.post(reverse("admin:pick_practice"), {"practice": own.practice.pk})
    assert client.post(delete_page(own.note), WHY).status_code == 302
    page = client.get(LIST).content.decode()
    assert page_of(deletion_of(own.note)) in page
    assert "the administrator of this server" in page


def test_list_costs_the_same_whatever_its_length(enter_as, own, hide, django_assert_num_queries,
                                                     django_assert_max_num_queries):  # fmt: skip
    client = enter_as("admin")
    client.get(LIST)
    with django_assert_max_num_queries(40) as first:
        client.get(LIST)
    for row in (own.plan, own.file, own.record):
        hide(row, by=client.user)
    with django_assert_num_queries(len(first)):
        client.get(LIST)


def test_trail_does_not_contain_the_reason(enter_as, own):
    client = enter_as("admin")
    client.post(delete_page(own.plan), {"reason": "zqwhy"})
    assert client.get(LIST).status_code == 200
    assert not [event for event in whole_trail() if "zqwhy" in event.details]
    (listed,) = whole_trail().filter(about="patients.Deletion").order_by("-id")[:1]
    assert orjson.loads(listed.patients) == [str(own.chart.pk)]


def test_years_of_retention_and_drafts_are_the_practices_to_set(enter_as, own):
    client = enter_as("admin")
    page = client.get(page_of(own.practice)).content.decode()
    assert "are only hidden until they are this old" in page
    assert "When off, only the author of a draft session note can see it" in page
    assert send(client, own.practice, retention_years="7", doctors_see_drafts="on").status_code == 302
    practice = Practice.objects.get(pk=own.practice.pk)
    assert (practice.retention_years, practice.doctors_see_drafts) == (7, True)
    assert b'name="retention_years"' not in enter_as("staff").get(page_of(own.practice)).content
