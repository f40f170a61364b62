"""Uploads that are malformed, too large, or not allowed."""

import io

import pytest
from django.conf import settings as configured

from core.middleware import request_guard
from records.attachments import uploads
from records.tests.attachments.conftest import ADDRESS, details, logged_events, rows, stored_names

BOUNDARY = "frontier"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
PATIENT = "01890000-0000-7000-8000-000000000000"


def part(name, content=b"", *, filename=None, declared=None, **headers):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    head += f'; filename="{filename}"' if filename is not None else ""
    head += f"\r\nContent-Type: {declared}" if declared else ""
    for header, value in headers.items():
        head += f"\r\n{header.replace('_', '-')}: {value}"
    return head.encode() + b"\r\n\r\n" + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def form(*parts, end=END):
    return b"".join(parts) + end


def text(content=b"Bone density: normal", **fields):
    return part("file", content, **{"filename": "findings.txt", "declared": "text/plain", **fields})


@pytest.fixture
def post(doctor):
    def make(body, *, content_type=FORM, client=doctor, address=ADDRESS, **extra):
        return client.generic("POST", address, body, content_type=content_type, **extra)

    return make


@pytest.fixture
def of_chart(chart):
    return part("patientId", str(chart.pk).encode())


def test_form_parts_in_any_order(post, of_chart):
    assert post(form(of_chart, text())).status_code == 201
    assert post(form(text(), of_chart)).status_code == 201


def test_base64_part_is_decoded(post, of_chart, doctor):
    answer = post(form(of_chart, text(b"Qm9uZSBkZW5zaXR5", Content_Transfer_Encoding="base64")))

    assert doctor.get(f"{ADDRESS}/{answer.json()['id']}/content").getvalue() == b"Bone density"


def bodies(chart):
    """Return refused bodies: `name: (status, body, content type)`."""
    of_chart = part("patientId", str(chart.pk).encode())
    whole = form(of_chart, text())
    return {
        "nothing at all": (400, b"", FORM),
        "not a form": (400, b"nonsense", FORM),
        "no file": (400, form(of_chart), FORM),
        "no patient": (400, form(text()), FORM),
        "a patient that is no id": (400, form(part("patientId", b"x"), text()), FORM),
        "a patient with a NUL": (400, form(part("patientId", b"\x00"), text()), FORM),
        "an unknown patient": (404, form(part("patientId", PATIENT.encode()), text()), FORM),
        "a session that is no id": (400, form(of_chart, part("sessionId", b"x"), text()), FORM),
        "an unknown session": (404, form(of_chart, part("sessionId", PATIENT.encode()), text()), FORM),
        "two files": (400, form(of_chart, text(), text()), FORM),
        "a file in another part": (400, form(of_chart, part("scan", b"x", filename="x.txt")), FORM),
        "a file and one in another part": (400, form(of_chart, text(), part("scan", b"x", filename="x.txt")), FORM),
        "a file without a name": (400, form(of_chart, text(filename="")), FORM),
        "a file called ..": (400, form(of_chart, text(filename="..")), FORM),
        "a file as a field": (400, form(of_chart, part("file", b"Bone density")), FORM),
        "a file without a type": (201, form(of_chart, text(declared=None)), FORM),
        "base64 that is none": (400, form(of_chart, text(b"***", Content_Transfer_Encoding="base64")), FORM),
        "cut off in the file": (400, form(of_chart, text())[:-60], FORM),
        "cut off in the closing boundary": (400, whole[:-5], FORM),
        "cut off after the file": (400, form(text(), end=b""), FORM),
        "cut off between two parts": (400, form(text(), of_chart, end=b"--frontier\r\n"), FORM),
        "cut off in a field after the file": (400, form(text(), of_chart)[:-30], FORM),
        "a huge field": (413, form(of_chart, text(), part("note", b"x" * 1_500_000)), FORM),
        "1,000 fields": (400, form(of_chart, *(part(f"f{number}", b"x") for number in range(990)), text()), FORM),
        "2,000 fields": (400, form(of_chart, *(part(f"f{number}", b"x") for number in range(2000)), text()), FORM),
        "1,000 files": (400, form(of_chart, *[text()] * 1000), FORM),
        "headers without an end": (400, form(b"--frontier\r\nX: " + b"y" * 5000, of_chart), FORM),
        "no boundary": (400, whole, "multipart/form-data"),
        "a boundary of 300": (400, whole, f"multipart/form-data; boundary={'x' * 300}"),
        "another boundary": (400, whole, "multipart/form-data; boundary=other"),
        "JSON": (415, b"{}", "application/json"),
        "no type": (415, whole, ""),
        "another multipart": (415, whole, f"multipart/mixed; boundary={BOUNDARY}"),
        "urlencoded": (415, b"patientId=1", "application/x-www-form-urlencoded"),
    }


