"""Files that are handed out: as downloads and nothing else, whole or not at all."""

import io
from urllib.parse import unquote
from zipfile import ZipFile

import pytest
from django.db import connection

from audit import trail
from core.encryption.streams import CHUNK_BYTES, TAG_BYTES, DamagedFile
from core.tenancy import practice_scope
from records.files import storing, views, zips
from records.models import Attachment
from records.tests.files.conftest import ADDRESS, details, of_files, told

DENSITY = b"Bone density: normal"


def content(client, file, method="get"):
    return getattr(client, method)(f"{ADDRESS}/{file.pk}/content")


def test_it_is_a_download_that_no_browser_shows_keeps_or_runs(doctor, keep):
    answer = content(doctor, keep())

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


def test_it_comes_chunk_by_chunk(doctor, keep):
    file = keep(content=b"x" * (2 * CHUNK_BYTES + 7))

    answer = content(doctor, file)

    assert [len(chunk) for chunk in answer.streaming_content] == [CHUNK_BYTES, CHUNK_BYTES, 7]
    assert answer["Content-Length"] == str(2 * CHUNK_BYTES + 7)


def test_a_range_of_it_is_the_whole_of_it(doctor, keep):
    answer = doctor.get(f"{ADDRESS}/{keep().pk}/content", headers={"Range": "bytes=0-3"})

    assert (answer.status_code, answer.getvalue()) == (200, DENSITY)


