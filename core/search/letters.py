"""One spelling for the many ways to type a letter, so that what is typed finds what is stored (docs/adr/0003)."""

import re
import unicodedata
from collections.abc import Callable
from itertools import combinations

import regex
from anyascii import anyascii

# Marks that are left out when somebody types in a hurry. In other scripts a mark is a letter of its own, such as the
# vowel signs of Devanagari; the nukta (combining class 7) is an accent there too.
_ACCENT = regex.compile(
    r"[[[\p{Mn}\p{Me}]&&[\p{sc=Inherited}\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}\p{sc=Arabic}\p{sc=Hebrew}\p{sc=Syriac}]]"
    r"--[\u3099\u309a]]|\p{ccc=7}",
    regex.V1,
)
_INVISIBLE = regex.compile(r"[[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]--\s]", regex.V1)
_DASH = regex.compile(r"[\p{Pd}\u2212]")
_LATIN, _CYRILLIC = regex.compile(r"\p{sc=Latin}"), regex.compile(r"\p{sc=Cyrillic}")
_VOICING = ("\u3099", "\u309a")  # of kana
# Letters that differ from keyboard to keyboard, as Lucene's Arabic and Persian normalisers equate them.
_ARABIC = {
    "\u0640": "",  # tatweel, which only stretches a word
    "\u0649": "\u064a", "\u06cc": "\u064a", "\u06d2": "\u064a",  # yeh
    "\u06a9": "\u0643",  # kaf
    "\u0629": "\u0647", "\u06c1": "\u0647", "\u06be": "\u0647", "\u06d5": "\u0647",  # heh
}  # fmt: skip
# Malayalam's final consonants, which older keyboards type as a consonant, a virama and a joiner (Unicode, 12.9).
_FINAL_CONSONANTS = {
    "\u0d7a": "\u0d23\u0d4d",
    "\u0d7b": "\u0d28\u0d4d",
    "\u0d7c": "\u0d30\u0d4d",
    "\u0d7d": "\u0d32\u0d4d",
    "\u0d7e": "\u0d33\u0d4d",
    "\u0d7f": "\u0d15\u0d4d",
}
_OTHER_FORMS = _ARABIC | _FINAL_CONSONANTS
# The other spelling of letters that are written in two ways without them: as in passports (ICAO Doc 9303-3, section 6:
# Müller is Mueller or Muller; Ŋ is N there and NG elsewhere, ð is D there and TH to English ears: Sigurthsson), and
# Djordje for Đorđe, Aliyev for Əliyev.
_SECOND_SPELLING = {
    "ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "đ": "dj", "ə": "a", "ð": "th", "ŋ": "n",
}  # fmt: skip
MAX_MIXED = 2  # of these letters in a text; with more, all are spelt in the first way or in the second
_SPELT_TWICE = re.compile(f"[{''.join(_SECOND_SPELLING)}]")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")


class _Table(dict[int, str]):
    """A table for str.translate that works out an entry when it is first needed."""

    def __init__(self, entry: Callable[[str], str]) -> None:
        self._entry = entry

    def __missing__(self, code: int) -> str:
        self[code] = entry = self._entry(chr(code))
        return entry


def tidy(text: str) -> str:
    """Return the text in lower case, without apostrophes and what nobody sees (soft hyphens, zero-width characters),
    and with plain digits and hyphens."""
    if not text.isascii():
        composed = unicodedata.normalize("NFC", text)
        text = _FOREIGN.sub(lambda run: unicodedata.normalize("NFKC", run[0].translate(_TIDIED)), composed)
    return text.lower().replace("'", "").replace("`", "")


def fold(text: str) -> str:
    """Return the tidied text without accents and with one form of each letter: `Þóra Łoś` is thora los. Scripts other
    than Latin are not transliterated, since different names would become one."""
    return _folded(tidy(text))


def spellings(text: str) -> list[str]:
    """Return the folded text, then its other spellings: muller, mueller for Müller; for Ødegård also odegaard."""
    tidied = tidy(text)
    if tidied.isascii():
        return [tidied]
    letters = sorted(set(_SPELT_TWICE.findall(tidied)))
    some = range(1, len(letters) + 1) if len(letters) <= MAX_MIXED else [len(letters)]
    respelt = (_respell(tidied, chosen) for size in some for chosen in combinations(letters, size))
    return list(dict.fromkeys(map(_folded, [tidied, *respelt])))


def _respell(tidied: str, letters: tuple[str, ...]) -> str:
    for letter in letters:
        tidied = tidied.replace(letter, _SECOND_SPELLING[letter])
    return tidied


def _folded(tidied: str) -> str:
    if tidied.isascii():
        return tidied
    return _FOREIGN.sub(lambda run: unicodedata.normalize("NFC", run[0].translate(_FOLDED)), tidied)


def _tidied_character(character: str) -> str:
    if _is_apostrophe(character) or _INVISIBLE.match(character):
        return ""
    if _DASH.match(character):
        return "-"
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)


def _is_apostrophe(character: str) -> bool:
    """Return whether this is one of the many characters that people type for an apostrophe."""
    typed = unicodedata.category(character)[0] in "PS" or unicodedata.category(character) == "Lm"
    voicing = unicodedata.normalize("NFKD", character).endswith(_VOICING)
    return typed and not voicing and anyascii(character) in ("'", "`")


def _folded_character(character: str) -> str:
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(map(_folded_letter, apart))


def _folded_letter(letter: str) -> str:
    if letter.isascii():
        return letter if letter not in "'`" else ""
    if letter in _OTHER_FORMS:
        return _OTHER_FORMS[letter]
    if "ァ" <= letter <= "ヶ":
        return chr(ord(letter) - ord("ァ") + ord("ぁ"))
    if _ACCENT.match(letter) or _is_apostrophe(letter):
        return ""
    if _CYRILLIC.match(letter):
        return _plain_letter(letter)
    return anyascii(letter).lower().strip("'`") if _LATIN.match(letter) else letter


def _plain_letter(letter: str) -> str:
    """Return what Unicode's name calls the letter without a stroke, descender or hook: к for қ of Kazakh."""
    plain = unicodedata.name(letter, "").partition(" WITH ")[0]
    try:
        return unicodedata.lookup(plain)
    except KeyError:
        return letter


_TIDIED, _FOLDED = _Table(_tidied_character), _Table(_folded_character)
