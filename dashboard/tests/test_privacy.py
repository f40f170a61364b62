"""Privacy's daily work: requests with due dates, who saw a chart, what is due to be purged, who may see what."""

import io
from datetime import timedelta

import orjson
import pytest
from django.conf import settings as project
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from accounts.tests.factories import ApiKeyFactory
from audit.events import AuditEvent
from audit.models import Event
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from dashboard.privacy import retention_pages
from patients.deletion import services as deletions
from patients.deletion.purge import Purge
from patients.models import Deletion, Patient, PrivacyRequest
from patients.tests.factories import PatientFactory

PAGES = ("privacy", "privacy-retention", "privacy-retention-file", "privacy-people", "privacy-people-file")
OF_CHART = ("privacy-new-request", "privacy-accesses", "privacy-accesses-file", "privacy-accesses-print")


@pytest.fixture
def chart(practice):
    with practice_scope(practice.pk):
        return PatientFactory(name="Ottilie Zwq")


@pytest.fixture
def manager(enter_as):
    return enter_as("admin", name="Mona Manager")


def text(answer):
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode()


def enter(client, chart, kind="export", **days):
    today = chart.practice.today()
    given = {"received_on": today, "due_on": today + timedelta(days=30), **days}
    return client.post(reverse("privacy-new-request", args=[chart.pk]), {"kind": kind, **given})


def kinds_of(practice):
    with practice_scope(practice.pk):
        return list(Event.objects.filter(practice_id=practice.pk).order_by("pk").values_list("kind", flat=True))


def test_nobody_but_the_manager_opens_these_pages(enter_as, chart, manager, practice):
    addresses = [*(reverse(name) for name in PAGES), *(reverse(name, args=[chart.pk]) for name in OF_CHART)]
    for role in ("doctor", "staff", "billing", "patient"):
        client = enter_as(role)
        assert [client.get(address).status_code for address in addresses] == [403] * len(addresses), role
        assert enter(client, chart).status_code == 403
        assert client.post(reverse("privacy-people")).status_code == 403
    assert [manager.get(address).status_code for address in addresses] == [200] * len(addresses)
    with practice_scope(practice.pk):
        assert not PrivacyRequest.objects.exists()


def test_another_practices_charts_and_requests_are_not_there(enter_as, chart, manager, other_practice):
    address = enter(manager, chart)["Location"]
    stranger = enter_as("admin", practice=other_practice)
    assert stranger.get(address).status_code == 404
    assert stranger.post(address, {"done": ""}).status_code == 404
    assert enter(stranger, chart).status_code == 404
    for name in OF_CHART:
        assert stranger.get(reverse(name, args=[chart.pk])).status_code == 404
    for name in PAGES:
        assert "Zwq" not in text(stranger.get(reverse(name)))
    assert "Zwq" not in text(stranger.post(reverse("privacy"), {"q": "Ottilie"}))


def test_request_is_entered_listed_by_its_due_date_and_answered(chart, manager, practice):
    found = text(manager.post(reverse("privacy"), {"q": "ottilie"}))
    assert reverse("privacy-new-request", args=[chart.pk]) in found
    today = practice.today()
    shown = text(manager.get(reverse("privacy-new-request", args=[chart.pk])))
    assert f'value="{today}"' in shown
    late = enter(manager, chart, received_on=today - timedelta(days=40), due_on=today - timedelta(days=10))
    listed = text(manager.get(reverse("privacy")))
    assert "Ottilie Zwq" in listed
    assert "overdue" in listed
    assert "This request is already open." in text(enter(manager, chart))
    assert manager.post(late["Location"], {"done": ""}).status_code == 302
    with practice_scope(practice.pk):
        one = PrivacyRequest.objects.get()
    assert (one.state, one.handled_by_id, one.refusal) == ("done", manager.user.pk, "")
    after = text(manager.get(reverse("privacy")))
    assert "overdue" not in after
    assert "Mona Manager" in after
    assert manager.post(late["Location"], {"done": ""}).status_code == 409
    with practice_scope(practice.pk):
        told = Event.objects.filter(about="patients.PrivacyRequest", kind__startswith="data.").order_by("pk")
        assert [(event.kind, event.user_id, str(chart.pk) in event.patients) for event in told] == [
            ("data.created", manager.user.pk, True),
            ("data.changed", manager.user.pk, True),
        ]
        assert Event.objects.filter(kind=AuditEvent.CHARTS_SEARCHED, patients__contains=str(chart.pk)).exists()


def test_due_date_counts_from_when_it_was_received(chart, manager, practice):
    received = practice.today() - timedelta(days=20)
    assert enter(manager, chart, received_on=received, due_on="").status_code == 302
    with practice_scope(practice.pk):
        assert PrivacyRequest.objects.get().due_on == received + timedelta(days=30)


