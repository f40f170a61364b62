"""`audit_export`, and the script that checks what it wrote without the database, without Django."""

import base64
import io
import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audit import context
from audit.events import AuditEvent
from audit.models import Event, Seal
from audit.seals import verify_export
from audit.tests.trails import exported, let_the_owner_tamper, seal, write, write_some
from tests.sampling import examples

pytestmark = pytest.mark.usefixtures("in_installation_scope")

PRACTICE, OTHER = UUID(int=7), UUID(int=8)
SCRIPT = Path(verify_export.__file__)
TEXT = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60
)  # what PostgreSQL holds


def export(path, *arguments):
    call_command("audit_export", f"--output={path}", *arguments, stdout=io.StringIO())
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def script(*arguments, **environment):
    command = [sys.executable, "-I", str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env=environment, timeout=300)
    return done.returncode, (done.stdout + done.stderr).strip()


@pytest.fixture
def keys():
    """As the environment has them."""
    return ",".join(f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in settings.AUDIT_KEYS.items())


@pytest.fixture
def file(db, tmp_path):
    for _ in range(2):
        write_some(PRACTICE, 4)
        write_some(OTHER, 3)
        seal()
    export(tmp_path / "trail.jsonl")
    return tmp_path / "trail.jsonl"


def test_every_event_precedes_its_seal_and_the_export_is_the_last_event(file):
    rows = [json.loads(line) for line in file.read_bytes().splitlines()]

    kinds = [row["type"] for row in rows]
    installation = ["event", "seal"]
    of_practice, of_other = (["event"] * amount + ["seal"] for amount in (4, 3))
    assert kinds == ["trail", *installation, *of_practice * 2, *of_other * 2, "end"]
    assert rows[1]["kind"] == AuditEvent.TRAIL_EXPORTED
    assert rows[-1]["counts"] == {"trail": 1, "event": 15, "seal": 5, "email": 0}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_event_is_exported_completely(db, tmp_path):
    event = write(PRACTICE, email="eve@example.org", count=3)

    (line,) = [
        row for row in export(tmp_path / "x", f"--practice={PRACTICE}") if row.get("kind") == AuditEvent.CHART_READ
    ]

    names = {field.attname for field in Event._meta.concrete_fields}
    assert line.keys() == {"type", *names}
    assert line["email"] == bytes(event.email).hex() and line["mac"] == bytes(event.mac).hex()
    assert line["patients"] == json.loads(event.patients) and line["details"] == {"count": 3}
    assert line["at"] == event.at.isoformat()


def test_one_practices_export_holds_nothing_of_another(file, tmp_path):
    rows = export(tmp_path / "one", f"--practice={OTHER}")
    assert {row["practice_id"] for row in rows if row["type"] in ("trail", "event", "seal")} == {str(OTHER)}


def test_emails_are_exported_only_on_request(db, tmp_path, keys):
    event = write(PRACTICE, email="eve@example.org")
    assert b"eve@" not in b"".join(exported())

    rows = export(tmp_path / "x", "--emails")

    shown = [row for row in rows if row["type"] == "email"]
    assert shown == [{"type": "email", "event_id": str(event.pk), "email": "eve@example.org"}]
    assert script(tmp_path / "x", "--keys-from-env=KEYS", KEYS=keys)[0] == 0
    (event,) = Event.objects.filter(kind=AuditEvent.TRAIL_EXPORTED)
    assert json.loads(event.details)["emails"] is True


def test_since_begins_with_the_previous_seal(file, tmp_path, keys):
    between = Seal.objects.filter(practice_id=OTHER).order_by("number").last().at.isoformat()

    rows = export(tmp_path / "x", f"--since={between}", f"--practice={OTHER}")

    numbers = [row["number"] for row in rows if row["type"] == "seal"]
    assert numbers == [1, 2, 3]
    assert [row["type"] for row in rows[:4]] == ["trail", "seal", "event", "event"]
    code, output = script(tmp_path / "x", "--keys-from-env=KEYS", f"--seal={file}", KEYS=keys)
    assert code == 1 and "was kept elsewhere but is missing" in output
    code, output = script(tmp_path / "x", "--keys-from-env=KEYS", KEYS=keys)
    assert code == 0 and "since 20" in output


