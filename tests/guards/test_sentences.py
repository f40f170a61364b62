"""Whatever the API, the services and the validators say to people goes through gettext, and whole: no plain string
where a refusal is made, no f-string and no half sentence that a translator could not turn round.

This reads the code; test_pseudo_language.py makes refusals. What operators and programmers read stays English:
management commands, log lines, the API's schema.
"""

import ast
import re
import subprocess
from pathlib import Path

import pytest
from django.urls import get_resolver
from rest_framework import serializers

from core.api.sentences import SENTENCES
from core.api.serializers import ChoiceField, StrictSerializer

ROOT = Path(__file__).resolve().parents[2]
NOT_SEARCHED = {  # pattern of files: why
    r"(^|/)(tests|migrations)/|^conftest": "not what people read",
    r"(^|/)management/|^bench/|^demo/|^manage|^\.ci/|^config/": "operators read it",
    r"^core/(metrics|monitoring)/|(^|/)metrics\.py$": "a Prometheus reads it, and operators",
    r"(^|/)jobs\.py$": "errors of jobs of the installation: operators read them",
    r"^notifications/messages/texts\.py$": "what patients are sent, in their own language",
    r"^audit/seals/|^core/backups/|/reconcile\.py$": "findings of commands",
    r"^core/api/examples\.py": "the schema's examples",
    r"(^|/)admin(/|\.py$)|/pages\.py$|^dashboard/|(^|/)pdf\.py$|chart_pdf\.py$": "pages and documents, of which forms "
    "and templates say most",
}
MARKED = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
REFUSALS = {
    *("Refusal", "Invalid", "NotSignedIn", "Forbidden", "NotFound", "Conflict", "StaleVersion", "Gone", "TooLarge"),
    *("QuotaExceeded", "Unavailable", "KeyReused", "ChartRestricted", "DecryptionError", "ValidationError"),
    *("ParseError", "PermissionDenied", "NotAuthenticated", "error_response", "deadlock_as_conflict"),
}
SAYING = {"detail", "message", "sentence", "refusal_message", "conflict_message", "parts_message"}  # arguments
SENTENCE = re.compile(r"[A-Z“\"].* .*[.?!:]", re.DOTALL)
# A sentence may stand plainly as an argument of these:
FOR_PROGRAMMERS = {
    *("RuntimeError", "ImproperlyConfigured", "FieldError", "ScopeError", "NoOrigin", "CommandError"),
    *("OperationalError", "InternalError", "Error", "Warning", "Info"),  # of a driver, and of `manage.py check`
    *("NotCompilable", "compile", "TransactionManagementError"),
    *("stale", "Refused", "OpenApiResponse"),  # the schema
}
DESCRIBING = {"help_text", "summary", "description"}  # arguments and keys: the schema; of a model, pages
DESCRIPTIONS = {  # constants of the schema: where
    "BODY": "accounts/second_factor/views.py",
    "OPTIONS": "accounts/second_factor/views.py",
    "NOT_POSSIBLE": "accounts/second_factor/views.py",
    "hint": "accounts/visibility.py",
    "MOMENT": "appointments/schedule/serializers.py",
}


def searched():
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.split():
        if (ROOT / name).exists() and not any(re.search(pattern, name) for pattern in NOT_SEARCHED):
            yield name, (ROOT / name).read_text()


