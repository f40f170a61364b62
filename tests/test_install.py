"""`make install` into a folder: what it puts where, with which rights, and what systemd says of the units."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.embedded, pytest.mark.slow]
ROOT = Path(__file__).resolve().parent.parent
UNITS = ("praxis.socket", "praxis-web.service", "praxis-worker.service")
EXPOSURE = 20  # of 100 at most, as `systemd-analyze security` counts


def install(target: Path) -> None:
    given = [f"DESTDIR={target}", "PRAXIS_HOST=praxis.example.org", "PRAXIS_EMAIL=ada@example.org"]
    command = ["make", "--silent", "install", *given]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    target = tmp_path_factory.mktemp("installed")
    install(target)
    yield target


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def variables(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", path.read_text(), re.M))


def test_only_those_read_the_settings_who_must(installed):
    settings = installed / "etc/praxis"
    assert (mode(settings), mode(settings / "praxis.env"), mode(settings / "owner.env")) == (0o750, 0o640, 0o600)
    assert mode(installed / "var/lib/praxis/files") == 0o700
    assert mode(installed / "usr/local/sbin/praxis") == 0o755


def test_server_does_not_learn_the_owners_password(installed):
    served, owner = (variables(installed / f"etc/praxis/{name}.env") for name in ("praxis", "owner"))
    password = re.search(r"//praxis_owner:([^@]+)@", owner["DATABASE_URL"])[1]
    assert password not in (installed / "etc/praxis/praxis.env").read_text()
    assert not {"POSTGRES_PASSWORD", "DATABASE_APP_PASSWORD"} & set(served)
    assert owner["DATABASE_APP_PASSWORD"] in served["DATABASE_URL"]
    assert served["SITE_URL"] == "https://praxis.example.org"
    assert {"SECRET_KEY", "SEARCH_INDEX_KEY", "FIELD_ENCRYPTION_KEYS", "AUDIT_KEYS", "REDIS_URL"} <= set(served)


def test_code_is_there_and_nothing_of_this_machine(installed):
    app = installed / "opt/praxis/app"
    assert (app / "manage.py").is_file() and (app / "config/gunicorn.py").is_file()
    assert not [name for name in (".env", ".venv", ".git", "tests", "secrets", "files") if (app / name).exists()]
    assert not list(app.rglob("__pycache__")) and not list(app.rglob("*.sqlite3"))


def test_second_time_updates_the_code_and_keeps_the_settings(installed):
    settings = installed / "etc/praxis/praxis.env"
    settings.write_text(f"{settings.read_text()}EMAIL_FROM=front@example.org\n")
    before = settings.read_text(), (installed / "etc/praxis/owner.env").read_text()
    (installed / "opt/praxis/app/gone.py").write_text("a module that an update has removed")

    install(installed)

    assert (settings.read_text(), (installed / "etc/praxis/owner.env").read_text()) == before
    assert not (installed / "opt/praxis/app/gone.py").exists()
    assert {path.name for path in (installed / "opt/praxis").iterdir()} == {"app"}


@pytest.fixture(scope="module")
def with_systemd(installed: Path) -> Path:
    """The folder with what the units name: systemd's own units, and programs."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed")
    shutil.copytree("/lib/systemd/system", installed / "lib/systemd/system", symlinks=True)
    for program in ("opt/praxis/venv/bin/gunicorn", "opt/praxis/venv/bin/python", "bin/kill"):
        path = installed / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return installed


def analyze(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", f"--root={root}", *arguments]
    environment = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_systemd_finds_nothing_wrong_in_the_units(with_systemd):
    done = analyze(with_systemd, "verify", "--man=no", *UNITS)
    ours = [line for line in done.stderr.splitlines() if "praxis" in line]
    assert ours == []


def test_units_are_hardened(with_systemd):
    services = UNITS[1:]
    done = analyze(with_systemd, "security", "--offline=true", f"--threshold={EXPOSURE}", *services)
    assert done.returncode == 0, done.stdout
    for unit in services:
        said = dict(re.findall(r"^(\w+)=(.*)$", (with_systemd / "etc/systemd/system" / unit).read_text(), re.M))
        assert (said["User"], said["NoNewPrivileges"], said["ProtectSystem"]) == ("praxis", "true", "strict")
        assert (said["CapabilityBoundingSet"], said["PrivateTmp"], said["Restart"]) == ("", "true", "on-failure")
        assert said["MemoryMax"] and said["StateDirectory"] == "praxis"


def test_socket_is_the_one_that_the_proxy_calls(installed):
    socket = (installed / "etc/systemd/system/praxis.socket").read_text()
    (address,) = re.findall(r"^ListenStream=(.+)$", socket, re.M)
    assert "Service=praxis-web.service" in socket
    assert f"{{$UPSTREAMS:{address}}}" in (installed / "etc/praxis/Caddyfile").read_text()
    assert f"server {address} " in (installed / "etc/praxis/nginx.conf").read_text()
