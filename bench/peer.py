"""`python -m bench.peer --peer PATH`: the same requests to Praxis and to the contract's FastAPI server, in turn.

PATH is the folder of that server, with `dataset.py`, `load.py` and `peer_fastapi/run.sh`; its README says how to be
fair. Both servers have the same rows of `dataset.py` on the same PostgreSQL and Redis, as many workers (`--workers`,
1), and are asked for `--rounds` (3) of `--seconds` (3) a request. Before each round either has its rows anew: Praxis a
copy of `…_peer` (beside BENCH_DATABASE_URL, made in the first run and kept), the peer what its run.sh seeds into
`…_fastapi`. The demo practice's own visits are moved away and its other doctors are no longer active, so that a day
and the list of doctors are as long for either. Needs `wrk`; the peer's venv is made in the first run (PEER_HOME).

The processor's time is the server's and that of all PostgreSQL and Redis of this machine: nothing else may use them.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import redis
from psycopg.sql import SQL, Identifier

from bench.arguments import parse
from bench.clinic import (
    AS_ROLE,
    DATABASE_URL,
    ENVIRONMENT,
    REDIS_URL,
    drop_database,
    ensure_database,
    maintenance,
    open_practice,
)
from bench.report import block
from bench.throughput import CONNECTIONS, serving

CHARTS, VISITS, RECORDS = 10_000, 20_000, 10_000
SCENARIOS = {
    "me": "`/users/me`",
    "patient_get": "a chart",
    "patients_page": "page of charts",
    "appointments_page": "page of appointments",
    "appointments_day": "a day",
    "records_page": "records of a patient",
    "dashboard": "dashboard",
    "patient_create": "a new chart",
    "appointment_create": "a booking",
}
NAME = urlsplit(DATABASE_URL).path.lstrip("/")
TEMPLATE, COPY, PEERS = f"{NAME}_peer", f"{NAME}_peer_round", f"{NAME}_fastapi"


def main():
    numbers = {"workers": "processes of each server (1)", "rounds": "of both in turn (3)", "seconds": "a request (3)"}
    arguments = parse(__doc__, numbers=numbers, needed={"peer": "the folder of the peer"})
    folder = Path(arguments.peer)
    workers, rounds, seconds = arguments.workers or 1, arguments.rounds or 3, arguments.seconds or 3
    os.environ.update(BENCH_DATABASE_URL=_address(TEMPLATE), BENCH_PATIENTS="0")  # read by bench.clinic in the process
    with multiprocessing.get_context("spawn").Pool(1) as process:
        process.apply(_fill, (str(folder),))
    ensure_database(_address(PEERS))
    found = {"peer": [], "praxis": []}
    for _ in range(rounds):
        for name, server in (("peer", _peer), ("praxis", _praxis)):
            with server(folder, workers) as (address, pid):
                found[name].append(_loaded(folder, address, pid, seconds))
    for name in (COPY, PEERS):
        drop_database(_address(name))
    os.environ.update(ENVIRONMENT, DATABASE_URL=_address(TEMPLATE))
    import django

    django.setup()  # for the versions
    notes = [
        f"the same {CHARTS:,} charts, {VISITS:,} appointments, {RECORDS:,} records",
        f"{workers} workers each, `load.py -c {CONNECTIONS}`, the middle of {rounds} rounds of {seconds} s",
    ]
    each = "CPU ms, peer | Praxis | ratio"
    header = ["request", "a second, peer", "Praxis", "ratio", "p50 / p95 ms, peer", "Praxis", *each.split(" | ")]
    rows = [
        _row(shown, *(_middle(results, scenario) for results in found.values()))
        for scenario, shown in SCENARIOS.items()
    ]
    command = f"python -m bench.peer --workers {workers} --rounds {rounds} --seconds {seconds}"
    print(block("Against an async server", command, notes, header, rows))


def _address(name):
    return urlsplit(DATABASE_URL)._replace(path=f"/{name}").geturl()


def _row(shown, peer, praxis):
    a_second = [one["rps"] for one in (peer, praxis)]
    times = [f"{one['p50_ms']} / {one['p95_ms']}" for one in (peer, praxis)]
    cpu = [one["cpu_ms"] + one["db_cpu_ms"] for one in (peer, praxis)]
    rates = (*(f"{rate:.0f}" for rate in a_second), f"{a_second[1] / a_second[0]:.2f}")
    return (shown, *rates, *times, *(f"{used:.2f}" for used in cpu), f"{cpu[0] / cpu[1]:.2f}")


def _middle(results, scenario):
    """Return the round whose rate is in the middle, as `load.py --compare` does."""
    found = [one for round_ in results for one in round_ if one["scenario"] == scenario and "rps" in one]
    if not found:
        sys.exit(f"{scenario} was not measured: {results[0]}")
    return sorted(found, key=lambda one: one["rps"])[len(found) // 2]


def _loaded(folder, address, pid, seconds):
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [sys.executable, folder / "load.py", address, "-n", str(seconds), "-c", str(CONNECTIONS)]
        command += ["-s", ",".join(SCENARIOS), "--server-pid", str(pid), "-o", report.name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.loads(Path(report.name).read_text())["results"]


@contextmanager
def _peer(folder, workers):
    """Run the peer with its rows made anew, and give its address and process."""
    home = Path(os.environ.setdefault("PEER_HOME", str(Path(tempfile.gettempdir(), "peers"))))
    environment = {**os.environ, "DATABASE_URL": _address(PEERS), "REDIS_URL": REDIS_URL}
    run = folder / "peer_fastapi" / "run.sh"
    _empty_redis()
    subprocess.run([run, "seed", *map(str, (CHARTS, VISITS, RECORDS))], env=environment, check=True, stdout=sys.stderr)
    subprocess.run([run, "start", str(workers)], env=environment, check=True, stdout=sys.stderr)
    try:
        port = environment.get("PORT", "58100")
        yield f"http://127.0.0.1:{port}", int(Path(home, "fastapi-run", "api.pid").read_text())
    finally:
        subprocess.run([run, "stop"], env=environment, check=True)


@contextmanager
def _praxis(folder, workers):
    """Run Praxis on a new copy of its rows, and give its address and process."""
    drop_database(_address(COPY))
    _empty_redis()
    with maintenance(DATABASE_URL) as connection:
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(COPY), Identifier(TEMPLATE)))
    with psycopg.connect(_address(COPY), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")  # as the peer's seed.py does
    address = f"{_address(COPY)}?options={quote(AS_ROLE)}"
    with serving(DATABASE_URL=address, WEB_CONCURRENCY=str(workers)) as server:
        yield server.address, server.pid


def _empty_redis():
    redis.Redis.from_url(REDIS_URL).flushdb()


# --- The rows, in a process of its own --------------------------------------------------------------------------------


def _fill(folder):
    practice = open_practice(as_owner=True)
    from core.tenancy.scope import practice_scope
    from patients.models import Patient

    with practice_scope(practice.pk):
        if Patient.objects.count() < CHARTS:
            _move_the_demo_away()
            _load(practice, folder)


def _move_the_demo_away():
    from django.db import connection

    from accounts.models import User

    with connection.cursor() as cursor:
        away = "starts_at - interval '30 years', ends_at = ends_at - interval '30 years'"
        cursor.execute(f"UPDATE appointments_appointment SET starts_at = {away}")
    known = User.all_practices.with_email("doctor@example.com")
    User.objects.doctors().exclude(pk=known.pk).update(is_active=False)


def _load(practice, folder):
    sys.path.insert(0, folder)
    import dataset

    from appointments.models import Appointment
    from demo.load import insert
    from patients.models import Patient
    from records.models import MedicalRecord

    scope = {"practice_id": practice.pk}
    doctors = {one["id"]: _doctor(one) for one in dataset.users() if one["role"] == "doctor"}
    charts = {one["id"]: Patient(**scope, **_kept(one, "id")) for one in dataset.patients(CHARTS)}
    insert(list(charts.values()))
    ids = list(charts), list(doctors)

    def encounter(one):
        return {**scope, "patient_id": charts[one["patient_id"]].pk, "doctor_id": doctors[one["doctor_id"]]}

    visits, records = dataset.appointments(VISITS, *ids), dataset.records(RECORDS, *ids)
    people = ("id", "patient_id", "doctor_id")
    insert([Appointment(**encounter(one), **_times(one["date"]), **_kept(one, *people, "date")) for one in visits])
    insert([MedicalRecord(**encounter(one), **_kept(one, *people)) for one in records])


def _doctor(one):
    """Return the id of the practice's doctor for this one of the data; the first has the email of one of the demo."""
    from accounts.models import User

    doctor = User.all_practices.with_email(one["email"])
    if doctor is None:
        doctor = User(**_kept(one, "id", "department"))
        doctor.set_unusable_password()
        doctor.save()
    return doctor.pk


def _kept(one, *besides):
    """Return the columns that are filled, without these."""
    return {name: value for name, value in one.items() if value is not None and name not in besides}


def _times(start):
    return {"starts_at": start, "ends_at": start + timedelta(minutes=30)}


if __name__ == "__main__":
    main()
