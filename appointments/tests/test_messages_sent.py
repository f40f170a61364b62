"""What providers say when they are called, and what they call."""

from datetime import timedelta
from types import SimpleNamespace
from unittest.mock import Mock
from urllib.parse import urlencode

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from accounts.passwords.reset import request_reset
from appointments import services
from appointments.tests.messages import NOW, VISIT, book, ledger, run
from appointments.waiting_list import services as waiting_list
from integrations.sending import Reason, SendFailed
from integrations.tests.test_sending import twilio_signature
from notifications.jobs import enqueue, run_due, running, schedule
from notifications.jobs.registry import KINDS
from notifications.messages import sending
from notifications.messages.jobs import SHARE, send_due, send_one
from notifications.messages.sources import facts_of
from notifications.models import Job, Message, MessagePreference
from patients.registrations.services import confirm_registration
from patients.tests.factories import PatientFactory

# --- What providers call ----------------------------------------------------------------------------------------------


@pytest.fixture
def twilio(client, settings):
    """`twilio(path, **fields)`: a call that Twilio has signed."""
    settings.TWILIO_AUTH_TOKEN = "t0ken"

    def call(path="/api/providers/twilio", *, token="t0ken", **fields):
        headers = {"X-Twilio-Signature": twilio_signature("https://praxis.example.org" + path, fields, token)}
        body, kind = urlencode(fields), "application/x-www-form-urlencoded"
        return client.generic("POST", path, body, content_type=kind, headers=headers)

    return call


@pytest.fixture
def reminded(desk, at, mailoutbox, capsys):
    desk.visit = book(desk)
    run(at, NOW + timedelta(minutes=5))
    run(at, VISIT - timedelta(hours=24))
    desk.sms = Message.objects.get(about_id=desk.visit.pk, channel="sms")
    capsys.readouterr()
    return desk


def test_call_without_the_providers_signature_changes_nothing(reminded, twilio, client):
    assert twilio(token="other", From="+12125550114", Body="STOP").status_code == 403
    assert client.post("/api/providers/sendgrid", "[]", content_type="application/json").status_code == 403
    assert not MessagePreference.objects.exists()


def test_stop_is_answered_and_ends_text_messages(reminded, twilio, at, capsys):
    answer = twilio(From="+12125550114", Body=" Stop. ")
    assert answer["Content-Type"].startswith("text/xml")
    assert "<Message>You will get no more text messages from us." in answer.content.decode()
    twilio(From="+12125550114", Body="STOP")
    (said,) = MessagePreference.objects.all()
    assert (said.no_sms_how, said.no_sms_since) == ("stop", VISIT - timedelta(hours=24))
    visit = book(reminded, date=VISIT + timedelta(days=7))
    run(at, VISIT + timedelta(days=6))
    assert ("reminder", "sms", "suppressed", "opted_out") in ledger(visit)
    assert "again" in twilio(From="+12125550114", Body="START").content.decode()
    said.refresh_from_db()
    assert said.no_sms_since is None


def test_c_confirms_the_visit_once(reminded, twilio):
    for _ in range(2):
        said = twilio(From="+12125550114", Body="c").content.decode()
        assert "Your appointment on Monday, January 14, 2030 at 3:00 PM is confirmed." in said
    reminded.visit.refresh_from_db()
    assert reminded.visit.confirmed_at is not None
    assert [event.details for event in reminded.visit.events.filter(what="confirmed")] == [{"via": "sms"}]


def test_c_after_cancelling_says_so_and_a_stranger_gets_no_answer(reminded, twilio):
    services.change(by=reminded.staff, appointment_id=reminded.visit.pk, status="cancelled")
    assert "be confirmed any more" in twilio(From="+12125550114", Body="C").content.decode()
    for word in ("C", "STOP", "When is it?"):
        assert "<Response></Response>" in twilio(From="+12125550199", Body=word).content.decode()


