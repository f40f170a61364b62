"""The patient's own pages: what they show, what they let do, and what the trail says of it."""

import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Authenticator, LoginSession, Passkey
from accounts.tests.soft_passkey import SoftPasskey
from appointments.models import Appointment
from appointments.tests.factories import (
    AppointmentFactory,
    AppointmentTypeFactory,
    WaitingListEntryFactory,
    WorkingHoursFactory,
)
from appointments.waiting_list import services as waiting_list
from audit.events import AuditEvent
from audit.models import Event
from billing.invoices import services as invoices
from billing.payments import services as payments
from core.tenancy.scope import practice_scope
from dashboard.me.account_pages import SECURITY_FORMS
from patients.tests.factories import PatientFactory
from practices.models import Practice
from tests.authenticator import RIGHT, App, as_json, codes_on, page_secret

ME = "/me/"


def monday(weeks):
    """Return 15:00 UTC, in New York 10 or 11, on a Monday so many weeks ahead."""
    today = timezone.now().date()
    day = today + timedelta(days=7 * weeks - today.weekday())
    return datetime(day.year, day.month, day.day, 15, tzinfo=UTC)


@pytest.fixture
def mine(practice, make_user):
    """A patient with a visit in two weeks, one today and one last week, and somebody else's."""
    doctor, user = make_user("doctor", name="Dr. Daniel Reyes"), make_user("patient", name="Paula Jensen")
    with practice_scope(practice.pk):
        Practice.objects.filter(pk=practice.pk).update(cancellation_hours=24, booking_notice_hours=0)
        WorkingHoursFactory(doctor=doctor)
        kind = AppointmentTypeFactory(name="Follow-up")
        chart = PatientFactory(name="Paula Jensen", user=user)
        booked = {"doctor": doctor, "type": kind}

        def visit(start, patient, **fields):
            return AppointmentFactory(
                patient=patient, starts_at=start, ends_at=start + timedelta(minutes=30), **booked, **fields
            )

        soon = timezone.now().replace(microsecond=0) + timedelta(hours=2)
        return {
            "user": user,
            "chart": chart,
            "next": visit(monday(2), chart),
            "soon": visit(soon, chart),
            "past": visit(monday(-1), chart, status="completed"),
            "foreign": visit(monday(2) + timedelta(hours=1), PatientFactory(name="Somebody Else")),
        }


@pytest.fixture
def me(mine):
    client = Client()
    client.force_login(mine["user"])
    return client


def stored(visit):
    with practice_scope(visit.practice_id):
        return Appointment.objects.get(pk=visit.pk)


def events(visit, **filters):
    with practice_scope(visit.practice_id):
        return list(Event.objects.filter(practice_id=visit.practice_id, **filters).order_by("id"))


def post(client, name, visit, **fields):
    page = client.get(reverse(name, args=[visit.pk]))
    token = re.search(r'name="version" value="(\d+)"', page.content.decode())[1]
    return client.post(reverse(name, args=[visit.pk]), {"version": token, **fields}, follow=True)


def test_overview_shows_own_visits_and_says_so_to_the_trail(me, mine, django_assert_max_num_queries):
    with django_assert_max_num_queries(20):
        page = me.get(ME).content.decode()
    assert page.count("Dr. Daniel Reyes") == 3 and "Somebody Else" not in page
    assert page.count(reverse("me_move", args=[mine["next"].pk])) == 1
    assert reverse("me_move", args=[mine["soon"].pk]) not in page
    assert "late to move or cancel this online" in page
    (event,) = events(mine["next"], kind=AuditEvent.APPOINTMENTS_LISTED)
    assert str(mine["chart"].pk) in event.patients and event.user_id == mine["user"].pk


def test_visit_is_cancelled_and_moved_as_the_policy_allows(me, mine, subtests):
    free = monday(3)
    page = me.get(reverse("me_move", args=[mine["next"].pk]), {"day": free.date().isoformat()}).content.decode()
    offered = re.findall(r'name="start" value="([^"]+)"', page)
    assert any(datetime.fromisoformat(start) == free for start in offered)
    moved = post(me, "me_move", mine["next"], start=free.isoformat())
    assert "Moved: your visit is now on" in moved.content.decode()
    assert (stored(mine["next"]).starts_at, stored(mine["next"]).version) == (free, 2)
    assert "Choose a time from the list." in post(me, "me_move", mine["next"]).content.decode()
    outside = post(me, "me_move", mine["next"], start=(free + timedelta(days=1)).isoformat()).content.decode()
    assert 'role="alert"' in outside and stored(mine["next"]).starts_at == free

    assert "Cancelled: your visit on" in post(me, "me_cancel", mine["next"]).content.decode()
    assert stored(mine["next"]).status == "cancelled"
    assert [
        event.user_id for event in events(mine["next"], kind=AuditEvent.CHANGED, about="appointments.Appointment")
    ] == [mine["user"].pk] * 2

    late = post(me, "me_cancel", mine["soon"])
    assert "It&#x27;s too late to move or cancel this online." in late.content.decode()
    assert stored(mine["soon"]).status == "scheduled"
    for name in ("me_move", "me_cancel"):
        address = reverse(name, args=[mine["foreign"].pk])
        with subtests.test(foreign=name):
            assert me.get(address).status_code == 404
            assert "Cancelled: your" not in me.post(address, {"version": "1"}, follow=True).content.decode()
    assert stored(mine["foreign"]).status == "scheduled"


