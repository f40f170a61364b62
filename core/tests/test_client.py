"""Whose address counts: the rightmost that no proxy of ours has, and nobody else's word for it."""

from ipaddress import ip_network

import pytest
from django.conf import settings as project
from hypothesis import given
from hypothesis import strategies as st

from core.client import FORWARDED, believe_proxies, counted_address, parsed

PROXY, CALLER = "10.0.0.2", "203.0.113.7"


@pytest.fixture(autouse=True)
def _proxies(settings):
    settings.TRUSTED_PROXIES = [ip_network(value) for value in ("10.0.0.2", "172.18.0.0/16", "2001:db8:a::/48")]


def caller(forwarded, peer=PROXY):
    meta = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
    believe_proxies(meta)
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
def test_the_caller_behind_a_trusted_proxy(forwarded, address):
    assert caller(forwarded) == address


@pytest.mark.parametrize("peer", [CALLER, "10.0.0.3", "::1", "::ffff:10.0.0.3"])
def test_whoever_is_no_proxy_of_ours_is_not_believed(peer):
    said = dict.fromkeys(FORWARDED, "https") | {"HTTP_X_FORWARDED_FOR": "192.0.2.1", "HTTP_ACCEPT": "text/html"}
    meta = {"REMOTE_ADDR": peer, **said}
    believe_proxies(meta)
    assert meta == {"REMOTE_ADDR": peer.removeprefix("::ffff:"), "HTTP_ACCEPT": "text/html"}


@pytest.mark.parametrize("peer", ["", "unix:", "@"])
def test_a_peer_without_an_address_is_not_believed(peer):
    meta = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": CALLER, "HTTP_X_FORWARDED_PROTO": "https"}
    believe_proxies(meta)
    assert meta == {"REMOTE_ADDR": peer}


def test_a_proxy_on_a_dual_stack_socket_is_the_same_proxy():
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
def test_the_scheme_is_https_where_every_hop_says_so(rf, said, secure):
    request = rf.get("/", REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_PROTO=said)
    believe_proxies(request.META)
    assert request.is_secure() is secure
    outsider = rf.get("/", REMOTE_ADDR=CALLER, HTTP_X_FORWARDED_PROTO=said)
    believe_proxies(outsider.META)
    assert outsider.is_secure() is False


@given(st.text(max_size=200), st.ip_addresses())
def test_no_header_moves_the_address_past_what_our_proxy_wrote(written, address):
    """Whatever a caller puts into the header, the proxy adds the caller's own address on the right."""
    if parsed(str(address)) is None or any(address in network for network in project.TRUSTED_PROXIES):
        return
    assert caller(f"{written}, {address}") == str(parsed(str(address)))


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
def test_a_network_of_ones_own_is_one_caller(rf, address, counted):
    assert counted_address(rf.get("/", REMOTE_ADDR=address)) == counted


@pytest.mark.django_db
def test_another_address_of_the_same_network_gets_no_fresh_count(client, settings):
    settings.ANON_RATE_LIMIT_PER_MINUTE = 2

    statuses = [client.post("/api/auth/logout", REMOTE_ADDR=f"2001:db8::{n}").status_code for n in range(1, 4)]

    assert statuses == [200, 200, 429]
    assert client.post("/api/auth/logout", REMOTE_ADDR="2001:db8:0:1::1").status_code == 200
