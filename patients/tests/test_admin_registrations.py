"""Registrations in the admin site: possible matches; confirming, merging, declining and reopening."""

from datetime import date

import orjson
import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from appointments.models import Appointment
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from tests.admin_forms import page_of

CHARTS = reverse("admin:patients_patient_changelist")
TODAY = reverse("admin:index")
BORN = date(1985, 12, 10)


@pytest.fixture
def waiting(practice, make_user):
    with practice_scope(practice.pk):
        return PatientFactory(
            name="Ada Lovelace",
            phone="555 010 2030",
            date_of_birth=BORN,
            status="pending",
            user=make_user("patient", email="ada@example.org"),
        )


@pytest.fixture
def known(practice):
    with practice_scope(practice.pk):
        return PatientFactory(name="Ada Lovelase", phone="1-555-010-2030", date_of_birth=BORN)


def way(how, *charts):
    return reverse(f"admin:patients_patient_{how}", args=[chart.pk for chart in charts])


def now(chart):
    with practice_scope(chart.practice_id):
        return Patient.objects.get(pk=chart.pk)


def text_of(client, address, **query):
    answer = client.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("role", ["admin", "staff"])
def test_today_and_the_chart_show_matches_and_log_them(enter_as, waiting, known, role):
    client = enter_as(role)
    for address in (TODAY, page_of(waiting)):
        seen = set(whole_trail().values_list("pk", flat=True))
        text = text_of(client, address)
        assert "Ada Lovelase" in text and "Same date of birth, same phone, similar name" in text
        assert "Merge into this chart" in text and "Confirm as new" in text and "Decline" in text
        (event,) = whole_trail().exclude(pk__in=seen)
        assert {str(waiting.pk), str(known.pk)} <= set(orjson.loads(event.patients))


def test_registration_without_matches_shows_none(enter_as, waiting):
    assert "Possible matches" not in text_of(enter_as("admin"), page_of(waiting))


def test_confirmed_chart_is_compared_with_nobody(enter_as, waiting, known):
    text = text_of(enter_as("admin"), page_of(known))
    assert "Possible matches" not in text and "Confirm as new" not in text


@pytest.mark.parametrize("role", ["admin", "staff"])
def test_registration_is_merged_into_a_match(enter_as, waiting, known, role):
    client = enter_as(role)
    answer = client.post(way("merge", waiting, known), follow=True)
    assert answer.redirect_chain[-1][0] == page_of(known)
    assert "The registration was merged" in answer.content.decode()
    assert (now(known).user_id, now(waiting).status) == (waiting.user_id, "merged")

    text = text_of(client, page_of(waiting))
    assert "This registration was merged" in text and page_of(known) in text
    assert 'name="_save"' not in text and "Confirm as new" not in text
    again = client.post(way("merge", waiting, known), {"from": "today"}, follow=True)
    assert again.redirect_chain[-1][0] == TODAY
    assert "has already been merged into a chart" in again.content.decode()


def test_chart_with_an_account_is_not_merged_into(enter_as, waiting, known, make_user):
    with practice_scope(known.practice_id):
        Patient.objects.filter(pk=known.pk).update(user=make_user("patient"))
    client = enter_as("admin")
    text = text_of(client, page_of(waiting))
    assert "Already has an account." in text and "Merge into this chart" not in text
    answer = client.post(way("merge", waiting, known), follow=True)
    assert answer.redirect_chain[-1][0] == page_of(waiting)
    assert "This chart already has an account." in answer.content.decode()


def test_restricted_match_shows_its_name_and_is_not_merged_into(enter_as, waiting, known):
    with practice_scope(known.practice_id):
        Patient.objects.filter(pk=known.pk).update(restricted=True)
    client = enter_as("admin")
    for address in (TODAY, page_of(waiting)):
        text = text_of(client, address)
        assert "Ada Lovelase" in text and "Similar name" in text and "Restricted chart: ask" in text
        assert "ame phone" not in text and "1-555-010-2030" not in text
        assert "Merge into this chart" not in text
    answer = client.post(way("merge", waiting, known))
    assert (answer.status_code, now(waiting).status) == (403, "pending")
    (event,) = whole_trail().filter(kind="page.read", outcome="refused")
    assert str(waiting.pk) in event.patients


@pytest.mark.parametrize("others_from_today", [{}, {"from": "today"}])
def test_merge_without_a_match_asks_for_confirmation(enter_as, waiting, known, others_from_today):
    with practice_scope(known.practice_id):
        known.name, known.phone, known.date_of_birth = "Grace Hopper", "", None
        known.save(update_fields={"name", "phone", "date_of_birth"})
    client = enter_as("staff")
    seen = set(whole_trail().values_list("pk", flat=True))

    answer = client.post(way("merge", waiting, known), others_from_today)

    text = answer.content.decode()
    assert "Ada Lovelace and the chart of Grace Hopper have nothing in common" in text and "Merge anyway" in text
    assert (answer.status_code, now(waiting).status, now(known).user_id) == (200, "pending", None)
    (event,) = whole_trail().exclude(pk__in=seen)
    assert (event.kind, orjson.loads(event.patients)) == ("page.read", [str(waiting.pk), str(known.pk)])
    client.post(way("merge", waiting, known), {**others_from_today, "confirmed": "1"})
    assert now(waiting).merged_into_id == known.pk
    (event,) = whole_trail().filter(kind="registration.merged")
    assert orjson.loads(event.details)["because"] == []


