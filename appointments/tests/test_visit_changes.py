"""What changed since a client last asked: each change is listed once, for those who may see the visit. Over HTTP."""

from datetime import timedelta

from appointments.tests.factories import AppointmentFactory
from appointments.tests.visit_clinic import JSON, NOW
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory


class Feed:
    """A client that asks for what changed, and keeps what it was told."""

    def __init__(self, client, **query):
        self.client, self.query, self.cursor = client, query, None
        self.known, self.told = {}, []

    def ask(self, **query):
        cursor = {"cursor": self.cursor} if self.cursor else {}
        answer = self.client.get("/api/appointments", {**self.query, **query, **cursor})
        assert answer.status_code == 200, answer.content
        body = answer.json()
        self.cursor = body["next"]
        gone = (*body["deleted"], *body["removed"])
        self.known |= {row["id"]: row for row in body["appointments"]} | {row["id"]: None for row in gone}
        self.told += [row["id"] for row in (*body["appointments"], *body["deleted"])]
        return body


def test_changes_since_are_told_once(visit_clinic, as_role, scope):
    before, manager = NOW() + timedelta(minutes=2), as_role("admin")  # later than all that was made so far
    old = visit_clinic.visit()
    feed = Feed(visit_clinic.desk, updatedSince=before.isoformat(), limit=2)
    assert feed.ask() == {"appointments": [], "deleted": [], "removed": [], "total": 0, "next": feed.cursor}

    made = [visit_clinic.visit() for _ in range(3)]
    visit_clinic.act(made[0], "arrive")
    visit_clinic.act(old, "no-show")
    manager.delete(f"/api/appointments/{made[1].pk}", {"reason": "Twice"}, JSON)

    first, second = feed.ask(), feed.ask()
    assert (first["total"], second["total"]) == (4, 2)
    assert feed.told == [str(row.pk) for row in (made[2], made[0], old)] + [str(made[1].pk)]
    (deleted,) = second["deleted"]
    assert deleted["deletedAt"] and feed.known[str(old.pk)]["noShowAt"]
    assert feed.ask()["total"] == 0
    manager.post(f"/api/appointments/{made[1].pk}/restore")
    assert [row["id"] for row in feed.ask()["appointments"]] == [str(made[1].pk)]

    # a doctor is told of everybody's, or one that was given to a colleague would stay
    for filters, total in [
        ({}, 4),
        ({"patientId": str(visit_clinic.chart.pk)}, 4),
        ({"doctorId": str(visit_clinic.doctor.pk), "from": "2020-01-01", "to": "2190-01-01"}, 4),
        ({"status": "completed"}, 0),
        ({"typeId": str(visit_clinic.chart.pk)}, 0),
        ({"roomId": str(visit_clinic.chart.pk)}, 0),  # none of them has a room
    ]:
        doctors = Feed(as_role("doctor"), updatedSince=(NOW() - timedelta(days=1)).isoformat(), limit=100, **filters)
        answer = doctors.ask()
        assert (len(answer["appointments"]), len(answer["removed"]), answer["total"]) == (total, 4 - total, 4)
    assert (
        visit_clinic.desk.get("/api/appointments", {**doctors.query, "patientId": str(made[0].pk)}).status_code == 404
    )
    assert visit_clinic.desk.get("/api/appointments", {"typeId": str(visit_clinic.chart.pk)}).json()["total"] == 0


def test_copy_of_a_doctors_day_stays_the_day(visit_clinic, as_role, make_user):
    """Whatever leaves the day, and comes back: the copy of a client equals the list."""
    colleague, manager = make_user("doctor"), as_role("admin")
    visits = [visit_clinic.visit() for _ in range(6)]
    first = min(visit.starts_at for visit in visits)
    day = {
        "doctorId": str(visit_clinic.doctor.pk),
        "status": "scheduled",
        "to": (first + timedelta(days=3)).isoformat(),
    }
    feed = Feed(visit_clinic.desk, updatedSince=(NOW() - timedelta(days=1)).isoformat(), limit=3, **day)

    def check(*gone):
        while feed.ask()["total"]:
            pass
        listed = visit_clinic.desk.get("/api/appointments", {**day, "limit": 100}).json()["appointments"]
        assert {row["id"] for row in listed} == {pk for pk, row in feed.known.items() if row}
        assert not {str(row.pk) for row in gone} & {row["id"] for row in listed}

    check()
    to_colleague, later, cancelled, deleted, both = visits[:5]
    assert visit_clinic.patch(to_colleague, doctorId=str(colleague.pk)).status_code == 200
    assert visit_clinic.patch(later, date=(first + timedelta(days=5)).isoformat()).status_code == 200
    assert visit_clinic.patch(cancelled, status="cancelled").status_code == 200
    manager.delete(f"/api/appointments/{deleted.pk}", {"reason": "Twice"}, JSON)
    visit_clinic.patch(both, doctorId=str(colleague.pk))
    manager.delete(f"/api/appointments/{both.pk}", {"reason": "Twice"}, JSON)
    check(*visits[:5])
    assert visit_clinic.patch(to_colleague, doctorId=str(visit_clinic.doctor.pk)).status_code == 200
    manager.post(f"/api/appointments/{deleted.pk}/restore")
    check(later, cancelled, both)
    assert feed.known[str(to_colleague.pk)] and feed.known[str(deleted.pk)]


