"""The pages on which an office manager says what the practice writes to its patients."""

from datetime import timedelta

from appointments.jobs import find_missing_reminders
from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory
from appointments.tests.messages import NOW, VISIT, book, planned, run
from notifications.jobs import run_due
from notifications.messages.settings import get_settings
from notifications.models import Message, MessageTemplate

SETTINGS = {
    "language": "en",
    "quiet_from": "21:00",
    "quiet_until": "07:30",
    "email_hours": "48",
    "sms_hours": "",
    "notice_booked": ["email", "sms"],
    "notice_cancelled": ["email"],
}
ADDRESS = "/messages/reminder/email/en/"


def test_manager_says_when_and_what(desk, at, enter_as):
    visit, kind = book(desk), AppointmentTypeFactory(name="Long")
    at(None)
    manager = enter_as("admin")
    page = manager.get("/messages/").content.decode()
    assert "Long: remind by email, hours before" in page
    assert manager.post("/messages/", {**SETTINGS, f"sms_{kind.pk}": "2"}).status_code == 302
    now = get_settings()
    assert now.reminders == {"": {"email": 48, "sms": None}, str(kind.pk): {"sms": 2}}
    assert (now.channels_of("booked"), now.channels_of("moved")) == (["email", "sms"], [])
    at(NOW)
    run_due()
    assert planned(visit) == [
        ("booked", "email", NOW + timedelta(minutes=3)),
        ("reminder", "email", VISIT - timedelta(hours=48)),
    ]
    at(None)
    assert "or less." in manager.post("/messages/", {**SETTINGS, "sms_hours": "9999"}).content.decode()


def test_own_text_is_previewed_kept_used_and_given_up(desk, at, enter_as, mailoutbox):
    visit = book(desk)
    at(None)
    manager = enter_as("admin")
    assert "we look forward to seeing you" in manager.get(ADDRESS).content.decode()
    typed = {"subject": "See you on {date}", "text": "Hello {name},\r\nuntil {time}!"}
    shown = manager.post(ADDRESS, {**typed, "preview": "1"}).content.decode()
    assert "See you on Monday, January 14, 2030" in shown
    assert not MessageTemplate.objects.exists()
    assert manager.post(ADDRESS, {**typed, "save": "1"}).status_code == 302
    assert "your own, version 1" in manager.get("/messages/").content.decode()
    run(at, NOW + timedelta(minutes=5))
    run(at, VISIT - timedelta(hours=72))
    assert mailoutbox[-1].body == "Hello Paula Jensen,\nuntil 3:00 PM!"
    assert Message.objects.get(about_id=visit.pk, kind="reminder", channel="email").template_version == 1
    at(None)
    assert manager.post(ADDRESS, {"default": "1"}).status_code == 302
    assert not MessageTemplate.objects.exists()


def test_text_that_cannot_be_filled_in_is_refused(scope, enter_as, subtests):
    manager = enter_as("admin")
    cases = {
        "This text has no field {reason}.": {"subject": "x", "text": "Because of {reason}"},
        "This text has no field {Name}.": {"subject": "x", "text": "Hello {Name}"},  # it was sent as it stands
        "This text has no field {name.first}.": {"subject": "{name.first}", "text": "x"},
        "Enter some text: blank or invisible characters are not enough.": {"subject": "x", "text": "\u200b"},
        "Enter a text.": {"subject": "x", "text": " "},
        "Enter a subject.": {"subject": "", "text": "x"},
    }
    for sentence, typed in cases.items():
        with subtests.test(sentence=sentence):
            answer = manager.post(ADDRESS, {**typed, "save": "1"}).content.decode()
            assert sentence.replace("'", "&#x27;") in answer
    sms = manager.post("/messages/reminder/sms/en/", {"text": "x" * 481, "save": "1"}).content.decode()
    assert "too long for a text message" in sms
    assert manager.get("/messages/reminder/sms/fr/").status_code == 404
    assert not MessageTemplate.objects.exists()


def test_test_message_goes_to_oneself(scope, enter_as, mailoutbox):
    manager = enter_as("admin")
    typed = {"subject": "Try", "text": "Dear {name}", "send": "1"}
    assert "on its way to you" in manager.post(ADDRESS, typed).content.decode()
    assert mailoutbox == []
    run_due()
    (mail,) = mailoutbox
    assert (mail.to, mail.subject, mail.body) == ([manager.user.email], "Try", "Dear Paula Jensen")


def test_only_managers_open_the_pages(scope, enter_as, subtests):
    for role in ("staff", "doctor", "billing", "patient"):
        client = enter_as(role)
        for address in ("/messages/", ADDRESS):
            with subtests.test(role=role, address=address):
                assert client.get(address).status_code == 403


def test_visits_that_were_there_before_get_reminders(desk):
    visit = AppointmentFactory(
        patient=desk.chart, doctor=desk.doctor, starts_at=VISIT, ends_at=VISIT + timedelta(minutes=30)
    )
    cancelled = AppointmentFactory(
        patient=desk.chart, doctor=desk.other, starts_at=VISIT, ends_at=VISIT + timedelta(minutes=30)
    )
    Appointment.objects.filter(pk=cancelled.pk).update(status="cancelled")
    for _ in range(2):
        find_missing_reminders()
        run_due()
    assert [kind for kind, _channel, _at in planned(visit)] == ["reminder", "reminder"]
    assert planned(cancelled) == []
