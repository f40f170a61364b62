"""`python3 -m config.dotenv --production`, as a person runs it: with flags, at a terminal, and a second time."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.embedded
ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "config.dotenv", "--production"]
FLAGS = ["--host", "praxis.example.org", "--email", "ada@example.org"]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, str(folder / ".env.production"), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_flags_answer_what_only_a_person_knows(tmp_path):
    done = run(tmp_path, *FLAGS)

    written = (tmp_path / ".env.production").read_text()
    assert done.returncode == 0, done.stderr
    for line in ("SITE_URL=https://praxis.example.org", "EMAIL_FROM=ada@example.org", "ACME_EMAIL=ada@example.org"):
        assert f"\n{line}\n" in written
    assert "\nALLOWED_HOSTS=praxis.example.org,localhost,127.0.0.1\n" in written
    assert (tmp_path / ".env.production").stat().st_mode & 0o777 == 0o600


def test_second_run_changes_nothing(tmp_path):
    run(tmp_path, *FLAGS)
    before = contents(tmp_path)

    done = run(tmp_path, "--host", "other.example.org", "--email", "eve@example.org")
    (tmp_path / ".env.production").unlink()
    without_file = run(tmp_path, *FLAGS)

    assert "already exists and was not changed" in done.stdout
    assert "already exists and was not changed" in without_file.stdout
    assert contents(tmp_path) == {name: text for name, text in before.items() if name != ".env.production"}


def test_secrets_of_an_earlier_release_are_copied_for_the_containers(tmp_path):
    run(tmp_path, *FLAGS, "--one-file")
    with (tmp_path / ".env.production").open("a") as file:
        file.write("EMAIL_URL=smtp://ada:s3cret@mail.example.org\n")
        file.write('METRICS_TOKEN_KEY="quoted"\n')
    earlier = (tmp_path / ".env.production").read_text()
    assert not (tmp_path / "secrets").exists()

    done = run(tmp_path)

    assert "Copied its secrets" in done.stdout
    assert (tmp_path / ".env.production").read_text() == earlier
    values = dict(re.findall(r"^(\w+)=(.+)$", earlier, re.M))
    assert not (tmp_path / "secrets/praxis/FILES_S3_ACCESS_KEY").exists()
    for name in ("SECRET_KEY", "SEARCH_INDEX_KEY", "AUDIT_KEYS", "EMAIL_URL"):
        assert (tmp_path / "secrets/praxis" / name).read_text() == f"{values[name]}\n"
    assert (tmp_path / "secrets/praxis/field_encryption_keys").read_text() == f"{values['FIELD_ENCRYPTION_KEYS']}\n"
    assert (tmp_path / "secrets/praxis/METRICS_TOKEN_KEY").read_text() == "quoted\n"
    assert values["POSTGRES_PASSWORD"] in (tmp_path / "secrets/database/DATABASE_URL").read_text()
    assert values["DATABASE_APP_PASSWORD"] in (tmp_path / "secrets/praxis/DATABASE_URL").read_text()


@pytest.mark.parametrize("flags", [["--host", "https://praxis"], ["--host", "a.example.org", "--email", "ada"]])
def test_flag_that_cannot_be_right_writes_nothing(tmp_path, flags):
    done = run(tmp_path, *flags)

    assert done.returncode == 1 and "is not valid" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_at_a_terminal_it_asks_until_the_answer_can_be_right(tmp_path):
    leader, follower = pty.openpty()
    os.write(leader, b"praxis\nPraxis.example.org\nada@example.org\n")
    process = subprocess.Popen([*COMMAND, str(tmp_path / "env")], cwd=ROOT, stdin=follower, stdout=subprocess.PIPE)
    said, _ = process.communicate(timeout=300)
    os.close(leader), os.close(follower)

    assert process.returncode == 0
    assert said.decode().count("The host name that people will open") == 2
    assert "SITE_URL=https://praxis.example.org\n" in (tmp_path / "env").read_text()


class TestSecretsFolder:
    @pytest.fixture
    def read(self, monkeypatch, tmp_path):
        """`read(names)`: what config.env reads for them, in a process of its own."""
        (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
        (tmp_path / "a/SMS_FROM").write_text("first\n")
        (tmp_path / "b/SMS_FROM").write_text("second\n")
        (tmp_path / "b/EMAIL_FROM").write_text("second\n")
        (tmp_path / "b/lower").write_text("no variable")

        def ask(*names: str, **variables: str) -> list[str]:
            code = "import sys; from config import env; env.load_dotenv(); "
            code += "print(*[env.text(name, 'default') for name in sys.argv[1:]], sep='\\n')"
            folders = os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")])
            given = {"PATH": os.environ["PATH"], "ENV_FILE": "", "SECRETS_DIR": folders, **variables}
            command = [sys.executable, "-c", code, *names]
            done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=300)
            return done.stdout.splitlines() or done.stderr.splitlines()[-1:]

        return ask

    def test_first_folder_counts_and_the_environment_before_it(self, read):
        assert read("SMS_FROM", "EMAIL_FROM", "SMS_URL", "lower") == ["first", "second", "default", "default"]
        assert read("SMS_FROM", SMS_FROM="given") == ["given"]

    def test_folder_that_cannot_be_read_is_named(self, read, tmp_path):
        (said,) = read("SMS_FROM", SECRETS_DIR=str(tmp_path / "missing"))
        assert "SECRETS_DIR cannot be read" in said and "No such file" in said
