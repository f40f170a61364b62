"""A chart's pages: who may open them, what they say to the audit trail, and what they show of whom."""

import re
from datetime import date, datetime, timedelta
from html import unescape
from io import BytesIO
from types import SimpleNamespace

import orjson
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from audit.models import Event
from core.tenancy.scope import practice_scope
from notifications.models import Message
from patients.allergies import allergies_of
from patients.models import EmergencyAccess, Patient
from patients.tests.factories import PatientFactory
from records.chart.banner import describe_age
from records.models import ChartEntry, PlanOfCare
from records.tests.factories import (
    BodyChartFactory,
    FinalisedNoteFactory,
    MeasureFactory,
    MedicalRecordFactory,
    NoteFactory,
    PlanFactory,
    stored_file,
)
from tests import damage

WEIGHT, PAIN = {"value": "172", "unit": "lb"}, {"value": "3", "unit": "of_10"}
REMINDER = {"kind": "reminder", "channel": "sms", "about": "visit"}


def jpeg(width, height):
    made = BytesIO()
    Image.new("RGB", (width, height), "teal").save(made, "JPEG")
    return made.getvalue()


PHOTO = {"content": jpeg(3000, 4000), "name": "paula.jpg", "media_type": "image/jpeg"}


@pytest.fixture
def paula(practice, make_user):
    """A chart with one entry of each kind, of the last days, and a visit to come."""
    doctor = make_user("doctor", name="Dr. Daniel Reyes")
    now = timezone.now()
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Paula Jensen", phone="(212) 555-0114", allergies="Penicillin")
        whose = {"patient": chart, "doctor": doctor}
        for days, reason in ((-4, "Sciatica again"), (30, "Check-up in spring")):
            start = now + timedelta(days=days)
            AppointmentFactory(**whose, reason=reason, starts_at=start, ends_at=start + timedelta(minutes=30))
        Appointment.objects.filter(reason__isnull=False, starts_at__lt=now).update(no_show_at=now)
        FinalisedNoteFactory(**whose, date=now - timedelta(days=3), assessment="Lumbar strain, better")
        NoteFactory(**whose, date=now - timedelta(days=1), assessment="Not for other eyes yet")
        MedicalRecordFactory(**whose, date=now - timedelta(days=2), diagnosis="Disc prolapse L5")
        PlanFactory(**whose, title="Walk without pain", starts_on=(now - timedelta(days=5)).date())
        stored_file(patient=chart, uploaded_by=doctor, name="mri.txt")
        for hours, kind, reading in ((0, "weight", WEIGHT), (0, "pain", PAIN), (5, "pain", PAIN)):
            at = now - timedelta(days=6, hours=hours)
            MeasureFactory(**whose, kind=kind, reading=reading, measured_at=at)
        BodyChartFactory(**whose, drawn_at=now - timedelta(days=7))
        reminder = {**REMINDER, "patient": chart, "planned_for": now, "due_at": now}
        Message(**reminder, occurrence="1", status="delivered", started_at=now, sent_at=now - timedelta(days=8)).save()
        Message(**reminder, occurrence="2", status="planned").save()
    return SimpleNamespace(practice=practice, doctor=doctor, chart=chart, address=reverse("chart", args=[chart.pk]))


def text_of(answer):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def entries(answer):
    """Return the kinds of the entries, in their order."""
    return re.findall(r'class="entry of-(\w+)"', answer.content.decode())


def events(practice, **filters):
    with practice_scope(practice.pk):
        return list(Event.objects.filter(practice_id=practice.pk, **filters).order_by("id"))


def change_chart(paula, **values):
    with practice_scope(paula.practice.pk):
        for name, value in values.items():
            setattr(paula.chart, name, value)
        paula.chart.save()


def test_chart_is_what_the_role_may_read(enter_as, client_of, paula, subtests):
    assert paula.address == f"/patients/{paula.chart.pk}/"
    for role in ("admin", "staff", "doctor", "billing", "patient"):
        client = enter_as(role)
        page = client.get(paula.address)
        with subtests.test(role=role):
            if role == "patient":
                assert page.status_code == 403
                continue
            assert page.status_code == 200
            said, clinical = text_of(page), role != "billing"
            assert "Paula Jensen" in said and "(212) 555-0114" in said and "No-shows 1" in said
            for word in ("Penicillin", "Sciatica again", "better", "Disc prolapse L5", "Walk without pain", "mri.txt"):
                assert (word in said) == clinical, word
            assert "Not for other eyes yet" not in said
            assert str(paula.chart.pk) not in said
            everything = ["files", "records", "notes", "visits", "plans", "measures", "measures", "body", "messages"]
            assert entries(page) == (everything if clinical else ["visits", "messages"])
            assert ("Pain 3 of 10" in said) == clinical
            assert client.get(f"{paula.address}?show=notes").status_code == (200 if clinical else 403)
            assert "unsafe" not in page["Content-Security-Policy"]
            assert page["Cache-Control"] == "no-store, private"
            event = events(paula.practice, kind="chart.read", user_id=client.user.pk)[0]
            assert str(paula.chart.pk) in str(event.patients)
    own = Client()
    own.force_login(paula.doctor)
    assert "Not for other eyes yet" in text_of(own.get(paula.address))
    assert Client().get(paula.address).url == f"/?next={paula.address}"


