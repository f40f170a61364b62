#!/usr/bin/env python
"""The commands of Praxis; `manage.py help` lists them."""

import gc
import os
import sys


def main() -> None:
    gc.disable()  # nothing that is loaded becomes garbage, and looking for some takes a fifth of the start
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from audit.context import by_command

    by_command(sys.argv[1] if len(sys.argv) > 1 else "help")
    try:
        settings.INSTALLED_APPS  # noqa: B018 - loads the settings, so that a bad one is reported in one line
        django.setup()
        gc.freeze()
        gc.enable()
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"praxis: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
