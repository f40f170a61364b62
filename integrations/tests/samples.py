"""The EICAR test string as files contain it: in a PDF, in a ZIP, in a ZIP in a ZIP."""

import zlib
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from integrations.virus_scan.built_in import EICAR


def zipped(content: bytes, name: str = "letter.txt") -> bytes:
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def pdf_with(embedded: bytes) -> bytes:
    """Return a one-page PDF with a compressed embedded file."""
    squeezed = zlib.compress(embedded)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(letter.txt) 4 0 R]>>>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
        b"<</Type/Filespec/F(letter.txt)/EF<</F 5 0 R>>>>",
        b"<</Type/EmbeddedFile/Filter/FlateDecode/Length %d>>\nstream\n%b\nendstream" % (len(squeezed), squeezed),
    ]
    file, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    tail = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(file))
    return file + b"xref\n0 %d\n0000000000 65535 f \n%b" % (len(objects) + 1, table) + tail


INFECTED = {
    "as it is": EICAR,
    "in a PDF": pdf_with(EICAR),
    "zipped": zipped(EICAR),
    "in a ZIP in a ZIP": zipped(zipped(EICAR), "archive.zip"),
    "zipped in a PDF": pdf_with(zipped(EICAR)),
}
CLEAN = {
    "nothing": b"",
    "a letter": b"Dear Dr. Reyes, my back is better.\n",
    "a PDF": pdf_with(b"Dear Dr. Reyes"),
    "a ZIP": zipped(b"Dear Dr. Reyes"),
}
