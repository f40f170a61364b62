"""The benches say what they measure before they set anything up."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HELP = """
import runpy, sys
for name in sys.argv[1:]:
    sys.argv = [name, "--help"]
    try:
        runpy.run_module(name, run_name="__main__")
    except SystemExit as end:
        assert end.code == 0, name
"""


def run(*arguments: str) -> str:
    environment = {"BENCH_DATABASE_URL": "postgresql://postgres@127.0.0.1:1/none", "PATH": ""}
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_bench_is_listed_with_a_line_and_helps_without_a_database():
    lines = run("-m", "bench").splitlines()
    names = [line.split()[2] for line in lines]

    written = [path for path in (ROOT / "bench").glob("[a-z]*.py") if "\ndef main(" in path.read_text()]
    assert sorted(names) == sorted(f"bench.{path.stem}" for path in written)
    assert all(line[44:].strip() for line in lines)
    assert run("-c", HELP, *names).count("usage: ") == len(names)
