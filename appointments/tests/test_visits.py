"""What happens to a visit: which action may follow which, and history. Over HTTP."""

from datetime import UTC, datetime, timedelta

import pytest

from appointments import services
from appointments.models import Appointment, AppointmentEvent
from appointments.tests.visit_clinic import JSON, NOW
from appointments.visits.history import no_shows_of
from appointments.visits.machine import MAY_FOLLOW, Action, VisitState, state_of
from patients.deletion import services as deletions
from patients.tests.factories import PatientFactory

AFTER = {
    "arrive": VisitState.ARRIVED,
    "start": VisitState.STARTED,
    "finish": VisitState.FINISHED,
    "no-show": VisitState.NO_SHOW,
    "confirm": VisitState.CONFIRMED,
}
# What an action gives in each state: done, already so, refused.
DONE, SO, NO = 200, "so", 409
TABLE = {
    #            confirm arrive start finish no-show undo cancel reopen
    VisitState.BOOKED: (NO, DONE, DONE, DONE, DONE, NO, DONE, SO),  # too late: they have begun
    VisitState.CONFIRMED: (SO, DONE, DONE, DONE, DONE, DONE, DONE, SO),
    VisitState.ARRIVED: (NO, SO, DONE, DONE, NO, DONE, DONE, SO),
    VisitState.STARTED: (NO, NO, SO, DONE, NO, DONE, DONE, SO),
    VisitState.FINISHED: (NO, NO, NO, SO, NO, DONE, DONE, DONE),
    VisitState.NO_SHOW: (NO, DONE, DONE, DONE, SO, DONE, DONE, SO),
    VisitState.CANCELLED: (NO, NO, NO, NO, NO, DONE, SO, DONE),
}
ACTIONS = ("confirm", "arrive", "start", "finish", "no-show", "undo", "cancel", "reopen")


def test_what_may_follow_what(visit_clinic, subtests):
    for state, outcomes in TABLE.items():
        for action, outcome in zip(ACTIONS, outcomes, strict=True):
            with subtests.test(state=state, action=action):
                visit = visit_clinic.visit_in(state)
                before, entries = visit.version, visit.events.count()

                if action in ("cancel", "reopen"):
                    status = {"cancel": "cancelled", "reopen": "scheduled"}[action]
                    answer = visit_clinic.patch(visit, status=status)
                else:
                    answer = visit_clinic.act(visit, action)

                visit.refresh_from_db()
                assert answer.status_code == (409 if outcome == NO else 200), answer.content
                assert visit.version == before + (outcome == DONE)
                assert visit.events.count() == entries + (outcome == DONE)
                if outcome == DONE and action in AFTER:
                    assert state_of(visit) == AFTER[action]
                if outcome != NO:
                    assert answer["ETag"] == f'"{visit.version}"' and answer.json()["version"] == visit.version
                else:
                    assert set(answer.json()) == {"detail"}
                if outcome != SO and action != "confirm":
                    assert (outcome == DONE) == (state in MAY_FOLLOW[Action(action)])


def test_undo_takes_back_the_last_fact_until_nothing_is_left(visit_clinic):
    visit = visit_clinic.visit(NOW() + timedelta(minutes=1))
    assert visit_clinic.act(visit, "confirm").status_code == 200
    Appointment.objects.filter(pk=visit.pk).update(starts_at=NOW() - timedelta(minutes=5))
    moments = ["confirmedAt", "arrivedAt", "startedAt", "finishedAt", "cancelledAt"]
    for action in ("arrive", "start", "finish"):
        assert visit_clinic.act(visit, action).status_code == 200
    shown = visit_clinic.patch(visit, status="cancelled", cancelReason="patient_ill").json()
    assert [name for name in moments if name in shown] == moments
    assert (shown["cancelReason"], shown["cancelledLate"]) == ("patient_ill", True)

    statuses = []
    for left in range(4, -1, -1):
        shown = visit_clinic.act(visit, "undo").json()
        assert [name for name in moments if name in shown] == moments[:left]
        statuses.append(shown["status"])

    assert statuses == ["completed", "scheduled", "scheduled", "scheduled", "scheduled"]
    assert not {"cancelReason", "cancelledLate"} & shown.keys()
    assert (visit_clinic.act(visit, "undo").status_code, visit.events.count()) == (409, 10)
    undone = [entry["details"]["undone"] for entry in visit_clinic.history(visit) if entry["what"] == "undone"]
    assert undone == ["confirmed", "arrived", "started", "finished", "cancelled"]


