"""Each page outside of the admin site has what somebody finds their way by: a title of its own, a skip link that leads
somewhere, one main part and one heading of the first rank."""

import re

import pytest
from django.urls import reverse

from core.client import WORK_ROOTS
from tests.guards.test_words import everything, pages  # noqa: F401 - a fixture

pytestmark = pytest.mark.embedded
PATIENTS = ("my_page", "me_sessions", "me_password", "me_accesses")
OUTSIDE = ("home", "password_reset_ask", "tablet", "tablet-done")


def faults(page):
    """Return what the page lacks; nothing for a part of a page."""
    if "<!doctype html>" not in page.lower():
        return []
    found = {
        "one h1": len(re.findall("<h1[ >]", page)) == 1,
        "one main": len(re.findall("<main[ >]", page)) == 1,
        "a skip link": 'class="skip" href="#main"' in page and len(re.findall('id="main"', page)) == 1,
        "a title": re.search(r"<title>\s*(?!Praxis\s*<)[^<\s]", page) is not None,
        "a language": re.search(r'<html lang="\w', page) is not None,
    }
    return [what for what, is_there in found.items() if not is_there]


@pytest.mark.slow  # opens every page of daily work
def test_every_page_has_title_skip_link_main_and_one_heading(enter_as, everything, client, subtests):  # noqa: F811
    manager = enter_as("admin")
    addresses = [address for address in pages(everything) if address.startswith(WORK_ROOTS)]
    assert len(addresses) > 20
    seen = {address: manager.get(address) for address in addresses}
    patient = enter_as("patient")
    seen |= {reverse(name): patient.get(reverse(name)) for name in PATIENTS}
    seen |= {reverse(name): client.get(reverse(name)) for name in OUTSIDE}
    for address, answer in seen.items():
        with subtests.test(page=address):
            assert faults(answer.content.decode()) == []
