"""`python -m bench.soak [--minutes N]`: does a server grow that fifty practices use at once?

Forty-nine practices (of a half, a fifth, a tenth … of BENCH_PATIENTS charts) are made beside the bench's own and kept.
Eight clients take turns among all of them: lists, charts, searches, days, dashboards, and one new chart in fifty. Each
answer may only hold charts of the practice that asked. After each of ten parts of the time, the server's memory, the
database's connections and the times are taken; the last is compared with the second, since the first warms up.
"""

import http.client
import json
import logging
import random
import subprocess
import sys
import threading
import time
from itertools import count
from statistics import quantiles
from urllib.parse import urlsplit

import psycopg

from bench.arguments import parse
from bench.clinic import DATABASE_URL, PATIENTS, open_practice
from bench.report import block
from bench.search import _signed_in
from bench.throughput import serving

PRACTICES, CLIENTS, PARTS = 50, 8, 10
MINUTES = 30
NUMBERS = count(1)


def main():
    minutes = parse(__doc__, numbers={"minutes": f"how long it runs ({MINUTES})"}).minutes or MINUTES
    first = open_practice(as_owner=True)
    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]
    practices = [Asker(first, "admin@example.com"), *_others()]
    with serving() as server:
        parts = _soak(practices, server, minutes * 60 / PARTS)
    rows = [part.cells(number) for number, part in enumerate(parts, 1)]
    sizes = sorted((len(one.charts) for one in practices), reverse=True)
    wrong = sum(part.foreign for part in parts), sum(part.failed for part in parts)
    notes = [
        f"{PRACTICES} practices of {sizes[0]:,} to {sizes[-1]:,} charts, {CLIENTS} clients, {minutes:g} minutes",
        f"{wrong[0]} rows of another practice, {wrong[1]} answers that were an error",
    ]
    header = ["part", "requests", "a second", "p50 ms", "p99 ms", "server's memory, MB", "connections"]
    print(block("Fifty practices at once", f"python -m bench.soak --minutes {minutes:g}", notes, header, rows))
    if any(wrong):
        sys.exit(1)


class Asker:
    """The office manager of a practice, and the charts that the practice has."""

    def __init__(self, practice, email):
        from core.tenancy.scope import practice_scope
        from patients.models import Patient

        self.cookie = "; ".join(f"{name}={one.value}" for name, one in _signed_in(email).cookies.items())
        with practice_scope(practice.pk):
            self.charts = [str(pk) for pk in Patient.objects.order_by("id").values_list("pk", flat=True)]
        self.known = set(self.charts)
        self.mark = f"soak-{practice.pk.hex[-8:]}-"  # how the emails of the charts begin that it is given

    def owns(self, chart):
        """Return whether a chart is this practice's; of a new one its email tells, before the answer to it has come."""
        return chart["id"] in self.known or chart["email"].startswith(self.mark)


def _others():
    from django.core.management import call_command

    from accounts.models import User
    from accounts.roles import Role
    from core.tenancy.scope import practice_scope
    from practices.models import Practice
    from practices.services import create_practice

    for number in range(1, PRACTICES):
        name, email = f"Soak {number}", f"soak{number}@example.com"
        practice = Practice.objects.filter(name=name).first()
        if practice is None:
            practice = create_practice(name=name)
            with practice_scope(practice.pk):
                manager = User(email=email, name=f"Manager {number}", role=Role.ADMIN)
                manager.set_unusable_password()
                manager.save()
            size = max(5, PATIENTS // (1 + number * number))
            call_command("seed", password="-", practice=name, patients=size, random_seed=number, stdout=sys.stderr)
        yield Asker(practice, email)


class Part:
    """What was seen in one part of the time."""

    def __init__(self):
        self.milliseconds, self.foreign, self.failed = [], 0, 0

    def close(self, seconds, memory, connections):
        self.a_second, self.memory, self.connections = len(self.milliseconds) / seconds, memory, connections

    def cells(self, number):
        cuts = quantiles(self.milliseconds, n=100)
        times = (f"{len(self.milliseconds):,}", f"{self.a_second:.0f}", f"{cuts[49]:.0f}", f"{cuts[98]:.0f}")
        return number, *times, f"{self.memory:.0f}", self.connections


def _soak(practices, server, seconds):
    parts, ended = [Part()], threading.Event()
    clients = [threading.Thread(target=_ask, args=(practices, server, parts, ended, at)) for at in range(CLIENTS)]
    for client in clients:
        client.start()
    for number in range(PARTS):
        time.sleep(seconds)
        parts[number].close(seconds, _memory(server.pid), _connections())
        if number < PARTS - 1:
            parts.append(Part())
    ended.set()
    for client in clients:
        client.join()
    return parts


def _ask(practices, server, parts, ended, at):
    dice, line = random.Random(at), http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=120)
    while not ended.is_set():
        practice = dice.choice(practices)
        method, path, body = _request(dice, practice)
        headers = {"Cookie": practice.cookie, "Content-Type": "application/json"}
        started = time.perf_counter()
        line.request(method, path, body, headers)
        answer = line.getresponse()
        content = answer.read()
        part = parts[-1]
        part.milliseconds.append((time.perf_counter() - started) * 1000)
        if answer.status not in (200, 201):
            part.failed += 1
            continue
        said = json.loads(content)
        shown = said.get("patients", [said] if path.startswith("/api/patients/") else [])
        part.foreign += sum(not practice.owns(chart) for chart in shown)


def _request(dice, practice):
    if dice.random() < 1 / 50:
        number = next(NUMBERS)
        person = {"name": f"Newcomer {number}", "email": f"{practice.mark}{number}@example.com"}
        details = {"gender": "other", "address": "1 Main Street", "dateOfBirth": f"{1930 + number % 70}-05-17"}
        return "POST", "/api/patients", json.dumps({**person, **details, "phone": f"+1646{number % 10**7:07}"})
    paths = (
        "/api/patients",
        f"/api/patients?page={dice.randrange(1, 1 + max(1, len(practice.charts) // 10))}",
        f"/api/patients/{dice.choice(practice.charts)}",
        "/api/patients?search=mi",
        "/api/appointments",
        "/api/dashboard/stats",
    )
    return "GET", dice.choice(paths), None


def _memory(pid):
    """Return what gunicorn and its worker hold, in MB."""
    listed = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid), "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    return sum(map(int, listed.stdout.split())) / 1024


def _connections():
    with psycopg.connect(DATABASE_URL) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return connection.execute(query).fetchone()[0]


if __name__ == "__main__":
    main()
