"""A page that changes something says what it has done: every POST of a page of daily work has a sentence of its own."""

import ast
import inspect
import re
import textwrap
from pathlib import Path

from django.urls import get_resolver

from core.pages import WorkPage

SUCCESS_CALLS = {"done", "_say", "_done", "say", "changed_page", "success", "_closing"}
VAGUE = re.compile(r"""gettext\(\s*"(Saved|Done|Issued|Deleted|Removed|Refunded|Added|Success\w*)[.!]"\s*\)""")
SAYS_NOTHING = {  # view: why
    "Slot": "opens the form of a visit",
    "Offer": "the panel shows to whom it is offered",
    "TakeBack": "the panel shows that it is offered no more",
    "KeepSlot": "the page keeps the slot by itself",
    "ReleaseSlot": "the page gives the slot back by itself",
    "FoundPatients": "a search",
    "Search": "a search",
    "Requests": "a search",
    "SearchNotes": "a search",
    "RemoveEntry": "the panel says it, with Undo",
    "EntryPanel": "opens the form of an entry",
    "PayLinkPage": "shows the link that it made",
    "PayOwnBill": "leads to the provider",
    "DownloadData": "a file",
    "FillNeeded": "leads to the form",
    "SecurityForm": "accounts/second_factor/security.py says it",
    "Upload": "leads to the import, which shows the file",
    "Match": "leads to the checked lines",
    "Step": "one part of the work; the page shows the progress",
    "Decide": "the line shows what was decided",
    "Compare": "one part of the work; the page shows the progress",
    "SaveNote": "the editor says when it was saved",
    "SaveNewNote": "the editor says when it was saved",
    "SaveAmendment": "the editor says when it was saved",
    "AmendNote": "brings texts to the editor",
    "ImportFile": "the page says how many",
    "ShowCode": "shows the code",
    "HandOver": "leads to the tablet",
    "PreviewLetter": "a preview",
}


def views():
    """Yield the classes of pages of daily work that take a POST."""

    def walk(patterns):
        for pattern in patterns:
            if hasattr(pattern, "url_patterns"):
                yield from walk(pattern.url_patterns)
            else:
                callback = inspect.unwrap(pattern.callback)
                yield getattr(pattern.callback, "view_class", getattr(callback, "view_class", None))

    found = {view for view in walk(get_resolver().url_patterns) if view is not None and issubclass(view, WorkPage)}
    yield from sorted((view for view in found if hasattr(view, "post")), key=lambda view: view.__qualname__)


def says(view):
    """Whether its methods, or those that it inherits from our pages, say something."""
    for part in view.__mro__[: view.__mro__.index(WorkPage)]:
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(part)))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in SUCCESS_CALLS:
                return True
    return False


def test_every_change_says_what_it_did():
    found = list(views())
    assert len(found) > 50
    silent = {view.__name__ for view in found if not says(view)}
    assert silent - SAYS_NOTHING.keys() == set()
    assert SAYS_NOTHING.keys() - silent == set(), "stale"


def test_no_change_says_only_that_it_was_saved():
    sources = {inspect.getfile(view) for view in views()}
    found = {}
    for name in sources:
        if vague := VAGUE.findall(Path(name).read_text()):
            found[name] = vague
    assert found == {}
    assert VAGUE.search('self.done(gettext("Saved."))')
