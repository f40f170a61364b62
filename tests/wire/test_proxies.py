"""Forwarded headers of a trusted proxy are believed everywhere; anyone else's are ignored."""

from collections.abc import Iterator

import pytest

from tests.contract.clients import Caller, ServerTransport
from tests.contract.clinic import PASSWORD, Clinic, fresh_email
from tests.server import Server

REQUEST_ID = "0af7651916cd43dd-8448eb211c80319c"


@pytest.fixture(scope="module")
def proxied(clinic: Clinic) -> Iterator[ServerTransport]:
    """A server as production has it: HTTPS only, behind a proxy on this machine, and with closed limits."""
    main = clinic.transport.server
    changes = {"TRUSTED_PROXIES": "127.0.0.1", "HTTPS_ONLY": "true", "ANON_RATE_LIMIT_PER_MINUTE": "20"}
    server = Server(main.directory, main.database_url, main.redis_url, changes, name="proxied")
    with server.running():
        yield ServerTransport(server)


def forwarded(address: str, **more: str) -> dict[str, str]:
    return {"X-Forwarded-Proto": "https", "X-Forwarded-For": address, **more}


def get(transport: ServerTransport, path: str, headers: dict[str, str]):
    return Caller(transport).request("GET", path, headers=headers)


def test_limits_count_the_callers_and_not_the_proxy(proxied):
    def statuses(address: str) -> list[int]:
        return [get(proxied, "/api/nothing", forwarded(f"198.51.100.{n}, {address}")).status for n in range(45)]

    assert statuses("192.0.2.10")[-1] == 429
    assert get(proxied, "/api/nothing", forwarded("192.0.2.11")).status == 404


def test_session_names_the_callers_address(proxied, clinic):
    email = fresh_email()
    assert clinic.register("staff", email=email).status == 201

    answer = Caller(proxied).request(
        "POST",
        "/api/auth/login",
        json={"email": email, "password": PASSWORD},
        headers=forwarded("198.51.100.1, 192.0.2.77"),
    )

    assert answer.status == 200
    addresses = {str(row[0]).partition("/")[0] for row in proxied.query("SELECT address FROM accounts_session")}
    assert "192.0.2.77" in addresses
    assert "198.51.100.1" not in addresses


def test_plain_http_redirects_to_https(proxied):
    for path in ("/", "/admin/", "/api/users/me"):
        answer = get(proxied, path, {"Host": "localhost", "X-Forwarded-For": "192.0.2.20"})
        assert (answer.status, answer.headers["Location"]) == (301, f"https://localhost{path}")
    assert get(proxied, "/", {"X-Forwarded-Proto": "http"}).status == 301


@pytest.mark.parametrize("path", ["/api/health", "/api/health/live", "/api/health/ready"])
def test_health_is_asked_from_inside_without_tls(proxied, path):
    assert get(proxied, path, {}).status == 200


def test_responses_have_hsts(proxied):
    for path in ("/", "/api/users/me"):
        answer = get(proxied, path, forwarded("192.0.2.21"))
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains", path


def test_admins_cookies_are_secure(proxied):
    answer = get(proxied, "/", forwarded("192.0.2.22"))

    assert answer.set_cookies
    for line in answer.set_cookies:
        assert "Secure" in line
        assert "SameSite=Strict" in line


def test_proxys_request_id_is_kept_where_it_is_well_formed(proxied):
    kept = get(proxied, "/", forwarded("192.0.2.23", **{"X-Request-ID": REQUEST_ID}))
    assert kept.headers["X-Request-ID"] == REQUEST_ID
    for odd in ("short", "x" * 65, "spaces in it", "<script>alert(1)</script>"):
        answer = get(proxied, "/", forwarded("192.0.2.23", **{"X-Request-ID": odd}))
        assert len(answer.headers["X-Request-ID"]) == 32


def test_x_forwarded_host_is_ignored(proxied):
    answer = get(proxied, "/admin", {"Host": "localhost", "X-Forwarded-Host": "evil.example"})

    assert answer.headers["Location"] == "https://localhost/admin"


def test_forwarded_headers_without_a_trusted_proxy_are_ignored(clinic):
    caller = Caller(clinic.transport)

    answer = caller.request("GET", "/api/users/me", headers=forwarded("192.0.2.1", **{"X-Request-ID": REQUEST_ID}))

    assert "Strict-Transport-Security" not in answer.headers
    assert answer.headers["X-Request-ID"] != REQUEST_ID