def test_times_decide_too(visit_clinic, subtests):
    tomorrow, soon = NOW() + timedelta(days=2), NOW() + timedelta(minutes=1)
    for start, action, status in [
        (tomorrow, "confirm", 200),
        (tomorrow, "arrive", 409),
        (tomorrow, "start", 409),
        (tomorrow, "finish", 409),
        (tomorrow, "no-show", 409),
        (soon, "arrive", 200),
        (soon, "no-show", 409),
    ]:
        with subtests.test(start=start, action=action):
            visit = visit_clinic.visit(start)
            assert visit_clinic.act(visit, action).status_code == status
            visit.delete()

    with subtests.test("an arrived one is not moved to a later day, a no-show not to what is to come"):
        arrived, missed = visit_clinic.visit_in(VisitState.ARRIVED), visit_clinic.visit_in(VisitState.NO_SHOW)
        for visit in (arrived, missed):
            refused = visit_clinic.patch(visit, date=(NOW() + timedelta(days=3)).isoformat())
            assert (refused.status_code, set(refused.json()["errors"])) == (400, {"date"})
    with subtests.test("another time is not confirmed"):
        confirmed = visit_clinic.visit(tomorrow)
        visit_clinic.act(confirmed, "confirm")
        assert (
            "confirmedAt" not in visit_clinic.patch(confirmed, date=(tomorrow + timedelta(hours=1)).isoformat()).json()
        )


def test_no_show_is_counted_and_has_no_record(visit_clinic, client_of):
    missed = visit_clinic.visit_in(VisitState.NO_SHOW)
    record = {"patientId": str(visit_clinic.chart.pk), "diagnosis": "Strain", "prescription": "", "notes": ""}
    assert client_of(visit_clinic.doctor).post("/api/records", record, JSON).status_code == 201
    assert not missed.records.exists()
    visit_clinic.visit_in(VisitState.FINISHED)
    assert no_shows_of(visit_clinic.chart) == 1
    visit_clinic.patch(missed, status="cancelled")
    assert no_shows_of(visit_clinic.chart) == 1  # its time is free, and it still is one

    visit_clinic.act(missed, "undo")
    late = visit_clinic.act(missed, "arrive").json()
    assert "noShowAt" not in late and no_shows_of(visit_clinic.chart) == 0


def test_reason_of_a_cancellation(visit_clinic, subtests, client_of, make_user, scope):
    visit = visit_clinic.visit(NOW() + timedelta(days=9))
    for body, status, field in [
        ({"cancelReason": "weather"}, 400, "cancelReason"),
        ({"status": "scheduled", "cancelReason": "weather"}, 400, "cancelReason"),
        ({"status": "cancelled", "cancelReason": "whim"}, 400, "cancelReason"),
        ({"status": "cancelled", "cancelReason": ["weather"]}, 400, "cancelReason"),
        ({"status": "cancelled"}, 200, None),
        ({"cancelReason": "doctor_away"}, 200, None),
        ({"cancelReason": "doctor_away"}, 200, None),
    ]:
        with subtests.test(body=body):
            answer = visit_clinic.patch(visit, **body)
            assert answer.status_code == status
            assert field is None or set(answer.json()["errors"]) == {field}
    assert answer.json()["cancelReason"] == "doctor_away" and answer.json()["cancelledLate"] is False
    assert [entry["what"] for entry in visit_clinic.history(visit)] == ["edited", "cancelled"]
    assert visit_clinic.history(visit)[0]["details"] == {"fields": ["cancelReason"]}
    seen_by_billing = visit_clinic.as_role("billing").get(f"/api/appointments/{visit.pk}").json()
    assert "cancelReason" not in seen_by_billing and "cancelledAt" in seen_by_billing
    reopened = visit_clinic.patch(visit, status="scheduled").json()
    assert not {"cancelReason", "cancelledAt", "cancelledLate"} & reopened.keys()


