"""Body charts: marks as data, drawn with mouse or keyboard, shown with the note."""

import re
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from records.body_charts.regions import BACK, FRONT, HEIGHT, REGIONS, WIDTH
from records.models import BodyChart
from records.tests.factories import BodyChartFactory, FinalisedNoteFactory, NoteFactory
from records.tests.test_chart_lists import post
from records.tests.test_chart_pages import events, text_of
from tests import damage

BACK_PAIN = {"region": "back.lower_back", "sensation": "pain", "level": 7}
KNEE = {"region": "front.left.knee", "sensation": "ache", "level": 3}


@pytest.fixture
def paula(practice, make_user, client_of):
    doctor = make_user("doctor", name="Dr. Daniel Reyes")
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Paula Jensen")
    site = Client()
    site.force_login(doctor)
    return SimpleNamespace(practice=practice, doctor=doctor, chart=chart, api=client_of(doctor), site=site)


def draw(paula, *marks, client=None, **more):
    body = {"patientId": str(paula.chart.pk), "marks": list(marks), **more}
    return post(client or paula.api, "/api/body-charts", body)


def at(name, paula, *more):
    return reverse(name, args=[paula.chart.pk, *more])


def listed(paula, **query):
    return paula.api.get("/api/body-charts", {"patientId": str(paula.chart.pk), **query}).json()


def test_drawing_is_kept_and_corrected_with_a_reason(paula):
    made = draw(paula, KNEE, BACK_PAIN, remark="Since May")
    assert (made.status_code, made["ETag"]) == (201, '"1"')
    kept = made.json()
    assert (kept["marks"], kept["remark"], kept["sessionId"]) == ([BACK_PAIN, KNEE], "Since May", None)
    address = f"/api/body-charts/{kept['id']}"
    amend = f"{address}/amendments"
    corrected = post(paula.api, amend, {"version": 1, "reason": "Right one", "marks": [BACK_PAIN]})
    assert (corrected.status_code, corrected.json()["marks"]) == (200, [BACK_PAIN])
    stale = post(paula.api, amend, {"version": 1, "reason": "Again", "marks": []})
    assert (stale.status_code, stale.json()["current"]["marks"]) == (409, [BACK_PAIN])
    versions = paula.api.get(f"{address}/versions").json()["versions"]
    assert [(one["reason"], one["changed"]) for one in versions] == [("", []), ("Right one", ["marks"])]
    assert paula.api.get(f"{address}/versions/1").json()["content"]["marks"] == [BACK_PAIN, KNEE]
    assert listed(paula)["total"] == 1
    assert len(events(paula.practice, kind="body_chart.listed")) == 1


def test_what_is_no_mark_is_refused(paula, subtests):
    for mark in (
        {**KNEE, "region": "front.middle.knee"},
        {**KNEE, "sensation": "joy"},
        {**KNEE, "level": 11},
        {**KNEE, "colour": "red"},
        {"region": KNEE["region"]},
    ):
        with subtests.test(mark=mark):
            assert draw(paula, mark).status_code == 400
    assert draw(paula, KNEE, KNEE).status_code == 400
    assert draw(paula, KNEE, drawnAt="2126-01-01T10:00:00Z").status_code == 400
    assert draw(paula).status_code == 201  # nothing hurts


def test_regions_lie_within_the_figure_and_sides_are_the_patients_own():
    for region in REGIONS.values():
        shape = region.shape
        assert shape.x >= 0 and shape.x + shape.width <= WIDTH and shape.y >= 0 and shape.y + shape.height <= HEIGHT
    for view, left_is_on_the_right in ((FRONT, True), (BACK, False)):
        left, right = (REGIONS[f"{view}.{side}.knee"].shape for side in ("left", "right"))
        assert (left.x > right.x) is left_is_on_the_right


