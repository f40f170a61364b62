"""Checks the deployment files themselves, because no Docker engine runs where these tests do."""

import re
import shlex
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import yaml

from config.dotenv import write_dotenv

pytestmark = pytest.mark.embedded
ROOT = Path(__file__).resolve().parent.parent.parent
READ_ELSEWHERE = {"POSTGRES_PASSWORD": "docker-compose.yml hands it to the database"}
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
    assert set(services) == {*OURS, *OPTIONAL, "database", "cache", "clamav"}
    assert {name for name, service in services.items() if "profiles" in service} == set(OPTIONAL)
    for name, service in services.items():
        assert "build" in service or re.fullmatch(r"[a-z/-]+:\w[\w.-]*", service["image"]), name
        assert "build" in service or not service["image"].endswith("latest"), name
        assert "healthcheck" in service or "build" in service, name  # the image brings its own
        for other, wait in service.get("depends_on", {}).items():
            assert other in services
            assert wait["condition"] in ("service_healthy", "service_completed_successfully")
            if wait["condition"] == "service_healthy":
                assert "test" in services[other]["healthcheck"]
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in compose["volumes"]
    assert int(services["database"]["image"].split(":")[1]) >= 15
    assert int(services["cache"]["image"].split(":")[1]) >= 7
    assert services["web"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_proxy_that_is_trusted_is_this_machine_alone(compose):
    (network,) = compose["networks"]["default"]["ipam"]["config"]
    variables = compose["services"]["web"]["environment"]
    assert variables["TRUSTED_PROXIES"] == network["gateway"]
    assert ip_address(network["gateway"]) in ip_network(network["subnet"])
    assert set(variables["LOCAL_HOSTS"].split(",")) <= set(compose["services"])


def test_databases_are_not_published(compose):
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["web"]
    assert all(port.startswith("127.0.0.1:") for port in compose["services"]["web"]["ports"])


def test_containers_get_variables_that_the_settings_read(compose):
    for name in OURS:
        variables = compose["services"][name]["environment"]
        assert set(variables) <= settings_variables() | set(READ_ELSEWHERE)
        assert variables["DEBUG"] == "false"
        assert variables["DATABASE_URL"].endswith("@database:5432/praxis")
        assert not variables["POSTGRES_PASSWORD"]
        assert compose["services"][name]["env_file"] == ".env.production"


def test_web_uses_a_database_role_that_owns_nothing(compose):
    owner = compose["services"]["database"]["environment"]["POSTGRES_USER"]
    users = {
        name: compose["services"][name]["environment"]["DATABASE_URL"].split(":")[1] for name in ("web", "migrate")
    }
    assert users == {"web": "//praxis_app", "migrate": f"//{owner}"}
    assert "setup_database_roles --apply" in compose["services"]["migrate"]["command"][-1]


def test_files_contain_no_secret(compose, dockerfile):
    for service_name, service in compose["services"].items():
        for name, value in service["environment"].items() if "environment" in service else ():
            if name.endswith(("PASSWORD", "KEY", "KEYS")):
                # what is optional must not keep the rest from starting
                assert not value or re.fullmatch(
                    r"\$\{\w+:-\}" if service_name in OPTIONAL else r"\$\{\w+:\?.+\}", value
                )
            assert not re.search(r"://\w+:[^$@/]+@", value), name
    for instruction, rest in dockerfile:
        assert instruction not in ("ENV", "ARG") or not any(name in rest for name in SECRETS)
    assert ignored_by_docker(".env") and ignored_by_docker(".env.production")
    assert ignored_by_docker("praxis.sqlite3")


def test_services_with_files_share_the_folder(compose, dockerfile):
    for name in OURS:
        service = compose["services"][name]
        assert service["volumes"] == [f"files:{service['environment']['FILES_DIR']}"]
    (made,) = [rest for instruction, rest in dockerfile if instruction == "RUN" and "useradd" in rest]
    assert made.endswith(f"install --directory --owner praxis --mode 700 {service['environment']['FILES_DIR']}")


def test_files_are_scanned_by_a_clamd_that_calls_nothing_clean_that_it_did_not_read(compose):
    services = compose["services"]
    assert {services[name]["environment"]["VIRUS_SCAN_URL"] for name in OURS} == {"tcp://clamav:3310"}
    assert services["clamav"]["environment"]["CLAMD_CONF_AlertExceedsMax"] == "yes"
    assert services["worker"]["command"][:3] == ["python", "manage.py", "worker"]


def test_bucket_is_the_one_that_the_environment_names(compose, tmp_path):
    write_dotenv(tmp_path / "env", production=True)
    written = dict(re.findall(r"^#?(FILES_S3_\w+)=(.+)$", (tmp_path / "env").read_text(), re.M))
    minio, bucket = (compose["services"][name] for name in OPTIONAL)
    assert bucket["entrypoint"][-1] == f"storage/{written['FILES_S3_BUCKET']}"
    assert written["FILES_S3_ENDPOINT_URL"] == "http://minio:9000"
    assert written["FILES_S3_ACCESS_KEY"] == minio["environment"]["MINIO_ROOT_USER"]
    assert bucket["environment"]["MC_HOST_storage"] == "http://praxis:${FILES_S3_SECRET_KEY:-}@minio:9000"
    assert len(written["FILES_S3_SECRET_KEY"]) >= 24


def test_image_is_built_from_what_is_there(dockerfile):
    words = [instruction for instruction, _ in dockerfile]
    assert words[0] == "FROM" and dockerfile[0][1] == "python:3.11-slim-bookworm"
    for _, rest in [line for line in dockerfile if line[0] == "COPY"]:
        for source in shlex.split(rest)[:-1]:
            assert (ROOT / source).exists() and not ignored_by_docker(source), source
    for _, rest in [line for line in dockerfile if line[0] == "ENV"]:
        assert {pair.split("=")[0] for pair in rest.split()} <= settings_variables() | OF_PYTHON
    for needed in ("config", "core", "templates", "manage.py", "requirements.txt"):
        assert not ignored_by_docker(needed)


def test_server_in_the_image_is_not_root(dockerfile):
    users = [rest for instruction, rest in dockerfile if instruction == "USER"]
    assert users == ["praxis"]
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
