"""Checks the deployment files themselves, because no Docker engine runs where these tests do."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from config.dotenv import RENAMED, write_dotenv

pytestmark = pytest.mark.embedded
ROOT = Path(__file__).resolve().parent.parent.parent
READ_ELSEWHERE = {
    "POSTGRES_PASSWORD": "docker-compose.yml hands it to the database",
    "ACME_EMAIL": "the proxy's, for the certificate",
    "BACKUPS_FOLDER": "docker-compose.yml mounts it for the worker",
    "TMPDIR": "Python's tempfile",
    "SECRETS_DIR": "config/env.py, where all others are read from",
}
OF_PYTHON = {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PIP_NO_CACHE_DIR", "ENV_FILE"}
SECRETS = (
    "SECRET_KEY",
    "SEARCH_INDEX_KEY",
    "FIELD_ENCRYPTION_KEYS",
    "FIRST_SUPERUSER_PASSWORD",
    "DATABASE_APP_PASSWORD",
    "FILES_S3_SECRET_KEY",
    "BACKUP_KEY",
    "BACKUP_DATABASE_URL",
)
OURS = ("web", "worker", "migrate")  # of the services in docker-compose.yml
OPTIONAL = ("minio", "bucket")  # of them, those of the profile s3
ONCE = {"migrate", "bucket"}  # end when they are done
AS_ROOT = {  # without any capability
    "minio": "its image has no other user, and a volume belongs to root",
    "bucket": "the same image",
}


def settings_variables() -> set[str]:
    sources = [(ROOT / "config" / name).read_text() for name in ("settings.py", "gunicorn.py")]
    return {name for source in sources for name in re.findall(r'\benv\.\w+\(\s*"([A-Z][A-Z0-9_]*)"', source)}


def dotenv_variables(content: str) -> list[str]:
    return re.findall(r"^#?([A-Z][A-Z0-9_]*)=", content, re.M)


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    """Its instructions: word and rest, continued lines joined."""
    joined = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in map(str.strip, lines)]


def ignored_by_docker(path: str) -> bool:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return any(Path(path).match(line.removeprefix("**/")) for line in lines if line and not line.startswith("#"))


def test_example_names_exactly_what_the_settings_read():
    names = dotenv_variables((ROOT / ".env.example").read_text())
    assert len(names) == len(set(names))
    assert set(names) == settings_variables()
    assert len(names) > 20


def test_only_the_settings_read_the_environment():
    """os.environ is for config/env.py, and for what happens before or without the settings."""
    allowed = {"config/env.py", "config/gunicorn.py", "config/wsgi.py", "config/asgi.py", "manage.py"}
    allowed |= {"core/backups/drill.py", "core/backups/postgresql.py"}  # pass it on to another process
    allowed.add("audit/seals/verify_export.py")  # runs alone, on another machine
    allowed |= {".ci/audit.py", ".ci/sbom.py"}  # run without settings
    allowed |= {"core/backups/drill.py", "core/backups/postgresql.py"}  # hand it to a process that they start
    allowed.add("core/metrics/requests.py")  # what prometheus_client itself looks for
    ours = [path for path in ROOT.glob("*/**/*.py") if not {"tests", ".venv", "bench"} & set(path.parts)]
    reading = {str(path.relative_to(ROOT)) for path in ours if re.search(r"os\.(environ|getenv)", path.read_text())}
    assert reading - allowed == set()


def test_example_holds_no_secret():
    content = (ROOT / ".env.example").read_text()
    for name in SECRETS:
        assert re.search(rf"^#?{name}=$", content, re.M), name


@pytest.mark.parametrize("production", [False, True])
def test_written_dotenv_names_only_known_variables(tmp_path, production):
    write_dotenv(tmp_path / "env", production=production)
    names = set(dotenv_variables((tmp_path / "env").read_text()))
    assert names - set(READ_ELSEWHERE) <= settings_variables()
    assert set(SECRETS[:3]) <= names
    assert f"\nDEBUG={str(not production).lower()}\n" in (tmp_path / "env").read_text()


def test_every_service_has_what_it_needs(compose):
    services = compose["services"]
    assert set(services) == {*OURS, *OPTIONAL, "proxy", "database", "cache", "clamav"}
    assert {name for name, service in services.items() if "profiles" in service} == set(OPTIONAL)
    for name, service in services.items():
        assert "healthcheck" in service or "build" in service, name  # the image brings its own
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped"), name
        for other, wait in service.get("depends_on", {}).items():
            assert other in services
            assert wait["condition"] in ("service_healthy", "service_completed_successfully")
            if wait["condition"] == "service_healthy" and "build" not in services[other]:
                assert "test" in services[other]["healthcheck"]
        for volume in service.get("volumes", []):
            source = volume.replace("${BACKUPS_FOLDER:-backups}", "backups").split(":")[0]
            assert source in compose["volumes"] or source.startswith(("./secrets/", "./deploy/"))
            assert source in compose["volumes"] or volume.endswith(":ro"), volume
    assert services["web"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["proxy"]["depends_on"]["web"] == {"condition": "service_healthy"}


def test_images_have_versions(compose):
    images = {name: service["image"] for name, service in compose["services"].items() if "build" not in service}
    for image in images.values():
        assert re.fullmatch(r"[a-z/-]+:(RELEASE\.)?\d[\w.-]*(@sha256:[0-9a-f]{64})?", image), image
    assert re.match(r"postgres:1[5-9]\.\d+-", images["database"])
    assert re.match(r"redis:7\.\d+\.\d+-", images["cache"])


def test_no_container_has_more_rights_than_it_needs(compose):
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"] and "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service and service.get("network_mode") is None, name
        assert any(mount.split(":")[0] == "/tmp" for mount in service["tmpfs"]), name
        assert service["mem_limit"] and service["pids_limit"], name
        user = str(service.get("user", "root")).split(":")[0]
        assert (user in ("root", "0")) == (name in AS_ROOT), name


def test_databases_cannot_be_reached_from_outside(compose):
    services, networks = compose["services"], compose["networks"]
    assert networks["inside"] == {"internal": True}
    for name in ("database", "cache", "minio", "bucket", "migrate"):
        assert services[name]["networks"] == ["inside"], name
    assert {name for name, service in services.items() if "ports" in service} == {"proxy", "web"}
    assert all(port.startswith("127.0.0.1:") for port in services["web"]["ports"])
    assert services["proxy"]["ports"] == ["80:8080", "443:8443"]


def test_proxies_that_are_trusted_are_ours(compose):
    (network,) = compose["networks"]["outside"]["ipam"]["config"]
    variables = compose["services"]["web"]["environment"]
    own = compose["services"]["proxy"]["networks"]["outside"]["ipv4_address"]
    assert variables["TRUSTED_PROXIES"] == f"{own},{network['gateway']}"
    assert all(ip_address(one) in ip_network(network["subnet"]) for one in (own, network["gateway"]))
    assert set(variables["LOCAL_HOSTS"].split(",")) <= set(compose["services"])


def test_proxy_finds_what_its_image_listens_on(compose):
    proxy, image = compose["services"]["proxy"], (ROOT / "deploy" / "proxy.Dockerfile").read_text()
    inner = [port.split(":")[1] for port in proxy["ports"]]
    assert re.search(rf"^ENV HTTP_PORT={inner[0]} HTTPS_PORT={inner[1]} ", image, re.M)
    assert f"USER {proxy['user']}" in image
    assert proxy["environment"]["UPSTREAMS"] == f"web:{compose['services']['web']['environment']['PORT']}"


def test_containers_get_variables_that_the_settings_read(compose):
    for name in OURS:
        variables = compose["services"][name]["environment"]
        assert set(variables) <= settings_variables() | set(READ_ELSEWHERE)
        assert variables["DEBUG"] == "false"
        assert compose["services"][name]["env_file"] == ".env.production"


@pytest.fixture
def secrets(tmp_path) -> Path:
    write_dotenv(tmp_path / "env", production=True, folder=tmp_path / "secrets")
    return tmp_path / "secrets"


def test_web_uses_a_database_role_that_owns_nothing(compose, secrets):
    services = compose["services"]
    assert (secrets / "praxis/DATABASE_URL").read_text().startswith("postgresql://praxis_app:")
    owner = services["database"]["environment"]["POSTGRES_USER"]
    password = (secrets / "database/POSTGRES_PASSWORD").read_text().strip()
    assert (secrets / "database/DATABASE_URL").read_text() == f"postgresql://{owner}:{password}@database:5432/praxis\n"
    assert services["migrate"]["environment"]["SECRETS_DIR"] == "/run/secrets/database:/run/secrets/praxis"
    assert "setup_database_roles --apply" in services["migrate"]["command"][-1]
    assert services["web"]["environment"]["SECRETS_DIR"] == "/run/secrets/praxis"
    assert not any("secrets/worker" in volume for volume in services["web"]["volumes"])
    assert services["worker"]["environment"]["SECRETS_DIR"] == "/run/secrets/worker:/run/secrets/praxis"
    assert {file.name for file in (secrets / "worker").iterdir()} == {"BACKUP_KEY", "BACKUP_DATABASE_URL"}
    for name in ("web", "worker"):
        assert not any("secrets/database" in volume for volume in services[name]["volumes"])


def test_every_secret_is_a_file_that_its_containers_alone_have(compose, secrets):
    """No variable of compose's file, and no line of its env_file, holds one."""
    for file in [ROOT / "docker-compose.yml", secrets.parent / "env"]:
        written = dotenv_variables(file.read_text())
        assert not {name for name in written if name.endswith(("KEY", "KEYS", "PASSWORD"))} - {"FILES_S3_ACCESS_KEY"}
    assert stat_of(secrets) == 0o700
    assert stat_of(secrets.parent / "env") == 0o600
    assert {stat_of(file) for file in secrets.rglob("*") if file.is_file()} == {0o444}
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            if volume.startswith("./secrets/"):
                assert (secrets.parent / volume.split(":")[0]).exists(), volume
    assert set(SECRETS[:2]) <= {file.name for file in (secrets / "praxis").iterdir()}
    variables = compose["services"]["web"]["environment"]
    keys = secrets / "praxis" / Path(variables["FIELD_ENCRYPTION_KEYS_FILE"]).name
    assert keys.name in RENAMED.values() and keys.read_text().startswith("1@")


