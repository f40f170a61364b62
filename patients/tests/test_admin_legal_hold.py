"""Legal hold and export on a chart's admin page."""

from io import BytesIO
from zipfile import ZipFile

import orjson
import pytest
from django.urls import reverse

from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import LegalHold, Patient
from tests.admin_forms import page_of

WHY = {"reason": "Subpoena 12 of zqcourt"}


def place(chart):
    return reverse("admin:patients_patient_hold", args=[chart.pk])


def lift(chart):
    return reverse("admin:patients_patient_lift_hold", args=[chart.pk])


def holds(practice):
    with practice_scope(practice.pk):
        return list(LegalHold.objects.all())


def test_office_manager_places_and_lifts_a_hold(enter_as, own):
    client, colleague = enter_as("admin", name="Olive Manager"), enter_as("admin")
    assert place(own.chart) in client.get(page_of(own.chart)).content.decode()

    answer = client.post(place(own.chart), WHY, follow=True)

    assert "The chart is on legal hold" in answer.content.decode()
    page = colleague.get(page_of(own.chart)).content.decode()
    assert "by Olive Manager" in page and WHY["reason"] in page
    assert place(own.chart) not in page
    assert "already on legal hold" in colleague.post(place(own.chart), WHY, follow=True).content.decode()
    assert "The legal hold was lifted." in colleague.post(lift(own.chart), follow=True).content.decode()
    assert holds(own.practice) == []
    assert "not on legal hold" in colleague.post(lift(own.chart), follow=True).content.decode()
    events = whole_trail().filter(kind__startswith="chart.hold").order_by("id")
    assert [(event.kind, event.user_id) for event in events] == [
        ("chart.hold_placed", client.user.pk),
        ("chart.hold_lifted", colleague.user.pk),
    ]
    assert not [event for event in whole_trail() if "zqcourt" in event.details]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001])
def test_hold_needs_a_reason(enter_as, own, reason):
    answer = enter_as("admin").post(place(own.chart), {"reason": reason}, follow=True)
    assert "Enter a reason for the legal hold" in answer.content.decode()
    assert holds(own.practice) == []


def test_front_desk_neither_sees_nor_places_one(enter_as, own):
    client = enter_as("staff")
    enter_as("admin").post(place(own.chart), WHY)
    page = client.get(page_of(own.chart)).content.decode()
    assert "egal hold" not in page and "zqcourt" not in page
    assert client.post(place(own.chart), WHY).status_code == 403
    assert client.post(lift(own.chart)).status_code == 403
    assert len(holds(own.practice)) == 1


def test_foreign_chart_is_not_held(enter_as, own, foreign):
    client = enter_as("admin")
    assert client.post(place(foreign.chart), WHY).status_code == 404
    assert client.post(lift(foreign.chart)).status_code == 404
    assert client.get(place(own.chart)).status_code == 405
    assert holds(foreign.practice) == []


def test_chart_on_hold_may_be_restricted_too(enter_as, own):
    """A hold gives no access, so it works for closed charts too; its reason is only on the chart's page."""
    client = enter_as("admin")
    with practice_scope(own.practice.pk):
        Patient.objects.filter(pk=own.chart.pk).update(restricted=True)
    answer = client.post(place(own.chart), WHY, follow=True)
    assert (answer.status_code, len(holds(own.practice))) == (403, 1)
    assert "zqcourt" not in answer.content.decode()


def test_superusers_hold_names_what_they_are(client, superuser, own, enter_as):
    client.force_login(superuser)
    client.post(reverse("admin:pick_practice"), {"practice": own.practice.pk})
    assert client.post(place(own.chart), WHY).status_code == 302
    assert "by the administrator of this server" in enter_as("admin").get(page_of(own.chart)).content.decode()


# --- Export


def export(chart):
    return reverse("admin:patients_patient_export", args=[chart.pk])


def test_office_manager_downloads_the_whole_chart(enter_as, own):
    client = enter_as("admin")
    assert export(own.chart) in client.get(page_of(own.chart)).content.decode()

    answer = client.post(export(own.chart))

    assert (answer.status_code, answer["Content-Disposition"]) == (200, 'attachment; filename="chart.zip"')
    event = whole_trail().order_by("-id").first()  # before a byte of it was sent
    assert (event.kind, event.about_id, event.user_id) == ("chart.exported", own.chart.pk, client.user.pk)
    assert orjson.loads(event.patients) == [str(own.chart.pk)]
    with ZipFile(BytesIO(answer.getvalue())) as zipped:
        assert zipped.testzip() is None
        assert zipped.read("files/scan-Ownwood.txt") == b"Bone density: normal"
        assert "Assessment Ownwood" in zipped.read("chart.json").decode()
        assert zipped.read("chart.pdf").startswith(b"%PDF")


def test_nobody_else_does_and_nobody_a_closed_or_foreign_chart(enter_as, own, foreign):
    staff, client = enter_as("staff"), enter_as("admin")
    assert export(own.chart) not in staff.get(page_of(own.chart)).content.decode()
    assert staff.post(export(own.chart)).status_code == 403
    assert client.get(export(own.chart)).status_code == 405
    assert client.post(export(foreign.chart)).status_code == 404
    with practice_scope(own.practice.pk):
        Patient.objects.filter(pk=own.chart.pk).update(restricted=True)
    answer = client.post(export(own.chart))
    assert (answer.status_code, answer.url) == (302, page_of(own.chart))
    assert not whole_trail().filter(kind="chart.exported", outcome="done").exists()