def test_chart_of_another_practice_is_not_found(other_practice, make_user, paula):
    stranger = Client()
    stranger.force_login(make_user("doctor", practice=other_practice))
    for name in ("chart_search", "chart_allergies", "chart_contact", "chart_emergency"):
        fields = {"query": "strain"}
        assert stranger.post(reverse(name, args=[paula.chart.pk]), fields).status_code == 404
    assert stranger.get(paula.address).status_code == 404


def test_filters_and_visits_to_come(enter_as, paula, subtests):
    client = enter_as("staff")
    shown = {"visits": ["visits"] * 2, "measures": ["measures"] * 2}
    shown |= {kind: [kind] for kind in ("notes", "plans", "files", "body", "messages")}
    for show, kinds in shown.items():
        with subtests.test(show=show):
            assert entries(client.get(paula.address, {"show": show})) == kinds
    assert '<a href="/admin/patients/patient/" aria-current="page">' in client.get(paula.address).content.decode()
    assert "Check-up in spring" in text_of(client.get(paula.address, {"show": "visits"}))
    assert client.get(paula.address, {"show": "secrets"}).status_code == 400
    assert client.get(paula.address, {"cursor": "made-up"}).status_code == 400


def test_pages_follow_each_other_without_a_gap(enter_as, paula):
    """Also where a day's plan and the day's notes share a moment, and two pages meet among entries of one moment."""
    with practice_scope(paula.practice.pk):
        whose = {"patient": paula.chart, "doctor": paula.doctor}
        midnight = datetime(2026, 3, 2, tzinfo=paula.practice.tzinfo)
        for _ in range(15):
            FinalisedNoteFactory(**whose, date=midnight)
            PlanFactory(**whose, starts_on=date(2026, 3, 2))
            MedicalRecordFactory(**whose, date=midnight + timedelta(hours=9))
    client, seen, address = enter_as("admin"), [], paula.address
    while address:
        page = client.get(address).content.decode()
        seen += re.findall(r'href="([^"]+)" data-stop', page)
        found = re.search(r'<p id="earlier"><a class="button" href="([^"]+)"', page)
        address = found and unescape(found[1])
    assert len(seen) == 45 + 5 + 3 and len(set(seen)) == len(seen) - 1  # two sets of measures have one page


def test_photo_is_one_of_the_charts_files_by_choice(enter_as, paula):
    """The latest of its category stands in the banner, for those who may read files, until it gets another."""
    with practice_scope(paula.practice.pk):
        whose = {"patient": paula.chart, "uploaded_by": paula.doctor, **PHOTO}
        file, _knee = stored_file(**whose), stored_file(**whose, category="before")
        stored_file(patient=paula.chart, uploaded_by=paula.doctor, category="portrait")  # a text is no photo
    desk, address = enter_as("staff"), reverse("chart_file", args=[paula.chart.pk, file.pk])
    assert 'class="photo"' not in desk.get(paula.address).content.decode()
    assert desk.post(address, {"category": "portrait"}).url == address
    (shown,) = re.findall(r'class="photo" src="([^"]+)"', desk.get(paula.address).content.decode())
    small = desk.get(shown)
    assert (small["Content-Type"], small["Cache-Control"]) == ("image/jpeg", "no-store")
    with Image.open(BytesIO(small.content)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (162, 216))
    assert events(paula.practice, kind="file.read", user_id=desk.user.pk)
    billing = enter_as("billing")
    assert 'class="photo"' not in billing.get(paula.address).content.decode()
    assert billing.get(shown).status_code == 403
    assert desk.post(address, {"category": "other"}).url == address
    assert 'class="photo"' not in desk.get(paula.address).content.decode()


def test_picture_that_cannot_be_made_small_is_shown_as_it_is(enter_as, paula):
    """From before pictures were cleaned there may be one that browsers show and Pillow does not read."""
    whole = BytesIO()
    Image.effect_noise((500, 500), 90).save(whole, "PNG")
    start, _mark, end = whole.getvalue().rpartition(b"IDAT")
    broken = start + b"\1\2\3\4" + end
    with practice_scope(paula.practice.pk):
        whose = {"patient": paula.chart, "uploaded_by": paula.doctor, "category": "portrait"}
        file = stored_file(**whose, content=broken, name="paula.png", media_type="image/png")
    answer = enter_as("staff").get(reverse("chart_file_small", args=[paula.chart.pk, file.pk]))
    assert (answer.status_code, b"".join(answer)) == (200, broken)