@pytest.mark.parametrize("order", [["delivered"], ["delivered", "delivered"], ["sent", "delivered"]])
def test_delivery_is_noted_however_often_it_is_reported(reminded, twilio, order):
    for status in order:
        path = f"/api/providers/twilio?message={reminded.sms.reference}"
        assert twilio(path, MessageSid="SM1", MessageStatus=status).status_code == 204
    reminded.sms.refresh_from_db()
    assert (reminded.sms.status, reminded.sms.provider_id) == ("delivered", "SM1")


@pytest.mark.parametrize("order", [["delivered", "undelivered"], ["undelivered", "delivered"]])
def test_failure_outweighs_delivery_in_any_order(reminded, twilio, order):
    for status in order:
        path = f"/api/providers/twilio?message={reminded.sms.reference}"
        twilio(path, MessageSid="SM1", MessageStatus=status, ErrorCode="30003")
    reminded.sms.refresh_from_db()
    assert (reminded.sms.status, reminded.sms.why, reminded.sms.why_details) == ("failed", "bounced", {"code": "30003"})


def test_report_of_an_unknown_message_is_taken_and_changes_nothing(reminded, twilio, other_practice):
    for reference in ("", "x", "0" * 64, other_practice.pk.hex + reminded.sms.pk.hex):
        path = f"/api/providers/twilio?message={reference}"
        assert twilio(path, MessageSid="SM1", MessageStatus="delivered").status_code in (200, 204)
    reminded.sms.refresh_from_db()
    assert reminded.sms.status == "sent"


# --- What the provider says when it is called -------------------------------------------------------------------------


@pytest.fixture
def provider(monkeypatch):
    """What the provider of text messages does: `provider.says = SendFailed(...)`; its calls are counted."""
    state = SimpleNamespace(says=None, calls=0)

    def send(sms):
        state.calls += 1
        if state.says:
            raise state.says
        return "SM1"

    monkeypatch.setattr(sending.sms, "send", send)
    return state


def sms_of(desk, at, moment=VISIT - timedelta(hours=24)):
    desk.visit = book(desk)
    run(at, NOW + timedelta(minutes=5))
    run(at, VISIT - timedelta(hours=72))
    run(at, moment)
    return Message.objects.get(about_id=desk.visit.pk, channel="sms")


def test_busy_provider_is_asked_again_later(desk, at, provider):
    provider.says = SendFailed(Reason.BUSY, wait=120)
    row = sms_of(desk, at)
    assert (row.status, row.attempts, row.why) == ("planned", 1, "busy")
    assert row.due_at == VISIT - timedelta(hours=24) + timedelta(seconds=120)
    provider.says = None
    assert run(at, row.due_at - timedelta(seconds=1)) == 0
    assert run(at, row.due_at) == 1
    row.refresh_from_db()
    assert (row.status, row.attempts, row.why, row.provider_id) == ("sent", 2, "", "SM1")


def test_provider_that_stays_away_is_given_up(desk, at, provider):
    provider.says = SendFailed(Reason.UNREACHABLE)
    row = sms_of(desk, at)
    while row.status == "planned":
        run(at, row.due_at)
        row.refresh_from_db()
    assert (row.status, row.attempts, provider.calls) == ("failed", 8, 8)


@pytest.mark.parametrize(("reason", "status"), [(Reason.ADDRESS, "failed"), (Reason.UNKNOWN, "uncertain")])
def test_what_is_refused_or_unknown_is_not_sent_again(desk, at, provider, reason, status):
    provider.says = SendFailed(reason)
    row = sms_of(desk, at)
    run(at, VISIT - timedelta(hours=1))
    row.refresh_from_db()
    assert (row.status, row.why, provider.calls) == (status, reason.value, 1)


def test_error_of_our_own_leaves_it_uncertain(desk, at, provider):
    provider.says = RuntimeError("a bug")
    assert sms_of(desk, at).status == "uncertain"


def test_provider_that_knows_of_a_stop_is_believed(desk, at, provider):
    provider.says = SendFailed(Reason.OPTED_OUT, code="21610")
    assert sms_of(desk, at).status == "failed"
    assert MessagePreference.objects.get().no_sms_how == "provider"


