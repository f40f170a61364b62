"""The two clients of docs/clients.md run as they stand, against a started server with the demo practice."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.management.commands.seed import DEMO_PASSWORD
from tests.server import ROOT, Server, started

PAGE = (ROOT / "docs" / "clients.md").read_text()
MOST_LINES = 20


def block(language: str) -> str:
    """The page's one block in this language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("clients")) as server:
        server.manage("seed", "--password", DEMO_PASSWORD)
        yield server


def printed(demo: Server, *command: str) -> list[str]:
    environment = {"PATH": os.environ["PATH"], "PRAXIS": demo.url}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_the_python_client_runs_as_it_stands(demo, tmp_path: Path):
    client = tmp_path / "client.py"
    client.write_text(block("python"))

    assert printed(demo, sys.executable, str(client)) == block("text").splitlines()


def test_the_python_client_has_twenty_lines():
    assert len([line for line in block("python").splitlines() if line.strip()]) <= MOST_LINES


def test_the_curl_transcript_runs_as_it_stands(demo):
    transcript = block("bash")
    answers = [line.removeprefix("# ") for line in transcript.splitlines() if line.startswith("# ")]

    lines = printed(demo, "bash", "-euc", transcript)

    assert len(lines) == len(answers) > 0
    for line, answer in zip(lines, answers, strict=True):
        pattern = ".*".join(re.escape(part) for part in answer.split("…"))
        assert re.fullmatch(pattern, line), (answer, line)


def test_it_is_the_demos_sign_ins_that_the_page_uses():
    assert set(re.findall(r"[\w.]+@example\.com", PAGE)) == {"patient@example.com"}
    assert DEMO_PASSWORD in block("python")
    assert DEMO_PASSWORD in block("bash")
