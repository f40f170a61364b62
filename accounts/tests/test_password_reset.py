"""A forgotten password: the mail, the link, its two pages, and what the trail tells of it."""

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from smtplib import SMTPServerDisconnected
from threading import Event as Signal

import pytest
from django.core.mail import EmailMessage
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.models import Authenticator, LoginSession, RevocationReason, User
from accounts.tests.factories import PASSWORD
from accounts.tests.trail import logged_events, only_event
from accounts.users import services
from audit import log
from audit.events import AuditEvent
from audit.log import AuditLogUnavailable
from core.cache import redis_client
from tests.damage import lose_key

ASK, CONFIRM = "/api/auth/password-reset", "/api/auth/password-reset/confirm"
PAGE = "/password-reset/"
NEW = "Another1!"
FORM = {"password": NEW, "again": NEW}
NOT_VALID = {"detail": "This link has expired or has already been used. Please request a new one."}


def ask(email):
    return Client().post(ASK, {"email": email}, content_type="application/json")


def confirm(token, password=NEW):
    return Client().post(CONFIRM, {"token": token, "password": password}, content_type="application/json")


def sign_in_answer(user, password=PASSWORD):
    body = {"email": user.email, "password": password}
    return Client().post("/api/auth/login", body, content_type="application/json")


def link_in(message):
    return re.search(r"http://localhost:\d+(/password-reset/([\w-]+)/)\n", message.body)


@pytest.fixture
def user(make_user):
    return make_user("doctor", name="Greta Gulliver")


@pytest.fixture
def token(user, mailbox):
    ask(user.email)
    return link_in(mailbox[-1])[2]


# --- The mail


def test_mail_goes_to_account_without_name(user, mailbox):
    assert ask(user.email.upper()).status_code == 200

    (message,) = mailbox
    assert (message.to, message.cc, message.bcc) == ([user.email], [], [])
    assert link_in(message)
    text = f"{message.subject}\n{message.body}".lower()
    assert not [word for word in ("greta", "gulliver", "demo clinic", user.email, "doctor") if word in text]


def test_mail_goes_to_stored_address_not_lookalike(user, mailbox):
    typed = user.email.replace("p", "ｐ")  # noqa: RUF001 - NFKC makes it the same address
    assert typed != user.email

    ask(typed)

    assert [message.to for message in mailbox] == [[user.email]]


def test_nobody_else_gets_one(make_user, mailbox):
    gone = make_user("staff", is_active=False)

    answers = [ask(email) for email in ("nobody@example.com", gone.email)]

    assert mailbox == []
    assert answers[0].content == answers[1].content


def test_reset_requests_are_limited_per_email(user, make_user, mailbox):
    answers = [ask(user.email).content for _ in range(5)]

    assert len(mailbox) == 3
    assert len(set(answers)) == 1
    ask(make_user("staff").email)
    assert len(mailbox) == 4


def test_slow_mail_server_delays_no_answer(user, monkeypatch):
    answered, sent = Signal(), Signal()

    def slow(message):
        assert answered.wait(60)
        sent.set()

    monkeypatch.setattr(EmailMessage, "send", slow)
    assert ask(user.email).status_code == 200
    answered.set()
    assert sent.wait(60)


@pytest.mark.parametrize("error", [SMTPServerDisconnected("gone"), TimeoutError(), ValueError("odd address")])
def test_failing_mail_server_does_not_change_response(user, mailbox, monkeypatch, error):
    expected = ask("nobody@example.com").content

    def fail(message):
        raise error

    monkeypatch.setattr(EmailMessage, "send", fail)
    assert ask(user.email).content == expected


def test_address_that_cannot_be_decrypted_gets_none_and_the_same_answer(user, mailbox):
    lose_key(user, "email")

    assert ask(user.email).status_code == 200

    assert mailbox == []


