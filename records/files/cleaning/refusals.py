"""Why a file is not taken. The child process that reads it may say one of these words and no other, so that nothing
that a file holds gets into an answer, a log or the trail."""

from enum import Enum


class Why(Enum):
    """`reason` is for the trail, one of a few words; `sentence` is for the person who sent the file."""

    # name, type and content
    EMPTY = "empty", "The file is empty."
    NAME = "name", "The file has no name that can be kept: give it one such as letter.pdf."
    TYPE = (
        "type",
        "Files of this type are not taken: send a PDF, a JPEG, PNG, WebP or HEIC picture, or plain text (.txt).",
    )
    DOCX = "docx", "Word documents are not taken: save it as a PDF and send that."
    SVG = "svg", "SVG drawings are not taken, for they can hold scripts: save it as a PNG picture or a PDF."
    HTML = "html", "Web pages are not taken, for they can hold scripts: save it as a PDF."
    UNDECLARED = (
        "mismatch",
        "The file was sent without its type: its Content-Type must be the one of its extension, such as "
        "application/pdf for .pdf.",
    )
    DECLARED = "mismatch", "The file's extension and the Content-Type it was sent with do not agree."
    CONTENT = "mismatch", "The file's content is not what its extension says."
    # one file that is two
    BEFORE = "polyglot", "Something stands before the beginning of this PDF: print it to a new PDF and send that."
    AFTER = "polyglot", "Something stands after the end of this PDF: print it to a new PDF and send that."
    HIDDEN = "polyglot", "Another file is hidden in this one, such as a ZIP archive, a web page or a program."
    # more than it seems
    PIXELS = "bomb", "A picture has more than 50 million pixels."
    PAGES = "bomb", "The PDF has more than 500 pages: send it in parts."
    OBJECTS = "bomb", "The PDF is made of too many parts: print it to a new PDF and send that."
    UNPACKED = "bomb", "The PDF unpacks to far more than it seems: print it to a new PDF and send that."
    EFFORT = "bomb", "Reading this file takes more memory or time than any file may."
    # what cannot be read or cleaned
    ENCRYPTED = (
        "encrypted",
        "The PDF is protected, with a password or against changes and copying: save it without the protection.",
    )
    BROKEN = "broken", "The file is damaged, or not written as files of its type are, and cannot be read."
    MOVING = "type", "Moving pictures, and several pictures in one file, are not taken: send a still one."
    LIVE_FORM = "type", "This PDF is a form that only a program can show: print it to a new PDF and send that."
    UNCLEAN = "broken", "Something in this PDF cannot be taken out: print it to a new PDF and send that."
    CHARSET = "broken", "The text is not written in UTF-8: save it with the encoding UTF-8."
    CONTROL = "broken", "The text holds characters that no text has: it may be another kind of file."

    @property
    def reason(self) -> str:
        return self.value[0]

    @property
    def sentence(self) -> str:
        return self.value[1]


class CannotClean(Exception):
    def __init__(self, why: Why) -> None:
        super().__init__(why.name)
        self.why = why
