"""Pages and mails in the language that a person has chosen, shown with a catalogue of three texts."""

from gettext import NullTranslations
from unittest.mock import patch

import pytest
from django.core import mail
from django.test import Client
from django.utils.translation import trans_real

from accounts.mail import mailer
from accounts.passwords import reset
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from practices.models import Practice

GERMAN = {"Skip to content": "Zum Inhalt", "Reset your Praxis password": "Neues Passwort"}


class German(NullTranslations):
    def gettext(self, message):
        return GERMAN.get(message, message)

    def ngettext(self, singular, plural, number):
        return singular if number == 1 else plural

    def language(self):
        return "de"

    to_language = language


@pytest.fixture
def _german(settings):
    settings.LANGUAGES = [("en", "English"), ("de", "German")]
    with patch.dict(trans_real._translations, {"de": German()}):
        yield


def is_german(answer):
    page = answer.content.decode()
    assert ("Zum Inhalt" in page) == ('<html lang="de"' in page)
    return '<html lang="de"' in page


@pytest.mark.usefixtures("_german")
def test_own_choice_comes_before_the_practices_and_the_browsers(practice, make_user):
    user, client = make_user("staff"), Client()
    browser = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
    before = client.get("/", headers=browser)
    assert is_german(before) and "Accept-Language" in before["Vary"]
    assert not is_german(client.get("/", headers={"Accept-Language": "fr, *;q=0.1"}))
    client.force_login(user)
    assert is_german(client.get("/calendar/", headers=browser)) and not is_german(client.get("/calendar/"))
    Practice.objects.filter(pk=practice.pk).update(language="de")
    assert is_german(client.get("/calendar/"))

    for chosen, expected in (("en", False), ("de", True), ("", True)):
        saved = client.post("/language/", {"language": chosen}, follow=True)
        assert "Saved: the language of pages and emails." in saved.content.decode()
        assert is_german(client.get("/calendar/")) == expected
    assert "Choose one from the list." in client.post("/language/", {"language": "fr"}).content.decode()
    changes = [event.details for event in whole_trail() if event.about_id == user.pk]
    assert changes.count('{"fields":["language"]}') == 3


@pytest.mark.usefixtures("_german")
def test_mails_are_in_the_language_of_who_gets_them(practice, make_user, client):
    for language, subject in (("de", "Neues Passwort"), ("", "Reset your Praxis password")):
        user = make_user("doctor")
        with practice_scope(practice.pk):
            type(user).objects.filter(pk=user.pk).update(language=language)
        mail.outbox.clear()
        client.post("/password-reset/", {"email": user.email})
        _wait()
        assert [message.subject for message in mail.outbox] == [subject]


def _wait():
    mailer.submit(lambda: None).result()
    mailer.submit(lambda: None).result()


@pytest.mark.usefixtures("_german")
def test_the_api_speaks_the_installations_language(practice, make_user, client_of):
    user = make_user("staff")
    with practice_scope(practice.pk):
        type(user).objects.filter(pk=user.pk).update(language="de")
    answer = client_of(user).get("/api/patients?limit=x", headers={"Accept-Language": "de"})
    assert answer.status_code == 400 and "Eine" not in answer.content.decode()
    assert reset.SUBJECT == "Reset your Praxis password"


@pytest.mark.usefixtures("_german")
def test_a_language_that_is_gone_is_not_spoken(practice, make_user, settings):
    user, client = make_user("staff"), Client()
    with practice_scope(practice.pk):
        type(user).objects.filter(pk=user.pk).update(language="de")
    settings.LANGUAGES = [("en", "English")]
    client.force_login(user)
    assert not is_german(client.get("/calendar/", headers={"Accept-Language": "de"}))