@pytest.mark.parametrize("how", ["decline", "reopen"])
def test_restricted_registration_cannot_be_handled_without_access(enter_as, waiting, how):
    status = "pending" if how == "decline" else "declined"
    with practice_scope(waiting.practice_id):
        Patient.objects.filter(pk=waiting.pk).update(restricted=True, status=status)
    client = enter_as("admin")
    assert "Decline…" not in text_of(client, TODAY)
    assert client.post(way(how, waiting)).status_code == 403
    assert now(waiting).status == status


def test_front_desk_cannot_reopen_a_registration(enter_as, waiting):
    client = enter_as("staff")
    text = client.post(way("decline", waiting), follow=True).content.decode()
    assert "Reopen" not in text and "An office manager can reopen it." in text
    assert client.post(way("reopen", waiting)).status_code == 403
    assert now(waiting).status == "declined"


def test_registration_is_declined_and_reopened(enter_as, waiting):
    client = enter_as("admin")
    answer = client.post(way("decline", waiting), {"reason": "twice"}, follow=True)
    text = answer.content.decode()
    assert "Its account is closed" in text and "Reopen" in text
    assert now(waiting).status == "declined"
    with practice_scope(waiting.practice_id):
        assert not User.objects.get(pk=waiting.user_id).is_active
        assert not Appointment.objects.filter(status="scheduled").exists()

    assert "Confirm as new" in client.post(way("reopen", waiting), follow=True).content.decode()
    assert now(waiting).status == "pending"
    assert "is not declined" in client.post(way("reopen", waiting), follow=True).content.decode()


def test_invalid_decline_reason_is_refused(enter_as, waiting):
    assert enter_as("staff").post(way("decline", waiting), {"reason": "x" * 300}).status_code == 400
    assert now(waiting).status == "pending"


@pytest.mark.parametrize("how", ["merge", "confirm", "decline", "reopen"])
def test_each_way_is_a_post_of_the_desk_in_its_own_practice(enter_as, own, foreign, waiting, known, how):
    own_way = way(how, waiting, *([known] if how == "merge" else []))
    foreign_way = way(how, foreign.pending, *([known] if how == "merge" else []))
    desk = enter_as("admin" if how == "reopen" else "staff")
    assert desk.get(own_way).status_code == 405
    assert desk.post(foreign_way).status_code == 404
    for role in ("doctor", "billing", "patient"):
        assert enter_as(role).post(own_way).status_code == 403, role
    assert Client().post(own_way).status_code == 302
    assert now(waiting).status == "pending"


def test_another_practices_chart_is_not_merged_into(enter_as, own, foreign, waiting):
    assert enter_as("admin").post(way("merge", waiting, foreign.chart)).status_code == 404
    assert now(waiting).status == "pending"


@pytest.fixture(params=["declined", "merged"])
def inactive(request, practice, known):
    with practice_scope(practice.pk):
        into = known if request.param == "merged" else None
        return PatientFactory(name="Gloria Gone", status=request.param, merged_into=into)


def test_list_leaves_it_out_unless_it_is_asked_for(enter_as, inactive, known):
    client = enter_as("admin")
    for query in ({}, {"q": "gloria"}, {"status__exact": "confirmed"}, {"status__exact": "nonsense"}):
        assert "Gloria Gone" not in text_of(client, CHARTS, **query), query
    assert "Gloria Gone" in text_of(client, CHARTS, status__exact=inactive.status)
    assert "Gloria Gone" in text_of(client, CHARTS, status__exact=inactive.status, q="gloria")
    assert "Ada Lovelase" in text_of(client, CHARTS)


def test_no_form_suggests_it(enter_as, inactive):
    suggestions = {"app_label": "appointments", "model_name": "appointment", "field_name": "patient"}
    for term in ("", "gloria"):
        found = enter_as("admin").get(reverse("admin:autocomplete"), {**suggestions, "term": term}).json()["results"]
        assert "Gloria Gone" not in [row["text"] for row in found]
    booking = {"patient": str(inactive.pk), "starts_at_0": "2031-01-06", "starts_at_1": "09:00", "reason": "Pain"}
    client = enter_as("admin")
    client.post(reverse("admin:appointments_appointment_add"), booking)
    with practice_scope(inactive.practice_id):
        assert not Appointment.objects.exists()


def test_closed_chart_page_is_read_only(enter_as, inactive):
    client = enter_as("admin")
    text = text_of(client, page_of(inactive))
    assert "Gloria Gone" in text and 'name="_save"' not in text and "Restrict this chart" not in text
    assert client.post(page_of(inactive), {"name": "Changed"}).status_code == 403
    assert client.post(way("restrict", inactive)).status_code == 404
    assert client.post(way("break_glass", inactive), {"reason": "Unconscious"}).status_code == 404
    assert now(inactive).name == "Gloria Gone"


def test_bulk_action_confirms_none_of_them(enter_as, inactive, waiting):
    bulk = {"action": "confirm_registrations", "_selected_action": [str(inactive.pk), str(waiting.pk)]}
    page = enter_as("admin").post(CHARTS, bulk, follow=True).content.decode()
    assert "1 registration confirmed." in page
    assert (now(inactive).status, now(waiting).status) == (inactive.status, "confirmed")