def test_number_of_queries_does_not_grow_with_the_chart(enter_as, paula):
    client = enter_as("doctor")

    def queries():
        client.get(paula.address)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(paula.address).status_code == 200
        return len(captured)

    few = queries()
    with practice_scope(paula.practice.pk):
        whose = {"patient": paula.chart, "doctor": paula.doctor}
        for _ in range(3):
            for make in (FinalisedNoteFactory, MedicalRecordFactory, PlanFactory):
                make(**whose)
            start = timezone.now() - timedelta(days=9)
            AppointmentFactory(**whose, starts_at=start, ends_at=start + timedelta(minutes=5), status="completed")
            stored_file(patient=paula.chart, uploaded_by=paula.doctor)
    assert queries() == few <= 22


def test_search_finds_notes_and_tells_the_trail(enter_as, paula):
    client = enter_as("doctor")
    search = reverse("chart_search", args=[paula.chart.pk])
    found = client.post(search, {"query": "lumbar STRAIN"})
    assert "1 note has these words" in text_of(found)
    assert "Lumbar strain, better" in text_of(found)
    assert "0 notes have these words" in text_of(client.post(search, {"query": "other eyes"}))
    assert [orjson.loads(event.details)["hits"] for event in events(paula.practice, kind="note.searched")] == [1, 0]
    assert "lumbar" not in str([event.details for event in events(paula.practice)]).lower()
    assert enter_as("billing").post(search, {"query": "strain"}).status_code == 403
    assert client.get(search).url == paula.address


def test_restricted_chart_opens_in_an_emergency_only(enter_as, paula):
    change_chart(paula, restricted=True)
    doctor, clerk = enter_as("doctor"), enter_as("staff")
    for client in (doctor, clerk):
        closed = client.get(paula.address)
        assert closed.status_code == 403
        assert "Paula Jensen" in text_of(closed) and "Penicillin" not in text_of(closed)
        assert client.post(reverse("chart_search", args=[paula.chart.pk]), {"query": "strain"}).status_code == 403
    emergency = reverse("chart_emergency", args=[paula.chart.pk])
    assert "Break the glass" not in text_of(clerk.get(paula.address))
    assert clerk.post(emergency, {"reason": "Fell in the waiting room"}).status_code == 403
    too_short = doctor.post(emergency, {"reason": "x"})
    assert too_short.status_code == 403 and "at least 4 characters" in text_of(too_short)
    assert doctor.post(emergency, {"reason": "Fell in the waiting room"}).url == paula.address
    assert doctor.post(emergency, {"reason": "Fell in the waiting room"}).url == paula.address
    opened = text_of(doctor.get(paula.address))
    assert "Restricted chart, open to you in an emergency until" in opened and "Penicillin" in opened
    with practice_scope(paula.practice.pk):
        access = EmergencyAccess.objects.get()
    (read,) = events(paula.practice, kind="chart.read", user_id=doctor.user.pk)
    assert orjson.loads(read.details)["emergency"] == [str(access.pk)]
    refused = events(paula.practice, outcome="refused", user_id=clerk.user.pk)
    assert len(refused) == 4 and all(map(bool, (event.patients for event in refused)))


def test_merged_chart_leads_to_the_one_that_stays(enter_as, paula):
    with practice_scope(paula.practice.pk):
        other = PatientFactory(name="Paula Jensen-Holm", status="merged", merged_into=paula.chart)
    client = enter_as("staff")
    assert client.get(reverse("chart", args=[other.pk])).url == paula.address
    assert client.post(reverse("chart_search", args=[other.pk]), {"query": "x"}).url == paula.address


def test_allergies_are_changed_with_the_version_that_was_read(enter_as, paula):
    doctor = enter_as("doctor")
    change = reverse("chart_allergies", args=[paula.chart.pk])
    assert doctor.post(change, {"allergies": "", "version": 1}).url == paula.address
    assert "Allergies: not asked" in text_of(doctor.get(paula.address))
    stale = doctor.post(change, {"allergies": "Latex", "version": 1})
    assert "Someone else changed this" in text_of(stale) and "You entered: Latex" in text_of(stale)
    assert doctor.post(change, {"none_known": "on", "version": 2}).url == paula.address
    asked = doctor.get(paula.address)
    assert "Allergies: none known" in text_of(asked) and "none_known" not in asked.content.decode()
    with practice_scope(paula.practice.pk):
        chart = Patient.objects.get(pk=paula.chart.pk)
    assert (chart.allergies, chart.version) == ("None known", 3)
    assert enter_as("billing").post(change, {"allergies": "Nuts", "version": 3}).status_code == 403
    doctor.post(change, {"allergies": "Latex\r\nNuts", "version": 3})  # as browsers send lines
    with practice_scope(paula.practice.pk):
        assert Patient.objects.get(pk=paula.chart.pk).allergies == "Latex\nNuts"


