"""Made-up people who look real. Phones are from the range reserved for fiction (555-0100 to 555-0199), emails use the
domains reserved for examples (RFC 2606), so nobody real is ever called or written to."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import accumulate, islice
from random import Random

from demo.words import BEGINNINGS, ENDINGS, FEMALE, FREQUENT, MALE, MIDDLES, STREET_KINDS, STREETS

SURNAMES = [*FREQUENT, *islice((a + b for b in ENDINGS for a in BEGINNINGS if a[-1] != b[0]), 1000 - len(FREQUENT))]
# Zipf's law, flattened until the first is as frequent as Smith in the census of 2010 (0.8 %) and the last some 0.03 %.
SURNAME_WEIGHTS = list(accumulate(1 / (37 + rank) for rank in range(1, len(SURNAMES) + 1)))
RARE_SHARE, DOUBLE_SHARE = 0.02, 0.03  # very rare and double-barrelled surnames

TOWNS = (
    ("Brooklyn, NY", 11201, 212),
    ("Queens, NY", 11354, 718),
    ("Yonkers, NY", 10701, 914),
    ("White Plains, NY", 10601, 914),
    ("Albany, NY", 12203, 518),
    ("Hoboken, NJ", 7030, 201),
    ("Montclair, NJ", 7042, 973),
    ("Princeton, NJ", 8540, 609),
    ("Stamford, CT", 6901, 203),
    ("New Haven, CT", 6510, 203),
    ("Providence, RI", 2903, 401),
    ("Scranton, PA", 18503, 570),
)
BLOOD_TYPES = ("O+", "A+", "B+", "O-", "A-", "AB+", "B-", "AB-")
BLOOD_WEIGHTS = (374, 357, 85, 66, 63, 34, 15, 6)
ALLERGIES = ("Penicillin", "Latex", "Sulfa drugs", "Ibuprofen", "Peanuts", "Bee stings", "Codeine", "Adhesive tape")
HISTORIES = (  # and the latest year of birth that each fits
    ("Hypertension, controlled with lisinopril.", 1986),
    ("Type 2 diabetes since 2014, diet and metformin.", 1979),
    ("Motor vehicle accident in 2018 with whiplash; recurring neck pain since.", 2001),
    ("Lumbar disc herniation L4/L5, treated without surgery.", 1999),
    ("Right knee arthroscopy in 2016.", 1999),
    ("Asthma since childhood, inhaler as needed.", 9999),
    ("Migraine with aura, two to three a month.", 9999),
    ("Osteoarthritis of both hands.", 1972),
    ("Mild scoliosis, no bracing.", 9999),
    ("Left rotator cuff repair in 2020.", 1979),
)
KIN = (  # relation, their first names, and between which years of birth a patient has one to call
    ("spouse", FEMALE + MALE, 1936, 2000),
    ("sister", FEMALE, 1936, 9999),
    ("brother", MALE, 1936, 9999),
    ("mother", FEMALE, 1970, 9999),
    ("father", MALE, 1970, 9999),
    ("daughter", FEMALE, 1936, 1982),
    ("son", MALE, 1936, 1982),
    ("friend", FEMALE + MALE, 1936, 9999),
)
OLDEST, YOUNGEST = date(1936, 1, 1), date(2007, 12, 31)  # the demo practice sees adults


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up patient; `fields()` are those of patients.models.Patient."""

    name: str
    email: str
    phone: str
    date_of_birth: date
    gender: str
    address: str
    blood_type: str
    allergies: str
    medical_history: str
    emergency_contact: str

    def fields(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}


def make_random(seed: int | str) -> Random:
    """Return a generator that yields the same people for the same seed on every machine."""
    return Random(seed)  # noqa: S311 - made-up people need no secrecy


def surname(random: Random) -> str:
    roll = random.random()
    if roll < RARE_SHARE:
        return random.choice(BEGINNINGS) + random.choice(MIDDLES) + random.choice(ENDINGS)
    first = _frequent(random)
    return f"{first}-{_frequent(random)}" if roll < RARE_SHARE + DOUBLE_SHARE else first


def _frequent(random: Random) -> str:
    return random.choices(SURNAMES, cum_weights=SURNAME_WEIGHTS)[0]


def phone(random: Random, area: int) -> str:
    return f"({area}) 555-01{random.randrange(100):02}"


def email_of(name: str, number: int, random: Random) -> str:
    """Return an email: `Anne O'Brien`, 7 is anne.obrien7@example.org."""
    plain = name.lower().replace("'", "").replace(" ", ".").translate(_PLAIN)
    return f"{plain}{number or ''}@example.{random.choice(('com', 'org', 'net'))}"


_PLAIN = str.maketrans("áàäéëíóöúüñø", "aaaeeioouuno")


@cache
def _kin_of(year: int) -> list[tuple[str, tuple[str, ...]]]:
    """Return whom somebody born then has to call: the relation, and first names of such people."""
    return [(relation, first_names) for relation, first_names, first, last in KIN if first <= year <= last]


@cache
def _histories_of(year: int) -> list[str]:
    return [history for history, latest in HISTORIES if year <= latest]


def person(random: Random, number: int = 0) -> Person:
    """Return a new person. `number` makes the emails of many people distinct."""
    gender = "female" if random.random() < 0.52 else "male"
    family = surname(random)
    name = f"{random.choice(FEMALE if gender == 'female' else MALE)} {family}"
    town, zip_code, area = random.choice(TOWNS)
    street = f"{random.choice(STREETS)} {random.choice(STREET_KINDS)}"
    born = OLDEST + timedelta(days=random.randrange((YOUNGEST - OLDEST).days))
    relation, first_names = random.choice(_kin_of(born.year))
    kin = f"{random.choice(first_names)} {family} ({relation})"
    return Person(
        name=name,
        email=email_of(name, number, random),
        phone=phone(random, area),
        date_of_birth=born,
        gender=gender if random.random() > 0.01 else "other",
        address=f"{random.randrange(1, 999)} {street}, {town} {zip_code + random.randrange(20):05}",
        blood_type=random.choices(BLOOD_TYPES, BLOOD_WEIGHTS)[0] if random.random() < 0.7 else "",
        allergies=random.choice(ALLERGIES) if random.random() < 0.3 else "",
        medical_history=random.choice(_histories_of(born.year)) if random.random() < 0.6 else "",
        emergency_contact=f"{kin}, {phone(random, area)}",
    )
