"""Vital signs and other measures: through the API, and on the chart's pages."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from records.measures.series import HEIGHT, WIDTH, in_unit, read_series
from records.models import Measure
from records.tests.factories import MeasureFactory
from records.tests.test_chart_lists import post
from records.tests.test_chart_pages import events, text_of
from tests import damage

MORNING = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
PART = {"HX-Request": "true"}


@pytest.fixture
def paula(practice, make_user, client_of):
    doctor = make_user("doctor", name="Dr. Daniel Reyes")
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Paula Jensen")
    site = Client()
    site.force_login(doctor)
    return SimpleNamespace(practice=practice, doctor=doctor, chart=chart, api=client_of(doctor), site=site)


def take(paula, kind, value, client=None, **more):
    return post(
        client or paula.api, "/api/measures", {"patientId": str(paula.chart.pk), "kind": kind, "value": value, **more}
    )


def listed(paula, **query):
    return paula.api.get("/api/measures", {"patientId": str(paula.chart.pk), **query}).json()


def test_measure_is_kept_and_corrected_with_a_reason(paula):
    made = take(paula, "blood_pressure", 128, diastolic=82, measuredAt="2026-03-02T09:30:00", remark="Left arm")
    assert (made.status_code, made["ETag"]) == (201, '"1"')
    kept = made.json()
    assert kept == {
        "id": kept["id"],
        "patientId": str(paula.chart.pk),
        "kind": "blood_pressure",
        "measuredAt": "2026-03-02T14:30:00Z",  # New York's 9:30
        "value": 128,
        "diastolic": 82,
        "unit": "mmHg",
        **dict.fromkeys(("joint", "movement", "side"), ""),
        "remark": "Left arm",
        "authorId": str(paula.doctor.pk),
        "authorName": "Dr. Daniel Reyes",
        "createdAt": kept["createdAt"],
        "amendedAt": None,
        "version": 1,
    }
    address = f"/api/measures/{kept['id']}"
    amend = f"{address}/amendments"
    corrected = post(paula.api, amend, {"version": 1, "reason": "Misread", "value": 118})
    assert (corrected.status_code, corrected.json()["value"], corrected.json()["diastolic"]) == (200, 118, 82)
    stale = post(paula.api, amend, {"version": 1, "reason": "Again", "value": 119})
    assert (stale.status_code, stale.json()["current"]["value"]) == (409, 118)
    assert post(paula.api, amend, {"version": 2, "reason": "Same", "value": 118}).status_code == 400
    assert post(paula.api, amend, {"version": 2, "value": 117}).status_code == 400  # no reason
    versions = paula.api.get(f"{address}/versions").json()["versions"]
    assert [(one["reason"], one["changed"]) for one in versions] == [("", []), ("Misread", ["value"])]
    assert paula.api.get(f"{address}/versions/1").json()["content"]["value"] == "128"


def test_what_cannot_be_measured_is_refused(paula, subtests):
    cases = [
        ("pain", 11, {}, "value"),
        ("pain", 4.5, {}, "value"),
        ("pain", 4, {"diastolic": 2}, "diastolic"),
        ("pain", 4, {"side": "left"}, "side"),
        ("weight", 172.55, {}, "value"),
        ("weight", 172, {"unit": "cm"}, "unit"),
        ("blood_pressure", 120, {}, "diastolic"),
        ("blood_pressure", 80, {"diastolic": 120}, "diastolic"),
        ("range_of_motion", 45, {"movement": "flexion"}, "joint"),
        ("range_of_motion", 45, {"joint": "knee"}, "movement"),
        ("temperature", 370, {"unit": "C"}, "value"),
        ("pulse", 70, {"measuredAt": "2126-01-01T10:00:00Z"}, "measuredAt"),
        ("pulse", "NaN", {}, "value"),
        ("mood", 3, {}, "kind"),
    ]
    for kind, value, more, field in cases:
        with subtests.test(kind=kind, value=value, more=more):
            answer = take(paula, kind, value, **more)
            assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert listed(paula)["total"] == 0


def test_list_is_narrowed_and_told_to_the_trail(paula):
    for days, kind in ((0, "pain"), (1, "pulse"), (2, "pain")):
        assert take(paula, kind, 10, measuredAt=(MORNING + timedelta(days=days)).isoformat()).status_code == 201
    everything = listed(paula)
    assert (everything["total"], everything["measures"][0]["measuredAt"][:10]) == (3, "2026-03-04")
    assert listed(paula, kind="pain")["total"] == 2
    assert listed(paula, **{"from": "2026-03-03", "to": "2026-03-03"})["total"] == 1
    assert paula.api.get("/api/measures").json()["total"] == 3  # of everybody
    read = events(paula.practice, kind="measure.listed")
    assert len(read) == 4 and all(str(paula.chart.pk) in str(event.patients) for event in read)
    assert "pain" not in str([event.details for event in events(paula.practice)])


def test_walls_hold(paula, other_practice, make_user, client_of, as_role, enter_as):
    made = take(paula, "pain", 4).json()
    address, stranger = f"/api/measures/{made['id']}", client_of(make_user("doctor", practice=other_practice))
    assert stranger.get(address).status_code == 404
    assert take(paula, "pain", 4, client=stranger).status_code == 404
    assert as_role("billing").get(address).status_code == 403
    patient = make_user("patient")
    with practice_scope(paula.practice.pk):
        Patient.objects.filter(pk=paula.chart.pk).update(user=patient)
    own = client_of(patient)
    assert own.get(address).json()["value"] == 4
    assert take(paula, "pain", 0, client=own).status_code == 403
    for role in ("billing", "patient"):
        assert enter_as(role).get(reverse("chart_measures", args=[paula.chart.pk])).status_code == 403
    with practice_scope(paula.practice.pk):
        Patient.objects.filter(pk=paula.chart.pk).update(restricted=True)
    colleague = make_user("doctor")
    assert client_of(colleague).get(address).status_code == 403
    assert take(paula, "pain", 4, client=client_of(colleague)).status_code == 403


def add_on_the_page(paula, headers=PART, **fields):
    return paula.site.post(reverse("chart_measures_add", args=[paula.chart.pk]), fields, headers=headers)


def test_several_are_written_down_at_once_or_none(paula):
    given = {
        "value_pain": "7",
        "value_blood_pressure": "128",
        "diastolic": "82",
        "value_weight": "80",
        "unit_weight": "kg",
    }
    given |= {"value_range_of_motion": "95", "joint": "shoulder", "movement": "abduction", "side": "left"}
    answer = add_on_the_page(paula, **given)
    said = text_of(answer)
    assert answer.status_code == 200, said
    for words in ("Pain 7 of 10", "Weight 80 kg", "Blood pressure 128/82 mmHg", "Shoulder, abduction, left 95 degrees"):
        assert words in said
    assert '<option value="kg" selected>' in answer.content.decode()  # as this patient was weighed last
    assert add_on_the_page(paula, value_pain="3", value_pulse="9999").status_code == 400
    assert add_on_the_page(paula).status_code == 400
    assert add_on_the_page(paula, diastolic="80").status_code == 400  # half of a blood pressure is not dropped
    assert listed(paula)["total"] == 4
    assert add_on_the_page(paula, headers={}, value_pain="2").url == reverse("chart", args=[paula.chart.pk])
    chart = text_of(paula.site.get(reverse("chart", args=[paula.chart.pk])))
    assert "From 7 of 10 on" in chart and "to 2 of 10 on" in chart and "lowest 2, highest 7" in chart


def test_remarks_of_one_minute_stand_by_their_values(paula):
    for day, remarks in (("02", ("After the stairs", "Sitting", "")), ("03", ("At home",) * 3)):
        for kind, value, remark in zip(("pulse", "pain", "temperature"), (64, 3, 37), remarks, strict=True):
            unit = {"unit": "C"} if kind == "temperature" else {}
            take(paula, kind, value, measuredAt=f"2026-03-{day}T09:30:00", remark=remark, **unit)
    said = text_of(paula.site.get(reverse("chart", args=[paula.chart.pk]), {"show": "measures"}))
    assert "Pulse 64 per minute (After the stairs) · Pain 3 of 10 (Sitting) · Temperature 37 °C" in said
    assert "Pulse 64 per minute · Pain 3 of 10 · Temperature 37 °C At home" in said


def test_correction_and_deletion_on_the_page(paula):
    made = take(paula, "weight", 172.5, measuredAt=MORNING.replace(second=17).isoformat()).json()
    correct = reverse("chart_measure_correct", args=[paula.chart.pk, made["id"]])
    given = {"version": 1, "value": "170.5", "measured_at": "2026-03-02T09:30", "reason": "Shoes on", "remark": ""}
    page = reverse("chart_measures", args=[paula.chart.pk])
    assert f'href="{correct}"' in paula.site.get(page).content.decode()
    assert 'value="2026-03-02T09:30"' in paula.site.get(correct).content.decode()
    assert paula.site.post(correct, given).url == page
    now = listed(paula)["measures"][0]
    assert (now["value"], now["measuredAt"], now["version"]) == (170.5, "2026-03-02T14:30:17Z", 2)
    assert "170.5 lb corrected" in text_of(paula.site.get(page))
    assert paula.site.post(correct, given).status_code == 409
    gone = paula.site.post(reverse("chart_measure_delete", args=[paula.chart.pk, made["id"]]), {"reason": "Twin"})
    assert gone.url == page and listed(paula)["total"] == 0


def test_lines_run_over_time_in_one_unit(paula):
    with practice_scope(paula.practice.pk):
        for days, value, unit in ((0, "80", "kg"), (10, "176.4", "lb"), (20, "165.3", "lb")):
            reading = {"value": value, "unit": unit}
            whose = {"patient": paula.chart, "doctor": paula.doctor, "kind": "weight"}
            MeasureFactory(**whose, reading=reading, measured_at=MORNING + timedelta(days=days))
        (series,) = read_series(paula.chart).series
    points = series.lines[0].points
    assert [point.x for point in points] == [6, WIDTH / 2, WIDTH - 6]
    assert (points[0].y, points[2].y) == (6.1, HEIGHT - 6)  # 80 kg are 176.37 lb
    assert (
        "From 80 kg on Mar 2, 2026 to 165.3 lb on Mar 22, 2026; lowest 165.3, highest 176.4" in series.text_alternative
    )
    assert round(in_unit(Decimal(37), "C", "F"), 1) == Decimal("98.6")
    assert round(in_unit(Decimal(70), "in", "cm"), 1) == Decimal("177.8")


def test_page_has_the_latest_of_each_and_all_of_one(paula):
    with practice_scope(paula.practice.pk):
        for kind, unit in (("weight", "lb"), ("pulse", "per_min")):
            whose = {"patient": paula.chart, "doctor": paula.doctor, "kind": kind}
            for day in range(12):
                reading = {"value": str(100 + day), "unit": unit}
                MeasureFactory(**whose, reading=reading, measured_at=MORNING + timedelta(days=day))
    page = reverse("chart_measures", args=[paula.chart.pk])
    everything = paula.site.get(page).content.decode()
    assert everything.count("<tr>") == 2 * (1 + 10) and everything.count('href="?series=') == 2
    pulse = paula.site.get(page, {"series": "pulse"})
    assert pulse.content.decode().count("<tr>") == 1 + 12
    assert "100 per minute" in text_of(pulse) and "lb" not in text_of(pulse).split("Praxis", 1)[1].split()
    assert paula.site.get(page, {"series": "height"}).url == page  # not "Nothing measured yet"


def test_measure_that_cannot_be_decrypted_is_told_and_not_corrected(paula):
    made = take(paula, "pain", 4).json()
    with practice_scope(paula.practice.pk):
        damage.lose_key(Measure.objects.get(), "reading")
    assert "1 measure can't be decrypted." in text_of(paula.site.get(reverse("chart", args=[paula.chart.pk])))
    assert "cannot be decrypted" in text_of(paula.site.get(reverse("chart_measures", args=[paula.chart.pk])))
    assert listed(paula)["measures"][0]["value"] is None
    amended = post(paula.api, f"/api/measures/{made['id']}/amendments", {"version": 1, "reason": "x", "value": 5})
    assert amended.status_code == 409


def test_number_of_queries_does_not_grow(paula):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert listed(paula)["total"]
        return len(captured)

    take(paula, "pain", 4)
    listed(paula)
    one = queries()
    for value in (5, 6, 7):
        take(paula, "pain", value)
    assert queries() == one
