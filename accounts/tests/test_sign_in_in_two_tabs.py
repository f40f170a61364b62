"""The sign-in page in two tabs of one browser: each sign-in changes the CSRF token, so the other tab's form has an old
one. Nobody who only wanted to sign in reads about cookies for that."""

import re

import pytest
from django.test import Client
from django.urls import reverse

PASSWORD = "Passw0rd!"


@pytest.fixture
def browser(db):
    return Client(enforce_csrf_checks=True)


def open_tab(browser, address):
    """What the tab sends when its form is submitted, except for the fields that people type."""
    page = browser.get(address).content.decode()
    return {"csrfmiddlewaretoken": re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]}


def sign_in(browser, address, tab, user):
    return browser.post(address, {**tab, "username": user.email, "password": PASSWORD})


def test_second_tab_leads_on_and_says_who_is_signed_in(browser, make_user):
    desk = make_user("staff", name="Olive Desk")
    calendar = reverse("home", query={"next": "/calendar/?day=2030-01-07"})
    first, second = open_tab(browser, "/"), open_tab(browser, calendar)
    assert sign_in(browser, "/", first, desk).url == "/calendar/"

    answer = sign_in(browser, calendar, second, desk)

    assert (answer.status_code, answer.url) == (302, calendar)
    answer = browser.get(calendar)
    assert (answer.status_code, answer.url) == (302, "/calendar/?day=2030-01-07")
    assert "You&#x27;re already signed in as Olive Desk." in browser.get(answer.url).content.decode()


def test_old_form_asks_to_sign_in_again(browser, make_user):
    desk = make_user("staff")
    first, second = open_tab(browser, "/"), open_tab(browser, "/")
    sign_in(browser, "/", first, desk)
    page = browser.get("/calendar/").content.decode()
    token = re.search(r'X-CSRFToken": "(\w+)"', page)[1]
    browser.post(reverse("sign_out"), {"csrfmiddlewaretoken": token})

    answer = sign_in(browser, "/", second, desk)

    assert (answer.status_code, answer.url) == (302, "/")
    page = browser.get("/").content.decode()
    assert "This page was out of date. Please sign in again." in page
    assert sign_in(browser, "/", open_tab(browser, "/"), desk).url == "/calendar/"


def test_redirect_stays_on_this_site(browser):
    open_tab(browser, "/")
    for address in ("/?next=//evil.example/", "/?next=https://evil.example/"):
        answer = browser.post(address, {"username": "a@example.com", "password": PASSWORD})
        assert answer.status_code == 302 and answer.url.startswith("/?next=")


def test_blocked_cookie_and_other_forms_are_refused(browser, make_user):
    answer = browser.post("/", {"username": "a@example.com", "password": PASSWORD})  # without a cookie
    assert answer.status_code == 403 and "Please try again" in answer.content.decode()
    browser.force_login(make_user("staff"))
    browser.get("/calendar/")
    answer = browser.post(reverse("sign_out"))
    assert answer.status_code == 403 and "Please try again" in answer.content.decode()
