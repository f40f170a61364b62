"""Downloading files: always as downloads, complete or not at all."""

import io
from urllib.parse import unquote
from zipfile import ZipFile

import pytest
from django.db import connection

from audit import log
from core.encryption.streams import CHUNK_BYTES, TAG_BYTES, DamagedFile
from core.tenancy.scope import practice_scope
from records.attachments import archives, storage, views
from records.models import Attachment
from records.tests.attachments.conftest import ADDRESS, details, file_events, logged_events

DENSITY = b"Bone density: normal"


def content(client, file, method="get"):
    return getattr(client, method)(f"{ADDRESS}/{file.pk}/content")


def test_download_headers_are_safe(doctor, make_file):
    answer = content(doctor, make_file())

    assert (answer.status_code, answer.getvalue()) == (200, DENSITY)
    shown = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": "20",
        "Content-Disposition": 'attachment; filename="findings.txt"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
        "Accept-Ranges": "none",
    }
    assert {name: answer[name] for name in shown} == shown


def test_download_is_streamed_in_chunks(doctor, make_file):
    file = make_file(content=b"x" * (2 * CHUNK_BYTES + 7))

    answer = content(doctor, file)

    assert [len(chunk) for chunk in answer.streaming_content] == [CHUNK_BYTES, CHUNK_BYTES, 7]
    assert answer["Content-Length"] == str(2 * CHUNK_BYTES + 7)


def test_range_request_returns_whole_file(doctor, make_file):
    answer = doctor.get(f"{ADDRESS}/{make_file().pk}/content", headers={"Range": "bytes=0-3"})

    assert (answer.status_code, answer.getvalue()) == (200, DENSITY)


NAMES = ["Zoë's Knie.txt", "膝.txt", 'say "ah".txt', "back\\slash.txt", "a;b=c.txt", "100%.txt"]


@pytest.mark.parametrize("name", NAMES)
def test_download_name_is_encoded(doctor, make_file, name):
    said = content(doctor, make_file(name=name))["Content-Disposition"]

    assert said.startswith("attachment; filename")
    if "filename*=" in said:
        assert unquote(said.split("filename*=utf-8''")[1]) == name
    else:
        assert said.split('filename="')[1][:-1].replace('\\"', '"').replace("\\\\", "\\") == name


def test_head_does_not_read_storage(doctor, make_file, failing):
    file = make_file()
    whole = content(doctor, file)

    with failing("open"):
        answer = content(doctor, file, "head")

    assert (answer.status_code, answer.getvalue()) == (200, b"")
    for name in ("Content-Type", "Content-Length", "Content-Disposition"):
        assert answer[name] == whole[name]
    seen = ("data.changed", "done")  # by whom first
    assert logged_events() == [seen, *[("file.read", "done")] * 2]


def test_download_is_logged_before_first_byte(doctor, make_file, monkeypatch):
    file = make_file()

    def down(*args, **kwargs):
        raise log.AuditLogUnavailable

    monkeypatch.setattr(log, "_insert", down)
    answer = content(doctor, file)

    assert (answer.status_code, DENSITY in answer.getvalue()) == (503, False)


NOT_READY = [("quarantined", 409), ("infected", 403), ("lost", 404), ("storing", 404)]


@pytest.mark.parametrize(("state", "status"), NOT_READY)
def test_file_not_ready_is_not_served(doctor, make_file, state, status):
    file = make_file(state=state)

    for answer in (content(doctor, file), doctor.post(f"{ADDRESS}/{file.pk}/link"), content(doctor, file, "head")):
        assert answer.status_code == status
    assert DENSITY not in content(doctor, file).content
    assert ("file.read", "done") not in logged_events()


# --- Damage -----------------------------------------------------------------------------------------------------------


def damage(folder, file, at):
    path = folder / file.storage_name
    stored = bytearray(path.read_bytes())
    stored[at] ^= 1
    path.write_bytes(bytes(stored))


def test_damaged_file_is_503(doctor, make_file, folder, caplog):
    file = make_file()
    damage(folder, file, 5)

    answer = content(doctor, file)

    assert (answer.status_code, "damaged" in answer.json()["detail"]) == (503, True)
    assert "Content-Disposition" not in answer
    assert str(file.pk) in caplog.text


def test_damaged_chunk_is_never_sent(doctor, make_file, folder, caplog):
    file = make_file(content=b"x" * (CHUNK_BYTES + 10))
    damage(folder, file, CHUNK_BYTES + TAG_BYTES + 5)

    answer = content(doctor, file)
    sent = []
    with pytest.raises(DamagedFile):
        sent.extend(answer.streaming_content)

    assert sent == [b"x" * CHUNK_BYTES]
    assert str(file.pk) in caplog.text


def test_swapped_object_is_detected(doctor, make_file, folder):
    one, other = make_file(), make_file(content=b"Bone density: poor..")
    (folder / one.storage_name).write_bytes((folder / other.storage_name).read_bytes())

    assert content(doctor, one).status_code == 503


def test_missing_object_is_503_and_logged(doctor, make_file, folder, caplog):
    file = make_file()
    (folder / file.storage_name).unlink()

    assert content(doctor, file).status_code == 503
    assert str(file.pk) in caplog.text
    assert str(folder) not in caplog.text + content(doctor, file).content.decode()


