"""Two people at their calendars, each with a page of their own, on a started server: what one books the other sees."""

import re
import shutil
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import redis
from playwright.sync_api import expect

from tests.browser.test_calendar import cell, visit_of
from tests.contract.clients import ServerTransport
from tests.contract.clinic import PASSWORD, Clinic
from tests.server import ROOT, Server, free_port, own_database

MONDAY = "/calendar/?day=2031-01-06&view=day"
SOON = 60_000  # milliseconds that a loaded machine may take; without live updates and their polls nothing would come
# the client of docs/clients.md as it is printed, in a page that is signed in to the API by cookie
(CLIENT,) = re.findall(r"^```javascript\n(.*?)^```$", (ROOT / "docs" / "clients.md").read_text(), re.M | re.S)
SIGN_IN = """async person => {
  const body = JSON.stringify(person)
  const headers = { 'Content-Type': 'application/json' }
  return (await fetch('/api/v1/auth/login', { method: 'POST', headers, body })).ok
}"""
LISTENING = f"""() => {{
  window.logged = []
  const console = {{ log: (...line) => window.logged.push(line) }}
  class WebSocket extends window.WebSocket {{
    constructor(address) {{
      super(address)
      this.addEventListener('message', () => {{ window.isReady = true }})
    }}
  }}
  {CLIENT}
}}"""


def test_the_printed_client_has_at_most_twenty_lines():
    assert len(CLIENT.strip().splitlines()) <= 20


class OwnRedis:
    """A Redis that a test may stop."""

    def __init__(self, directory):
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        command = ["redis-server", "--port", str(self.port), "--save", "", "--dir", str(directory)]
        self._command, self._process = command, None

    def start(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        with closing(redis.Redis.from_url(self.url)) as client:
            for _ in range(600):
                try:
                    return client.ping()
                except redis.ConnectionError:
                    time.sleep(0.05)
        raise RuntimeError("Redis did not start.")

    def stop(self):
        self._process.terminate()
        self._process.wait(60)


@pytest.fixture
def own(tmp_path, django_db_blocker):
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is missing")
    store = OwnRedis(tmp_path)
    store.start()
    try:
        with own_database(tmp_path) as database_url:
            server = Server(tmp_path, database_url, store.url)
            server.prepare()
            with server.running():
                yield server, store
    finally:
        store.stop()


def test_a_booking_appears_on_the_other_page_and_redis_may_be_away(browser, own):
    server, store = own
    clinic = Clinic(ServerTransport(server))
    doctor = clinic.doctor
    hours = {"doctorId": doctor.id, "weekday": 0, "start": "00:00", "end": "23:59"}
    assert clinic.admin.post("/api/working-hours", hours).status == 201
    charts = [clinic.chart(name=name)["id"] for name in ("Paula Jensen", "Omar Haddad", "Rosa Vidal")]
    complaints, told = [], []

    def open_calendar(person):
        page = browser.new_context(base_url=server.url, timezone_id="America/New_York").new_page()
        page.set_default_timeout(SOON)
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: told.append((page, frame))))
        page.goto("/")
        page.get_by_label("Email").fill(person.user["email"])
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: urlsplit(url).path != "/")
        page.goto(MONDAY)
        expect(page.locator("#grid")).to_be_visible()
        return page

    one, other = open_calendar(clinic.staff), open_calendar(doctor)
    cell(one, clinic.doctor.user["name"], "11:00 AM").click()
    one.keyboard.type("jensen")
    one.get_by_role("option", name=re.compile("Paula Jensen")).click()
    one.get_by_role("button", name="Book", exact=True).click()
    begun = time.monotonic()
    expect(visit_of(other, "Paula Jensen")).to_be_visible()
    print(f"seen on the other page after {time.monotonic() - begun:.2f} s")
    assert any(page is other and "appointment.changed" in frame for page, frame in told)

    one.goto("/admin/")
    other.goto("/my-day/")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    clinic.booking(chart=charts[2], date=now, allowOverlap=True)
    for page in (one, other):
        expect(page.get_by_text("visits have changed since")).to_be_visible()
        page.get_by_role("link", name="Show them").click()
        expect(page.get_by_text("Rosa Vidal").first).to_be_visible()
        expect(page.get_by_text("visits have changed since")).to_be_hidden()
        page.goto(MONDAY)

    assert one.evaluate(SIGN_IN, {"email": clinic.staff.user["email"], "password": PASSWORD})
    store.stop()
    clinic.booking(chart=charts[1], date="2031-01-06T17:00:00Z")
    for page in (one, other):
        expect(visit_of(page, "Omar Haddad")).to_be_visible()
    store.start()
    told.clear()
    clinic.booking(chart=charts[2], date="2031-01-06T19:00:00Z")
    for page in (one, other):
        expect(visit_of(page, "Rosa Vidal")).to_be_visible()
    assert {page for page, frame in told if "appointment.changed" in frame} == {one, other}
    one.evaluate(LISTENING)
    one.wait_for_function("() => window.isReady")
    visit = clinic.booking(chart=charts[2], date="2031-01-06T20:00:00Z")
    one.wait_for_function("id => window.logged.some(line => line[0] === id)", arg=visit["id"])
    assert complaints == []
    for page in (one, other):
        page.context.close()