def test_walls_and_notes_hold(paula, other_practice, make_user, client_of, as_role, enter_as):
    with practice_scope(paula.practice.pk):
        whose = {"patient": paula.chart, "doctor": paula.doctor}
        draft, foreign = NoteFactory(**whose), NoteFactory(patient=PatientFactory(), doctor=paula.doctor)
    made = draw(paula, KNEE, sessionId=str(draft.pk)).json()
    assert made["sessionId"] == str(draft.pk)
    assert draw(paula, KNEE, sessionId=str(foreign.pk)).status_code == 400
    colleague = make_user("doctor")
    address = f"/api/body-charts/{made['id']}"
    assert client_of(colleague).get(address).status_code == 404  # a draft is its author's
    assert draw(paula, KNEE, client=client_of(colleague), sessionId=str(draft.pk)).status_code in (403, 404)
    assert as_role("billing").get(address).status_code == 403
    stranger = client_of(make_user("doctor", practice=other_practice))
    assert stranger.get(address).status_code == draw(paula, KNEE, client=stranger).status_code == 404
    for role in ("billing", "patient"):
        assert enter_as(role).get(at("chart_body", paula)).status_code == 403
    with practice_scope(paula.practice.pk):
        Patient.objects.filter(pk=paula.chart.pk).update(restricted=True)
    assert draw(paula, KNEE, client=client_of(colleague)).status_code == 403


def test_drawn_on_the_page_with_and_without_its_script(paula):
    form = {"sensation": "pain", "level": "7", "remark": "Since\r\nMay"}
    plain = {**form, "mark": ["back.lower_back", "front.left.knee:ache:3"]}
    assert paula.site.post(at("chart_body_draw", paula), plain).url == at("chart_body", paula)
    (kept,) = listed(paula)["bodyCharts"]
    assert (kept["marks"], kept["remark"]) == ([BACK_PAIN, KNEE], "Since\nMay")
    page = paula.site.get(at("chart_body", paula))
    said = text_of(page)
    assert "Lower back (back): pain, 7 of 10" in said and "Knee, left (front): dull ache, 3 of 10" in said
    assert re.search(r'class="depth-3" data-region="back.lower_back"', page.content.decode())
    chart = text_of(paula.site.get(at("chart", paula)))
    assert "Lower back (back): pain, 7 of 10" in chart
    for mark in ("nose", "back.lower_back:pain:99", "back.lower_back:joy:1"):
        assert paula.site.post(at("chart_body_draw", paula), {**form, "mark": [mark]}).status_code == 400
    assert listed(paula)["total"] == 1


def test_corrected_and_deleted_on_the_page(paula):
    made = draw(paula, KNEE).json()
    correct, back = at("chart_body_correct", paula, made["id"]), at("chart_body", paula)
    assert 'value="front.left.knee:ache:3" data-kept' in paula.site.get(correct).content.decode()
    form = {"sensation": "pain", "level": "7", "mark": ["back.lower_back"], "version": "1", "reason": "Wrong place"}
    assert paula.site.post(correct, {**form, "reason": ""}).status_code == 400
    assert paula.site.post(correct, form).url == back
    assert "Someone else changed this" in text_of(paula.site.post(correct, form))
    assert listed(paula)["bodyCharts"][0]["marks"] == [BACK_PAIN]
    assert paula.site.post(at("chart_body_delete", paula, made["id"]), {"reason": "Wrong chart"}).url == back
    assert listed(paula)["total"] == 0


def test_drawing_is_shown_with_its_note(paula):
    with practice_scope(paula.practice.pk):
        note = FinalisedNoteFactory(patient=paula.chart, doctor=paula.doctor)
        drawing = BodyChartFactory(patient=paula.chart, doctor=paula.doctor, note=note)
        BodyChartFactory(patient=paula.chart, doctor=paula.doctor, marks={"marks": [KNEE]})
    said = text_of(paula.site.get(reverse("note-edit", args=[note.pk])))
    assert "Lower back (back): pain, 7 of 10" in said and "Knee, left (front)" not in said
    form = {"sensation": "pain", "level": "2", "mark": ["back.neck"], "note": str(note.pk)}
    assert paula.site.post(at("chart_body_draw", paula), form).url == reverse("note-edit", args=[note.pk])
    assert listed(paula, sessionId=str(note.pk))["total"] == 2
    with practice_scope(paula.practice.pk):
        damage.lose_key(drawing, "marks")
    said = text_of(paula.site.get(at("chart_body", paula)))
    assert "cannot be decrypted" in said and "nothing hurts" not in said
    assert paula.api.get(f"/api/body-charts/{drawing.pk}").json()["marks"] is None
    amended = post(paula.api, f"/api/body-charts/{drawing.pk}/amendments", {"version": 1, "reason": "x", "marks": []})
    assert amended.status_code == 409
    with practice_scope(paula.practice.pk):
        assert BodyChart.objects.count() == 3