def stat_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.slow
def test_settings_are_read_from_the_secrets(compose, secrets):
    """As the containers of web and migrate see them, with the folder in its other place."""
    env_file = secrets.parent / "env"
    for name, owner in (("web", "praxis_app"), ("migrate", "praxis")):
        given = {key: str(value) for key, value in compose["services"][name]["environment"].items()}
        given = {key: value.replace("/run/secrets", str(secrets)) for key, value in given.items()}
        variables = {"PATH": os.environ["PATH"], "ENV_FILE": str(env_file), **given}
        code = "from config import settings as s; d = s.DATABASES['default']; "
        code += "print(d['USER'], d['PASSWORD'], s.SECRET_KEY)"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300
        )
        user, password, key = done.stdout.split()
        assert user == owner
        assert (
            password in (secrets / "database/DATABASE_URL").read_text() + (secrets / "praxis/DATABASE_URL").read_text()
        )
        assert key == (secrets / "praxis/SECRET_KEY").read_text().strip()


def test_files_contain_no_secret(compose, dockerfile):
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert not name.endswith(("PASSWORD", "KEY", "KEYS")) or not value, name
            assert not re.search(r"://\w+:[^$@/]+@", value), name
    for instruction, rest in dockerfile:
        assert instruction not in ("ENV", "ARG") or not any(name in rest for name in SECRETS)
    assert ignored_by_docker(".env") and ignored_by_docker(".env.production")
    assert ignored_by_docker("praxis.sqlite3") and ignored_by_docker("secrets")


