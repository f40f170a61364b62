"""docs/operations.md names only commands and options that there are: somebody types them at night."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("docs/operations.md", "docs/security.md", "docs/development.md", "README.md")
WRITTEN = re.compile(r"(?<!beside )manage\.py ([a-z]\w+)((?: +(?!#)[^\s`|#;,)]+)*)")


@pytest.mark.embedded
@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options_exist(page, subtests):
    known = get_commands()
    found = set(WRITTEN.findall((ROOT / page).read_text()))
    assert page != "docs/operations.md" or len({name for name, _ in found}) > 20
    for name, rest in sorted(found):
        with subtests.test(command=name, rest=rest):
            assert name in known
            parser = load_command_class(known[name], name).create_parser("manage.py", name)
            options = {option.strip(".:*") for option in rest.split() if option.startswith("--")}
            assert options <= set(parser._option_string_actions)