def test_patients_confirm_and_take_it_back_and_cancel(visit_clinic, client_of, make_user):
    person = make_user("patient")
    own = client_of(person)
    chart = PatientFactory(user=person)
    visit = visit_clinic.visit(NOW() + timedelta(days=9), patient=chart)

    assert "confirmedAt" in visit_clinic.act(visit, "confirm", by=own).json()
    for action in ("arrive", "start", "finish", "no-show"):
        assert visit_clinic.act(visit, action, by=own).status_code == 403
    assert own.get(f"/api/appointments/{visit.pk}/history").status_code == 403
    assert "confirmedAt" not in visit_clinic.act(visit, "undo", by=own).json()
    assert visit_clinic.act(visit, "undo", by=own).status_code == 403
    visit_clinic.act(visit, "confirm")
    assert visit_clinic.act(visit, "undo", by=own).status_code == 403  # the desk said so
    assert visit_clinic.patch(visit, by=own, status="cancelled", cancelReason="practice").status_code == 403
    cancelled = visit_clinic.patch(visit, by=own, status="cancelled").json()
    assert (cancelled["cancelReason"], cancelled["cancelledLate"]) == ("patient_asked", False)
    assert visit_clinic.act(visit, "undo", by=own).status_code == 403
    assert visit_clinic.act(visit_clinic.visit(NOW() + timedelta(days=8)), "confirm", by=own).status_code == 404
    past = visit_clinic.visit(patient=chart)
    assert visit_clinic.act(past, "confirm", by=own).status_code == 409


def test_who_may_not_and_what_is_not_taken(visit_clinic, as_role, other_practice, make_user, subtests):
    visit = visit_clinic.visit()
    for call, status in [
        (lambda: visit_clinic.act(visit, "arrive", by=as_role("billing")), 403),
        (lambda: visit_clinic.act(visit, "arrive", by=as_role("staff", practice=other_practice)), 404),
        (lambda: as_role("doctor", practice=other_practice).get(f"/api/appointments/{visit.pk}/history"), 404),
        (lambda: visit_clinic.desk.post(f"/api/appointments/{visit.pk}/arrive", {"at": "now"}, JSON), 400),
        (lambda: visit_clinic.act(visit, "arrive", **{"If-Match": "*"}), 400),
        (lambda: visit_clinic.desk.get(f"/api/appointments/{visit.pk}/arrive"), 405),
        (lambda: visit_clinic.act(visit, "leave"), 404),
        (lambda: visit_clinic.act(visit, "arrive", **{"If-Match": '"2"'}), 409),
        (lambda: visit_clinic.act(visit, "arrive", **{"If-Match": '"1"'}), 200),
        (lambda: visit_clinic.act(visit, "arrive", **{"If-Match": '"1"'}), 200),  # it is so already
        (lambda: visit_clinic.act(visit, "undo", **{"If-Match": '"1"'}), 409),
    ]:
        with subtests.test(status=status):
            answer = call()
            assert answer.status_code == status, answer.content
    assert answer.json()["current"]["arrivedAt"]
    assert [entry["what"] for entry in visit_clinic.history(visit)] == ["arrived"]