def test_days_that_cannot_be_are_refused(chart, manager, practice):
    today = practice.today()
    for days in (
        {"received_on": today + timedelta(days=1)},
        {"received_on": "0026-12-01", "due_on": "0026-12-30"},
        {"due_on": today - timedelta(days=1)},
        {"due_on": today + timedelta(days=91)},
        {"due_on": "soon"},
        {"received_on": ""},
    ):
        answer = enter(manager, chart, **days)
        assert answer.status_code == 400, days
        assert "mistake" in text(answer)
    assert enter(manager, chart, kind="sale").status_code == 400
    with practice_scope(practice.pk):
        assert not PrivacyRequest.objects.exists()


def test_refusal_needs_its_reason(chart, manager, practice):
    address = enter(manager, chart, kind="erasure")["Location"]
    assert manager.post(address, {"refuse": ""}).status_code == 400
    assert manager.post(address, {"refuse": "", "refusal": "because"}).status_code == 400
    assert manager.post(address, {"refuse": "", "refusal": "retention"}).status_code == 302
    shown = text(manager.get(address))
    assert "has to be kept by law" in shown
    assert 'name="done"' not in shown


def test_erasure_is_done_once_the_chart_is_deleted_and_outlives_it(chart, manager, practice):
    address = enter(manager, chart, kind="erasure")["Location"]
    assert "not deleted yet" in text(manager.post(address, {"done": ""}))
    with practice_scope(practice.pk):
        deletions.delete(by=manager.user, row=Patient.objects.get(pk=chart.pk), reason="asked for")
    assert manager.get(address).status_code == 200
    assert manager.post(address, {"done": ""}).status_code == 302
    with practice_scope(practice.pk):
        Deletion.objects.update(created_at=timezone.now() - timedelta(days=project.RESTORE_DAYS + 1))
        Patient.with_deleted.update(updated_at=timezone.now() - timedelta(days=365 * 30))
    list(Purge(practice, dry_run=False, batch=10).run())
    with practice_scope(practice.pk):
        assert not Patient.with_deleted.exists()
        assert PrivacyRequest.objects.get().patient_id is None
    for page in (address, reverse("privacy")):
        shown = text(manager.get(page))
        assert "Chart erased" in shown
        assert "Zwq" not in shown


def test_who_saw_a_chart_between_two_days(chart, manager, enter_as, as_role, practice):
    doctor = as_role("doctor", name="=Dora Doctor")
    assert doctor.get(f"/api/patients/{chart.pk}").status_code == 200
    with practice_scope(practice.pk):
        other = PatientFactory(name="Somebody Else")
    as_role("doctor", name="Nils Elsewhere").get(f"/api/patients/{other.pk}")
    shown = text(manager.get(reverse("privacy-accesses", args=[chart.pk])))
    assert "=Dora Doctor" in shown
    assert "Nils Elsewhere" not in shown
    today = practice.today()
    days = {"first": today.isoformat(), "last": today.isoformat()}
    lines = text(manager.get(reverse("privacy-accesses-file", args=[chart.pk]), days)).splitlines()
    assert [line for line in lines if "'=Dora Doctor" in line and "Chart opened" in line]
    assert not [line for line in lines if "Elsewhere" in line]
    printed = manager.get(reverse("privacy-accesses-print", args=[chart.pk]), days)
    pages = "".join(page.extract_text() for page in PdfReader(io.BytesIO(printed.content)).pages)
    assert printed["Content-Type"] == "application/pdf"
    for word in ("Ottilie Zwq", "=Dora Doctor", "Chart opened", "Mona Manager"):
        assert word in pages
    long_ago = {"first": "2020-01-01", "last": "2020-02-01"}
    assert "Nobody has opened" in text(manager.get(reverse("privacy-accesses", args=[chart.pk]), long_ago))
    with practice_scope(practice.pk):
        told = Event.objects.filter(user_id=manager.user.pk, patients__contains=str(chart.pk))
        assert {AuditEvent.ACCESSES_READ, AuditEvent.LIST_EXPORTED} <= set(told.values_list("kind", flat=True))


def test_who_saw_a_declined_registration(chart, manager, as_role, practice):
    """One that was merged is told with the chart that was kept, below."""
    with practice_scope(practice.pk):
        declined = PatientFactory(status="pending", name="Nils Nobody")
    as_role("doctor", name="Dora Doctor").get(f"/api/patients/{declined.pk}")
    assert as_role("staff").post(f"/api/registrations/{declined.pk}/decline", {}, "application/json").status_code == 200
    page = text(manager.get(reverse("admin:patients_patient_change", args=[declined.pk])))
    address = reverse("privacy-accesses", args=[declined.pk])
    assert address in page
    assert "Dora Doctor" in text(manager.get(address))