@pytest.mark.redis
def test_uncountable_reset_request_is_refused(user, mailbox, monkeypatch):
    monkeypatch.setattr(redis_client, "_down_until", float("inf"))

    known, unknown = ask(user.email), ask("nobody@example.com")

    assert (known.status_code, known.content) == (503, unknown.content)
    assert mailbox == []


# --- The link


def test_link_works_for_thirty_minutes(user, clock, mailbox):
    ask(user.email)
    token = link_in(mailbox[0])[2]

    clock.move(minutes=30, seconds=1)
    assert (confirm(token).status_code, confirm(token).json()) == (400, NOT_VALID)
    clock.move(seconds=-2)
    assert confirm(token).status_code == 200


def test_changepassword_ends_sessions_and_lockout(user, token, enter_site, sign_in):
    api = sign_in(user)
    for _ in range(5):
        assert sign_in_answer(user, "wrong").status_code == 401

    assert confirm(token).status_code == 200

    assert LoginSession.objects.get(user=user).revocation_reason == RevocationReason.NEW_PASSWORD
    assert api.post("/api/auth/refresh").status_code == 401
    assert sign_in_answer(user, NEW).status_code == 200


def test_second_link_stops_working_after_first_is_used(user, mailbox):
    for _ in range(2):
        ask(user.email)
    first, second = (link_in(message)[2] for message in mailbox)

    assert confirm(second).status_code == 200
    assert confirm(first, "Third one!").json() == NOT_VALID


def test_account_change_invalidates_link(user, token, make_user):
    services.end_sessions(user=user, by=make_user("admin"))

    assert confirm(token).json() == NOT_VALID


def test_reset_works_for_undecryptable_email(user, token):
    lose_key(user, "email")

    assert confirm(token).status_code == 200
    assert User.all_practices.get(pk=user.pk).check_password(NEW)


def test_second_factor_is_still_asked_for(user, token):
    Authenticator.objects.create(user=user, secret="JBSWY3DPEHPK3PXP", confirmed_at=timezone.now())

    assert confirm(token).status_code == 200

    assert sign_in_answer(user, NEW).json()["mfa_required"] is True


@pytest.mark.django_db(transaction=True)
def test_parallel_uses_of_link_succeed_once(transactional_db, user, token):
    def use(password):
        try:
            return confirm(token, password).status_code, password
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        outcomes = dict(pool.map(use, [f"Password {number}" for number in range(6)]))

    assert sorted(outcomes) == [200, 400]
    assert User.all_practices.get(pk=user.pk).check_password(outcomes[200])


# --- The trail


def test_reset_request_is_logged_with_typed_email(user, make_user, mailbox):
    gone = make_user("staff", is_active=False)
    for email in (user.email, "nobody@example.com", gone.email, user.email, user.email, user.email):
        ask(email)

    events = logged_events(AuditEvent.PASSWORD_RESET_REQUESTED)

    assert [(event.outcome, event.details.get("reason"), event.email) for event in events] == [
        ("done", None, user.email),
        ("failed", "unknown_email", "nobody@example.com"),
        ("failed", "deactivated", gone.email),
        ("done", None, user.email),
        ("done", None, user.email),
        ("refused", "too_often", user.email),
    ]
    assert {event.user_id for event in events} == {None}
    assert [event.about_id for event in events[:3]] == [user.pk, None, gone.pk]


def test_reset_is_logged_as_users_and_failure_without_actor(user, token):
    confirm(token)
    confirm(token)

    done, failed = logged_events(AuditEvent.PASSWORD_CHANGED)
    assert (done.outcome, done.user_id, done.details) == ("done", user.pk, {"reason": "reset_link"})
    assert (failed.outcome, failed.user_id, failed.about_id) == ("failed", None, user.pk)


def test_no_token_is_in_the_trail(user, token):
    confirm(token)

    assert only_event(AuditEvent.PASSWORD_RESET_REQUESTED).details == {}
    assert token not in str([event.details for event in logged_events(*AuditEvent)])