def test_storage_outage_is_503_and_recovers(doctor, make_file, failing):
    file = make_file()

    with failing("open"):
        assert content(doctor, file).status_code == 503

    assert content(doctor, file).getvalue() == DENSITY


def test_undecryptable_key_is_503(doctor, make_file, practice):
    file = make_file()
    with practice_scope(practice.pk), connection.cursor() as cursor:
        cursor.execute("UPDATE records_attachment SET data_key = name WHERE storage_name = %s", [file.storage_name])

    assert content(doctor, file).status_code == 503
    assert doctor.get(f"{ADDRESS}/{file.pk}").status_code == 200


# --- A chart's as one ZIP ---------------------------------------------------------------------------------------------


def zipped(client, chart):
    answer = client.get(f"/api/patients/{chart.pk}/attachments.zip")
    assert answer.status_code == 200, answer.content
    return answer, ZipFile(io.BytesIO(answer.getvalue()))


def test_zip_contains_all_files(doctor, make_file, chart):
    files = [make_file(content=text) for text in (b"one", b"two", b"x" * 200_000)]

    answer, archive = zipped(doctor, chart)

    assert archive.testzip() is None
    assert archive.namelist() == ["findings.txt", "findings (2).txt", "findings (3).txt"]
    assert [archive.read(name) for name in archive.namelist()] == [b"one", b"two", b"x" * 200_000]
    assert answer["Content-Disposition"] == 'attachment; filename="files.zip"'
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/zip", "nosniff")
    assert details("file.read") == [{"files": [str(file.pk) for file in files]}]


def test_zip_names_are_unique_ignoring_case(doctor, make_file, chart):
    make_file(name="a.txt")
    make_file(name="A.txt")
    make_file(name="a (2).txt")
    make_file(name="NOT COMPLETE.txt")

    assert sorted(zipped(doctor, chart)[1].namelist()) == [
        "A (2).txt", "NOT COMPLETE (2).txt", "a (2) (2).txt", "a.txt"
    ]  # fmt: skip


def test_zip_omits_files_not_ready(doctor, make_file, chart):
    ready = make_file(name="ready.txt")
    for state in ("storing", "quarantined", "infected", "lost"):
        make_file(state=state)

    assert zipped(doctor, chart)[1].namelist() == ["ready.txt"]
    assert details("file.read") == [{"files": [str(ready.pk)]}]


def test_zip_lists_damaged_file_and_keeps_others(doctor, make_file, chart, folder):
    files = [
        make_file(name=f"{name}.txt", content=b"x" * (CHUNK_BYTES + 9))
        for name in ("whole", "begin", "later", "gone", "end")
    ]
    damage(folder, files[1], 3)
    damage(folder, files[2], CHUNK_BYTES + TAG_BYTES + 3)
    (folder / files[3].storage_name).unlink()

    archive = zipped(doctor, chart)[1]

    assert archive.testzip() is None
    assert archive.namelist() == ["whole.txt", "later.txt", "end.txt", "NOT COMPLETE.txt"]
    assert len(archive.read("whole.txt")) == len(archive.read("end.txt")) == CHUNK_BYTES + 9
    named = archive.read("NOT COMPLETE.txt").decode().splitlines()
    assert named[1:] == ["begin.txt", "later.txt (incomplete)", "gone.txt"]


def test_zip_of_chart_without_files_is_empty(doctor, chart):
    assert zipped(doctor, chart)[1].namelist() == []


def test_zip_of_many_files_logs_each(doctor, make_file, chart, monkeypatch):
    monkeypatch.setattr(views, "MAX_FILES_PER_EVENT", 2)
    files = {str(make_file().pk) for _ in range(5)}

    zipped(doctor, chart)

    parts = [event["files"] for event in details("file.read")]
    assert [len(part) for part in parts] == [2, 2, 1]
    assert {pk for part in parts for pk in part} == files
    assert len({event.request_id for event in file_events()}) == 1


def test_zip_omits_file_deleted_meanwhile(doctor, make_file, chart, practice, monkeypatch):
    monkeypatch.setattr(archives, "ROWS", 1)
    make_file(name="one.txt")
    gone = make_file(name="two.txt")
    answer = doctor.get(f"/api/patients/{chart.pk}/attachments.zip")
    with practice_scope(practice.pk):
        Attachment.objects.get(pk=gone.pk).delete()

    assert ZipFile(io.BytesIO(answer.getvalue())).namelist() == ["one.txt"]


def test_unread_open_file_is_closed(make_file, practice):
    with practice_scope(practice.pk):
        opened = storage.open_file(make_file(content=b"x" * 3 * CHUNK_BYTES))
    opened.close()

    with pytest.raises(ValueError, match="closed"):
        list(opened)


def test_cors_exposes_download_name(doctor, make_file, settings):
    (origin,) = settings.CORS_ALLOWED_ORIGINS[:1]

    answer = doctor.get(f"{ADDRESS}/{make_file().pk}/content", HTTP_ORIGIN=origin)

    assert {"Content-Disposition", "ETag"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
