# ruff: noqa: RUF001 - texts as people write them
"""Kind 11 of issue 11, files as clinics have them.

Types that browsers do not know: altinn-studio#18989, inaturalist#4505, immich#1235, filepond#980, postmangovsg#185.
JPEG without its end: image.nvim#379, sview#138, libjpeg-turbo#163. An owner's password: documenso#3303, vita-min#6264,
onyx#9754, va.gov-team#43566. Windows-1252: SORMAS#3747, openhospital#1656. Names: FAIMS3#1676, elabftw#3966,
ElectronMail#272, indico#7479, kompassi#556, twenty#7323.
"""

import io
import os
import shutil
import subprocess
from zipfile import ZipFile

import pikepdf
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from core.tenancy.scope import practice_scope
from records.attachments import cleaning
from records.attachments.cleaning import jpeg as jpeg_segments
from records.models import Attachment
from records.tests.attachments import samples
from records.tests.factories import stored_file
from tests.admin_forms import send

pytestmark = pytest.mark.embedded  # what is in a file hangs on no database

PDF, JPEG, PNG, WEBP, HEIC, TEXT = samples.pdf, samples.jpeg, samples.png, samples.webp, samples.heic, lambda: b"Normal"
UNKNOWN = "application/octet-stream"
BOUNDARY = "frontier"


@pytest.fixture
def chart(own):
    return own.chart


@pytest.fixture
def upload(doctor, chart):
    """`upload(name, content, declared)`: a file in the chart; without `declared` the part has no Content-Type."""

    def post(name, content, declared=None):
        kind = f"Content-Type: {declared}\r\n" if declared is not None else ""
        body = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="patientId"\r\n\r\n{chart.pk}\r\n'
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n{kind}\r\n'
        ).encode() + b"%b\r\n--%b--\r\n" % (content, BOUNDARY.encode())
        return doctor.generic("POST", "/api/attachments", body, f"multipart/form-data; boundary={BOUNDARY}")

    return post


def kept(client, answer):
    """Return the content of an uploaded file."""
    assert answer.status_code == 201, answer.content
    return client.get(f"/api/attachments/{answer.json()['id']}/content").getvalue()


def opened(data):
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


# --- Types ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "made", "declared", "kind"),
    [
        ("IMG_0002.HEIC", HEIC, UNKNOWN, "image/jpeg"),
        ("IMG_0003.heic", HEIC, None, "image/jpeg"),
        ("IMG_0004.heic", HEIC, "", "image/jpeg"),
        ("IMG_0005.HIF", HEIC, "image/heif", "image/jpeg"),
        ("letter.pdf", PDF, UNKNOWN, "application/pdf"),
        ("letter.pdf", PDF, None, "application/pdf"),
        ("letter.pdf", PDF, "application/x-pdf", "application/pdf"),
        ("letter.pdf", PDF, "application/x-download", "application/pdf"),
        ("scan.jpg", JPEG, None, "image/jpeg"),
        ("scan.JPG", JPEG, "image/pjpeg", "image/jpeg"),
        ("download.jfif", JPEG, "image/jpeg", "image/jpeg"),
        ("download.jfif", JPEG, UNKNOWN, "image/jpeg"),
        ("scan.jpe", JPEG, "binary/octet-stream", "image/jpeg"),
        ("scan.png", PNG, "image/x-png", "image/png"),
        ("scan.webp", WEBP, None, "image/webp"),
        ("scan.jpg", JPEG, "image/*", "image/jpeg"),  # as apps on Android send it
        ("letter.pdf", PDF, "*/*", "application/pdf"),
        ("scan.jpeg", JPEG, "image/x-citrix-jpeg", "image/jpeg"),  # a browser on a Citrix desktop
        ("findings.txt", TEXT, UNKNOWN, "text/plain"),
    ],
)
def test_type_that_the_sender_does_not_know_is_found(upload, name, made, declared, kind):
    answer = upload(name, made(), declared)

    assert answer.status_code == 201, answer.content
    assert answer.json()["mediaType"] == kind


@pytest.mark.parametrize(
    ("name", "made", "declared"),
    [
        ("letter.pdf", PDF, "image/png"),
        ("scan.jfif", JPEG, "image/png"),
        ("scan.png", JPEG, UNKNOWN),
        ("scan.jpg", PNG, None),
        ("IMG_0002.heic", JPEG, UNKNOWN),
        ("letter.pdf", TEXT, UNKNOWN),
        ("findings.txt", PDF, None),
        ("findings.txt", lambda: bytes(range(256)), UNKNOWN),
        ("program.exe", PDF, UNKNOWN),
        ("letter", PDF, None),
        ("page.html", TEXT, UNKNOWN),
    ],
)
def test_contradiction_is_refused(upload, name, made, declared):
    assert upload(name, made(), declared).status_code == 400