def test_no_token_is_in_the_logs(user, token, client, caplog):
    caplog.clear()
    client.get(f"{PAGE}{token}/")
    client.post(f"{PAGE}{token}/", FORM)
    confirm(token)

    assert "/password-reset/<str:token>/" in caplog.text
    assert token not in caplog.text and token.rpartition("-")[2] not in caplog.text


# --- The pages


def test_forgotten_password_from_sign_in_page_to_new_password(user, client, mailbox):
    assert f'href="{PAGE}"' in client.get("/").content.decode()
    assert client.get(PAGE).status_code == 200
    assert "sent a password reset link" in client.post(PAGE, {"email": user.email}).content.decode()
    page = link_in(mailbox[0])[1]
    assert client.get(page).status_code == 200
    assert client.head(page).status_code == 200  # looking uses nothing up

    done = client.post(page, FORM)

    assert (done.status_code, "Your password has been changed." in done.content.decode()) == (200, True)
    assert sign_in_answer(user, NEW).status_code == 200
    for dead in (client.get(page), client.post(page, FORM)):
        assert (dead.status_code, NOT_VALID["detail"] in dead.content.decode()) == (400, True)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({**FORM, "again": "Another2!"}, "The passwords don't match."),
        ({"password": "short", "again": "short"}, "too short"),
        ({"password": ""}, "Fill this in."),
        ({"password": "a\x00bcdefg", "again": "a\x00bcdefg"}, "Null characters are not allowed."),
    ],
)
def test_invalid_password_shows_error_and_keeps_link(user, token, client, form, sentence):
    page = client.post(f"{PAGE}{token}/", form)

    assert (page.status_code, sentence in unescape(page.content.decode())) == (200, True)
    assert "short" not in re.findall(r'value="([^"]*)"', page.content.decode())
    assert client.post(f"{PAGE}{token}/", FORM).status_code == 200


@pytest.mark.parametrize("known", [True, False])
def test_page_says_the_same_to_everybody(user, client, mailbox, known):
    page = client.post(PAGE, {"email": user.email if known else "nobody@example.com"}).content.decode()

    assert re.sub(r"\s+", " ", page) == re.sub(
        r"\s+", " ", Client().post(PAGE, {"email": "somebody.else@example.com"}).content.decode()
    )


def test_form_from_another_site_is_refused(user, token):
    client = Client(enforce_csrf_checks=True)

    assert client.post(f"{PAGE}{token}/", FORM).status_code == 403
    assert client.post(PAGE, {"email": user.email}).status_code == 403


@pytest.mark.parametrize("rest", ["", "{token}/", "nonsense/"])
def test_reset_pages_are_not_cached_and_send_no_referrer(token, client, rest):
    answer = client.get(PAGE + rest.format(token=token))

    assert answer["Cache-Control"] == "no-store, private"
    assert answer["Referrer-Policy"] == "strict-origin"
    assert answer["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")


def test_page_counts_by_address_as_a_sign_in_does(db, client, settings):
    settings.ANON_RATE_LIMIT_PER_MINUTE = 2
    statuses = [client.post(PAGE, {"email": "nobody@example.com"}).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert client.post(f"{PAGE}nonsense/", FORM)["Retry-After"].isdigit()


def test_without_the_trail_nothing_is_sent_or_set(user, token, client, mailbox, monkeypatch):
    def down(**columns):
        raise AuditLogUnavailable

    mailbox.clear()
    monkeypatch.setattr(log, "_insert", down)

    pages = client.post(PAGE, {"email": user.email}), client.post(f"{PAGE}{token}/", FORM)
    calls = ask(user.email), confirm(token)

    assert [answer.status_code for answer in (*pages, *calls)] == [503] * 4
    assert mailbox == []
    assert User.all_practices.get(pk=user.pk).check_password(PASSWORD)