NAMES = ["Zoë's Knie.txt", "膝.txt", 'say "ah".txt', "back\\slash.txt", "a;b=c.txt", "100%.txt"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_arrives_and_none_makes_a_header_of_its_own(doctor, keep, name):
    said = content(doctor, keep(name=name))["Content-Disposition"]

    assert said.startswith("attachment; filename")
    if "filename*=" in said:
        assert unquote(said.split("filename*=utf-8''")[1]) == name
    else:
        assert said.split('filename="')[1][:-1].replace('\\"', '"').replace("\\\\", "\\") == name


def test_head_says_the_same_without_touching_the_storage(doctor, keep, failing):
    file = keep()
    whole = content(doctor, file)

    with failing("open"):
        answer = content(doctor, file, "head")

    assert (answer.status_code, answer.getvalue()) == (200, b"")
    for name in ("Content-Type", "Content-Length", "Content-Disposition"):
        assert answer[name] == whole[name]
    assert told() == [("file.read", "done")] * 2


def test_it_is_told_before_the_first_byte_leaves(doctor, keep, monkeypatch):
    file = keep()

    def down(*args, **kwargs):
        raise trail.TrailDown

    monkeypatch.setattr(trail, "_insert", down)
    answer = content(doctor, file)

    assert (answer.status_code, DENSITY in answer.getvalue()) == (503, False)


NOT_READY = [("quarantined", 409), ("infected", 403), ("lost", 404), ("storing", 404)]


@pytest.mark.parametrize(("state", "status"), NOT_READY)
def test_what_is_not_ready_is_not_handed_out(doctor, keep, state, status):
    file = keep(state=state)

    for answer in (content(doctor, file), doctor.post(f"{ADDRESS}/{file.pk}/link"), content(doctor, file, "head")):
        assert answer.status_code == status
    assert DENSITY not in content(doctor, file).content
    assert ("file.read", "done") not in told()


# --- Damage -----------------------------------------------------------------------------------------------------------


def damage(folder, file, at):
    path = folder / file.storage_name
    stored = bytearray(path.read_bytes())
    stored[at] ^= 1
    path.write_bytes(bytes(stored))


def test_a_damaged_file_is_an_error_and_no_broken_download(doctor, keep, folder, caplog):
    file = keep()
    damage(folder, file, 5)

    answer = content(doctor, file)

    assert (answer.status_code, "damaged" in answer.json()["detail"]) == (503, True)
    assert "Content-Disposition" not in answer
    assert str(file.pk) in caplog.text


def test_of_a_file_that_is_damaged_further_on_no_damaged_chunk_leaves(doctor, keep, folder, caplog):
    file = keep(content=b"x" * (CHUNK_BYTES + 10))
    damage(folder, file, CHUNK_BYTES + TAG_BYTES + 5)

    answer = content(doctor, file)
    sent = []
    with pytest.raises(DamagedFile):
        sent.extend(answer.streaming_content)

    assert sent == [b"x" * CHUNK_BYTES]
    assert str(file.pk) in caplog.text


def test_another_files_bytes_are_not_taken_for_it(doctor, keep, folder):
    one, other = keep(), keep(content=b"Bone density: poor..")
    (folder / one.storage_name).write_bytes((folder / other.storage_name).read_bytes())

    assert content(doctor, one).status_code == 503


def test_a_file_that_is_not_in_the_storage_is_an_error_and_logged(doctor, keep, folder, caplog):
    file = keep()
    (folder / file.storage_name).unlink()

    assert content(doctor, file).status_code == 503
    assert str(file.pk) in caplog.text
    assert str(folder) not in caplog.text + content(doctor, file).content.decode()


def test_a_storage_that_is_down_is_an_error_and_the_file_is_there_afterwards(doctor, keep, failing):
    file = keep()

    with failing("open"):
        assert content(doctor, file).status_code == 503

    assert content(doctor, file).getvalue() == DENSITY


def test_a_key_that_cannot_be_decrypted_is_an_error_in_a_sentence(doctor, keep, practice):
    file = keep()
    with practice_scope(practice.pk), connection.cursor() as cursor:
        cursor.execute("UPDATE records_attachment SET data_key = name WHERE storage_name = %s", [file.storage_name])

    assert content(doctor, file).status_code == 503
    assert doctor.get(f"{ADDRESS}/{file.pk}").status_code == 200


# --- A chart's as one ZIP ---------------------------------------------------------------------------------------------


def zipped(client, chart):
    answer = client.get(f"/api/patients/{chart.pk}/attachments.zip")
    assert answer.status_code == 200, answer.content
    return answer, ZipFile(io.BytesIO(answer.getvalue()))


def test_all_files_of_a_chart_come_as_one_zip(doctor, keep, chart):
    files = [keep(content=text) for text in (b"one", b"two", b"x" * 200_000)]

    answer, archive = zipped(doctor, chart)

    assert archive.testzip() is None
    assert archive.namelist() == ["findings.txt", "findings (2).txt", "findings (3).txt"]
    assert [archive.read(name) for name in archive.namelist()] == [b"one", b"two", b"x" * 200_000]
    assert answer["Content-Disposition"] == 'attachment; filename="files.zip"'
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/zip", "nosniff")
    assert details("file.read") == [{"files": [str(file.pk) for file in files]}]


def test_names_that_differ_by_case_alone_do_not_overwrite_each_other(doctor, keep, chart):
    keep(name="a.txt")
    keep(name="A.txt")
    keep(name="a (2).txt")
    keep(name="NOT COMPLETE.txt")

    assert sorted(zipped(doctor, chart)[1].namelist()) == [
        "A (2).txt", "NOT COMPLETE (2).txt", "a (2) (2).txt", "a.txt"
    ]  # fmt: skip


def test_what_is_not_ready_is_not_in_it(doctor, keep, chart):
    ready = keep(name="ready.txt")
    for state in ("storing", "quarantined", "infected", "lost"):
        keep(state=state)

    assert zipped(doctor, chart)[1].namelist() == ["ready.txt"]
    assert details("file.read") == [{"files": [str(ready.pk)]}]


def test_a_damaged_file_takes_no_other_with_it_and_is_named(doctor, keep, chart, folder):
    files = [
        keep(name=f"{name}.txt", content=b"x" * (CHUNK_BYTES + 9))
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
    assert named[1:] == ["begin.txt", "later.txt (its beginning alone)", "gone.txt"]


def test_a_chart_without_files_is_an_empty_zip(doctor, chart):
    assert zipped(doctor, chart)[1].namelist() == []


def test_of_very_many_files_every_one_is_told(doctor, keep, chart, monkeypatch):
    monkeypatch.setattr(views, "TOLD_AT_ONCE", 2)
    files = {str(keep().pk) for _ in range(5)}

    zipped(doctor, chart)

    parts = [told["files"] for told in details("file.read")]
    assert [len(part) for part in parts] == [2, 2, 1]
    assert {pk for part in parts for pk in part} == files
    assert len({event.request_id for event in of_files()}) == 1


def test_a_file_that_is_deleted_while_the_zip_is_sent_is_left_out(doctor, keep, chart, practice, monkeypatch):
    monkeypatch.setattr(zips, "ROWS", 1)
    keep(name="one.txt")
    gone = keep(name="two.txt")
    answer = doctor.get(f"/api/patients/{chart.pk}/attachments.zip")
    with practice_scope(practice.pk):
        Attachment.objects.get(pk=gone.pk).delete()

    assert ZipFile(io.BytesIO(answer.getvalue())).namelist() == ["one.txt"]


def test_an_open_file_that_nobody_reads_is_closed(keep, practice):
    with practice_scope(practice.pk):
        opened = storing.open_file(keep(content=b"x" * 3 * CHUNK_BYTES))
    opened.close()

    with pytest.raises(ValueError, match="closed"):
        list(opened)


def test_a_page_of_another_origin_may_read_what_a_download_is_called(doctor, keep, settings):
    (origin,) = settings.CORS_ALLOWED_ORIGINS[:1]

    answer = doctor.get(f"{ADDRESS}/{keep().pk}/content", HTTP_ORIGIN=origin)

    assert {"Content-Disposition", "ETag"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