def test_page_of_a_chart_takes_heic_as_chromium_sends_it(enter_as, chart):
    client = enter_as("admin")
    file = SimpleUploadedFile("IMG_0002.HEIC", samples.heic(), UNKNOWN)

    answer = client.post(f"/admin/records/attachment/to/{chart.pk}/", {"file": file})

    assert answer.status_code == 302
    with practice_scope(chart.practice_id):
        assert Attachment.objects.filter(patient=chart).latest("id").name == "IMG_0002.jpg"


def test_page_of_a_chart_lets_such_files_be_picked(enter_as, chart):
    page = enter_as("admin").get(f"/admin/records/attachment/to/{chart.pk}/").content.decode()

    assert {".heic", ".jfif"} <= set(page.split('accept="')[1].split('"')[0].split(","))


# --- Pictures ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow  # fifty million pixels
def test_photo_of_fifty_megapixels_is_kept(doctor, upload):
    photo = samples.jpeg(Image.linear_gradient("L").resize((8160, 6144)).convert("RGB"), exif=samples.exif(6))

    assert opened(kept(doctor, upload("IMG.jpg", photo, "image/jpeg"))).size == (6144, 8160)


@pytest.mark.slow  # and more
def test_photo_that_is_too_large_is_refused_before_it_is_decoded(upload):
    photo = samples.png(Image.new("1", (12_000, 9_000)))

    answer = upload("IMG.png", photo, "image/png")

    refusal = "A picture has more than 65 million pixels: save a smaller copy and send that."
    assert answer.json()["errors"] == {"file": [refusal]}


NOISE = Image.effect_noise((120, 90), 60)
WAYS = {
    "baseline": {},
    "grey": {"grey": True},
    "restart marks": {"restart_marker_rows": 1},
    "half the colours": {"subsampling": 2},
    "progressive": {"progressive": True},
}


def jpeg(grey=False, **way):
    colours = Image.merge("RGB", (NOISE, NOISE.rotate(180), NOISE))
    return samples.jpeg(NOISE if grey else colours, **way)


