"""`python -m bench.throughput`: requests a second of one gunicorn worker with threads, by wrk at concurrency 8.

The server runs as in production (config/gunicorn.py) on the bench's database and Redis, with sessions, the rate limit
(set out of reach) and the log line of every request, which goes to /dev/null. wrk shares the machine's cores with it.
"""

import logging
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from bench.clinic import ENVIRONMENT, PASSWORD, open_practice
from bench.report import block

SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
CONNECTIONS = 8


def main():
    logging.getLogger("httpx").setLevel(logging.WARNING)
    practice = open_practice()
    from core.tenancy import practice_scope
    from patients.models import Patient

    with practice_scope(practice.pk):
        chart = Patient.objects.newest_first().values_list("pk", flat=True)[5000]
    goals = {
        "/api/users/me": 1500,
        f"/api/patients/{chart}": 700,
        "/api/patients?limit=10": 500,
        "/api/dashboard/stats": 900,
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py"],
        env={**os.environ, **ENVIRONMENT, "HOST": "127.0.0.1", "PORT": str(port), "WEB_CONCURRENCY": "1"},
        stderr=subprocess.DEVNULL,
    )
    try:
        rows = _measure(f"http://127.0.0.1:{port}", goals, server.pid)
    finally:
        server.terminate()
        server.wait(10)
    notes = [
        f"wrk -t1 -c{CONNECTIONS} -d{SECONDS}s, one gthread worker, signed in as the front desk",
        "in the path: session, rate limit, request log; wrk, PostgreSQL and Redis on the same cores",
    ]
    header = ["request", "a second", "p50", "p99", "worker's CPU ms each", "goal a second"]
    print(block("Throughput of one worker", "python -m bench.throughput", notes, header, rows))


def _measure(address, goals, pid):
    _wait_for(address)
    answer = httpx.post(f"{address}/api/auth/login", json={"email": "staff@example.com", "password": PASSWORD})
    answer.raise_for_status()
    cookie = f"access_token={answer.cookies['access_token']}"
    rows = []
    for path, goal in goals.items():
        httpx.get(address + path, headers={"Cookie": cookie}).raise_for_status()
        wrk = [
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{SECONDS}s",
            "--latency",
            "-H",
            f"Cookie: {cookie}",
            address + path,
        ]
        before = _cpu_seconds(pid)
        told = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in told or "Socket errors" in told:
            sys.exit(f"{path}: not every request was answered.\n{told}")
        a_second, p50, p99 = (
            re.search(pattern, told)[1]
            for pattern in (r"Requests/sec:\s+([\d.]+)", r"\n\s+50%\s+(\S+)", r"\n\s+99%\s+(\S+)")
        )
        cpu = (_cpu_seconds(pid) - before) * 1000 / int(re.search(r"(\d+) requests in", told)[1])
        shown = re.sub(r"[0-9a-f-]{36}", ":id", path)
        rows.append((shown, f"{float(a_second):,.0f}", p50, p99, f"{cpu:.2f}", f"{goal:,}"))
    return rows


def _cpu_seconds(pid):
    """Of gunicorn and its worker: unlike the throughput it hardly depends on what else the machine does."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = stat.read_text().rpartition(")")[2].split()
        if pid in (int(fields[1]), int(stat.parent.name)):  # the parent's id, and its own
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _wait_for(address):
    for _ in range(100):
        try:
            httpx.get(f"{address}/api/health/live")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    sys.exit("The server did not start; run gunicorn -c config/gunicorn.py by hand to see why.")


if __name__ == "__main__":
    main()