def faults(name, source):
    """Yield the line and the text of each sentence that is not marked, or not whole."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    plain = {  # constants, by name
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_text(node.value)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in MARKED:
            messages = node.args[:2] if "ngettext" in _called(node) else node.args[-1:]
            for message in messages:
                if not isinstance(message, ast.Constant) or re.search(r"%[sd]", message.value):
                    yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call):
            named = [keyword.value for keyword in node.keywords if keyword.arg in SAYING]
            said_first = node.args[_called(node) == "Invalid" :] if _called(node) in REFUSALS else ()  # not the field
            for said in [*said_first, *named]:
                said = plain.get(said.id, said) if isinstance(said, ast.Name) else said
                if isinstance(said, ast.JoinedStr | ast.BinOp) and not _is_marked(said):
                    yield node.lineno, ast.unparse(node)
                elif _is_text(said) and " " in said.value:
                    yield node.lineno, said.value
        elif _is_text(node) and SENTENCE.fullmatch(node.value.strip()) and not _may_be_plain(name, node, parents):
            yield node.lineno, node.value


def _called(call):
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_marked(said):
    """Whether this is `_("…%(name)s…") % values`: values have names, so that a translator can turn them round."""
    marked = isinstance(said, ast.BinOp) and isinstance(said.op, ast.Mod) and not isinstance(said.right, ast.Tuple)
    return marked and not isinstance(said.left, ast.Constant | ast.JoinedStr)


def _may_be_plain(name, node, parents):
    while node in parents:
        within, node = node, parents[node]
        if isinstance(node, ast.Call) and _called(node) in MARKED | FOR_PROGRAMMERS:
            return True
        if isinstance(node, ast.keyword) and node.arg in DESCRIBING:
            return True
        if isinstance(node, ast.Dict) and within in node.values:
            key = node.keys[node.values.index(within)]
            if _is_text(key) and (key.value.isdigit() or key.value in DESCRIBING):  # by HTTP status: the schema
                return True
        if isinstance(node, ast.Assign) and DESCRIPTIONS.get(ast.unparse(node.targets[0])) == name:
            return True
        if isinstance(node, ast.Expr):  # a docstring
            return within.__class__ is ast.Constant
    return False


def test_every_sentence_is_marked_and_whole():
    found = [f"{name}:{line}: {text}" for name, source in searched() for line, text in faults(name, source)]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        'raise Conflict("The slot is taken.")',
        'raise Invalid("date", "Choose a day")',
        'raise Invalid("date", f"Not after {last}.")',
        'raise Invalid("date", "Not after " + last)',
        'raise Invalid("date", "Not after %s." % last)',
        'raise Conflict(_(f"Not after {last}."))',
        'raise Conflict(_("Not " + "after."))',
        'raise Conflict(_("%s is taken.") % slot)',
        'TAKEN = "The slot is taken"\nraise Conflict(TAKEN)',
        'TAKEN = {"slot": "The slot is taken."}',
        'register_deletable(Chart, refusal_message="Only managers do")',
        'ngettext("One row.", f"{number} rows.", number)',
    ],
)
def test_guard_sees(code):
    assert len(list(faults("made_up.py", code))) >= 1


@pytest.mark.parametrize(
    "code",
    [
        'raise Invalid("date", _("Not after %(day)s.") % {"day": last})',
        'raise Conflict(_("The slot "\n"is taken."))',
        'raise Conflict(TAKEN % {"day": last})',
        'raise RuntimeError("Call this first.")',
        'CONFLICT = {"409": "The slot is taken."}',
        'def f():\n    "Return the slot. Raises Conflict."',
    ],
)
def test_guard_lets_pass(code):
    assert list(faults("made_up.py", code)) == []


def test_exceptions_are_needed():
    names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if ".venv" not in path.parts]
    assert [pattern for pattern in NOT_SEARCHED if not any(re.search(pattern, name) for name in names)] == []
    for constant, name in DESCRIPTIONS.items():
        assert re.search(rf"^\s*{constant}\b.* = ", (ROOT / name).read_text(), re.MULTILINE), constant


def test_choices_of_the_api_are_named_when_one_is_unknown():
    """DRF's own field says what is not a choice; ours also says what is."""
    assert get_resolver().url_patterns  # imports every serializer

    def subclasses(base):
        return {base, *(deeper for child in base.__subclasses__() for deeper in subclasses(child))}

    for serializer in subclasses(StrictSerializer):
        for name, field in serializer._declared_fields.items():
            field = getattr(field, "child", field)
            assert not isinstance(field, serializers.ChoiceField) or isinstance(field, ChoiceField), (serializer, name)


def test_fields_say_what_our_table_says():
    for field, sentences in SENTENCES.items():
        assert sentences.items() <= field.default_error_messages.items()