def test_jpeg_without_its_end_mark_is_kept(doctor, upload):
    photo = jpeg()

    without = kept(doctor, upload("photo.jpg", photo[:-2], "image/jpeg"))

    assert without == cleaning.clean("image/jpeg", photo)[1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("tail", [b"", b"\xff", b"\0" * 64])
def test_any_jpeg_without_its_end_mark_is_the_same_picture(way, tail):
    photo = jpeg(**WAYS[way])

    assert cleaning.clean("image/jpeg", photo[:-2] + tail) == cleaning.clean("image/jpeg", photo)


@pytest.mark.parametrize("way", WAYS)
def test_jpeg_of_which_more_is_missing_is_refused(subtests, way):
    photo = jpeg(**WAYS[way])
    for missing in (20, 100, len(photo) // 4, len(photo) // 2):
        with subtests.test(missing=missing), pytest.raises(cleaning.CannotClean):
            cleaning.clean("image/jpeg", photo[:-missing])


def test_progressive_jpeg_without_its_last_scans_is_refused(subtests):
    """It would only look blurred."""
    photo = jpeg(progressive=True)
    scans = [start for marker, start, _ in jpeg_segments.segments(photo) if marker == jpeg_segments.SCAN]
    assert len(scans) > 3
    for start in scans[1:]:
        with subtests.test(start=start), pytest.raises(cleaning.CannotClean):
            cleaning.clean("image/jpeg", photo[:start])


@pytest.mark.parametrize("hidden", [b"<html><script>alert(1)</script>", b"<?php x ?>"])
def test_jpeg_without_its_end_mark_hides_nothing(hidden):
    with pytest.raises(cleaning.CannotClean):
        cleaning.clean("image/jpeg", jpeg()[:-2] + hidden)


def test_png_without_its_last_chunk_is_kept():
    picture = samples.png()

    assert cleaning.clean("image/png", picture[:-12]) == cleaning.clean("image/png", picture)
    with pytest.raises((cleaning.CannotClean, OSError, SyntaxError)):
        cleaning.clean("image/png", picture[:-60])


# --- PDFs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [{"R": 2, "aes": False, "metadata": False}, {"R": 4, "metadata": False}, {"R": 6}])
def test_pdf_that_opens_without_asking_is_kept_without_its_protection(doctor, upload, way):
    protected = samples.pdf(encryption=pikepdf.Encryption(owner="owner", user="", **way))

    data = kept(doctor, upload("report.pdf", protected, "application/pdf"))

    with pikepdf.open(io.BytesIO(data)) as found:
        assert not found.is_encrypted
    assert samples.SENTENCE.encode() in samples.everything(data)


def test_pdf_that_asks_for_a_password_is_refused(upload):
    protected = samples.pdf(encryption=pikepdf.Encryption(owner="owner", user="secret"))

    answer = upload("report.pdf", protected, "application/pdf")

    sentence = "The PDF asks for a password: save a copy without one and send that."
    assert (answer.status_code, answer.json()["errors"]) == (400, {"file": [sentence]})


def test_protection_hides_no_script(doctor, upload):
    script = samples.pdf(
        lambda made: made.Root.__setattr__("OpenAction", samples.script()),
        encryption=pikepdf.Encryption(owner="owner", user=""),
    )

    assert b"app.alert" not in samples.everything(kept(doctor, upload("report.pdf", script, "application/pdf")))


# --- Texts ------------------------------------------------------------------------------------------------------------

WESTERN = [
    "Größe 182 cm, Gewicht 80 kg. Ödem am Knie, 37,5 °C – „gut“ gemäß Müller. 20 €",
    "Le patient se plaint d’une douleur à l’épaule. Température 37,5 °C. Déjà opéré – coût 30 €…",
    "El niño tiene fiebre. ¿Alergias? Ninguna. Señora Muñoz, mañana a las 9. ¡Gracias!",
    "Paciente com dor lombar há três dias. Não há alergias. Ação: repouso. 2ª vez, 1º dia.",
    "C’è dolore al ginocchio, perché è già stato operato giovedì.",
    "Åsa Öberg har ont i vänster axel. ”Bättre”, sade hon. »Ord«",
    "Smerter i højre knæ efter fald. Blå mærker. Født i Århus.",
    "Þóra Guðmundsdóttir er með verk í öxl. Þýðing: íþróttir.",
    "Patient’s “pain” score 3–4 — better. WBC 5×10³/µL ±0.2, ½ tablet, m²",
    "Tylenol® 500 mg†, Advil™ 200 mg, §5, £5, ¥100, 5¢, 20×30 cm",
    "FRANÇOIS MÜLLER-LÜDENSCHEIDT, CAFÉ “RÉSUMÉ”",
    "37 °C",
    "Café",
    "ÄÖÜ äöü ß",
]


def test_text_in_windows_1252_is_stored_as_utf_8(doctor, upload):
    answer = upload("findings.txt", WESTERN[0].encode("cp1252"), "text/plain")

    assert kept(doctor, answer).decode() == WESTERN[0]


def test_end_mark_of_a_dos_text_is_dropped():
    assert cleaning.clean("text/plain", "Ödem: 37 °C\r\n".encode("cp1252") + b"\x1a")[1].decode() == "Ödem: 37 °C\r\n"


@pytest.mark.parametrize("text", WESTERN)
def test_any_western_text_is_read(text):
    assert cleaning.clean("text/plain", text.encode("cp1252"))[1].decode() == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Пациент жалуется на боль в спине.", "cp1251"),
        ("Привет", "cp1251"),
        ("Пациент жалуется на боль в спине.", "koi8-r"),
        ("Pacjent skarży się na ból pleców. Zażółć gęślą jaźń.", "cp1250"),
        ("Pacjent skarży się na ból pleców od trzech dni.", "iso8859-2"),
        ("Ο ασθενής παραπονιέται για πόνο στην πλάτη.", "cp1253"),
        ("החולה מתלונן על כאבי גב", "cp1255"),
        ("المريض يشكو من ألم في الظهر", "cp1256"),
        ("患者は腰痛を訴えている。", "shift_jis"),
        ("病人主诉腰痛三天。", "gbk"),
        ("病人主訴腰痛三天。", "big5"),
        ("환자는 허리 통증을 호소한다.", "euc-kr"),
        ("Größe 182 cm, Ödem am Knie, gemäß Müller. Café déjà", "mac_roman"),
        ("Größe 182 cm, gemäß Müller. Café déjà vu", "cp850"),
        ("Ödem am Knie", "cp437"),
    ],
)
def test_text_that_would_be_stored_with_wrong_letters_is_refused(text, encoding):
    with pytest.raises(cleaning.CannotClean) as refused:
        cleaning.clean("text/plain", text.encode(encoding))

    assert refused.value.reason is cleaning.RefusalReason.CHARSET


