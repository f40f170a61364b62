"""`manage.py seed`: the demo practice, and any number of made-up people on top of it."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.errors import Refusal
from core.tenancy import practice_scope
from dashboard.demo import bulk
from dashboard.demo.clinic import SIGN_INS, NotTheDemo, ensure_demo
from practices.models import Practice

DEMO_PASSWORD = "Passw0rd!"  # noqa: S105 - the contract's, for a demo; refused outside DEBUG


class Command(BaseCommand):
    help = (
        "Make the demo practice with its sign-ins, charts, calendar and records; running it again doubles nothing. "
        "With --patients, --appointments and --records also that many made-up ones more. Refused outside DEBUG "
        "unless --password is given."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--password", default="", help=f"the sign-ins' password (in DEBUG: {DEMO_PASSWORD})")
        parser.add_argument("--practice", default="", metavar="NAME", help="put the bulk here instead of in the demo")
        for kind, singular in (("patients", "chart"), ("appointments", "past appointment"), ("records", "record")):
            parser.add_argument(
                f"--{kind}", type=_amount, default=0, metavar="N", help=f"add N made-up {singular}s, a batch at a time"
            )
        parser.add_argument("--random-seed", type=int, default=1, help="another number makes other people (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        password = options["password"] or (DEMO_PASSWORD if settings.DEBUG else "")
        if not password:
            raise CommandError(
                "Made-up people do not belong into a practice at work. If you mean it (DEBUG is off), choose the demo "
                "sign-ins' password with --password."
            )
        practice = _practice_named(options["practice"]) if options["practice"] else self._demo(password)
        with practice_scope(practice.pk):
            self._add(practice, options)

    def _demo(self, password: str) -> Practice:
        try:
            practice, is_new = ensure_demo(password=password)
        except (NotTheDemo, Refusal) as error:
            raise CommandError(str(error)) from error
        if is_new:
            self.stdout.write(self.style.SUCCESS(f"Made the demo practice {practice.name}. Its sign-ins:"))
            for one in SIGN_INS:
                self.stdout.write(f"  {one.email:22} {one.specialization or one.role.label}")
        else:
            self.stdout.write(f"The demo practice {practice.name} is there already.")
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
            except bulk.NothingToStandOn as error:
                raise CommandError(str(error)) from error
            except KeyboardInterrupt:
                raise CommandError(f"Stopped after {added:,} {kind}; they stay.", returncode=130) from None
            self.stdout.write(self.style.SUCCESS(f"Added {added:,} {kind} to {practice.name}."))


def _amount(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is no number of rows.")
    return int(text)


def _practice_named(name: str) -> Practice:
    practices = list(Practice.objects.filter(name=name)[:2])
    if len(practices) != 1:
        raise CommandError(f"{'Several practices have' if practices else 'No practice has'} the name {name!r}.")
    return practices[0]
