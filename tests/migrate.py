"""`python -m tests.migrate`: `manage.py migrate` on an empty database, in a third of the time.

Django renders anew, for each operation, every model that hangs together with the changed one. Here nearly all do, by
way of the practice and the user, and that takes nine tenths of a migration from nothing. It is enough to render what
points to the changed model, at one or more removes: all others know nothing of it. tests/test_databases.py compares
the schema with the one that Django makes."""

import os
from collections import defaultdict

from django.core.management import execute_from_command_line
from django.db.migrations.state import ProjectState
from django.db.migrations.utils import resolve_relation

Key = tuple[str, str]  # a model's app and name


def _pointing_at(state: ProjectState) -> dict[Key, set[Key]]:
    pointing: defaultdict[Key, set[Key]] = defaultdict(set)
    for key, model in state.models.items():
        remotes = [field.remote_field for field in model.fields.values() if field.remote_field]
        targets = [remote.model for remote in remotes] + [getattr(remote, "through", None) for remote in remotes]
        for target in [*targets, *(base for base in model.bases if isinstance(base, str))]:
            if target:
                pointing[resolve_relation(target, *key)].add(key)
    return pointing


def _to_reload(state: ProjectState, app_label: str, model_name: str, delay: bool = False) -> set[Key]:
    pointing, found, left = _pointing_at(state), set[Key](), [(app_label, model_name)]
    while left:
        if (key := left.pop()) not in found:
            found.add(key)
            left += pointing[key]
    return found


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    ProjectState._find_reload_model = _to_reload  # type: ignore[method-assign]
    execute_from_command_line(["manage.py", "migrate", "--verbosity", "0"])


if __name__ == "__main__":
    main()