@pytest.mark.parametrize("damaged", ["Größe und “naïve” café".encode() + b"\xff", "Pain \N{SLEEPY FACE}".encode()[:-2]])
def test_damaged_utf_8_is_not_taken_for_windows_1252(damaged):
    with pytest.raises(cleaning.CannotClean):
        cleaning.clean("text/plain", damaged)


# --- Names ------------------------------------------------------------------------------------------------------------


NAMES = [
    ("检" * 196 + ".pdf", "检" * 83 + ".pdf"),
    ("é" * 190 + ".jpeg.pdf", "é" * 125 + ".pdf"),
    ("\N{SLEEPY FACE}" * 100 + ".pdf", "\N{SLEEPY FACE}" * 62 + ".pdf"),
    ("CON.pdf", "CON_.pdf"),
    ("nul.pdf", "nul_.pdf"),
    ("aux.report.pdf", "aux_.report.pdf"),
    ("COM1 .pdf", "COM1_.pdf"),
    ("LPT9.pdf", "LPT9_.pdf"),
    ("com¹.pdf", "com¹_.pdf"),
    ("CONIN$.pdf", "CONIN$_.pdf"),
    ("console.pdf", "console.pdf"),
    ("com10.pdf", "com10.pdf"),
]


@pytest.mark.parametrize(("name", "shown"), NAMES)
def test_name_of_an_upload_fits_every_file_system(upload, name, shown):
    assert upload(name, samples.pdf(), "application/pdf").json()["name"] == shown
    assert len(shown.encode()) <= 255


@pytest.fixture
def stored(chart, doctor):
    """`stored(name)`: a file with a name as they were before."""

    def store(name):
        with practice_scope(chart.practice_id):
            return stored_file(patient=chart, uploaded_by=doctor.user, name=name)

    return store


def test_new_name_of_a_file_fits_every_file_system(doctor, stored, subtests):
    address = f"/api/attachments/{stored('scan.pdf').pk}"
    for name, shown in NAMES:
        with subtests.test(name=name):
            for typed in (name, name.removesuffix(".pdf")):
                answer = doctor.patch(address, {"name": typed}, content_type="application/json")

                assert answer.json()["name"] == shown


def test_new_name_keeps_what_stands_before_a_slash(doctor, stored, subtests):
    """The browser's folders are cut off an upload's name; a name that somebody types has none."""
    address = f"/api/attachments/{stored('scan.pdf').pk}"
    for typed, shown in [
        ("MRI 3/4 left", "MRI 3_4 left.pdf"),
        ("12/03/2026\\copy", "12_03_2026_copy.pdf"),
        ("../up", "up.pdf"),
        ("C:\\scan", "scan.pdf"),
    ]:
        with subtests.test(typed=typed):
            answer = doctor.patch(address, {"name": typed}, content_type="application/json")

            assert answer.json()["name"] == shown


def test_new_name_on_the_page_of_a_file_fits_every_file_system(enter_as, own):
    for name, shown in (("检" * 196, "检" * 83 + ".txt"), ("con", "con_.txt")):
        assert send(enter_as("admin"), own.file, name=name).status_code == 302
        with practice_scope(own.practice.pk):
            assert Attachment.objects.get(pk=own.file.pk).name == shown


@pytest.mark.skipif(not shutil.which("unzip"), reason="unzip is not installed")
def test_zip_of_old_names_can_be_unpacked_everywhere(doctor, chart, stored, tmp_path):
    long = "检" * 196 + ".txt"
    for name in (long, long, "CON.txt", "con.txt", "nul.txt", "aux .txt", "a.txt"):
        stored(name)
    (tmp_path / "files.zip").write_bytes(doctor.get(f"/api/patients/{chart.pk}/attachments.zip").getvalue())

    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    subprocess.run(["unzip", "-q", "files.zip"], cwd=tmp_path, env=environment, check=True)

    names = {path.name for path in tmp_path.iterdir()} - {"files.zip", "scan-Ownwood.txt"}
    assert names == {
        "检" * 83 + ".txt", "检" * 82 + " (2).txt", "CON_.txt", "con_ (2).txt", "nul_.txt", "aux_.txt", "a.txt"
    }  # fmt: skip


def test_names_in_a_zip_are_short_and_different(doctor, chart, stored):
    for letter in "检é\N{SLEEPY FACE}x":
        for _ in range(12):
            stored(letter * 196 + ".txt")
    archive = ZipFile(io.BytesIO(doctor.get(f"/api/patients/{chart.pk}/attachments.zip").getvalue()))

    assert len(set(archive.namelist())) == 48 + 1
    assert max(len(name.encode()) for name in archive.namelist()) <= 255
