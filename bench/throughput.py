"""`python -m bench.throughput [--compare]`: requests per second of one gunicorn worker, measured by wrk with 8
connections.

The server runs as in production (config/gunicorn.py) on the bench's database and Redis, with sessions, the rate limit
(set too high to be reached) and the log line of every request, sent to /dev/null. wrk shares the machine's cores with
it.
"""

import logging
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote

import httpx

from bench.arguments import parse
from bench.clinic import AS_ROLE, DATABASE_URL, ENVIRONMENT, PASSWORD, open_practice
from bench.report import block

SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
CONNECTIONS = 8
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
WITHOUT = {"DATABASE_URL": DATABASE_URL, "DJANGO_SETTINGS_MODULE": "bench.without_row_security"}


def main():
    arguments = parse(__doc__, compare="measure with and without row-level security in turn")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    practice = open_practice()
    from core.tenancy.scope import practice_scope
    from patients.models import Patient

    with practice_scope(practice.pk):
        chart = Patient.objects.newest_first().values_list("pk", flat=True)[5000]
    goals = {
        "/api/users/me": 1500,
        f"/api/patients/{chart}": 700,
        "/api/patients?limit=10": 500,
        "/api/dashboard/stats": 900,
    }
    notes = [
        f"wrk -t1 -c{CONNECTIONS} -d{SECONDS}s, one gthread worker, signed in as the front desk",
        "in the path: session, rate limit, request log; wrk, PostgreSQL and Redis on the same cores",
    ]
    if arguments.compare:
        _compare(goals, notes)
        return
    with serving() as server:
        rows = [(_shown(path), *server.measure(path).cells(), f"{goal:,}") for path, goal in goals.items()]
    header = ["request", "a second", "p50", "p99", "worker's CPU ms each", "goal a second"]
    print(block("Throughput of one worker", "python -m bench.throughput", notes, header, rows))


def _compare(goals, notes):
    """Measure with and without row-level security in turn, so that other load affects both."""
    rows = []
    with serving() as walled, serving(**WITHOUT) as plain:
        for path in goals:
            rounds = [(plain.measure(path), walled.measure(path)) for _ in range(ROUNDS)]
            without, under = ([one[side] for one in rounds] for side in (0, 1))
            rows.append(
                (
                    _shown(path),
                    *(f"{median(one.a_second for one in some):,.0f}" for some in (without, under)),
                    f"{median(after.a_second / before.a_second for before, after in rounds):.2f}",
                    *(f"{median(one.cpu for one in some):.2f}" for some in (without, under)),
                    f"{median(after.cpu / before.cpu for before, after in rounds):.2f}",
                )
            )
    notes = [*notes, f"without: as the owner through Django's own backend; in turn, {ROUNDS} times each, medians"]
    header = ["request", "a second without", "with", "ratio", "CPU ms each without", "with", "ratio"]
    title, command = "What row-level security costs", "python -m bench.throughput --compare"
    print(block(title, command, notes, header, rows))


def _shown(path):
    return re.sub(r"[0-9a-f-]{36}", ":id", path)


def as_application():
    """Return the environment of a process that works as the application's role."""
    return {**ENVIRONMENT, "DATABASE_URL": f"{DATABASE_URL}?options={quote(AS_ROLE)}"}


@contextmanager
def serving(**changes):
    """Start gunicorn as the application's role, with one worker, and sign in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**as_application(), "WEB_CONCURRENCY": "1", **changes}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py"],
        env={**os.environ, **environment, "HOST": "127.0.0.1", "PORT": str(port)},
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address)
        answer = httpx.post(f"{address}/api/auth/login", json={"email": "staff@example.com", "password": PASSWORD})
        answer.raise_for_status()
        yield Server(address, process.pid, f"access_token={answer.cookies['access_token']}")
    finally:
        process.terminate()
        process.wait(10)


@dataclass(frozen=True)
class Measured:
    a_second: float
    p50: str
    p99: str
    cpu: float  # milliseconds of gunicorn's for each request

    def cells(self):
        return f"{self.a_second:,.0f}", self.p50, self.p99, f"{self.cpu:.2f}"


@dataclass(frozen=True)
class Server:
    address: str
    pid: int
    cookie: str

    def measure(self, path):
        httpx.get(self.address + path, headers={"Cookie": self.cookie}).raise_for_status()
        header = ["-H", f"Cookie: {self.cookie}"]
        wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", *header, self.address + path]
        before = _cpu_seconds(self.pid)
        output = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in output or "Socket errors" in output:
            sys.exit(f"{path}: not every request was answered.\n{output}")
        a_second, p50, p99 = (
            re.search(pattern, output)[1]
            for pattern in (r"Requests/sec:\s+([\d.]+)", r"\n\s+50%\s+(\S+)", r"\n\s+99%\s+(\S+)")
        )
        cpu = (_cpu_seconds(self.pid) - before) * 1000 / int(re.search(r"(\d+) requests in", output)[1])
        return Measured(float(a_second), p50, p99, cpu)


def _cpu_seconds(pid):
    """Return the CPU time of gunicorn and its worker, which hardly depends on other load."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = stat.read_text().rpartition(")")[2].split()
        if pid in (int(fields[1]), int(stat.parent.name)):  # the parent's id, and its own
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _wait_for(address):
    for _ in range(1200):
        try:
            httpx.get(f"{address}/api/health/live")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    sys.exit("The server did not start; run gunicorn -c config/gunicorn.py by hand to see why.")


if __name__ == "__main__":
    main()