def test_services_with_files_share_the_folder(compose, dockerfile):
    for name in OURS:
        service = compose["services"][name]
        assert f"files:{service['environment']['FILES_DIR']}" in service["volumes"]
    (made,) = [rest for instruction, rest in dockerfile if instruction == "RUN" and "useradd" in rest]
    folders = f"{service['environment']['FILES_DIR']} /srv/backups /srv/scratch"
    assert made.endswith(f"install --directory --owner praxis --group praxis --mode 700 {folders}")


def test_files_are_scanned_by_a_clamd_that_calls_nothing_clean_that_it_did_not_read(compose):
    services = compose["services"]
    assert {services[name]["environment"]["VIRUS_SCAN_URL"] for name in OURS} == {"tcp://clamav:3310"}
    assert "./deploy/clamd.conf:/etc/clamav/clamd.conf:ro" in services["clamav"]["volumes"]
    clamd = dict(line.split() for line in (ROOT / "deploy/clamd.conf").read_text().splitlines() if line[0] != "#")
    assert (clamd["AlertExceedsMax"], clamd["TCPSocket"]) == ("yes", "3310")
    assert services["worker"]["command"][:3] == ["python", "manage.py", "worker"]


def test_bucket_is_the_one_that_the_environment_names(compose, tmp_path):
    write_dotenv(tmp_path / "env", production=True)
    written = dict(re.findall(r"^#?(FILES_S3_\w+)=(.+)$", (tmp_path / "env").read_text(), re.M))
    minio, bucket = (compose["services"][name] for name in OPTIONAL)
    assert bucket["command"][-1].endswith(f" storage/{written['FILES_S3_BUCKET']}")
    assert written["FILES_S3_ENDPOINT_URL"] == "http://minio:9000"
    assert written["FILES_S3_ACCESS_KEY"] == minio["environment"]["MINIO_ROOT_USER"]
    assert "http://minio:9000 praxis" in bucket["command"][-1]
    assert len(written["FILES_S3_SECRET_KEY"]) >= 24


