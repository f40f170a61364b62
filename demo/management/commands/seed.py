"""`manage.py seed`: creates the demo practice, and any number of made-up people in addition."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.errors import Refusal
from core.tenancy.scope import practice_scope
from demo import bulk
from demo.clinic import SIGN_INS, DemoEmailTaken, ensure_demo
from practices.models import Practice

DEMO_PASSWORD = "Passw0rd!"  # noqa: S105 - from the contract, for a demo; refused outside DEBUG


class Command(BaseCommand):
    help = (
        "Create the demo practice with its sign-ins, charts, calendar and records; a second run adds nothing. "
        "--patients, --appointments and --records add that many made-up ones. Refused outside DEBUG unless --password "
        "is given."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--password", default="", help=f"password of the sign-ins (in DEBUG: {DEMO_PASSWORD})")
        parser.add_argument(
            "--practice", default="", metavar="NAME", help="add the made-up rows to this practice instead of the demo"
        )
        for kind, singular in (("patients", "chart"), ("appointments", "past appointment"), ("records", "record")):
            parser.add_argument(
                f"--{kind}", type=_amount, default=0, metavar="N", help=f"add N made-up {singular}s in batches"
            )
        parser.add_argument(
            "--random-seed", type=int, default=1, help="a different number generates different people (default 1)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        password = options["password"] or (DEMO_PASSWORD if settings.DEBUG else "")
        if not password:
            raise CommandError(
                "Made-up people do not belong in a live practice. If you really mean it (DEBUG is off), set a password "
                "for the demo sign-ins with --password."
            )
        practice = _practice_named(options["practice"]) if options["practice"] else self._demo(password)
        with practice_scope(practice.pk):
            self._add(practice, options)

    def _demo(self, password: str) -> Practice:
        try:
            practice, is_new = ensure_demo(password=password)
        except (DemoEmailTaken, Refusal) as error:
            raise CommandError(str(error)) from error
        if is_new:
            self.stdout.write(self.style.SUCCESS(f"Created the demo practice {practice.name}. Its sign-ins:"))
            for sign_in in SIGN_INS:
                self.stdout.write(f"  {sign_in.email:22} {sign_in.specialization or sign_in.role.label}")
        else:
            self.stdout.write(f"The demo practice {practice.name} already exists.")
        return practice

    def _add(self, practice: Practice, options: dict[str, Any]) -> None:
        for kind, add in (
            ("patients", bulk.add_patients),
            ("appointments", bulk.add_appointments),
            ("records", bulk.add_records),
        ):
            if not options[kind]:
                continue
            added = 0
            try:
                for size in add(practice, options[kind], seed=options["random_seed"]):
                    added += size
            except bulk.NoPatientsError as error:
                raise CommandError(str(error)) from error
            except KeyboardInterrupt:
                raise CommandError(f"Stopped after {added:,} {kind}; they were kept.", returncode=130) from None
            self.stdout.write(self.style.SUCCESS(f"Added {added:,} {kind} to {practice.name}."))


def _amount(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not a number of rows.")
    return int(text)


def _practice_named(name: str) -> Practice:
    practices = list(Practice.objects.filter(name=name)[:2])
    if len(practices) != 1:
        raise CommandError(f"{'Several practices are' if practices else 'No practice is'} named {name!r}.")
    return practices[0]
