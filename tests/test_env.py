"""config/env.py: what each reader takes, and that it names the variable it refuses."""

import warnings

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.fixture
def given(monkeypatch):
    def give(value):
        monkeypatch.setenv("SOME_URL", value)
        return "SOME_URL"

    return give


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis://localhost",
        "redis://:p%40ss@cache.internal:6380/2",
        "rediss://user:pass@[::1]:6379/0",
        "unix:///run/redis/redis.sock?db=1",
    ],
)
def test_redis_url_is_accepted(given, url):
    assert env.redis_url(given(url)) == url


@pytest.mark.parametrize(
    "url",
    ["foo", "localhost:6379", "redis:", "redis://", "redis:///0", "redis://h:port", "http://localhost", "unix://"],
)
def test_invalid_redis_url_is_refused(given, url):
    with pytest.raises(ImproperlyConfigured, match=r"^SOME_URL must be the address of a Redis"):
        env.redis_url(given(url))


def test_refused_redis_url_hides_its_password(given):
    with pytest.raises(ImproperlyConfigured) as refusal:
        env.redis_url(given("rdis://:s3cret@localhost"))
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    "url", ["", "tcp://localhost:3310", "tcp://clamav", "tcp://[::1]:3310", "unix:///run/clamd.ctl", "eicar-only://"]
)
def test_virus_scanner_url_is_accepted(given, url):
    assert env.virus_scanner(given(url), "") == url


@pytest.mark.parametrize(
    "url",
    [
        "clamd",
        "localhost:3310",
        "tcp:localhost",
        "tcp://",
        "tcp://:3310",
        "tcp://h:port",
        "tcp://h:3310/db",
        "http://localhost:3310",
        "unix://run/clamd.ctl",
        "unix:run/clamd.ctl",
        "eicar-only",
        "eicar-only://localhost",
    ],
)
def test_invalid_virus_scanner_url_is_refused(given, url):
    with pytest.raises(ImproperlyConfigured, match=r"^SOME_URL must be the address of ClamAV's clamd"):
        env.virus_scanner(given(url), "")


def test_virus_scanner_is_optional_in_development_only(given):
    """config/settings.py gives the default with DEBUG."""
    assert env.virus_scanner(given(""), "eicar-only://") == "eicar-only://"


def test_origins_are_accepted(given):
    value = "https://app.example.org, http://localhost:5173,http://[::1]:3000,capacitor://localhost"
    assert env.origins(given(value), ()) == [part.strip() for part in value.split(",")]
    assert env.origins(given(""), ("http://localhost:3000",)) == ["http://localhost:3000"]


@pytest.mark.parametrize(
    "value",
    [
        "*",
        "app.example.org",
        "localhost:5173",
        "https://",
        "https://app.example.org/",
        "https://app.example.org/app",
        "https://app.example.org?x=1",
        "https://App.Example.org",
        "https://app.example.org:https",
    ],
)
def test_invalid_origin_is_refused(given, value):
    with pytest.raises(ImproperlyConfigured, match=r"^SOME_URL must hold origins such as"):
        env.origins(given(f"http://localhost:5173,{value}"), ())


def test_proxy_addresses_and_networks_are_accepted(given):
    found = env.networks(given("10.0.0.2, 172.18.0.0/16,::1,2001:db8::/32"))
    assert [str(network) for network in found] == ["10.0.0.2/32", "172.18.0.0/16", "::1/128", "2001:db8::/32"]
    assert env.networks(given("")) == []


@pytest.mark.parametrize(
    "value", ["*", "0.0.0.0/0", "::/0", "10.0.0.1/8", "proxy", "10.0.0", "10.0.0.2:80", "[::1]", "10.0.0.2/33", "unix"]
)
def test_invalid_or_universal_proxy_is_refused(given, value):
    with pytest.raises(ImproperlyConfigured, match=r"^SOME_URL must hold addresses or networks of your own proxies"):
        env.networks(given(f"10.0.0.2,{value}"))


