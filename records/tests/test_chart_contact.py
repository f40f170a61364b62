"""The page that corrects a chart: who may change what, and that nothing is lost or overwritten unseen."""

import re
from types import SimpleNamespace

import orjson
import pytest
from django.urls import reverse
from lxml import html

from audit.models import Event
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from tests import damage


@pytest.fixture
def paula(practice, make_user):
    doctor = make_user("doctor", name="Dr. Daniel Reyes")
    with practice_scope(practice.pk):
        chart = PatientFactory(
            name="Paula Jensen", phone="(212) 555-0114", email="", address="12 Elm Street", medical_history="Asthma"
        )
    address, back = (reverse(name, args=[chart.pk]) for name in ("chart_contact", "chart"))
    return SimpleNamespace(practice=practice, doctor=doctor, chart=chart, address=address, back=back)


def filled(page, **typed):
    """Return what a browser sends of the page's form, with this typed in it."""
    (form,) = html.fromstring(page.content).xpath("//div[@class='contact']/form")
    return {name: value or "" for name, value in form.fields.items() if name != "csrfmiddlewaretoken"} | typed


def text_of(answer):
    return " ".join(html.fromstring(answer.content).text_content().split())


def now(paula):
    with practice_scope(paula.practice.pk):
        return Patient.objects.get(pk=paula.chart.pk)


def test_front_desk_corrects_a_chart_and_nobody_else_does(enter_as, paula, subtests):
    clerk, contact = enter_as("staff"), {"phone", "email", "name", "address", "primary_doctor_id", "blood_type"}
    chart = text_of(clerk.get(paula.back))
    assert "Missing in this chart: Email." in chart and "Change contact data" in chart
    page = clerk.get(paula.address)
    assert page["Cache-Control"] == "no-store, private" and "(212) 555-0114" in page.content.decode()
    typed = {"phone": "(212) 555-0199", "email": "paula@example.com", "primary_doctor_id": str(paula.doctor.pk)}
    saved = clerk.post(paula.address, filled(page, **typed), follow=True)
    assert saved.redirect_chain == [(paula.back, 302)]
    assert "Saved: Phone, Email, Primary doctor." in text_of(saved) and "Missing in this chart" not in text_of(saved)
    chart = now(paula)
    assert (chart.phone, chart.email, chart.version) == ("(212) 555-0199", "paula@example.com", 2)
    assert (chart.primary_doctor_id, chart.address) == (paula.doctor.pk, "12 Elm Street")
    with practice_scope(paula.practice.pk):
        seen = Event.objects.filter(practice_id=paula.practice.pk, user_id=clerk.user.pk, about_id=chart.pk)
        assert [one.kind for one in seen.order_by("id")].count("chart.read") == 3  # the chart, the form, the chart
        (changed,) = seen.filter(kind="data.changed")
    assert {"phone", "email"} <= set(orjson.loads(changed.details)["fields"])
    assert "No changes." in text_of(clerk.post(paula.address, filled(clerk.get(paula.address)), follow=True))

    for role, fields in {"admin": contact, "doctor": {"blood_type"}, "billing": None, "patient": None}.items():
        with subtests.test(role=role):
            client = enter_as(role)
            page, sent = client.get(paula.address), {"phone": "(212) 555-0100", "blood_type": "A+", "version": "2"}
            assert page.status_code == (200 if fields else 403)
            if fields is None:
                assert client.post(paula.address, sent).status_code == 403
                assert paula.address not in client.get(paula.back).content.decode()
            else:
                assert contact & set(filled(page)) == fields
    doctor = enter_as("doctor")
    doctor.post(paula.address, sent)  # a phone that the form does not have
    assert (now(paula).phone, now(paula).blood_type) == ("(212) 555-0199", "A+")
    with practice_scope(paula.practice.pk):
        restricted = PatientFactory(name="Closed Chart", phone="(212) 555-0177", restricted=True)
    closed = reverse("chart_contact", args=[restricted.pk])
    for answer in (clerk.get(closed), clerk.post(closed, sent)):
        assert answer.status_code == 403 and "555-0177" not in answer.content.decode()
    manager = enter_as("admin")
    manager.post(reverse("chart_emergency", args=[restricted.pk]), {"reason": "Fell in the waiting room"})
    in_emergency = filled(manager.get(closed))  # the new doctor would get regular access
    assert "phone" in in_emergency and "primary_doctor_id" not in in_emergency


def test_mistakes_are_said_beside_their_fields(enter_as, paula):
    client = enter_as("staff")
    page = client.get(paula.address)
    wrong = {"name": "", "phone": "none", "email": "paula@", "date_of_birth": "1790-01-01", "gender": "x"}
    answer = client.post(paula.address, filled(page, **wrong, primary_doctor_id=str(client.user.pk)))
    marked = set(re.findall(r'id="id_(\w+)_error"', answer.content.decode()))
    assert marked == {*wrong, "primary_doctor_id"} and 'value="paula@"' in answer.content.decode()
    nobody = {"phone": "", "address": "", "emergency_contact": ""}
    unreachable = client.post(paula.address, filled(page, **nobody))
    assert "so that someone can be reached" in text_of(unreachable) and 'id="id_phone_error"' in str(
        unreachable.content
    )
    assert now(paula).version == 1


def test_stale_form_says_who_changed_what_and_keeps_both(enter_as, paula):
    clerk, colleague = enter_as("staff"), enter_as("admin", name="Kim Lee")
    mine = filled(clerk.get(paula.address), phone="(212) 555-0101", email="paula@example.com")
    theirs = {"phone": "(212) 555-0202", "address": "9 Oak Road", "gender": "other"}
    colleague.post(paula.address, filled(colleague.get(paula.address), **theirs))
    stale = clerk.post(paula.address, mine)
    assert "Someone else changed this" in text_of(stale) and "In the chart now: (212) 555-0202" in text_of(stale)
    assert "Kim Lee has changed:" in text_of(stale) and "Phone, Address." in text_of(stale)
    assert (now(paula).phone, now(paula).version) == ("(212) 555-0202", 2)
    saved = clerk.post(paula.address, filled(stale), follow=True)
    assert "Saved: Phone, Email." in text_of(saved)
    chart = now(paula)
    assert (chart.phone, chart.email, chart.address) == ("(212) 555-0101", "paula@example.com", "9 Oak Road")


def test_what_cannot_be_decrypted_is_kept(enter_as, paula):
    with practice_scope(paula.practice.pk):
        kept = damage.lose_key(paula.chart, "phone")
    client = enter_as("staff")
    page = client.get(paula.address)
    assert "Can't be decrypted, and is kept as it is: Phone." in text_of(page) and "phone" not in filled(page)
    sent = filled(page, phone="(212) 555-0101", email="paula@example.com")
    assert "Saved: Email." in text_of(client.post(paula.address, sent, follow=True))
    with practice_scope(paula.practice.pk):
        assert damage.stored(paula.chart, "phone") == kept