def test_offers_are_accepted_and_declined(me, mine, make_user, subtests):
    staff, doctor, foreign = make_user("staff"), mine["next"].doctor, mine["foreign"].patient
    with practice_scope(mine["chart"].practice_id):
        entries = [WaitingListEntryFactory(patient=chart) for chart in (mine["chart"], foreign)]

        def offer(entry, weeks):
            slot = {"entry_id": entry.pk, "doctor_id": doctor.pk, "date": monday(weeks)}
            return waiting_list.offer(by=staff, **slot)

        first, second, theirs = offer(entries[0], 5), offer(entries[0], 6), offer(entries[1], 7)
    page = me.get(ME).content.decode()
    assert "Times offered to you" in page and page.count("We keep it for you until") == 2

    def say(what, offer):
        address = reverse(f"me_offer_{what}", args=[offer.entry_id, offer.pk])
        return me.post(address, follow=True).content.decode()

    with subtests.test("somebody else's"):
        assert 'role="alert"' in say("accept", theirs)
        assert 'role="alert"' in say("decline", theirs)
    assert "Declined. You stay on the waiting list." in say("decline", first)
    assert me.get(ME).content.decode().count("We keep it for you until") == 1
    assert "Booked: your visit on" in say("accept", second)
    for again in ("accept", "decline"):
        page = say(again, second)
        assert "Booked: your visit on" in page and "isn&#x27;t waiting any more" not in page
    assert "Times offered to you" not in me.get(ME).content.decode()
    with practice_scope(mine["chart"].practice_id):
        assert Appointment.objects.filter(patient=mine["chart"], starts_at=monday(6)).count() == 1
        assert not Appointment.objects.filter(starts_at__in=[monday(5), monday(7)]).exists()
    changed = [event for event in events(mine["next"], kind=AuditEvent.CHANGED) if event.user_id == mine["user"].pk]
    assert [(event.about, event.about_id) for event in changed] == [
        ("appointments.SlotOffer", first.pk),
        ("appointments.WaitingListEntry", entries[0].pk),
    ]
    for kind in (AuditEvent.OFFER_WITHDRAWN, AuditEvent.OFFER_ACCEPTED):
        (event,) = events(mine["next"], kind=kind)
        assert (event.user_id, event.about_id) == (mine["user"].pk, entries[0].pk)


def test_stale_page_changes_nothing(me, mine):
    answer = me.post(reverse("me_cancel", args=[mine["next"].pk]), {"version": "0"}, follow=True)
    assert 'role="alert"' in answer.content.decode()
    assert stored(mine["next"]).status == "scheduled"


def test_odd_days_are_no_server_error(me, mine, subtests):
    for day in ("0001-01-01", "2199-12-20", "9999-12-31", "tomorrow"):
        with subtests.test(day=day):
            assert me.get(reverse("me_move", args=[mine["next"].pk]), {"day": day}).status_code == 200


def test_patient_sees_who_opened_the_chart(me, mine, enter_as):
    doctor = enter_as("doctor", name="Dr. Curious")
    doctor.get(reverse("admin:patients_patient_change", args=[mine["chart"].pk]))
    for _ in range(3):  # in a row, which is one line
        me.get(ME)
    page = me.get(reverse("me_accesses")).content.decode()
    assert "Dr. Curious, Doctor: Page opened<" in page and page.count("You: ") == 1
    (event,) = events(mine["next"], kind=AuditEvent.ACCESSES_READ)
    assert str(mine["chart"].pk) in event.patients
    assert me.get(reverse("me_accesses"), {"after": "x"}).status_code == 404


def test_data_is_downloaded_and_logged(me, mine):
    assert me.get(reverse("me_data")).status_code == 405
    answer = me.post(reverse("me_data"))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert b"Paula Jensen" in archive.read("chart.json")
    (event,) = events(mine["next"], kind=AuditEvent.CHART_EXPORTED)
    assert event.user_id == mine["user"].pk


