"""The Markdown that benchmarks print, for bench/RESULTS.md."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def block(title, command, notes, header, rows):
    """Return a section: what ran where, then a table."""
    lines = [f"## {title}", "", f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, commit {_commit()}", ""]
    lines += [f"- {note}" for note in (_machine(), _versions(), *notes)]
    lines += ["", "| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _commit():
    answer = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def _machine():
    information = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in information.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = f"load average at the end {os.getloadavg()[0]:.1f}"  # high if others used the machine too
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GB, {load}"


def _versions():
    import django
    from django.db import connection

    from core.cache import redis_client

    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        postgresql = cursor.fetchone()[0].split()[0]
    server = redis_client.client().info("server")["redis_version"]
    return f"Python {platform.python_version()}, Django {django.__version__}, PostgreSQL {postgresql}, Redis {server}"
