"""Text as the outside world can take it."""


def clean(text: str) -> str:
    """The text as valid UTF-8 without NUL: halves of a surrogate pair are joined, lone ones and NUL become U+FFFD."""
    if "\0" not in text and _encodes(text):
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def cut(text: str, limit: int) -> str:
    """The cleaned text in at most `limit` characters; where some are left out, its end says how many."""
    if len(text) <= limit:
        return clean(text)
    mark = f" … [{len(text) - limit:,} characters or more left out]"
    return clean(text[: max(0, limit - len(mark))]) + mark[:limit]


def one_line(text: str, limit: int) -> str:
    """The cleaned text with every run of whitespace as one space, in at most `limit` characters."""
    return cut(" ".join(text.split()), limit)


def stays_inside(path: str) -> bool:
    """Whether the path can only mean a file below the folder it is taken from, on any system."""
    parts = path.split("/")
    plain = path.isprintable() and len(path) <= 400 and "\\" not in path and ":" not in parts[0]
    return plain and all(part not in ("", ".", "..") for part in parts)