def test_worker_that_dies_while_sending_leaves_it_uncertain(desk, at, provider):
    class Killed(BaseException):
        pass

    provider.says = Killed()
    with pytest.raises(Killed):
        sms_of(desk, at)
    row = Message.objects.get(about_id=desk.visit.pk, channel="sms")
    assert row.status == "sending"
    provider.says = None
    at(VISIT - timedelta(hours=23, minutes=50))
    sending.send_due()
    assert sending.give_up_lost() == 1
    row.refresh_from_db()
    assert (row.status, provider.calls) == ("uncertain", 1)


def test_what_was_marked_together_is_given_back_where_the_provider_is_slow(desk, at, provider, monkeypatch):
    visits = [book(desk, date=VISIT + timedelta(hours=number)) for number in range(5)]
    run(at, NOW + timedelta(minutes=5))
    run(at, VISIT - timedelta(hours=30))
    waiting = []
    hand_over = sending._hand_over
    monkeypatch.setattr(sending, "_hand_over", lambda ready: waiting.append(marked()) or hand_over(ready))

    def marked():
        return Message.objects.filter(status="sending").count()

    monkeypatch.setattr(sending, "SOON", 1000)
    monkeypatch.setattr(sending, "TOO_LONG", 0)
    run(at, VISIT - timedelta(hours=1))
    rows = Message.objects.filter(about_id__in=[visit.pk for visit in visits], channel="sms")
    assert [(row.status, row.attempts) for row in rows] == [("sent", 1)] * 5
    assert (provider.calls, waiting) == (5, [1, 4, 3, 2, 1])


def test_sending_takes_a_share_of_the_processor_and_can_rest_after_each_message(desk, at, provider, monkeypatch):
    assert KINDS["messages.send_due"].share == SHARE < 1
    for number in range(3):
        book(desk, date=VISIT + timedelta(hours=number))
    run(at, NOW + timedelta(minutes=5))
    run(at, VISIT - timedelta(hours=30))
    rests = []
    monkeypatch.setattr(sending, "rest", lambda: rests.append(provider.calls))
    run(at, VISIT - timedelta(hours=1))
    assert rests == [0, 0, 0, 1, 2, 3], "as each is prepared, and after each is handed over"


def test_sending_ends_between_two_messages_where_somebody_waits_for_another_job(desk, at, provider, monkeypatch):
    visits = [book(desk, date=VISIT + timedelta(hours=number)) for number in range(4)]
    run(at, NOW + timedelta(minutes=5))
    run(at, VISIT - timedelta(hours=30))
    at(VISIT - timedelta(hours=1))
    enqueue(send_one, payload={"message_id": str(visits[0].pk)})
    Job.all_practices.filter(name="messages.send_one").update(run_at=VISIT - timedelta(hours=1, seconds=5))
    monkeypatch.setattr(running, "monotonic", lambda: 1000 + provider.calls / 2)
    monkeypatch.setattr(running, "_next_look", 1000.5)
    monkeypatch.setattr(sending, "SOON", 0)
    rows = Message.objects.filter(about_id__in=[visit.pk for visit in visits], channel="sms").order_by("due_at", "id")

    send_due()
    assert [row.status for row in rows] == ["sent", "planned", "planned", "planned"]
    send_due()
    assert provider.calls == 3, "within a second nobody looks again"


def test_failure_that_cannot_be_noted_leaves_the_others_to_be_sent(desk, at, provider, monkeypatch):
    visits = [book(desk, date=VISIT + timedelta(hours=number)) for number in range(5)]
    run(at, NOW + timedelta(minutes=5))
    run(at, VISIT - timedelta(hours=30))
    answers = iter(["SM1", "SM2", SendFailed(Reason.BUSY)])

    def answer(sms):
        provider.says = None if isinstance(said := next(answers, "SM3"), str) else said
        return send(sms)

    send = sending.sms.send
    monkeypatch.setattr(sending.sms, "send", answer)
    monkeypatch.setattr(sending, "SOON", 1000)
    with monkeypatch.context() as broken:
        broken.setattr(sending, "_note_failure", Mock(side_effect=DatabaseError))
        with pytest.raises(DatabaseError):
            run(at, VISIT - timedelta(hours=1))
    rows = Message.objects.filter(about_id__in=[visit.pk for visit in visits], channel="sms").order_by("due_at", "id")
    assert [row.status for row in rows] == ["sent", "sent", "sending", "planned", "planned"]
    sending.send_due()
    assert [row.status for row in rows.all()] == ["sent", "sent", "sending", "sent", "sent"]
    assert provider.calls == 5


