"""Run by test_killed.py in a process of its own: starts workers, kills them, and prints what came of the jobs.

A worker is a forked process with threads and connections of its own. Some are killed at a chosen point, by themselves,
the others at any moment, by their parent."""

import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import django

django.setup()

from django.db import connection, connections  # noqa: E402

from audit.context import by_command  # noqa: E402
from core.tenancy.scope import installation_scope  # noqa: E402
from notifications.jobs import enqueue, job, leases, point_of_no_return, registry, running  # noqa: E402
from notifications.jobs.worker import Worker  # noqa: E402
from notifications.models import Job, JobState  # noqa: E402

LEASE, POLL, THREADS, EACH = timedelta(seconds=0.5), 0.05, 3, 3
directory, rounds, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)


def note(file, number):
    with (directory / file).open("a") as effects:
        effects.write(f"{number}\n")


@job("killed.plain")
def plain(number):
    time.sleep(chance.random() / 100)
    note("plain", number)


@job("killed.send", on_uncertain=lambda number: note("told", number))
def send(number):
    point_of_no_return()
    time.sleep(chance.random() / 100)
    note("sent", number)
    time.sleep(chance.random() / 100)


@job("killed.effect")
def effect(number):
    pass


@job("killed.atomic", atomic=True)
def atomic(number):
    enqueue(effect, payload={"number": number})
    time.sleep(chance.random() / 100)


def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def after(module, name):
    original = getattr(module, name)

    def then_die(*args, **kwargs):
        original(*args, **kwargs)
        die()

    setattr(module, name, then_die)


POINTS = {
    "claimed": lambda: setattr(running, "run", die),
    "before the point of no return": lambda: setattr(leases, "pass_return", die),
    "after it": lambda: after(leases, "pass_return"),
    "done, and it is not written": lambda: setattr(leases, "end", die),
    "done, and it is written": lambda: after(leases, "end"),
    "while others are recovered": lambda: setattr(running, "_recover", die),
    "any": lambda: None,
}


def close():
    connections.close_all()
    if hasattr(connection, "close_pool"):
        connection.close_pool()


def start(point):
    """Fork a worker; close what is open before, for a connection cannot be shared."""
    close()
    child = os.fork()
    if child:
        return child
    try:
        registry.RHYTHMS.clear()
        POINTS[point]()
        Worker(threading.Event(), threads=THREADS, lease=LEASE, poll=POLL).run()
    finally:
        os._exit(1)


def live():
    with installation_scope():
        return Job.objects.filter(finished_at=None).count()


def main():
    by_command("test")
    points = [*list(POINTS)[:-1], *["any"] * rounds]
    for number, point in enumerate(points):
        with installation_scope():
            for each in range(EACH):
                for what in (plain, send, atomic):
                    enqueue(what, payload={"number": EACH * number + each})
        child = start(point)
        if point == "any":
            time.sleep(0.05 + chance.random() / 4)
            os.kill(child, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while not os.waitpid(child, os.WNOHANG)[0]:
            if time.monotonic() > deadline:  # what it should have died of did not come up
                os.kill(child, signal.SIGKILL)
            time.sleep(0.01)
    last, deadline = start("any"), time.monotonic() + 120
    while live() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(last, signal.SIGKILL)
    os.waitpid(last, 0)
    print(json.dumps(result(EACH * len(points))))


def numbers(file):
    path = directory / file
    return Counter(int(line) for line in path.read_text().split()) if path.exists() else Counter()


def result(jobs):
    with installation_scope():
        rows = list(Job.objects.values_list("name", "state", "payload"))
    states = Counter(f"{name} {state}" for name, state, _ in rows)
    done = {payload["number"] for name, state, payload in rows if (name, state) == ("killed.send", JobState.DONE)}
    unsure = {payload["number"] for name, state, payload in rows if (name, state) == ("killed.send", "uncertain")}
    effects = Counter(payload["number"] for name, _, payload in rows if name == "killed.effect")
    sent = numbers("sent")
    return {
        "jobs": jobs,
        "states": states,
        "plain": len(numbers("plain")),
        "effects": [len(effects), effects.total()],
        "sent twice": [number for number, times in sent.items() if times > 1],
        "done and not sent": sorted(done - sent.keys()),
        "sent and neither": sorted(sent.keys() - done - unsure),
        "uncertain and not told": sorted(unsure - numbers("told").keys()),
        "uncertain": len(unsure),
        "lost": sum(Job.objects.values_list("lost", flat=True)) if connection.vendor == "sqlite" else None,
    }


if __name__ == "__main__":
    main()
