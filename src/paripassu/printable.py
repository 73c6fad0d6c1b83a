"""Text of others as characters that are only shown: no terminal or page obeys any of them."""

import re

# Controls; marks that turn the direction of writing or are invisible; halves of surrogate pairs, which stand
# for bytes of a file's name that are no UTF-8; separators of lines and paragraphs; tags.
_OBEYED = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: str, *, keep: str = "") -> str:
    r"""Text with each character escaped, as Python writes it, that would be obeyed or cannot be shown.

    Args:
        text: any.
        keep: control characters that are left, such as line breaks.

    Example:
        >>> printable("x\x1b[2J\n\udcff")
        'x\\x1b[2J\\n\\xff'
        >>> printable("a\nb\x07", keep="\n")
        'a\nb\\x07'
    """
    return _OBEYED.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), text)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte, as `os.fsdecode` reads it
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