def test_nobody_undoes_what_they_have_not_seen(visit_clinic, as_role):
    visit, colleague = visit_clinic.visit(), as_role("admin")
    visit_clinic.act(visit, "arrive", by=colleague)

    refused = visit_clinic.act(visit, "undo")

    assert refused.status_code == 409 and refused.json()["current"]["arrivedAt"]
    assert visit_clinic.act(visit, "undo").status_code == 200  # now they have


def test_history_tells_who_did_what_and_no_text(visit_clinic, as_role, scope):
    manager, slot = as_role("admin"), datetime(2031, 3, 3, 10, tzinfo=UTC)
    body = {"patientId": str(visit_clinic.chart.pk), "doctorId": str(visit_clinic.doctor.pk), "reason": "Secret why"}
    made = visit_clinic.desk.post("/api/appointments", {**body, "date": slot.isoformat()}, JSON).json()
    visit = Appointment.objects.get(pk=made["id"])
    visit_clinic.patch(visit, date="2031-03-03T11:00:00Z", notes="Secret what")
    visit_clinic.patch(visit, reason="Secret else")
    visit_clinic.patch(visit, status="cancelled", by=manager)
    visit_clinic.patch(visit, status="scheduled", by=manager)
    manager.delete(f"/api/appointments/{visit.pk}", {"reason": "Twice"}, JSON)
    assert manager.get(f"/api/appointments/{visit.pk}/history").status_code == 404
    manager.post(f"/api/appointments/{visit.pk}/restore")

    history = visit_clinic.history(visit, by=as_role("billing"))

    assert [entry["what"] for entry in history[::-1]] == [
        *("booked", "moved", "edited", "cancelled", "reopened", "deleted", "restored")
    ]
    assert [entry["by"]["id"] for entry in history] == [str(manager.user.pk)] * 4 + [str(visit_clinic.desk.user.pk)] * 3
    assert history[0]["by"]["name"] == manager.user.name and history[0]["at"].endswith("Z")
    moved, texts = history[-2]["details"], history[-3]["details"]
    assert moved["moved"]["date"] == {"from": "2031-03-03T10:00:00+00:00", "to": "2031-03-03T11:00:00+00:00"}
    assert (moved["fields"], texts) == (["notes"], {"fields": ["reason"]})
    assert "Secret" not in str(history)
    pages = visit_clinic.desk.get(f"/api/appointments/{visit.pk}/history", {"limit": 3}).json()
    assert (pages["history"], pages["total"]) == (history[:3], 7)
    rest = visit_clinic.desk.get(f"/api/appointments/{visit.pk}/history", {"limit": 4, "cursor": pages["next"]}).json()
    assert (rest["history"], rest["next"]) == (history[3:], None)
    event = AppointmentEvent.objects.first()
    event.what = "edited"
    with pytest.raises(Exception, match=r"(?i)unique"):
        event.save()


# --- Deleted by somebody else at the same time


def test_visit_that_is_deleted_meanwhile_is_not_found(visit_clinic, monkeypatch):
    by, lock = visit_clinic.as_role("admin").user, services.lock_chart_with_deleted
    changed, arriving = visits = visit_clinic.visit(), visit_clinic.visit()

    def deleted_first(patient_id):
        for visit in visits:
            deletions.delete(by=by, row=visit, reason="Booked twice")
        return lock(patient_id)

    monkeypatch.setattr(services, "lock_chart_with_deleted", deleted_first)
    assert visit_clinic.patch(changed, notes="Late").status_code == 404
    assert visit_clinic.act(arriving, "arrive").status_code == 404


def test_change_is_answered_though_the_visit_is_deleted_right_after(visit_clinic, monkeypatch):
    visit, by, show = visit_clinic.visit(), visit_clinic.as_role("admin").user, services._with_people

    def deleted_first(changed):
        deletions.delete(by=by, row=visit, reason="Booked twice")
        return show(changed)

    monkeypatch.setattr(services, "_with_people", deleted_first)
    answer = visit_clinic.act(visit, "arrive")
    assert (answer.status_code, answer.json()["id"]) == (200, str(visit.pk))