def test_sessions_and_password_are_ones_own(me, mine, client_of):
    phone = client_of(mine["user"])
    other = LoginSession.objects.exclude(channel="admin_site").get(user=mine["user"])
    page = me.get(reverse("me_sessions")).content.decode()
    assert "This device" in page and reverse("me_session_end", args=[other.pk]) in page
    assert me.post(reverse("me_session_end", args=[other.pk])).url == "/me/sessions/"
    assert phone.get("/api/users/me").status_code == 401
    assert me.post(reverse("me_session_end", args=[other.pk])).status_code == 404

    new = {"new_password1": "kitten", "new_password2": "kitten"}
    page = me.post(reverse("me_password"), {"old_password": "wrong", **new})
    assert (page.status_code, "Incorrect password." in page.content.decode()) == (200, True)
    assert me.post(reverse("me_password"), {"old_password": "Passw0rd!", **new}).url == ME
    assert me.get(ME).status_code == 200
    assert Client().post("/", {"username": mine["user"].email, "password": "kitten"}).url == ME


def test_second_factors_are_set_up_used_and_removed(me, mine):
    at = {name: f"/me/security/{where}" for name, (where, _verb) in SECURITY_FORMS.items() if "<" not in where}
    assert f'href="{reverse("me_security")}"' in me.get(ME).content.decode()
    page = me.get(reverse("me_security")).content.decode()
    assert "Set up an authenticator app" in page and "Create new recovery codes" not in page
    assert "unsafe" not in me.get(reverse("me_security"))["Content-Security-Policy"]
    assert "Incorrect password." in me.post(at["totp"], {"password": "wrong"}).content.decode()

    started = me.post(at["totp"], RIGHT)
    app = App(page_secret(started))
    assert "<svg" in started.content.decode() and started["Cache-Control"] == "no-store, private"
    assert "secret" not in me.post(at["totp_confirm"], {"code": app.wrong_code()}).content.decode()
    codes = codes_on(me.post(at["totp_confirm"], {"code": app.code()}))
    assert len(set(codes)) == 10
    assert me.get(ME).status_code == 200  # this session stays

    client = Client()
    assert client.post("/", {"username": mine["user"].email, **RIGHT}).url.startswith("/second-factor/")
    assert client.post("/second-factor/", {"code": codes[0]}).url == ME
    assert "<strong>9</strong> of ten left" in client.get(reverse("me_security")).content.decode()
    assert len(codes_on(client.post(at["recovery_codes"], RIGHT))) == 10

    key = SoftPasskey()
    options = client.post(at["passkey"], {"name": "Phone", **RIGHT}).context["options"]
    added = client.post(at["passkey_add"], {"name": "Phone", "credential": as_json(key.made(options))})
    assert added.url == reverse("me_security") and "Phone" in client.get(added.url).content.decode()
    passkey = Passkey.objects.get(user=mine["user"])
    assert client.post(reverse("me_security_passkey_remove", args=[passkey.pk]), RIGHT).url == added.url
    assert client.post(at["totp_remove"], RIGHT).url == added.url
    assert not Authenticator.objects.filter(user=mine["user"]).exists() and not Passkey.objects.exists()
    assert client.get(at["totp"]).url == added.url  # a form's address leads back


def test_pages_are_for_patients_alone(enter_as, mine, subtests):
    for role in ("admin", "doctor", "staff", "billing"):
        for name in ("my_page", "me_accesses", "me_sessions", "me_password", "me_security", "me_security_totp"):
            with subtests.test(role=role, page=name):
                assert enter_as(role).get(reverse(name)).status_code == 403
    assert Client().get(reverse("me_accesses")).url == "/?next=/me/accesses/"


def test_bills_are_ones_own(me, mine, make_user):
    biller, lines = make_user("billing"), [{"description": "Massage", "unit_price": Decimal("80.00")}]
    with practice_scope(mine["chart"].practice_id):
        bills = [
            invoices.write_draft(by=biller, patient_id=pk, lines=lines)
            for pk in (mine["chart"].pk, mine["foreign"].patient_id, mine["chart"].pk)
        ]
        for bill in bills[:2]:
            invoices.issue(by=biller, invoice_id=bill.pk)
        payments.take(by=biller, patient_id=mine["chart"].pk, amount=Decimal("30.00"), method="card")
    page = me.get(reverse("me_bills")).content.decode()
    assert "50.00 USD" in page and "Payment, Card" in page
    own, foreign, draft = (reverse("me_bill", args=[bill.pk]) for bill in bills)
    assert own in page and foreign not in page
    assert me.get(own).content.startswith(b"%PDF")
    assert {me.get(address).status_code for address in (foreign, draft)} == {404}
    assert events(mine["next"], kind=AuditEvent.ACCOUNT_READ)[0].user_id == mine["user"].pk
