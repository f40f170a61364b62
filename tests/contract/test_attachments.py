"""/api/attachments: uploads, how they are shown, and every way to download them."""

import io
from zipfile import ZipFile

import pytest

from tests.contract.clinic import NOBODY

MEGABYTE = 1024 * 1024
FORM = {"Content-Type": "multipart/form-data; boundary=frontier"}
NORMAL = b"Bone density: normal"


def form(chart, content=NORMAL, *, name="findings.txt", declared="text/plain"):
    return (
        f'--frontier\r\nContent-Disposition: form-data; name="patientId"\r\n\r\n{chart}\r\n--frontier\r\n'
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {declared}\r\n\r\n'
    ).encode() + b"%b\r\n--frontier--\r\n" % content


def upload(caller, chart, *arguments, address="/api/attachments", **fields):
    return caller.request("POST", address, content=form(chart, *arguments, **fields), headers=FORM)


@pytest.fixture
def chart(clinic):
    return clinic.chart()["id"]


@pytest.fixture
def added(clinic, chart):
    answer = upload(clinic.doctor, chart)
    assert answer.status == 201, answer
    return answer.json


def test_upload_is_shown_as_it_is_kept(clinic, chart, added):
    assert added == {
        "id": added["id"],
        "patientId": chart,
        "sessionId": None,
        "name": "findings.txt",
        "mediaType": "text/plain",
        "size": 20,
        "status": "ready",
        "category": "other",
        "uploadedById": clinic.doctor.id,
        "uploadedByName": clinic.doctor.user["name"],
        "seenAt": added["seenAt"],
        "seenById": clinic.doctor.id,
        "seenByName": clinic.doctor.user["name"],
        "createdAt": added["createdAt"],
    }
    assert clinic.staff.get(f"/api/attachments/{added['id']}").json == added
    assert clinic.staff.get("/api/attachments", patientId=chart).json == {
        "attachments": [added],
        "total": 1,
        "page": 1,
        "limit": 10,
        "usedBytes": 20,
        "roomBytes": 100 * MEGABYTE,
    }


def test_it_is_downloaded_by_itself_by_a_link_and_in_a_zip(clinic, chart, added):
    doctor = clinic.doctor
    link = doctor.post(f"/api/attachments/{added['id']}/link").json

    for address in (f"/api/attachments/{added['id']}/content", link["url"]):
        answer = doctor.get(address)
        assert (answer.status, answer.body) == (200, NORMAL)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["content-length"] == "20"
        assert answer.headers["content-disposition"] == 'attachment; filename="findings.txt"'
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        head = doctor.request("HEAD", address)
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "20")
    archive = ZipFile(io.BytesIO(doctor.get(f"/api/patients/{chart}/attachments.zip").body))
    assert {name: archive.read(name) for name in archive.namelist()} == {"findings.txt": NORMAL}
    assert clinic.staff.get(link["url"]).status == 404
    assert clinic.anonymous.get(link["url"]).status == 401


def test_another_practice_has_no_such_file(clinic, added):
    for address in ("", "/content", "/link/1"):
        assert clinic.elsewhere.doctor.get(f"/api/attachments/{added['id']}{address}").status == 404
    assert clinic.elsewhere.doctor.post(f"/api/attachments/{added['id']}/link").status == 404
    assert clinic.elsewhere.admin.patch(f"/api/attachments/{added['id']}", {"name": "x"}).status == 404


def test_attachment_is_renamed(clinic, added):
    answer = clinic.doctor.patch(f"/api/attachments/{added['id']}", {"name": "膝"})

    assert (answer.status, answer.json["name"]) == (200, "膝.txt")
    said = clinic.doctor.get(f"/api/attachments/{added['id']}/content").headers["content-disposition"]
    assert said == "attachment; filename*=utf-8''%E8%86%9D.txt"


@pytest.mark.parametrize("address", ["/api/attachments", "/api/v1/attachments"])
def test_file_of_ten_megabytes_is_taken_whole_and_one_byte_more_is_not(clinic, chart, address):
    line = b"Bone density: normal. We see each other again in a week, or sooner.\n"
    content = (line * (10 * MEGABYTE // len(line) + 1))[: 10 * MEGABYTE]

    answer = upload(clinic.doctor, chart, content, address=address)

    assert (answer.status, answer.json["size"]) == (201, 10 * MEGABYTE)
    assert clinic.doctor.get(f"/api/attachments/{answer.json['id']}/content").body == content
    assert upload(clinic.doctor, chart, content + b"\n", address=address).json == {
        "detail": "A file can have up to 10 MB."
    }


def test_too_large_upload_is_answered(clinic, chart):
    assert upload(clinic.doctor, chart, b"x" * 11 * MEGABYTE).status == 413


@pytest.mark.parametrize("who", ["anonymous", "billing", "patient"])
def test_refused_uploader_gets_403_whatever_they_send(clinic, chart, who):
    caller = clinic.anonymous if who == "anonymous" else getattr(clinic, who)

    assert upload(caller, chart, b"x" * 10 * MEGABYTE).status == (401 if who == "anonymous" else 403)


@pytest.mark.parametrize("status", [404, 415])
def test_what_is_refused_at_once_is_answered_whatever_follows(clinic, status):
    body, kind = form(NOBODY, b"Normal. " * MEGABYTE), FORM if status == 404 else {"Content-Type": "text/plain"}

    assert clinic.doctor.request("POST", "/api/attachments", content=body, headers=kind).status == status
