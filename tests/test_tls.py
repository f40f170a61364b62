"""TLS to the database and to Redis: what DATABASE_URL and REDIS_URL ask for reaches the drivers, and a server that
cannot give it is not talked to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.databases import MAIN_DATABASE
from tests.server import MAIN_REDIS, free_port

pytestmark = pytest.mark.slow  # each starts an interpreter

ROOT = Path(__file__).resolve().parent.parent
SHOW = """
import json, django
django.setup()
from django.db import connection
from core.cache import redis_client
from core.api.throttling import _make_limiter
pool = redis_client.client().connection_pool
asked = connection.get_connection_params()
print(json.dumps({
    "database": {name: asked.get(name) for name in ("host", "sslmode", "sslrootcert", "connect_timeout")},
    "kind": pool.connection_class.__name__,
    "redis": {name: str(pool.connection_kwargs.get(name)) for name in ("host", "ssl_cert_reqs", "ssl_ca_certs")},
    "limits": _make_limiter().storage.storage.connection_pool is pool,
}))
"""


def run(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    names = ("PATH", "HOME", "SECRET_KEY", "SEARCH_INDEX_KEY", "FIELD_ENCRYPTION_KEYS", "AUDIT_KEYS")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    environment |= {"ENV_FILE": "", "DJANGO_SETTINGS_MODULE": "config.settings", **changes}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.embedded
def test_tls_options_reach_the_drivers(tmp_path):
    authority = tmp_path / "ca.pem"
    done = run(
        "-c",
        SHOW,
        DATABASE_URL=f"postgresql://praxis@db.example.org/praxis?sslmode=verify-full&sslrootcert={authority}",
        REDIS_URL=f"rediss://cache.example.org:6379/0?ssl_cert_reqs=required&ssl_ca_certs={authority}",
    )

    assert json.loads(done.stdout) == {
        "database": {
            "host": "db.example.org",
            "sslmode": "verify-full",
            "sslrootcert": str(authority),
            "connect_timeout": 3,
        },
        "kind": "SSLConnection",
        "redis": {"host": "cache.example.org", "ssl_cert_reqs": "required", "ssl_ca_certs": str(authority)},
        "limits": True,
    }


@pytest.mark.postgresql
def test_database_without_a_valid_certificate_is_refused(tmp_path):
    """Whether it speaks no TLS or shows a certificate that nobody vouches for: `ssl` is off or self-signed here."""
    (tmp_path / "ca.pem").write_text("")
    separator = "&" if "?" in MAIN_DATABASE else "?"

    done = run(
        "manage.py",
        "serve",
        DATABASE_URL=f"{MAIN_DATABASE}{separator}sslmode=verify-full&sslrootcert={tmp_path / 'ca.pem'}",
        PORT=str(free_port()),
    )

    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "cannot open the database" in line
    assert "SSL" in line or "certificate" in line


@pytest.mark.redis
def test_redis_without_tls_is_refused():
    ask = (
        "import django; django.setup()\nfrom core.cache import redis_client\n"
        "print(redis_client.call(lambda client: client.ping()))"
    )
    url = MAIN_REDIS.replace("redis://", "rediss://")

    assert run("-c", ask, REDIS_URL=MAIN_REDIS).stdout.strip() == "True"
    refused = run("-c", ask, REDIS_URL=url)
    assert refused.returncode == 1
    assert "RedisDown" in refused.stderr
