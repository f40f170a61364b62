"""Every function that takes `by` uses it: to log who acts, to store them, or to check their permissions. One that
ignores it would mislead its callers."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APPS = sorted(path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name not in {"tests", "bench"})
FILES = [path for app in APPS for path in sorted(app.rglob("*.py")) if "tests" not in path.parts]


def functions_with_by(tree):
    """Yield every function that takes `by`, and whether it uses it."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = function.args
            if "by" in {argument.arg for argument in (*arguments.args, *arguments.posonlyargs, *arguments.kwonlyargs)}:
                body = (node for statement in function.body for node in ast.walk(statement))
                yield function, any(isinstance(node, ast.Name) and node.id == "by" for node in body)


def test_guard_finds_functions():
    assert sum(1 for path in FILES for _ in functions_with_by(ast.parse(path.read_text()))) > 50


def test_every_function_uses_by():
    ignoring = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        for path in FILES
        for function, uses_it in functions_with_by(ast.parse(path.read_text()))
        if not uses_it
    ]

    assert ignoring == []


@pytest.mark.parametrize(
    ("source", "uses_it"),
    [
        ("def save(*, by):\n    return by.pk", True),
        ("def save(*, by):\n    with done_by(by):\n        pass", True),
        ("def save(*, by):\n    store(by=None)", False),
        ("def save(*, by):\n    pass", False),
    ],
)
def test_guard_itself(source, uses_it):
    assert [found for _, found in functions_with_by(ast.parse(source))] == [uses_it]
