"""The clinical record on the admin pages: with the keyboard alone, on a narrow screen, in light and dark."""

import os
import re
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from core.tenancy.scope import practice_scope
from patients.deletion import services as deletions
from patients.models import Deletion, LegalHold
from patients.tests.factories import PatientFactory
from records.models import Attachment, GoalProgress, SessionNote
from records.models.attachment import FileState
from records.notes.services import amend_note
from records.tests.factories import FinalisedNoteFactory, GoalFactory, NoteFactory, PlanFactory, stored_file
from records.versions import services as versions
from tests.browser.test_admin import WEAK_TEXT, tab_to
from tests.browser.test_pages import NARROW, overflows

LONG = "Anne-Marie Okonkwo-Featherstonehaugh"
UNFOLDS = {"expand_more", "search", "arrow_circle_up", "cancel", "Today", "All"}  # icons and small links of its own


@pytest.fixture
def record(live_server, practice, make_user):
    """A chart with some of everything, and a deleted draft."""
    doctor = make_user("doctor", name="Dr. Grace Chen")
    with practice_scope(practice.pk):
        chart = PatientFactory(name=LONG, primary_doctor=doctor)
        FinalisedNoteFactory(patient=chart, doctor=doctor, date=timezone.now() - timedelta(days=9))
        note = FinalisedNoteFactory(patient=chart, doctor=doctor, duration_minutes=40)
        amend_note(
            by=doctor, note_id=note.pk, expected=note.version, reason="The side was wrong", assessment="Strain, left"
        )
        plan = PlanFactory(patient=chart, doctor=doctor, target_end_on=date(2026, 12, 24))
        goals = [GoalFactory(plan=plan, status="met"), GoalFactory(plan=plan, text="Sleep through the night" * 8)]
        versions.save_version(plan, by=doctor)
        GoalProgress.objects.create(goal=goals[0], author=doctor, date=plan.starts_on, text="Lifts it easily")
        names = ("x-ray-of-the-left-knee-before-the-operation.txt", "referral.txt", "consent.txt")
        states = (FileState.READY, FileState.QUARANTINED, FileState.INFECTED)
        files = [
            stored_file(patient=chart, uploaded_by=doctor, name=name, state=state)
            for name, state in zip(names, states, strict=True)
        ]
        draft = NoteFactory(patient=chart, doctor=doctor)
        deletion = deletions.delete(by=doctor, row=draft, reason="Opened for the wrong patient")
    return SimpleNamespace(chart=chart, note=note, plan=plan, files=files, deletion=deletion)


def chart_page(chart):
    return f"/admin/patients/patient/{chart.pk}/change/"


def pages(record):
    return {
        "chart": chart_page(record.chart),
        "note": f"/admin/records/sessionnote/{record.note.pk}/change/",
        "note-delete": f"/admin/records/sessionnote/{record.note.pk}/delete/",
        "plan": f"/admin/records/planofcare/{record.plan.pk}/change/",
        "file": f"/admin/records/attachment/{record.files[0].pk}/change/",
        "file-add": f"/admin/records/attachment/to/{record.chart.pk}/",
        "files": "/admin/records/attachment/",
        "notes": "/admin/records/sessionnote/",
        "deleted": "/admin/patients/deletion/",
        "deletion": f"/admin/patients/deletion/{record.deletion.pk}/change/",
    }


def test_it_is_readable_in_both_themes_and_on_a_narrow_screen(sign_in, record):
    page = sign_in("admin")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for name, address in pages(record).items():
            page.set_viewport_size({"width": 1360, "height": 850})
            page.goto(address, wait_until="networkidle")
            assert set(page.evaluate(WEAK_TEXT)) <= UNFOLDS, (scheme, name)
            assert not overflows(page), name
            _picture(page, f"{name}-{scheme}")
    page.set_viewport_size(NARROW)
    for name, address in pages(record).items():
        page.goto(address, wait_until="networkidle")
        assert not overflows(page), name
        assert page.get_by_role("heading", level=1).count() == 1, name
        _picture(page, f"{name}-narrow")


def test_note_is_found_and_its_versions_compared_with_the_keyboard(sign_in, record):
    page = sign_in("staff")
    page.set_viewport_size(NARROW)
    page.goto(chart_page(record.chart))
    notes = page.get_by_role("region", name="Session notes")
    expect(notes.get_by_role("row", name=re.compile("Amended"))).to_be_visible()
    _go(notes.get_by_role("link").first)
    page.wait_for_url("**/notes/*/")
    page.goto(pages(record)["note"])
    kept = page.get_by_role("region", name="Versions")
    expect(kept.get_by_text("Reason: The side was wrong")).to_be_visible()
    changed = kept.get_by_role("group", name="Assessment")
    expect(changed.locator("del")).to_have_text("Lumbar strain")
    expect(changed.locator("ins")).to_have_text("Strain, left")
    _go(kept.get_by_text("Show full text").last)
    expect(kept.get_by_text("Low back pain for three days").last).to_be_visible()
    assert not overflows(page)


