"""What two managers or desks may change: each says which version they have read, and a stale one changes nothing."""

import pytest

from tests.contract.clinic import NOBODY


def made(clinic):
    """Return a path, a first change and a second one of each kind."""
    doctor, office = clinic.hire("doctor").id, clinic.admin.post("/api/offices", {"name": "Harbour"}).json["id"]
    hours = {"doctorId": doctor, "weekday": 0, "start": "09:00", "end": "12:00"}
    off = {"doctorId": doctor, "from": "2031-07-01T00:00:00Z", "to": "2031-07-02T00:00:00Z"}
    entry = {"patientId": clinic.chart()["id"], "weekdays": [0]}
    for path, body, first, second in [
        ("/api/offices", {"name": "Midtown"}, {"phone": "(212) 555-0100"}, {"name": "Uptown"}),
        ("/api/appointment-types", {"name": "Stale", "minutes": 30}, {"minutes": 45}, {"doctorIds": [doctor]}),
        ("/api/rooms", {"name": "Room 1", "officeId": office}, {"name": "Room 2"}, {"active": False}),
        ("/api/working-hours", hours, {"end": "12:30"}, {"validTo": "2031-12-31"}),
        ("/api/schedule-exceptions", off, {"reason": "Course"}, {"to": "2031-07-03T00:00:00Z"}),
        ("/api/waiting-list", entry, {"priority": 1}, {"doctorIds": [doctor]}),
        ("/api/note-templates", {"name": "Stale"}, {"texts": {"plan": "Rest"}}, {"name": "Staler"}),
        ("/api/phrases", {"word": "stale", "text": "One"}, {"text": "Two"}, {"word": "staler"}),
        ("/api/letter-templates", {"name": "Stale", "title": "A", "text": "B"}, {"title": "C"}, {"text": "D"}),
    ]:
        answer = clinic.admin.post(path, body)
        assert (answer.status, answer.headers["ETag"], answer.json["version"]) == (201, '"1"', 1), answer
        yield f"{path}/{answer.json['id']}", first, second


def test_version_is_told_grows_with_a_change_and_guards_against_a_stale_one(clinic, subtests):
    admin = clinic.admin
    for path, first, second in made(clinic):
        with subtests.test(path=path.split("/")[2]):
            assert admin.get(path).headers["ETag"] == '"1"'
            changed = admin.patch(path, first, headers={"If-Match": '"1"'})
            assert (changed.status, changed.headers["ETag"], changed.json["version"]) == (200, '"2"', 2), changed
            same = admin.patch(path, {**first, "version": 2})
            assert (same.status, same.headers["ETag"]) == (200, '"2"')  # what it is already changes nothing

            for how in ({"headers": {"If-Match": '"1"'}}, {"said": {"version": 1}}):
                said = how.pop("said", {})
                stale = admin.patch(path, second | said, **how)
                assert (stale.status, stale.json["current"]) == (409, changed.json), stale
            assert admin.get(path).json == changed.json
            both = admin.patch(path, {**second, "version": 2}, headers={"If-Match": '"1"'})
            assert (both.status, admin.patch(path, second, headers={"If-Match": '"x"'}).status) == (400, 400)
            assert admin.patch(path, {"version": 2}).status == 400  # nothing to change
            assert admin.patch(path, {**changed.json, **second}).headers["ETag"] == '"3"'
            assert admin.patch(path, first).status == 200  # who says no version is taken, as before
            assert admin.patch(f"{path.rpartition('/')[0]}/{NOBODY}", {**first, "version": 1}).status == 404


@pytest.mark.parametrize(
    "path", ["/api/offices", "/api/rooms", "/api/waiting-list", "/api/note-templates", "/api/phrases"]
)
def test_what_is_made_has_no_version_yet(clinic, path):
    refused = clinic.admin.post(path, {"version": 1})
    assert refused.status == 400 and "version" in refused.json["errors"]