def test_days_are_the_practices_and_mistakes_are_said(chart, manager):
    address = reverse("privacy-accesses", args=[chart.pk])
    for query in ({"first": "x"}, {"first": "2027-02-02", "last": "2027-02-01"}, {"last": "9999-12-31"}):
        assert "mistake" in text(manager.get(address, query)), query
        for name in ("privacy-accesses-file", "privacy-accesses-print"):
            assert manager.get(reverse(name, args=[chart.pk]), query).status_code == 400, query


def test_accesses_to_what_was_merged_into_the_chart_belong_to_it(chart, manager, as_role, practice):
    with practice_scope(practice.pk):
        twice = PatientFactory(name="Ottilie Zwq", email="twice@example.org")
    as_role("doctor", name="Dora Doctor").get(f"/api/patients/{twice.pk}")
    address = reverse("privacy-accesses", args=[chart.pk])
    assert "Dora Doctor" not in text(manager.get(address))
    merged = as_role("admin").post(
        f"/api/patients/{chart.pk}/merge", {"from": str(twice.pk)}, content_type="application/json"
    )
    assert merged.status_code == 200, merged.content
    assert "Dora Doctor" in text(manager.get(address))


def test_retention_says_what_is_removed_when_and_what_is_held(chart, manager, practice):
    with practice_scope(practice.pk):
        held = PatientFactory(name="Hanna Held")
        PatientFactory(name="Dieter Declined", status="declined")
        for one in (chart, held):
            deletions.delete(by=manager.user, row=one, reason="asked for")
        deletions.place_hold(by=manager.user, patient_id=held.pk, reason="court")
    page = manager.get(reverse("privacy-retention"))
    rows = {row.patient: row for row in page.context["rows"]}
    assert rows["Hanna Held"].gone_at is None
    kept = rows["Ottilie Zwq"].gone_at - timezone.now()
    assert timedelta(days=365 * practice.retention_years - 1) < kept < timedelta(days=366 * practice.retention_years)
    assert "Dieter Declined" in text(page)
    file = text(manager.get(reverse("privacy-retention-file")))
    for word in ("Hanna Held", "legal hold", "Ottilie Zwq", "record retention", "Dieter Declined"):
        assert word in file


def test_retentions_file_has_all_of_it_however_much_there_is(chart, manager, practice, monkeypatch):
    monkeypatch.setattr(retention_pages, "AT_ONCE", 2)
    names = {f"Nora {word}" for word in ("One", "Two", "Three", "Four", "Five")}
    with practice_scope(practice.pk):
        for name in sorted(names):
            deletions.delete(by=manager.user, row=PatientFactory(name=name), reason="asked for")
        closed = [PatientFactory(name=f"Dieter {number}", status="declined") for number in range(3)]

    lines = text(manager.get(reverse("privacy-retention-file"))).splitlines()[1:]

    named = [line.split(",")[1] for line in lines]
    assert sorted(named) == sorted([*names, *(one.name for one in closed)])
    events = list(whole_trail().filter(kind=AuditEvent.LIST_EXPORTED).order_by("pk"))
    told = {patient for event in events for patient in orjson.loads(event.patients)}
    assert len(told) == len(named) and len(events) == 1 + 3 + 2


def test_access_review_shows_who_may_see_what_and_keeps_who_reviewed_it(manager, make_user, practice):
    make_user("billing", name="@Bill Ing")
    make_user("doctor", name="Gone Doctor", is_active=False)
    with practice_scope(practice.pk):
        ApiKeyFactory(name="Lab program", made_by=manager.user, permissions=["read_charts"])
    page = manager.get(reverse("privacy-people"))
    rows = {one.name: (one, remarks) for one, remarks in page.context["rows"]}
    bill, remarks = rows["@Bill Ing"]
    assert "billing" in bill.sees
    assert "charts" not in bill.sees
    assert remarks == ["Has never signed in", "Signs in with a password alone"]
    assert rows["Gone Doctor"][0].sees == []
    assert rows["Lab program"][0].sees == ["charts"]
    assert page.context["is_due"]
    assert manager.post(reverse("privacy-people")).status_code == 302
    after = manager.get(reverse("privacy-people"))
    assert not after.context["is_due"]
    assert "by Mona Manager" in text(after)
    file = text(manager.get(reverse("privacy-people-file")))
    assert "'@Bill Ing" in file
    assert AuditEvent.ACCESS_REVIEWED in kinds_of(practice)
    with practice_scope(practice.pk):
        assert '"people":3' in Event.objects.get(kind=AuditEvent.ACCESS_REVIEWED).details


def test_pages_take_as_many_queries_for_many_as_for_few(
    chart, manager, practice, make_user, django_assert_max_num_queries
):
    for _ in range(6):
        with practice_scope(practice.pk):
            one = PatientFactory()
        enter(manager, one)
        make_user("staff")
    for name in ("privacy", "privacy-people"):
        with django_assert_max_num_queries(16):
            manager.get(reverse(name))