def test_file_is_added_renamed_and_downloaded_with_the_keyboard(sign_in, record, practice, tmp_path):
    found = tmp_path / "findings.txt"
    found.write_text("Bone density: normal")
    page = sign_in("staff")
    page.set_viewport_size(NARROW)
    page.goto(chart_page(record.chart))
    files = page.get_by_role("region", name="Files")
    expect(files.get_by_text("Waiting for the virus scan")).to_be_visible()
    _go(files.get_by_text("Add a file…"))
    chosen = files.get_by_label("File")
    tab_to(chosen)
    chosen.set_input_files(found)
    _go(files.get_by_role("button", name="Add file"))
    expect(page.get_by_text("The file was added.")).to_be_visible()
    assert page.url.endswith("#files")
    _go(page.get_by_role("link", name="findings.txt"))
    page.wait_for_url("**/records/attachment/*/change/")
    name = page.get_by_label("Name")
    tab_to(name)
    name.fill("Bone density.txt")
    page.get_by_role("button", name="Save", exact=True).press("Enter")
    expect(page.get_by_text("Saved: ")).to_be_visible()
    with practice_scope(practice.pk):
        added = Attachment.objects.order_by("-id").first()
        assert added.name == "Bone density.txt"
    page.goto(f"/admin/records/attachment/{added.pk}/change/")
    with page.expect_download() as told:
        _go(page.get_by_role("link", name="Download the file"))
    assert told.value.suggested_filename == "Bone density.txt"
    assert told.value.path().read_text() == "Bone density: normal"


def test_rejected_file_shows_an_error_at_its_field(sign_in, record, tmp_path):
    (tmp_path / "note.docx").write_bytes(b"PK\x03\x04")
    (tmp_path / "large.txt").write_bytes(b"x" * 10_485_761)
    page = sign_in("staff")
    page.goto(pages(record)["file-add"])
    page.get_by_label("File").set_input_files(tmp_path / "note.docx")
    page.get_by_role("button", name="Add file").click()
    expect(page.get_by_text(re.compile("Word documents"))).to_be_visible()
    assert not overflows(page)
    _picture(page, "file-refused")
    field = page.get_by_label("File")
    field.set_input_files(tmp_path / "large.txt")
    assert "larger than the 10\N{NO-BREAK SPACE}MB" in field.evaluate("element => element.validationMessage")
    page.get_by_role("button", name="Add file").click()
    assert field.evaluate("element => element.files.length") == 1  # it was not sent
    field.set_input_files(tmp_path / "note.docx")
    assert field.evaluate("element => element.validationMessage") == ""


def test_note_is_deleted_and_restored_with_the_keyboard(sign_in, record, practice):
    page = sign_in("admin")
    page.set_viewport_size(NARROW)
    page.goto(pages(record)["note"], wait_until="networkidle")
    _go(page.get_by_role("link", name="Delete session note"))
    tab_to(page.get_by_label("Reason"))
    page.keyboard.type("Written into the wrong chart")
    assert not overflows(page)
    _go(page.get_by_role("button", name="Delete", exact=True))
    expect(page.get_by_text("The session note was deleted.")).to_be_visible()
    with practice_scope(practice.pk):
        deletion = Deletion.objects.order_by("-id").first()
        assert (deletion.about_id, SessionNote.objects.count()) == (record.note.pk, 1)

    page.goto("/admin/patients/deletion/", wait_until="networkidle")
    _go(page.get_by_role("link", name="Session note").first)
    expect(page.get_by_text("Written into the wrong chart")).to_be_visible()
    expect(page.get_by_text("Can be restored until")).to_be_visible()
    _go(page.get_by_role("button", name="Restore"))
    expect(page.get_by_text("The session note was restored.")).to_be_visible()
    with practice_scope(practice.pk):
        assert SessionNote.objects.count() == 2


def test_chart_is_put_on_hold_exported_and_a_plan_printed_with_the_keyboard(sign_in, record, practice):
    page = sign_in("admin")
    page.set_viewport_size(NARROW)
    page.goto(chart_page(record.chart))
    hold = page.get_by_role("region", name="Legal hold")
    _go(hold.get_by_text("Put this chart on legal hold…"))
    tab_to(hold.get_by_label("Reason for the hold"))
    page.keyboard.type("Subpoena 12")
    assert not overflows(page)
    _go(hold.get_by_role("button", name="Place the legal hold"))
    expect(page.get_by_text("by Olive Manager")).to_be_visible()
    _picture(page, "hold")
    with page.expect_download() as told:
        _go(page.get_by_role("button", name="Download the full chart"))
    assert told.value.suggested_filename == "chart.zip"
    _go(page.get_by_role("button", name="Lift the legal hold"))
    expect(page.get_by_text("The legal hold was lifted.")).to_be_visible()
    with practice_scope(practice.pk):
        assert not LegalHold.objects.exists()
    _go(page.get_by_role("region", name="Plans of care").get_by_role("link"))
    with page.expect_download() as told:
        _go(page.get_by_role("link", name="Download as PDF"))
    assert told.value.path().read_bytes().startswith(b"%PDF")


def _go(target) -> None:
    """Press Enter on it. Long pages have more stops than the Tab key is tried for, so the way there is not walked."""
    target.focus()
    target.page.keyboard.press("Enter")


def _picture(page, name):
    """For a look at them: PICTURES names a folder."""
    if os.environ.get("PICTURES"):
        page.screenshot(path=f"{os.environ['PICTURES']}/{name}.png", full_page=True)
