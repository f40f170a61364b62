"""Codes as people type them: of an authenticator app, recovery codes, join codes.

Seen in two_factor_authentication#155, WordPress two-factor#317, securedrop#820 and TfaTotp#2.
"""

import pytest

from accounts.models import Authenticator, RecoveryCode, SignInChannel, User
from accounts.second_factor import recovery
from accounts.second_factor_challenge import issue_challenge_token
from accounts.tests.factories import JoinCodeFactory, UserFactory
from accounts.tests.second_factors import post
from core.codes import normalise_code
from core.encryption.blind_index import join_code_fingerprint
from core.tenancy.scope import practice_scope
from practices.tests.factories import OfficeFactory
from tests.authenticator import RIGHT, TOTP, App, app_of, codes_on, page_secret, sign_in

pytestmark = pytest.mark.embedded  # reading a code asks no database

ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
DEVANAGARI = str.maketrans("0123456789", "०१२३४५६७८९")
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
AS_TYPED = {
    "hyphen": lambda code: f"{code[:3]}-{code[3:]}",
    "blank": lambda code: f"{code[:3]} {code[3:]}",
    "no-break blank": lambda code: f"{code[:3]}\N{NO-BREAK SPACE}{code[3:]}",
    "ideographic blank": lambda code: f"{code[:3]}\N{IDEOGRAPHIC SPACE}{code[3:]}",
    "en dash": lambda code: f"{code[:3]}\N{EN DASH}{code[3:]}",
    "dots": lambda code: f"{code[:3]}.{code[3:]}",
    "one by one": " ".join,
    "full-width": lambda code: code.translate(FULL_WIDTH),
    "full-width with its hyphen": lambda code: f"{code[:3]}-{code[3:]}".translate(FULL_WIDTH),
    "Arabic-Indic": lambda code: code.translate(ARABIC),
    "Persian": lambda code: code.translate(PERSIAN),
    "Devanagari": lambda code: code.translate(DEVANAGARI),
    "pasted with a line break": lambda code: f"{code}\r\n",
    "pasted with a zero-width space": lambda code: f"\N{ZERO WIDTH SPACE}{code}",
    "pasted with direction marks": lambda code: f"\u202a{code}\u202c",
}
NOT_THE_CODE = ("", "12345", "1234567", "O12345", "12345l", "-- --", "一二三四五六", "\ud800")


@pytest.mark.parametrize("way", AS_TYPED)
def test_one_function_reads_every_code(way):
    assert normalise_code(AS_TYPED[way]("012345")) == "012345"
    assert normalise_code(AS_TYPED[way]("abcd2345")) == "ABCD2345"


@pytest.fixture
def person(make_user):
    return make_user("admin")


def answer_of_api(client, user, **answer):
    token = issue_challenge_token(User.all_practices.get(pk=user.pk), SignInChannel.API)
    return post(client, "/api/auth/mfa", {"mfa_token": token, **answer}).status_code


def test_api_takes_an_app_code_as_typed(person, anonymous, subtests):
    code = app_of(person).code()
    for way, type_in in AS_TYPED.items():
        with subtests.test(way=way):
            Authenticator.objects.update(last_step=0)  # or the code would be used up

            assert answer_of_api(anonymous, person, method="totp", code=type_in(code)) == 200


def test_api_refuses_what_is_not_the_code(person, anonymous, subtests):
    app_of(person)
    for code in NOT_THE_CODE[1:-1]:
        with subtests.test(code=code):
            assert answer_of_api(anonymous, person, method="totp", code=code) in (401, 429)


@pytest.mark.parametrize("way", ["hyphen", "full-width", "Arabic-Indic", "pasted with direction marks"])
def test_page_takes_an_app_code_as_typed(person, anonymous, way):
    app = app_of(person)

    assert sign_in(anonymous, person, code=AS_TYPED[way](app.code())).url == "/admin/"


def test_app_is_set_up_with_a_code_as_typed(enter_as):
    client = enter_as("admin")
    app = App(page_secret(client.post(TOTP, RIGHT)))

    answer = client.post(f"{TOTP}confirm/", {"code": f"\u2067{app.code()}\u2069 ".translate(FULL_WIDTH)})

    assert len(codes_on(answer)) == 10


def test_recovery_code_as_typed(person, anonymous, subtests):
    app_of(person)
    codes = recovery.create_codes(person)
    ways = ["hyphen", "blank", "ideographic blank", "en dash", "full-width", "Persian", "pasted with direction marks"]
    for code, way in zip(codes, ways, strict=False):
        with subtests.test(way=way):
            typed = AS_TYPED[way](code.replace("-", "").lower())

            assert answer_of_api(anonymous, person, method="recovery_code", code=typed) == 200
    assert RecoveryCode.objects.filter(user=person, used_at=None).count() == len(codes) - len(ways)


def test_recovery_code_as_typed_on_the_page(person, anonymous):
    app_of(person)
    code = recovery.create_codes(person)[0]

    assert sign_in(anonymous, person, code=code.lower().translate(FULL_WIDTH)).url == "/admin/"


@pytest.mark.parametrize("way", ["hyphen", "full-width with its hyphen", "Arabic-Indic", "dots", "one by one"])
def test_join_code_as_typed(practice, anonymous, way):
    with practice_scope(practice.pk):
        doctor = UserFactory(role="doctor")
        JoinCodeFactory(doctor=doctor, office=OfficeFactory(), code_index=join_code_fingerprint("WXYZ2345"))
    newcomer = {"name": "Grace Hopper", "email": "grace@example.com", "password": "Passw0rd!", "role": "patient"}

    for code in ("wxyz2345", practice.join_code.lower()):
        body = {**newcomer, "email": f"{code}@example.com", "joinCode": AS_TYPED[way](code)}

        assert post(anonymous, "/api/auth/register", body).status_code == 201
