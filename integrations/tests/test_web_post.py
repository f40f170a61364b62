"""Sending to addresses that customers typed: to public ones alone, whatever their names resolve to, in limited time."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from integrations.web_post import PostFailed, check_url, post, sender
from integrations.web_post.contract import is_public

PRIVATE = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
    *("255.255.255.255", "198.18.0.1", "192.0.2.1", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "2001::1"),
)
# what resolvers take for an address of this machine, or of its network
SPELT_OTHERWISE = (
    *("127.1", "0x7f.1", "0x7f000001", "0x7f.0x1", "017700000001", "2130706433", "127.0.1", "0177.0.0.01", "0", "10.1"),
    *("127.0.0.1.", "127.1.", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:a00:1]", "[fe80::1%25eth0]"),
    *("localhost.", "LOCALHOST", "praxis.localhost", "printer.local.", "nas.lan", "router.home.arpa", "db.internal."),
    *("%31%32%37.0.0.1", "127.0.0.1%00.example.com", "example..com", "8.8.2056"),
)


def test_private_addresses_are_not_public(subtests):
    for address in PRIVATE:
        with subtests.test(address=address):
            assert not is_public(ip_address(address))
    for address in ("93.184.216.34", "8.8.8.8", "2606:4700:4700::1111"):
        assert is_public(ip_address(address))


def test_wrong_addresses_are_refused(subtests):
    wrong = (
        *("http://example.com/", "ftp://example.com/", "https://", "https:///path", "example.com", "", "https://[::1"),
        *("https://example.com:99999/", "https://example.com:0/", "https://a b.example.com/", "https://localhost/"),
        *("https://user@example.com/", "https://example.com/#part", "https://printer.local/", "https://intranet/"),
        *(f"https://{address}/" for address in ("127.0.0.1", "10.0.0.1", "[::1]", "[::ffff:10.0.0.1]")),
        *(f"https://{host}/" for host in SPELT_OTHERWISE),
        *(
            "https://example.com/\r\nHost: other",
            "https://example.com/" + "x" * 500,
            "https://metadata.google.internal/",
        ),
    )
    for url in wrong:
        with subtests.test(url=url), pytest.raises(ValueError, match=r"^(not|more)"):
            check_url(url)
    assert check_url("https://hooks.example.com:8443/a?b=c").port == 8443
    for host in (
        "hooks.example.com.",
        "8.8.8.8",
        "[2606:4700:4700::1111]",
        "xn--mnchen-3ya.de",
        "a_b.example.co",
        "1.fm",
    ):
        assert check_url(f"https://{host}/").hostname == host.strip("[]")


def names(monkeypatch, *addresses):
    asked = []

    def getaddrinfo(host, port, **options):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(sender.socket, "getaddrinfo", getaddrinfo)
    return asked


def test_name_that_resolves_to_a_private_address_is_not_connected_to(monkeypatch, subtests):
    monkeypatch.setattr(sender.socket, "create_connection", lambda *args, **options: pytest.fail("connected"))
    for addresses in (["127.0.0.1"], ["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::1"], ["fe80::1%eth0"], []):
        with subtests.test(addresses=addresses):
            names(monkeypatch, *addresses)
            with pytest.raises(PostFailed, match="not public"):
                post("https://rebinding.example.com/", b"{}", {})


def test_connection_goes_to_the_checked_address(monkeypatch):
    """The name is resolved once: what it resolves to a moment later is never asked."""
    connected = []

    def connect(address, **options):
        connected.append(address)
        raise ConnectionRefusedError

    asked = names(monkeypatch, "93.184.216.34")
    monkeypatch.setattr(sender.socket, "create_connection", connect)
    with pytest.raises(PostFailed, match="No connection"):
        post("https://hooks.example.com:8443/", b"{}", {})
    assert (connected, asked) == ([("93.184.216.34", 8443)], ["hooks.example.com"])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example.com")]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return str(file)


@pytest.fixture
def server(certificate, monkeypatch):
    """`server(answer)` starts a server that reads a request, says this and closes; it returns its port and a list of
    what it has read. The name leads to this machine, which counts as public here."""
    monkeypatch.setattr(sender, "resolve", lambda host, port: "127.0.0.1")
    threads = []

    def start(answer, *, holds=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        listener, read = socket.create_server(("127.0.0.1", 0)), []

        def serve():
            with listener, listener.accept()[0] as plain:
                try:
                    with context.wrap_socket(plain, server_side=True) as connection:
                        read.append(connection.recv(65536))
                        if holds:
                            holds.wait(30)
                        connection.sendall(answer)
                except OSError:
                    pass

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return listener.getsockname()[1], read

    yield start
    for thread in threads:
        thread.join()


def trusting(certificate, monkeypatch):
    monkeypatch.setattr(sender, "context", lambda: ssl.create_default_context(cafile=certificate))


def test_body_arrives_and_the_status_is_returned(server, certificate, monkeypatch):
    trusting(certificate, monkeypatch)
    port, read = server(b"HTTP/1.1 202 Accepted\r\n\r\n")

    assert post(f"https://hooks.example.com:{port}/in?key=1", b'{"id":1}', {"Praxis-Event": "patient.changed"}) == 202

    head, _, body = read[0].partition(b"\r\n\r\n")
    assert body == b'{"id":1}'
    assert head.startswith(b"POST /in?key=1 HTTP/1.1\r\nHost: hooks.example.com")
    assert b"Praxis-Event: patient.changed" in head


@pytest.mark.parametrize(
    ("answer", "reason", "status"),
    [
        (b"HTTP/1.1 500 Oops\r\n\r\n", "The answer was 500.", 500),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", "The answer was 302.", 302),
        (b"HTTP/1.1 2", "The answer was cut off.", None),
        (b"SSH-2.0-OpenSSH\r\n", "The answer isn't HTTP.", None),
        (b"x" * 5000, "The answer isn't HTTP.", None),
    ],
)
def test_other_answers_are_failures(server, certificate, monkeypatch, answer, reason, status):
    trusting(certificate, monkeypatch)
    port, _ = server(answer)
    with pytest.raises(PostFailed) as failure:
        post(f"https://hooks.example.com:{port}/", b"{}", {})
    assert (failure.value.reason, failure.value.status) == (reason, status)


def test_certificate_is_verified(server):
    port, read = server(b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(PostFailed, match="certificate"):
        post(f"https://hooks.example.com:{port}/", b"{}", {})
    assert read == []


def test_slow_answer_is_given_up(server, certificate, monkeypatch):
    trusting(certificate, monkeypatch)
    holds = threading.Event()
    port, _ = server(b"HTTP/1.1 200 OK\r\n\r\n", holds=holds)
    with pytest.raises(PostFailed, match="in time"):
        post(f"https://hooks.example.com:{port}/", b"{}", {}, seconds=0.3)
    holds.set()
