"""Why a file is rejected. The child process that reads it can only return one of these, so that nothing from a file
gets into a response, a log or the trail."""

from enum import Enum

MAX_PIXELS = 65_000_000  # of one picture: phones take 50 and 64 million


def _(sentence: str) -> str:
    """Mark a sentence for the catalogue. `FileRefused` translates it: the child process starts without Django."""
    return sentence


class RefusalReason(Enum):
    """`code` is for the trail; `sentence`, with what is left open in it (`values`), is for the person who sent the
    file."""

    # name, type and content
    EMPTY = "empty", _("The file is empty.")
    NAME = "name", _("The file needs a name, such as letter.pdf.")
    TYPE = (
        "type",
        _("This file type is not supported: send a PDF, a JPEG, PNG, WebP or HEIC picture, or plain text (.txt)."),
    )
    DOCX = "docx", _("Word documents are not supported: save it as a PDF and send that.")
    SVG = (
        "svg",
        _("SVG drawings are not supported because they can contain scripts: save it as a PNG picture or a PDF."),
    )
    HTML = "html", _("Web pages are not supported because they can contain scripts: save it as a PDF.")
    DECLARED = "mismatch", _("The file's extension does not match the Content-Type it was sent with.")
    CONTENT = (
        "mismatch",
        _(
            "The file's content does not match its extension: save it again in the program that it comes "
            "from and send that."
        ),
    )
    # one file that is two
    BEFORE = "polyglot", _("This PDF has extra data before its beginning: print it to a new PDF and send that.")
    AFTER = "polyglot", _("This PDF has extra data after its end: print it to a new PDF and send that.")
    HIDDEN = (
        "polyglot",
        _(
            "Another file is hidden inside this one, such as a ZIP archive, a web page or a program: open "
            "it, save what you need as a PDF or a picture and send that."
        ),
    )
    # more than it seems
    PIXELS = "bomb", _("A picture has more than %(most)d million pixels: save a smaller copy and send that.")
    PAGES = "bomb", _("The PDF has more than 500 pages: split it into several files.")
    OBJECTS = "bomb", _("The PDF is too complex: print it to a new PDF and send that.")
    UNPACKED = (
        "bomb",
        _("The PDF expands to far more data than its size suggests: print it to a new PDF and send that."),
    )
    EFFORT = (
        "bomb",
        _(
            "This file takes too much memory or time to read: print it to a new PDF, or save a smaller "
            "picture, and send that."
        ),
    )
    # what cannot be read or cleaned
    ENCRYPTED = "encrypted", _("The PDF asks for a password: save a copy without one and send that.")
    BROKEN = (
        "broken",
        _(
            "The file is damaged or is not a valid file of its type: save it again in the program that it "
            "comes from and send that."
        ),
    )
    MOVING = "type", _("Animations and files with several pictures are not supported: send a still picture.")
    LIVE_FORM = "type", _("This PDF is a form that only some programs can show: print it to a new PDF and send that.")
    UNCLEAN = "broken", _("Something in this PDF can't be removed: print it to a new PDF and send that.")
    CHARSET = "broken", _("The encoding of this text is not clear: save it as UTF-8 and send that.")
    CONTROL = (
        "broken",
        _(
            "The text contains characters that text files do not have, so it may be another kind of file: "
            "save it as a PDF and send that."
        ),
    )

    @property
    def code(self) -> str:
        return self.value[0]

    @property
    def sentence(self) -> str:
        return self.value[1]

    @property
    def values(self) -> dict[str, int]:
        return {"most": MAX_PIXELS // 1_000_000}


class CannotClean(Exception):
    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(reason.name)
        self.reason = reason