def test_visit_that_is_moved_while_the_worker_has_it_is_not_told_of_its_old_time(desk, at, provider, monkeypatch):
    visit = book(desk)
    run(at, NOW + timedelta(minutes=5))
    run(at, VISIT - timedelta(hours=72))
    at(VISIT - timedelta(hours=24))
    prepare = sending._prepare

    def move_meanwhile(batch, now):
        ready = prepare(batch, now)
        services.change(by=desk.staff, appointment_id=visit.pk, date=VISIT + timedelta(days=2))
        return ready

    monkeypatch.setattr(sending, "_prepare", move_meanwhile)
    sending.send_due()
    assert provider.calls == 0


def test_worker_sends_what_is_due_in_each_practice(desk, at, mailoutbox):
    visit = book(desk)
    at(NOW + timedelta(minutes=5))
    schedule.write_table()
    assert "messages.find_due" in schedule.tick()
    run_due()
    assert len(mailoutbox) == 1
    assert Message.objects.get(about_id=visit.pk, kind="booked").status == "sent"


# --- What is not about a visit ----------------------------------------------------------------------------------------


def test_offer_of_a_free_time_goes_out_at_once_and_not_after_it_is_taken_back(desk, at, mailoutbox, capsys):
    entry = waiting_list.add(by=desk.staff, patient_id=desk.chart.pk)
    offered = {"by": desk.staff, "entry_id": entry.pk, "doctor_id": desk.doctor.pk}
    waiting_list.offer(**offered, date=VISIT)
    run(at, NOW)
    assert mailoutbox[0].subject == "An appointment is free on Monday, January 14, 2030"
    assert "an appointment is free on Monday, January 14" in capsys.readouterr().out
    other = waiting_list.offer(**offered, date=VISIT + timedelta(days=1))
    waiting_list.take_back(by=desk.staff, entry_id=entry.pk, offer_id=other.pk)
    run(at, NOW)
    assert len(mailoutbox) == 1
    assert {row.why for row in Message.objects.filter(about_id=other.pk)} == {"changed"}


def test_offers_are_filled_in_with_a_constant_number_of_statements(desk, at, mailoutbox, capsys):
    def statements(number):
        for _ in range(number):
            entry = waiting_list.add(by=desk.staff, patient_id=PatientFactory(email="a@example.org").pk)
            waiting_list.offer(by=desk.staff, entry_id=entry.pk, doctor_id=desk.doctor.pk, date=VISIT)
        due = list(Message.objects.due(NOW))
        assert len(due) == 2 * number
        with CaptureQueriesContext(connection) as captured:
            for facts in facts_of(due, NOW).values():
                assert facts.fields("en")["office"] == "Main Street"
        run(at, NOW)
        return len(captured)

    assert statements(1) == statements(3)


def test_confirmed_registration_is_told(desk, at, mailoutbox):
    chart = PatientFactory(name="Nora New", email="nora@example.org", status="pending")
    confirm_registration(patient_id=chart.pk, by=desk.staff)
    run(at, NOW + timedelta(minutes=3))
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == (["nora@example.org"], "Welcome to Demo Clinic")


def test_link_for_a_new_password_goes_through_the_worker_and_is_not_kept(desk, settings, mailbox):
    settings.MAIL_BY_WORKER = True
    request_reset(email=desk.staff.email)
    assert mailbox == []
    run_due()
    (mail,) = mailbox
    assert (mail.to, mail.subject) == ([desk.staff.email], "Reset your Praxis password")
    row = Message.objects.get(kind="account")
    assert (row.status, row.text, row.about_id) == ("sent", "", desk.staff.pk)