def test_compose_file_is_what_its_schema_says(compose):
    schema = json.loads((Path(__file__).parent / "compose_spec.json").read_text())
    assert [error.message for error in Draft7Validator(schema).iter_errors(compose)] == []
    broken = {**compose, "services": {**compose["services"], "web": {**compose["services"]["web"], "read_onyl": True}}}
    assert list(Draft7Validator(schema).iter_errors(broken))


def test_compose_itself_takes_the_file(tmp_path):
    """Where the command is installed; it needs no engine for this."""
    compose = shutil.which("docker-compose")
    if compose is None:
        pytest.skip("docker-compose is not installed")
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    env_file = tmp_path / ".env.production"
    write_dotenv(env_file, production=True, host="praxis.example.org", email="a@example.org")
    command = [compose, "--env-file", str(env_file), "--profile", "s3", "config", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("file", ["Dockerfile", "deploy/proxy.Dockerfile"])
def test_hadolint_finds_nothing(file):
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, file], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, "")


def test_image_is_built_from_what_is_there(dockerfile):
    words = [instruction for instruction, _ in dockerfile]
    assert words[0] == "FROM" and re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", dockerfile[0][1])
    for _, rest in [line for line in dockerfile if line[0] == "COPY"]:
        for source in shlex.split(rest)[:-1]:
            assert (ROOT / source).exists() and not ignored_by_docker(source), source
    for _, rest in [line for line in dockerfile if line[0] == "ENV"]:
        assert {pair.split("=")[0] for pair in rest.split()} <= settings_variables() | OF_PYTHON
    for needed in ("config", "core", "templates", "manage.py", "requirements.txt"):
        assert not ignored_by_docker(needed)


def test_server_in_the_image_is_not_root(dockerfile):
    users = [rest for instruction, rest in dockerfile if instruction == "USER"]
    assert users == ["999:999"]  # praxis, by number: the machine need not know the name
    words = [instruction for instruction, _ in dockerfile]
    assert max(i for i, word in enumerate(words) if word in ("RUN", "COPY")) < words.index("USER") < words.index("CMD")


def test_both_start_gunicorn_with_a_file_that_exists(compose, dockerfile):
    (command,) = [yaml.safe_load(rest) for instruction, rest in dockerfile if instruction == "CMD"]
    assert command == compose["services"]["web"]["command"] == ["gunicorn", "--config", "config/gunicorn.py"]
    assert (ROOT / command[-1]).is_file()


def test_every_link_in_the_documents_leads_somewhere():
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#]+)", page.read_text())]
    assert len(links) > 8
    dead = [
        f"{page.relative_to(ROOT)}: {link}"
        for page, link in links
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert dead == []


def test_documents_name_only_make_targets_that_exist():
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        named = set(re.findall(r"(?:^ {4}|`|\d )make ([a-z-]+)", page.read_text(), re.M))
        assert named <= targets, page.name
