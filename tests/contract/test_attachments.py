"""/api/attachments through both doors: an upload, what it is shown as, and every way to have it back."""

import io
import socket
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
    return caller.ask("POST", address, content=form(chart, *arguments, **fields), headers=FORM)


@pytest.fixture
def chart(clinic):
    return clinic.chart()["id"]


@pytest.fixture
def added(clinic, chart):
    answer = upload(clinic.doctor, chart)
    assert answer.status == 201, answer
    return answer.json


def test_an_upload_is_shown_as_it_is_kept(clinic, chart, added):
    assert added == {
        "id": added["id"],
        "patientId": chart,
        "sessionId": None,
        "name": "findings.txt",
        "mediaType": "text/plain",
        "size": 20,
        "status": "ready",
        "uploadedById": clinic.doctor.id,
        "uploadedByName": clinic.doctor.user["name"],
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
        head = doctor.ask("HEAD", address)
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


def test_it_is_named_anew(clinic, added):
    answer = clinic.doctor.patch(f"/api/attachments/{added['id']}", {"name": "膝"})

    assert (answer.status, answer.json["name"]) == (200, "膝.txt")
    said = clinic.doctor.get(f"/api/attachments/{added['id']}/content").headers["content-disposition"]
    assert said == "attachment; filename*=utf-8''%E8%86%9D.txt"


@pytest.mark.parametrize("address", ["/api/attachments", "/api/v1/attachments"])
def test_a_file_of_ten_megabytes_is_taken_whole_and_one_byte_more_is_not(clinic, chart, address):
    line = b"Bone density: normal. We see each other again in a week, or sooner.\n"
    content = (line * (10 * MEGABYTE // len(line) + 1))[: 10 * MEGABYTE]

    answer = upload(clinic.doctor, chart, content, address=address)

    assert (answer.status, answer.json["size"]) == (201, 10 * MEGABYTE)
    assert clinic.doctor.get(f"/api/attachments/{answer.json['id']}/content").body == content
    assert upload(clinic.doctor, chart, content + b"\n", address=address).json == {"detail": "A file may have 10 MB."}


def test_who_sends_more_than_any_file_may_have_is_answered(clinic, chart):
    assert upload(clinic.doctor, chart, b"x" * 11 * MEGABYTE).status == 413


@pytest.mark.parametrize("who", ["anonymous", "billing", "patient"])
def test_who_may_not_upload_is_told_so_whatever_they_send(clinic, chart, who):
    """Over HTTP too, where nothing of it was read when the answer goes out."""
    caller = clinic.anonymous if who == "anonymous" else getattr(clinic, who)

    assert upload(caller, chart, b"x" * 10 * MEGABYTE).status == (401 if who == "anonymous" else 403)


@pytest.mark.parametrize("status", [404, 415])
def test_what_is_refused_at_once_is_answered_whatever_follows(clinic, status):
    body, kind = form(NOBODY, b"Normal. " * MEGABYTE), FORM if status == 404 else {"Content-Type": "text/plain"}

    assert clinic.doctor.ask("POST", "/api/attachments", content=body, headers=kind).status == status


def test_an_upload_that_breaks_off_is_no_error_of_the_server(clinic, chart):
    if clinic.door.name == "client":
        return  # it has no connection to break off
    body = form(chart, b"x" * MEGABYTE)
    with socket.create_connection(("127.0.0.1", clinic.door.server.port)) as connection:
        connection.sendall(
            f"POST /api/attachments HTTP/1.1\r\nHost: localhost\r\nCookie: access_token={clinic.doctor.access}\r\n"
            f"Content-Type: {FORM['Content-Type']}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body[:-500]
        )
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(1000)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert clinic.doctor.get("/api/attachments", patientId=chart).json["total"] == 0
    assert '"level":"error"' not in clinic.door.server.log.read_text()