@pytest.mark.parametrize("url", ["garbage", "mysql://root@localhost/clinic", "sqlite://praxis.sqlite3", "postgres:x"])
def test_database_of_another_kind_is_refused_without_a_warning(given, url):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImproperlyConfigured, match=r"^SOME_URL must begin with"):
            env.database(given(url), "")


def test_database_url_that_cannot_be_read_is_refused(given):
    with pytest.raises(ImproperlyConfigured, match=r"^SOME_URL is not a database URL"):
        env.database(given("postgresql://localhost:port/name"), "")


@pytest.mark.parametrize(
    ("url", "port", "tls", "ssl"),
    [
        ("smtp+tls://clinic:p%40ss@mail.example.org", 587, True, False),
        ("smtp+ssl://clinic:p%40ss@mail.example.org", 465, False, True),
        ("smtp://clinic:p%40ss@mail.example.org:2525", 2525, False, False),
    ],
)
def test_mail_server_is_accepted(given, url, port, tls, ssl):
    read = env.mail(given(url), "")
    assert (read["EMAIL_HOST"], read["EMAIL_PORT"], read["EMAIL_HOST_PASSWORD"]) == ("mail.example.org", port, "p@ss")
    assert (read.get("EMAIL_USE_TLS", False), read.get("EMAIL_USE_SSL", False)) == (tls, ssl)


def test_without_a_mail_server_nothing_is_sent_unless_a_developer_looks(given):
    assert env.mail(given(""), "")["EMAIL_BACKEND"].endswith("dummy.EmailBackend")
    assert env.mail(given(""), "consolemail://")["EMAIL_BACKEND"].endswith("console.EmailBackend")


def test_providers_of_messages_are_accepted_with_their_credentials(given, monkeypatch):
    assert env.mail(given("sendgrid://apikey:SG.k%40y@"), "")["SENDGRID_API_KEY"] == "SG.k@y"
    monkeypatch.setenv("SOME_SENDER", "+15005550006")
    read = env.sms(given("twilio://AC1:t0ken@"), "", sender="SOME_SENDER")
    assert read == {"provider": "twilio", "account": "AC1", "token": "t0ken"}
    assert env.sms(given(""), "console://", sender="OTHER")["provider"] == "console"
    assert env.sms(given(""), "", sender="OTHER")["provider"] == ""


@pytest.mark.parametrize("url", ["twilio://", "twilio://AC1@", "https://AC1:s3cret@host", "console"])
def test_invalid_provider_of_text_messages_is_refused_and_hides_its_password(given, url):
    with pytest.raises(ImproperlyConfigured, match="SOME_URL") as refusal:
        env.sms(given(url), "", sender="OTHER")
    assert "s3cret" not in str(refusal.value)


def test_text_messages_need_a_sender(given, monkeypatch):
    monkeypatch.setenv("SOME_SENDER", "me")
    assert env.sms(given("twilio://AC1:t0ken@"), "", sender="SOME_SENDER")["provider"] == "twilio"  # a name
    for sender in ("", "+0", "a name that is too long"):
        monkeypatch.setenv("SOME_SENDER", sender)
        with pytest.raises(ImproperlyConfigured, match="SOME_SENDER"):
            env.sms(given("twilio://AC1:t0ken@"), "", sender="SOME_SENDER")


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org",
        "smtp://",
        "sendgrid://",
        "sendgrid://s3cret@",
        "https://mail.example.org",
        "smtps://u:s3cret@host",
    ],
)
def test_invalid_mail_server_is_refused_and_hides_its_password(given, url):
    with pytest.raises(ImproperlyConfigured, match="SOME_URL") as refusal:
        env.mail(given(url), "")
    assert "s3cret" not in str(refusal.value)


def test_whole_numbers_are_as_many_as_asked_for(given):
    assert env.numbers(given(""), (7, 5, 12)) == (7, 5, 12)
    assert env.numbers(given("3, 0,1"), (7, 5, 12)) == (3, 0, 1)
    for value in ("7,5", "0,0,0", "7,5,-1", "a,b,c", "7,5,12,1"):
        with pytest.raises(ImproperlyConfigured, match=r"^SOME_URL must hold 3 whole numbers such as 7,5,12"):
            env.numbers(given(value), (7, 5, 12))
