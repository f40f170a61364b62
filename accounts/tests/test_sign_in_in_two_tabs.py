"""The sign-in page in two tabs of one browser: each sign-in changes the CSRF token, so the other tab's form has an old
one. Nobody who only wanted to sign in reads about cookies for that."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.test_audit import only_event
from audit.events import AuditEvent, Outcome
from tests.authenticator import app_of

PASSWORD = "Passw0rd!"
NAMES = ("csrfmiddlewaretoken", "username")


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


def test_somebody_else_in_the_second_tab_is_told_to_sign_out_first(browser, make_user):
    desk, doctor = make_user("staff", name="Olive Desk"), make_user("doctor")
    page = reverse("home", query={"next": "/calendar/?day=2030-01-07"})
    first, second = open_tab(browser, "/"), open_tab(browser, page)
    sign_in(browser, "/", first, desk)

    answer = sign_in(browser, page, second, doctor)

    assert (answer.status_code, answer.url) == (302, "/")
    event = only_event(AuditEvent.PAGE_READ)
    assert (event.outcome, event.user_id, event.details["page"]) == (Outcome.REFUSED, desk.pk, "home")
    answer = browser.get("/")
    assert (answer.status_code, answer.url) == (302, "/calendar/")
    page = browser.get("/calendar/").content.decode()
    assert "You&#x27;re signed in as Olive Desk. To sign in as somebody else, sign out first." in page


def test_code_in_the_second_tab_is_of_whose_password_was_typed(browser, make_user):
    desk, doctor = make_user("staff", name="Olive Desk"), make_user("doctor")
    apps = {user: app_of(user) for user in (desk, doctor)}
    tabs = {}
    for user in (doctor, desk):
        sign_in(browser, "/", open_tab(browser, "/"), user)
        page = browser.get("/second-factor/").content.decode()
        tabs[user] = {name: re.search(rf'name="{name}" value="([^"]+)"', page)[1] for name in NAMES}
    browser.post("/second-factor/", {**tabs[desk], "code": apps[desk].code()})

    said = []
    for user in (desk, doctor):
        answer = browser.post("/second-factor/?next=/search/", {**tabs[user], "code": apps[user].code()})
        page = browser.get("/calendar/").content.decode()
        said.append((answer.url, re.search("signed in as Olive Desk[^<]*", page)[0]))

    assert said == [
        ("/?next=%2Fsearch%2F", "signed in as Olive Desk."),
        ("/", "signed in as Olive Desk. To sign in as somebody else, sign out first."),
    ]


def test_old_form_after_a_timeout_says_one_thing(browser, make_user, clock):
    desk = make_user("staff")
    first, second = open_tab(browser, "/"), open_tab(browser, "/")
    sign_in(browser, "/", first, desk)
    clock.move(minutes=16)

    assert sign_in(browser, "/", second, desk).url == "/"

    page = browser.get("/").content.decode()
    assert "Your session timed out. Please sign in again." in page
    assert "not saved" not in page and "out of date" not in page


def test_old_form_asks_to_sign_in_again(browser, make_user):
    desk = make_user("staff")
    first, second = open_tab(browser, "/"), open_tab(browser, "/")
    sign_in(browser, "/", first, desk)
    page = browser.get("/calendar/").content.decode()
    token = re.search(r'X-CSRFToken": "(\w+)"', page)[1]
    browser.post(reverse("sign_out"), {"csrfmiddlewaretoken": token}, follow=True)

    answer = sign_in(browser, "/", second, desk)

    assert (answer.status_code, answer.url) == (302, "/")
    page = browser.get("/").content.decode()
    assert "This page was out of date. Please sign in again." in page
    assert sign_in(browser, "/", open_tab(browser, "/"), desk).url == "/calendar/"


def test_redirect_stays_on_this_site(browser):
    old = {"csrfmiddlewaretoken": "a" * len(open_tab(browser, "/")["csrfmiddlewaretoken"])}
    for address in ("/?next=//evil.example/", "/?next=https://evil.example/"):
        answer = browser.post(address, {**old, "username": "a@example.com", "password": PASSWORD})
        assert answer.status_code == 302 and answer.url.startswith("/?next=")


def test_blocked_cookie_and_other_forms_are_refused(browser, make_user):
    answer = browser.post("/", {"username": "a@example.com", "password": PASSWORD})  # without a cookie
    assert answer.status_code == 403 and "Please try again" in answer.content.decode()
    browser.force_login(make_user("staff"))
    browser.get("/calendar/")
    answer = browser.post(reverse("sign_out"))
    assert answer.status_code == 403 and "Please try again" in answer.content.decode()


@pytest.mark.parametrize(
    "how", [{"HTTP_ORIGIN": "https://evil.example"}, {"secure": True}], ids=["origin", "no referer"]
)
def test_right_password_from_elsewhere_is_refused(browser, make_user, how):
    desk, tab = make_user("staff"), open_tab(browser, "/")

    answer = browser.post("/", {**tab, "username": desk.email, "password": PASSWORD}, **how)

    assert answer.status_code == 403 and "Please try again" in answer.content.decode()
