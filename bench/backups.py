"""`python -m bench.backups`: backup, drill and restore of a practice with files of 1 MiB (--patients, --gigabytes).

Runs the commands as an operator does, each in a process of its own. Processor time is that of the command with pg_dump
and pg_restore; what PostgreSQL's own processes take comes to it. What it made is removed, but not the seeded database.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from bench.arguments import parse

MIB = 2**20
KEY = "1:YmFja3Vwcy1hcmUta2VwdC1hd2F5LWZyb20tZGF0YSE="


def main():
    arguments = parse(__doc__, numbers={"patients": "how many charts (1,000,000)", "gigabytes": "of files (10)"})
    if arguments.patients:
        os.environ["BENCH_PATIENTS"] = str(arguments.patients)
    gigabytes = 10 if arguments.gigabytes is None else arguments.gigabytes
    from bench import clinic
    from bench.report import block

    clinic.open_practice()
    with tempfile.TemporaryDirectory(prefix="praxis-bench-") as name:
        folder = Path(name)
        files, target = folder / "files", folder / "target"
        shutil.copytree(clinic.ENVIRONMENT["FILES_DIR"], files, dirs_exist_ok=True)  # the seeded ones
        written = _write(files, gigabytes)
        new = f"{urlsplit(clinic.DATABASE_URL).path.strip('/')}_restored"
        environment = {**os.environ, **clinic.ENVIRONMENT, "BACKUP_KEY": KEY, "FILES_DIR": str(files)}
        rows = [_timed(environment, "first backup", "backup", target)]
        before = _size(target)
        rows.append(_timed(environment, "second backup, no new file", "backup", target, "--keep-all"))
        rows[0] += (f"{before // MIB:,} MB",)
        rows[1] += (f"{(_size(target) - before) // MIB:,} MB",)
        rows.append((*_timed(environment, "drill", "restore_drill", target), ""))
        with EmptyDatabase(clinic.DATABASE_URL, new) as url:
            elsewhere = {**environment, "DATABASE_URL": url, "FILES_DIR": str(folder / "restored")}
            rows.append((*_timed(elsewhere, "restore", "restore", target), ""))
        notes = [f"{clinic.PATIENTS:,} charts, {_database_size(clinic.DATABASE_URL):,} MB of database with indexes",
                 f"{written:,} files of 1 MiB, on the disk of the target; the first row reads them from the page cache "
                 "as far as there is memory"]  # fmt: skip
        command = f"python -m bench.backups --patients {clinic.PATIENTS} --gigabytes {gigabytes:g}"
        print(block("Backups", command, notes, ["", "seconds", "processor s", "written"], rows))


def _write(folder, gigabytes):
    count = int(gigabytes * 1024)
    for number in range(count):
        path = folder / f"{number % 256:02x}" / f"{number:032x}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(MIB))
    os.sync()
    return count


def _timed(environment, what, *arguments):
    began, before = time.perf_counter(), _processor()
    done = subprocess.run([sys.executable, "manage.py", *map(str, arguments)], env=environment, capture_output=True,
                          text=True, check=False)  # fmt: skip
    took = time.perf_counter() - began
    print(f"{what}: {took:.1f} s\n{done.stdout}{done.stderr if done.returncode else ''}", file=sys.stderr)
    if done.returncode:
        sys.exit(done.returncode)
    return what, f"{took:.0f}", f"{_processor() - before:.1f}"


def _processor():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _database_size(url):
    with psycopg.connect(url) as owner:
        return owner.execute("SELECT pg_database_size(current_database())").fetchone()[0] // MIB


class EmptyDatabase:
    """One beside the benchmarked, which is gone afterwards."""

    def __init__(self, url, name):
        self.server, self.name = urlsplit(url), sql.Identifier(name)
        self.url = self.server._replace(path=f"/{name}").geturl()

    def __enter__(self):
        self._drop()
        self._execute("CREATE DATABASE {} TEMPLATE template0")
        return self.url

    def __exit__(self, *error):
        self._drop()

    def _drop(self):
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)")

    def _execute(self, statement):
        with psycopg.connect(self.server._replace(path="/postgres").geturl(), autocommit=True) as owner:
            owner.execute(sql.SQL(statement).format(self.name))


if __name__ == "__main__":
    main()
