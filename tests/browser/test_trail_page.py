"""The Audit trail page in a browser."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from audit import log
from audit.events import AuditEvent, Outcome
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from tests.browser.test_admin import WEAK_TEXT, tab_to
from tests.browser.test_pages import NARROW, overflows

UNFOLDS_ARROW = "expand_more"  # drawn by an icon font on every select
BROKEN_WORDS = """[...document.querySelectorAll('td[data-label=Who] a, td[data-label=Who] span span')].flatMap(
    element => [...element.textContent.matchAll(/\\S+/g)].filter(word => {
        const range = document.createRange()
        range.setStart(element.firstChild, word.index)
        range.setEnd(element.firstChild, word.index + word[0].length)
        return range.getClientRects().length > 1
    }).map(word => word[0]))"""


@pytest.fixture
def doctor_with_events(live_server, practice, make_user, monkeypatch):
    doctor = make_user("doctor", name="Dr. Grace Chen")
    with practice_scope(practice.pk):
        charts = [PatientFactory(name=name).pk for name in ("María Alvarez", "John Okafor", "Walter Newman")]
        charts += [PatientFactory().pk for _ in range(5)]
    by = {"practice_id": practice.pk, "user_id": doctor.pk, "role": "doctor", "about": "patients.Patient"}
    log.record(AuditEvent.CHARTS_LISTED, patients=charts, hits=8, page=1, limit=10, **by)
    with monkeypatch.context() as earlier:  # events of one millisecond are in no order
        a_minute_ago = timezone.now() - timedelta(minutes=1)
        earlier.setattr(log.timezone, "now", lambda: a_minute_ago)
        log.record(AuditEvent.CHART_READ, outcome=Outcome.REFUSED, status=404, **by)
    for _ in range(25):
        log.record(AuditEvent.CHART_READ, patients=charts[:1], **by)
    log.record(AuditEvent.SIGN_IN_FAILED, practice_id=practice.pk, outcome=Outcome.FAILED, email="unknown@example.com")
    return doctor


def test_events_are_filtered_and_paged_with_the_keyboard_alone(sign_in, doctor_with_events):
    page = sign_in("admin")
    page.goto("/admin/trail/", wait_until="networkidle")
    tab_to(page.get_by_label("Who"))
    page.keyboard.type("Dr. Grace")
    tab_to(page.get_by_label("Event", exact=True))
    page.keyboard.type("Chart opened")
    tab_to(page.get_by_role("button", name="Apply filters"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("event=chart.read"))
    expect(page.get_by_role("row")).to_have_count(26)
    expect(page.get_by_role("row", name=re.compile("unknown@example.com"))).to_have_count(0)
    older = page.get_by_role("link", name="Older events")
    older.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("row", name=re.compile("Refused"))).to_be_visible()
    page.get_by_role("link", name="Back to newest").click()
    expect(page.get_by_role("row")).to_have_count(26)


def test_patient_is_picked_by_name_and_the_chart_opened(sign_in, doctor_with_events):
    page = sign_in("admin")
    page.goto("/admin/trail/")
    page.locator(".select2-selection").click()
    page.locator(".select2-search__field").fill("okaf")
    page.get_by_role("option", name="John Okafor").click()
    page.get_by_role("button", name="Apply filters").click()
    row = page.get_by_role("row", name=re.compile("Charts listed"))
    expect(row).to_contain_text("and 3 more")
    expect(page.locator(".select2-selection")).to_contain_text("John Okafor")
    row.get_by_role("link", name="John Okafor").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("John Okafor")


def test_names_stay_whole_and_rows_low_beside_long_ids(sign_in, doctor_with_events, practice):
    for _ in range(3):
        log.record(
            AuditEvent.CHART_READ, practice_id=practice.pk, user_id=doctor_with_events.pk, role="doctor",
            outcome=Outcome.REFUSED, about="patients.Patient", about_id=doctor_with_events.pk, status=404,
        )  # fmt: skip
    page = sign_in("admin")
    page.goto("/admin/patients/patient/")
    for width in (1280, 800, 320):
        page.set_viewport_size({"width": width, "height": 850})
        page.goto("/admin/trail/", wait_until="networkidle")
        assert page.evaluate(BROKEN_WORDS) == []
        table, card = (page.locator(part).bounding_box() for part in (".praxis-trail", "section.praxis-card"))
        assert table["width"] <= card["width"]
        if width == 1280:  # three lines and their padding: how long a moment is written depends on the hour
            assert max(row.bounding_box()["height"] for row in page.locator("tbody tr").all()) <= 120
    row = page.get_by_role("row", name=re.compile("Patients: list"))
    row.get_by_text("Details").click()
    expect(row.get_by_text("browser: Mozilla")).to_be_visible()


def test_it_is_readable_in_both_themes_and_on_a_narrow_screen(sign_in, doctor_with_events):
    page = sign_in("admin")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto("/admin/trail/", wait_until="networkidle")
        assert set(page.evaluate(WEAK_TEXT)) <= {UNFOLDS_ARROW}, scheme
        assert not overflows(page)
    page.set_viewport_size(NARROW)
    page.goto("/admin/trail/?first=2026-02-01&last=2026-01-01", wait_until="networkidle")
    expect(page.get_by_text("The end date is before the start date.")).to_be_visible()
    assert not overflows(page)
    page.goto("/admin/trail/", wait_until="networkidle")
    assert not overflows(page)
