"""Whose address counts: the rightmost that no proxy of ours has, and nobody else's word for it."""

from ipaddress import ip_network

import pytest
from django.conf import settings as project
from hypothesis import assume, given
from hypothesis import strategies as st

from core.client import counted_address, parse_address
from core.middleware.proxies import FORWARDED, PASSED_ON, apply_forwarded_headers

PROXY, CALLER = "10.0.0.2", "203.0.113.7"


@pytest.fixture(autouse=True)
def _proxies(settings):
    settings.TRUSTED_PROXIES = [ip_network(value) for value in ("10.0.0.2", "172.18.0.0/16", "2001:db8:a::/48")]


def caller(forwarded, peer=PROXY):
    meta = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
    apply_forwarded_headers(meta)
    return meta["REMOTE_ADDR"]


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (CALLER, CALLER),
        (f"192.0.2.1, {CALLER}", CALLER),  # the left one is what the caller wrote
        (f"192.0.2.1,{CALLER} , 172.18.3.4,10.0.0.2", CALLER),
        (f"172.18.0.9, {CALLER}, 172.18.3.4", CALLER),  # a caller cannot pose as one of ours
        (f"{CALLER}:51234", CALLER),
        ("[2001:db8:c::7]:443, 2001:db8:a::1", "2001:db8:c::7"),
        ("[2001:db8:c::7]", "2001:db8:c::7"),
        ("2001:DB8:C:0:0:0:0:7", "2001:db8:c::7"),
        (f"::ffff:{CALLER}", CALLER),
        (f"{CALLER}, ::ffff:172.18.0.1", CALLER),
        ("172.18.0.5, 172.18.0.6", "172.18.0.5"),  # all ours: the outermost
        ("", PROXY),
        ("unknown", PROXY),
        ("_hidden, 172.18.0.5", "172.18.0.5"),
        (f"{CALLER}, unknown", PROXY),  # who called the proxy is not known; what stands left may be anybody's
        (f"{CALLER}, ", PROXY),
        ("fe80::1%eth0", PROXY),
        ("999.1.1.1", PROXY),
        ("010.0.0.1", PROXY),
        ("1" * 5000, PROXY),
        ("'; DROP TABLE", PROXY),
        (f"{CALLER}\r\nX: y", PROXY),
        (", ".join(["192.0.2.1"] * 100_000) + f", {CALLER}", CALLER),
    ],
    ids=lambda value: value[:40],
)
def test_client_address_behind_trusted_proxies(forwarded, address):
    assert caller(forwarded) == address


@pytest.mark.parametrize("peer", [CALLER, "10.0.0.3", "::1", "::ffff:10.0.0.3"])
def test_headers_of_untrusted_peers_are_ignored(peer):
    said = dict.fromkeys(FORWARDED, "https") | {"HTTP_X_FORWARDED_FOR": "192.0.2.1", "HTTP_ACCEPT": "text/html"}
    meta = {"REMOTE_ADDR": peer, **said}
    apply_forwarded_headers(meta)
    expected = {"REMOTE_ADDR": peer.removeprefix("::ffff:"), "HTTP_ACCEPT": "text/html", PASSED_ON: True}
    assert meta == expected


@pytest.mark.parametrize("peer", ["", "unix:", "@"])
def test_headers_of_a_peer_without_address_are_ignored(peer):
    meta = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": CALLER, "HTTP_X_FORWARDED_PROTO": "https"}
    apply_forwarded_headers(meta)
    assert meta == {"REMOTE_ADDR": peer, PASSED_ON: True}


def test_ipv4_mapped_proxy_is_trusted():
    assert caller(CALLER, peer=f"::ffff:{PROXY}") == CALLER


@pytest.mark.parametrize(
    ("said", "secure"),
    [
        ("https", True),
        ("HTTPS", True),
        ("https, https", True),
        ("http", False),
        ("https, http", False),
        ("http,https", False),
        ("", False),
        ("on", False),
    ],
)
def test_scheme_is_https_if_every_hop_says_so(rf, said, secure):
    request = rf.get("/", REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_PROTO=said)
    apply_forwarded_headers(request.META)
    assert request.is_secure() is secure
    outsider = rf.get("/", REMOTE_ADDR=CALLER, HTTP_X_FORWARDED_PROTO=said)
    apply_forwarded_headers(outsider.META)
    assert outsider.is_secure() is False


@given(st.text(max_size=200), st.ip_addresses())
def test_forged_headers_do_not_change_the_address(written, address):
    """Whatever a caller puts into the header, the proxy adds the caller's own address on the right."""
    assume(parse_address(str(address)) is not None)
    assume(not any(address in network for network in project.TRUSTED_PROXIES))

    assert caller(f"{written}, {address}") == str(parse_address(str(address)))


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        (CALLER, CALLER),
        ("2001:db8:c:1::7", "2001:db8:c:1::/64"),
        ("2001:db8:c:1:ffff::9", "2001:db8:c:1::/64"),
        ("2001:db8:c:2::7", "2001:db8:c:2::/64"),
        ("::ffff:203.0.113.7", CALLER),
        ("", "None"),
    ],
)
def test_ipv6_network_counts_as_one_client(rf, address, counted):
    assert counted_address(rf.get("/", REMOTE_ADDR=address)) == counted


@pytest.mark.django_db
def test_rate_limit_is_shared_by_an_ipv6_network(client, settings):
    settings.ANON_RATE_LIMIT_PER_MINUTE = 2

    statuses = [client.post("/api/auth/logout", REMOTE_ADDR=f"2001:db8::{n}").status_code for n in range(1, 4)]

    assert statuses == [200, 200, 429]
    assert client.post("/api/auth/logout", REMOTE_ADDR="2001:db8:0:1::1").status_code == 200