NAMES = list(bodies(type("Chart", (), {"pk": PATIENT})))


@pytest.mark.parametrize("name", NAMES)
def test_malformed_upload_is_refused(post, chart, practice, name):
    status, body, content_type = bodies(chart)[name]

    answer = post(body, content_type=content_type)

    assert answer.status_code == status, answer.content
    if status == 201:
        assert len(rows(practice)) == len(stored_names()) == 1
    else:
        assert answer.json()["detail"]
        assert rows(practice) == stored_names() == []


HOSTILE = ['a"b.txt', "../../etc/passwd.txt", "a\x00b.txt", "\u202etxt.exe.txt", "x&#13;&#10;y.txt", "x%0d%0ay.txt"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_sanitised(doctor, send, name):
    answer = send(doctor, name=name)

    assert answer.status_code == 201, answer.content
    kept = answer.json()["name"]
    assert kept.endswith(".txt")
    assert not set(kept) & set('\r\n\x00"/\\\u202e')


def test_name_with_line_break_is_no_header(send, doctor):
    answer = send(doctor, name="x\r\nSet-Cookie: a=b.txt")

    assert answer.status_code == 400
    assert not answer.cookies


# --- Size limits ------------------------------------------------------------------------------------------------------


def test_file_size_limit_is_exact(doctor, send, settings):
    settings.MAX_FILE_BYTES = 100_000

    assert send(doctor, b"x" * 100_000).status_code == 201
    answer = send(doctor, b"x" * 100_001)

    assert (answer.status_code, logged_events()[-1]) == (413, ("file.turned_away", "refused"))
    assert details("file.turned_away") == [{"reason": "too_large"}]
    assert configured.MAX_FILE_BYTES


def test_default_file_size_limit_is_ten_megabytes():
    assert configured.MAX_FILE_BYTES == 10 * 1024 * 1024


@pytest.mark.parametrize("address", [ADDRESS, f"/api/v1{ADDRESS.removeprefix('/api')}"])
def test_body_limit_fits_file_and_form(post, of_chart, address):
    size = configured.MAX_FILE_BYTES

    assert post(form(of_chart, text(b"x" * 2_000_000)), address=address).status_code == 201
    assert post(b"x" * (size + 65_537), address=address).json() == {"detail": "A file can have up to 10 MB."}


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("POST", "/api/records"),
        ("POST", f"{ADDRESS}/"),
        ("POST", f"{ADDRESS}/{PATIENT}"),
        ("PATCH", f"{ADDRESS}/{PATIENT}"),
        ("PATCH", ADDRESS),
        ("POST", "/auth/attachments"),
        ("POST", "/api//attachments"),
    ],
)
def test_other_addresses_keep_small_body_limit(doctor, method, address):
    assert doctor.generic(method, address, b"x" * 1_000_001, content_type=FORM).status_code == 413


# --- Checks before reading the body -----------------------------------------------------------------------------------


class Counted(io.BytesIO):
    taken = 0

    def read(self, size=-1):
        data = super().read(size)
        self.taken += len(data)
        return data


def asked(client, body, **extra):
    """Return the status, and how many bytes of the body had been read by then."""
    stream, taken = Counted(body), []
    sent = {"wsgi.input": stream, "CONTENT_LENGTH": str(len(body)), **extra}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(request_guard, "drain", lambda request: taken.append(stream.taken))
        answer = client.generic("POST", ADDRESS, b"", content_type=FORM, **sent)
    return answer.status_code, *taken


def test_body_is_not_read_without_sign_in(anonymous, db, of_chart):
    assert asked(anonymous, form(of_chart, text(b"x" * 5_000_000))) == (401, 0)


@pytest.mark.parametrize("role", ["patient", "billing"])
def test_body_is_not_read_without_permission(as_role, of_chart, role):
    assert asked(as_role(role), form(of_chart, text(b"x" * 5_000_000))) == (403, 0)


def test_body_is_not_read_when_throttled(doctor, of_chart, settings):
    settings.RATE_LIMIT_PER_MINUTE = 0

    assert asked(doctor, form(of_chart, text(b"x" * 5_000_000))) == (429, 0)


def test_body_is_not_read_cross_site(doctor, of_chart):
    assert asked(doctor, form(of_chart, text()), HTTP_ORIGIN="https://evil.example") == (403, 0)


def test_refused_upload_closes_its_file(doctor, send, monkeypatch, settings):
    spools = []

    class Watched(uploads.Spool):
        def __init__(self, **fields):
            super().__init__(**fields)
            spools.append(self)

    monkeypatch.setattr(uploads, "Spool", Watched)
    settings.MAX_FILE_BYTES = 10

    assert send(doctor, b"x" * 11).status_code == 413
    assert send(doctor, b"x" * 9, name="x.exe").status_code == 400
    assert [spool.file.closed for spool in spools] == [True, True]
