"""Writing a note with the plug pulled: no word that was typed is lost, none is stored twice. The interactions that
docs/tour.md promises are counted here."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import LoginSession, RevocationReason
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.models import SessionNote
from records.tests.factories import FinalisedNoteFactory, NoteTemplateFactory, PhraseFactory
from records.versions.services import list_versions
from tests.browser.test_pages import NARROW, overflows

SAVED = re.compile("^Saved")


@pytest.fixture
def desk(live_server, practice, make_user, page):
    """A doctor, signed in, and a patient who was here last week."""
    doctor = make_user("doctor", name="Dr. Mei Chen")
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Paula Jensen", allergies="Penicillin")
        week_ago = timezone.now() - timedelta(days=7)
        last = FinalisedNoteFactory(patient=chart, doctor=doctor, plan="Stretching twice a day", date=week_ago)
    return SimpleNamespace(
        practice=practice, doctor=doctor, chart=chart, last=last, url=live_server.url, page=page, sign_in=sign_in(page)
    )


def sign_in(page):
    def enter(user, url):
        client = Client()
        client.force_login(user)
        cookie = {"name": "praxis_admin", "value": client.cookies["praxis_admin"].value, "url": url}
        page.context.add_cookies([{**cookie, "sameSite": "Strict"}])

    return enter


def open_new(desk, page=None):
    desk.sign_in(desk.doctor, desk.url)
    page = page or desk.page
    page.goto(reverse("note-new", args=[desk.chart.pk]))
    return page


def state(page):
    return page.locator("#state")


def written(desk):
    with practice_scope(desk.practice.pk):
        return list(SessionNote.objects.exclude(pk=desk.last.pk).order_by("id"))


def test_note_is_written_and_finalised_with_the_keyboard_and_amended(desk):
    page = open_new(desk)
    expect(page.get_by_label("Subjective")).to_be_focused()
    page.keyboard.type("Neck pain since Monday")
    expect(state(page)).to_have_text(SAVED)
    assert re.search(r"/notes/[0-9a-f-]{36}/$", page.url)
    page.get_by_role("button", name="Copy Plan").click()
    expect(page.get_by_label("Plan")).to_have_value("Stretching twice a day")
    page.set_viewport_size(NARROW)
    assert not overflows(page)
    expect(state(page)).to_have_text(SAVED)

    page.get_by_role("button", name="Review and finalise").click()  # 1
    expect(page.get_by_text("Once finalised")).to_be_visible()
    assert not overflows(page)
    page.keyboard.press("Enter")  # 2: the button has the focus
    expect(page.get_by_text(re.compile(r"Finalised \w+ \d"))).to_be_visible()
    (note,) = written(desk)
    assert (note.subjective, note.plan) == ("Neck pain since Monday", "Stretching twice a day")

    page.get_by_role("link", name="Amend").click()  # 1
    page.get_by_label("Reason").fill("Wrong day")  # 2
    page.get_by_label("Subjective").fill("Neck pain since Tuesday")  # 3
    page.get_by_role("button", name="Save amendment").click()  # 4
    expect(page.get_by_text("last amended")).to_be_visible()
    page.get_by_role("link", name="Versions").click()
    expect(page.locator("ins")).to_have_text("Tuesday")
    expect(page.locator("del")).to_have_text("Monday")
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert not any(word in kept for word in ("Neck", "Stretching", "Jensen", "Wrong"))


def test_templates_and_phrases_fill_in_without_replacing_a_word(desk):
    with practice_scope(desk.practice.pk):
        NoteTemplateFactory(
            name="First visit", texts={"objective": "Range of motion:"}, prompts={"plan": "Until when?"}
        )
        PhraseFactory(word="nka", text="No known allergies.")
        PhraseFactory(word="none", text="Nothing to report.", doctor=desk.doctor)
    page = open_new(desk)
    page.get_by_label("Objective").fill("Seen sitting")
    page.get_by_label("Template").select_option("First visit")
    expect(page.get_by_label("Objective")).to_have_value("Seen sitting\nRange of motion:")
    expect(page.get_by_label("Plan")).to_have_attribute("placeholder", "Until when?")
    page.get_by_label("Plan").press_sequentially("Asked. /n")
    expect(page.locator(".phrases li")).to_have_text(["/nkaNo known allergies.", "/noneNothing to report."])
    page.keyboard.press("Escape")
    expect(page.locator(".phrases li")).to_have_count(0)
    page.keyboard.type("o")
    page.keyboard.press("Enter")
    page.keyboard.type(" And/or")  # no word after a space and a slash
    expect(page.locator(".phrases li")).to_have_count(0)
    expect(page.get_by_label("Plan")).to_have_value("Asked. Nothing to report. And/or")
    expect(state(page)).to_have_text(SAVED)
    page.get_by_role("button", name="Copy the last note").click()
    expect(page.get_by_label("Plan")).to_have_value("Asked. Nothing to report. And/or\nStretching twice a day")
    expect(state(page)).to_have_text(SAVED)


def test_text_outlives_a_lost_connection_and_a_server_killed_in_the_middle_of_a_save(desk):
    page = open_new(desk)
    calls = []

    def plug(route):
        calls.append(route)
        if len(calls) == 1:
            return None  # no answer yet
        if len(calls) == 2:
            route.fetch()  # stored, and killed before the answer is sent
        return route.abort() if len(calls) <= 4 else route.fallback()

    page.route("**/save/", plug)
    page.keyboard.type("Neck pain")
    expect(state(page)).to_have_text("Saving")
    page.keyboard.type(" since")  # a key does not wait for the answer
    expect(page.get_by_label("Subjective")).to_have_value("Neck pain since")
    calls[0].abort()
    expect(state(page)).to_contain_text("No connection to Praxis.")
    page.keyboard.type(" Monday")
    expect(page.get_by_label("Subjective")).to_have_value("Neck pain since Monday")
    page.once("dialog", lambda dialog: dialog.dismiss())  # leaving is warned of, and stays
    page.evaluate("location.assign('/calendar/')")
    expect(page.get_by_label("Subjective")).to_have_value("Neck pain since Monday")
    expect(state(page)).to_have_text(SAVED)

    (note,) = written(desk)
    assert note.subjective == "Neck pain since Monday"
    assert note.version == 2  # what was sent again was recognised
    page.complaints.clear()  # those of the connection


def test_finalising_and_amending_outlive_a_server_killed_before_it_answers(desk):
    """What was stored is shown the next time, and stored once."""
    page = open_new(desk)
    page.keyboard.type("Neck pain")
    expect(state(page)).to_have_text(SAVED)
    calls = []

    def plug(route):
        if route.request.method != "POST" or route.request.url in calls:
            return route.fallback()
        calls.append(route.request.url)
        route.fetch(max_redirects=0)
        return route.abort()

    page.get_by_role("button", name="Review and finalise").click()
    page.route("**/review/", plug)
    page.route("**/amend/save/", plug)
    review = page.url
    page.get_by_role("button", name="Finalise").click()
    page.wait_for_url("chrome-error://**")
    page.goto(review)
    expect(page.get_by_text(re.compile(r"Finalised \w+ \d"))).to_be_visible()

    page.get_by_role("link", name="Amend").click()
    page.get_by_label("Reason").fill("Side was missing")
    page.get_by_label("Subjective").fill("Neck pain, right")
    page.get_by_role("button", name="Save amendment").click()
    expect(page.get_by_text("last amended")).to_be_visible()
    assert len(calls) == 2
    (note,) = written(desk)
    with practice_scope(desk.practice.pk):
        assert (note.subjective, len(list_versions(note))) == ("Neck pain, right", 2)
    page.complaints.clear()  # those of the connection


def test_session_that_ends_and_a_second_tab_lose_no_word(desk, make_user):
    page = open_new(desk)
    page.keyboard.type("Neck pain")
    expect(state(page)).to_have_text(SAVED)
    with practice_scope(desk.practice.pk):
        LoginSession.objects.all().delete()
    page.keyboard.type(" since Monday")
    expect(state(page)).to_contain_text("You've been signed out.")
    expect(page.get_by_role("link", name="Sign in in another tab")).to_be_visible()
    desk.sign_in(make_user("doctor", name="Dr. Daniel Reyes"), desk.url)
    expect(state(page)).to_contain_text("Dr. Daniel Reyes is signed in here now.")
    desk.sign_in(desk.doctor, desk.url)
    expect(state(page)).to_have_text(SAVED)
    assert [note.subjective for note in written(desk)] == ["Neck pain since Monday"]

    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_label("Plan").fill("Ice")
    expect(state(other)).to_have_text(SAVED)
    page.get_by_label("Plan").fill("Heat")
    expect(state(page)).to_contain_text("changed in another window")
    panel = page.locator(".conflict")
    expect(panel.locator("[data-mine]")).to_have_text("Heat")
    expect(panel.locator("[data-theirs]")).to_have_text("Ice")
    page.get_by_label("Plan").press_sequentially(", rest")  # writing goes on
    expect(panel.locator("[data-mine]")).to_have_text("Heat, rest")
    page.get_by_role("button", name="Save what I chose").click()  # both, unless one says otherwise
    expect(state(page)).to_have_text(SAVED)
    assert [note.plan for note in written(desk)] == ["Ice\nHeat, rest"]

    page.get_by_role("button", name="Review and finalise").click()
    page.get_by_role("button", name="Finalise").click()
    expect(page.get_by_text(re.compile(r"Finalised \w+ \d"))).to_be_visible()
    other.get_by_label("Plan").fill("Ice and traction")
    expect(state(other)).to_contain_text("was finalised or amended in another window")
    other.get_by_role("button", name="Amend with my text").click()
    expect(other.get_by_label("Plan")).to_have_value("Ice and traction")
    other.get_by_label("Reason").fill("Traction was missing")
    other.get_by_role("button", name="Save amendment").click()
    expect(other.get_by_text("last amended")).to_be_visible()
    assert [note.plan for note in written(desk)] == ["Ice and traction"]
    page.complaints.clear()  # the answers 401 and 409


def test_amendment_that_is_typed_outlives_the_session(desk):
    page = desk.page
    page.clock.install()
    desk.sign_in(desk.doctor, desk.url)
    page.goto(reverse("note-amend", args=[desk.last.pk]))
    page.get_by_label("Reason").fill("Too short")
    page.get_by_label("Plan").fill("Stretching three times a day")
    with practice_scope(desk.practice.pk):
        LoginSession.objects.filter(user=desk.doctor).update(
            revoked_at=timezone.now(), revocation_reason=RevocationReason.TIMED_OUT
        )
    page.clock.fast_forward("15:10")
    expect(state(page)).to_contain_text("Sign in again in another tab")
    expect(page.get_by_role("link", name="Sign in in another tab")).to_be_visible()
    page.complaints.clear()  # the browser's own line about the answer 401
    desk.sign_in(desk.doctor, desk.url)
    page.get_by_role("button", name="Save amendment").click()
    expect(page.get_by_text("last amended")).to_be_visible()
    expect(page.get_by_text("Stretching three times a day")).to_be_visible()