def test_allergies_that_cannot_be_decrypted_are_not_offered_for_a_change(enter_as, paula):
    """The form would have the mark in it, and save that."""
    with practice_scope(paula.practice.pk):
        damage.lose_key(paula.chart, "allergies")
    page = enter_as("doctor").get(paula.address).content.decode()
    assert "Allergies:</b> [cannot be decrypted: key 7 is missing]" in page
    assert reverse("chart_allergies", args=[paula.chart.pk]) not in page


def test_none_known_and_not_asked_are_told_apart(subtests):
    said = {
        "": "not_asked",
        " \n": "not_asked",
        "None known.": "none_known",
        "NKDA": "none_known",
        "none": "none_known",
    }
    said |= {"No known drug allergies": "none_known", "No known allergies, except latex": "known", "Nuts": "known"}
    for text, state in said.items():
        with subtests.test(text=text):
            assert allergies_of(Patient(allergies=text)) == state


def test_age_of_a_small_child_is_in_months():
    born = {date(2026, 4, 30): "7 months", date(2024, 12, 1): "23 months", date(2024, 11, 30): "2 years", None: ""}
    assert {day: describe_age(Patient(date_of_birth=day), date(2026, 11, 30)) for day in born} == born


def test_entries_lead_to_where_they_are_read(enter_as, paula):
    client = enter_as("admin")
    page = client.get(paula.address).content.decode()
    links = re.findall(r'href="([^"]+)" data-stop', page)
    assert len(links) == 8
    assert {client.get(unescape(link)).status_code for link in links} == {200}
    with practice_scope(paula.practice.pk):
        assert reverse("chart_plan", args=[paula.chart.pk, PlanOfCare.objects.get().pk]) in links


def test_lists_are_kept_on_the_page(enter_as, practice, paula):
    """What was written as text shows line by line, and an entry is added, changed, ended and deleted, with htmx and
    without; the banner follows."""
    doctor, part = enter_as("doctor", name="Dr. Hana Sato"), {"HX-Request": "true"}
    page = text_of(doctor.get(paula.address))
    assert "Problems None listed" in page and "Allergies Penicillin Add an allergy" in page
    add = reverse("chart_entry_add", args=[paula.chart.pk, "allergy"])
    latex = {"text": "Latex", "reaction": "Hives", "severity": "severe", "since": "2020-02-03"}
    answer = doctor.post(add, latex, headers=part)
    assert "Allergies: Penicillin Latex (Hives, severe)" in text_of(answer)
    assert "Latex , Hives, severe" in text_of(answer) and "since" in text_of(answer)
    with practice_scope(practice.pk):
        penicillin, entry = ChartEntry.objects.filter(patient=paula.chart).order_by("id")
    assert (penicillin.text, entry.severity) == ("Penicillin", "severe")
    change = reverse("chart_entry_change", args=[paula.chart.pk, entry.pk])
    assert doctor.post(change, {**latex, "version": 1, "ended": "on"}).url == paula.address
    ended = text_of(doctor.get(paula.address))
    assert "1 ended" in ended and "Allergies: Penicillin Allergies" in ended
    stale = doctor.post(change, {**latex, "version": 1}, headers=part)
    assert (stale.status_code, stale["HX-Retarget"]) == (409, "#message")
    assert doctor.post(add, {"text": ""}, headers=part).status_code == 400
    gone = doctor.post(reverse("chart_entry_delete", args=[paula.chart.pk, entry.pk]), {"reason": "Wrong chart"})
    assert gone.url == paula.address and "Latex" not in text_of(doctor.get(paula.address))
    assert "Entered by mistake?" not in text_of(enter_as("staff").get(paula.address))

    none_known = reverse("chart_no_known_allergies", args=[paula.chart.pk])
    assert doctor.post(none_known, headers=part).status_code == 409
    change_chart(paula, allergies="", medical_history="Asthma\nWhiplash in 2018")
    take_over = reverse("chart_lists_take_over", args=[paula.chart.pk])
    assert "Whiplash in 2018 Dr. Hana Sato Change" in text_of(doctor.post(take_over, headers=part))
    assert "Allergies: none known" in text_of(doctor.post(none_known, headers=part))
    assert enter_as("billing").post(add, latex).status_code == 403
    with practice_scope(practice.pk):
        other = PatientFactory(name="Somebody Else")
    elsewhere = reverse("chart_entry_change", args=[other.pk, penicillin.pk])
    assert doctor.post(elsewhere, {**latex, "version": 1}).status_code == 404