def test_existing_file_is_kept_if_the_export_fails(file, tmp_path, monkeypatch):
    before = file.read_bytes()
    monkeypatch.setattr("audit.seals.export.Chain", None)
    with pytest.raises(TypeError):
        export(file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_missing_folder_is_reported(db, tmp_path):
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        export(tmp_path / "nowhere" / "x")


def test_forged_row_is_left_out_and_reported(db, tmp_path):
    forged = write(PRACTICE)
    let_the_owner_tamper()
    Event.objects.filter(pk=forged.pk).update(role="admin")
    errors = io.StringIO()

    call_command("audit_export", f"--output={tmp_path / 'x'}", stdout=io.StringIO(), stderr=errors)

    assert f"Left out: audit_event {forged.pk}: its MAC" in errors.getvalue()
    assert str(forged.pk) not in (tmp_path / "x").read_text()


# --- The script ------------------------------------------------------------------------------------------------------
def test_script_is_short_and_needs_only_the_standard_library():
    source = SCRIPT.read_text()
    imported = re.findall(r"^(?:from|import) (\w+)", source, re.M)
    assert len(source.splitlines()) < 150
    assert set(imported) <= sys.stdlib_module_names


def test_script_says_what_it_has_checked(file, tmp_path, keys):
    (tmp_path / "keys").write_text(keys.replace(":", "@2026-01-31:").replace(",", "\n"))
    counts = "Verified 15 events and 5 seals"

    assert script(file) == (0, f"{counts} (hashes and chain only: no keys were given).")
    assert script(file, "--keys-from-env=KEYS", KEYS=keys) == (0, f"{counts} (hashes, chain and MACs).")
    assert script(file, f"--key-file={tmp_path / 'keys'}") == (0, f"{counts} (hashes, chain and MACs).")
    assert script(file, f"--seal={file}")[0] == 0


@pytest.mark.parametrize("value", ["", "1:short", "no keys"])
def test_invalid_keys_are_refused(file, value):
    code, output = script(file, "--keys-from-env=KEYS", KEYS=value)
    assert code != 0 and "were given" not in output and "what was written" not in output


def test_first_bad_line_is_named(file, tmp_path, keys):
    lines = file.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b'"role":"doctor"', b'"role":"admin"')
    file.write_bytes(b"".join(lines))

    code, output = script(file, "--keys-from-env=KEYS", KEYS=keys)
    assert (code, output) == (1, "VERIFICATION FAILED: line 5: its MAC does not match its content")
    code, output = script(file)
    assert code == 1
    assert output.startswith("VERIFICATION FAILED: line 8: the events it covers, or the seal before it, have changed")


def test_truncated_file_is_detected(file):
    lines = file.read_bytes().splitlines(keepends=True)
    for length in range(len(lines)):
        file.write_bytes(b"".join(lines[:length]))
        with file.open("rb") as content, pytest.raises(verify_export.Invalid, match="cut off"):
            verify_export.check(content)


def test_seals_of_an_earlier_export_must_be_included(file, tmp_path):
    write_some(PRACTICE, 3)
    export(tmp_path / "later")
    assert script(tmp_path / "later", f"--seal={file}")[0] == 0
    code, output = script(file, f"--seal={tmp_path / 'later'}")
    assert code == 1 and "was kept elsewhere but is missing" in output


@pytest.mark.slow  # hypothesis
@hypothesis_settings(
    max_examples=examples(60, 6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(agent=TEXT, address=TEXT, about=TEXT, note=TEXT, email=TEXT)
def test_odd_text_is_exported_unchanged_and_verifies(db, agent, address, about, note, email):
    """Control characters, quotes, DEL, line separators, emoji: the file's lines end where they should."""
    with context.coming_from(context.Origin(address=address[:45], agent=agent, request_id=about)):
        event = write(PRACTICE, about=about, email=email, note=note, nested={note: [agent, {"x": about}]})
    assert seal() == []

    lines = exported(practice_id=PRACTICE, emails=True)

    assert "hashes, chain and MACs" in verify_export.check(io.BytesIO(b"".join(lines)), dict(settings.AUDIT_KEYS))
    rows = [json.loads(line) for line in lines]
    (line,) = [row for row in rows if row.get("id") == str(event.pk)]
    assert (line["agent"], line["address"], line["about"]) == (event.agent, event.address, event.about) == (
        agent, address[:45], about
    )  # fmt: skip
    assert line["details"] == {"note": note, "nested": {note: [agent, {"x": about}]}}
    (shown,) = [row["email"] for row in rows if row.get("event_id") == str(event.pk)]
    assert shown == email
    # a line is plain JSON: the standard library writes the same bytes
    assert all(
        json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" == line
        for row, line in zip(rows, lines, strict=True)
    )
