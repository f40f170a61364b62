"""The two clients of docs/clients.md run as printed, against a started server with the demo practice."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.management.commands.seed import DEMO_PASSWORD
from tests.server import ROOT, Server, started

pytestmark = [pytest.mark.production, pytest.mark.slow]

PAGE = (ROOT / "docs" / "clients.md").read_text()
MAX_LINES = 20


def code_block(language: str) -> str:
    """Return the page's one block in this language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return block


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("clients")) as server:
        server.manage("seed", "--password", DEMO_PASSWORD)
        yield server


def output_lines(demo: Server, *command: str) -> list[str]:
    environment = {"PATH": os.environ["PATH"], "PRAXIS": demo.url}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


def test_python_client_prints_what_the_page_says(demo, tmp_path: Path):
    client = tmp_path / "client.py"
    client.write_text(code_block("python"))

    assert output_lines(demo, sys.executable, str(client)) == code_block("text").splitlines()


def test_python_client_has_at_most_twenty_lines():
    assert len([line for line in code_block("python").splitlines() if line.strip()]) <= MAX_LINES


def test_curl_transcript_answers_what_its_comments_say(demo):
    transcript = code_block("bash")
    answers = [line.removeprefix("# ") for line in transcript.splitlines() if line.startswith("# ")]

    lines = output_lines(demo, "bash", "-euc", transcript)

    assert len(lines) == len(answers) > 0
    for line, answer in zip(lines, answers, strict=True):
        pattern = ".*".join(re.escape(part) for part in answer.split("…"))
        assert re.fullmatch(pattern, line), (answer, line)


def test_page_signs_in_as_the_demo_patient():
    assert set(re.findall(r"[\w.]+@example\.com", PAGE)) == {"patient@example.com"}
    assert DEMO_PASSWORD in code_block("python")
    assert DEMO_PASSWORD in code_block("bash")