def test_visit_that_a_merge_moved_is_told(visit_clinic, as_role):
    twice = PatientFactory()
    visit, merged = visit_clinic.visit(patient=twice), {"from": str(twice.pk)}
    feed = Feed(visit_clinic.desk, updatedSince=(NOW() + timedelta(minutes=2)).isoformat())
    assert feed.ask()["total"] == 0
    for who, path, chart in ((visit_clinic.desk, "merge", visit_clinic.chart), (as_role("admin"), "merge/undo", twice)):
        answer = who.post(f"/api/patients/{visit_clinic.chart.pk}/{path}", merged, JSON)
        assert answer.status_code in (200, 204), answer.content
        (told,) = feed.ask()["appointments"]
        assert (told["id"], told["patientId"]) == (str(visit.pk), str(chart.pk))


def test_changes_that_cannot_be_told_are_refused(visit_clinic, scope, subtests):
    feed = Feed(visit_clinic.desk, updatedSince=NOW().isoformat())
    feed.ask()
    listed = visit_clinic.desk.get("/api/appointments", {"cursor": ""}).json()
    visit_clinic.visit(), visit_clinic.visit()
    other = visit_clinic.desk.get("/api/appointments", {"cursor": "", "limit": 1}).json()["next"]
    for query, field in [
        ({"updatedSince": "2026-11-30"}, "updatedSince"),
        ({"updatedSince": "yesterday"}, "updatedSince"),
        ({"updatedSince": "2020-01-01T00:00:00Z"}, "updatedSince"),
        ({"updatedSince": NOW().isoformat(), "cursor": other}, "cursor"),
        ({"cursor": feed.cursor}, "cursor"),
        ({"updatedSince": NOW().isoformat(), "cursor": feed.cursor + "x"}, "cursor"),
        ({"updatedSince": NOW().isoformat(), "date": "2026-11-30"}, "date"),
        ({"updatedSince": NOW().isoformat(), "page": "2"}, "page"),
        ({"typeId": "massage"}, "typeId"),
    ]:
        with subtests.test(query=query):
            answer = visit_clinic.desk.get("/api/appointments", query)
            assert (answer.status_code, set(answer.json()["errors"])) == (400, {field})
    assert "deleted" not in listed


def test_patients_are_told_their_own_changes(visit_clinic, make_user, client_of):
    person = make_user("patient")
    visit = visit_clinic.visit(patient=PatientFactory(user=person))
    feed = Feed(client_of(person), updatedSince=NOW().isoformat())
    visit_clinic.visit()

    feed.ask()
    visit_clinic.act(visit_clinic.visit(), "arrive")
    visit_clinic.act(visit, "arrive")
    feed.ask()

    assert set(feed.told) == {str(visit.pk)} and feed.known[str(visit.pk)]["arrivedAt"]


def test_nothing_new_costs_one_query_and_leaves_no_event(visit_clinic, practice, django_assert_max_num_queries):
    from audit.tests.whole_trail import whole_trail

    visit_clinic.visit()
    feed = Feed(visit_clinic.desk, updatedSince=NOW().isoformat())
    feed.ask()
    events = whole_trail().count()
    with django_assert_max_num_queries(4) as asked:  # of them the session and the practice
        feed.ask()
    assert sum("appointments_appointment" in query["sql"] for query in asked.captured_queries) == 1
    assert whole_trail().count() == events


def test_another_practices_changes_are_not_told(visit_clinic, other_practice, make_user, as_role):
    feed = Feed(visit_clinic.desk, updatedSince=NOW().isoformat())
    feed.ask()
    with practice_scope(other_practice.pk):
        AppointmentFactory(patient=PatientFactory(), doctor=make_user("doctor", practice=other_practice))
    assert feed.ask()["total"] == 0
