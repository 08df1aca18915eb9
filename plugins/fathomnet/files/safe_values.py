"""Which file names and URLs of a file may be used, and what a URL gives away."""

import re
from collections.abc import Callable
from unicodedata import normalize
from urllib.parse import parse_qsl

LARGEST_ID = 2**63 - 1
"""What a whole number of a database and of a table's column can hold."""

LONGEST_SEGMENT = 255
"""Bytes that common file systems accept in a file name."""

_SEGMENT = rf"[A-Za-z0-9_-][A-Za-z0-9_.-]{{0,{LONGEST_SEGMENT - 1}}}"
PLAIN_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
"""A file's path to which no rule objects, as nearly all are."""
_DRIVE = re.compile(r"[A-Za-z]:")
_HOST = r"(?:[\w.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
_WEB_URL = re.compile(rf"https?://{_HOST}(?:[/?#].*)?", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_LOGIN = re.compile(r"//[^/?#]*@")
_QUERY = re.compile(r"[?#]")
# Parameters of the signed URLs of Google, Amazon, Azure and CloudFront, and of tokens in general.
_SECRET = re.compile(
    r"^x-(goog|amz)-|accessid|key|secret|signature|^sig$|token|auth|^expires|^policy", re.IGNORECASE
)

_FILE_NAME_RULES: tuple[tuple[Callable[[str], object], str], ...] = (
    (lambda name: not name or name.isspace(), "is empty"),
    (lambda name: name != name.strip(), "begins or ends with white space"),
    (lambda name: not name.isprintable(), "holds a character that cannot be printed"),
    (lambda name: "\\" in name, "holds a backslash; folders are separated by '/'"),
    (
        lambda name: name[0] == "/" or _DRIVE.match(name),
        "is an absolute path; it should be relative to the images' folder",
    ),
    (lambda name: ".." in name.split("/"), "leaves the images' folder through '..'"),
    (
        lambda name: not {"", "."}.isdisjoint(name.split("/")),
        "has an empty or '.' folder in its path",
    ),
    (
        lambda name: max(map(len, name.encode().split(b"/"))) > LONGEST_SEGMENT,
        f"has a segment of more than {LONGEST_SEGMENT} bytes, which file systems refuse",
    ),
)


def safe_file_name(name: str) -> str:
    """Returns a file name that stays inside whatever folder or bucket it is put into.

    Args:
        name: path relative to the media folder, with ``/`` between segments.

    Raises:
        ValueError: the name is empty, could leave the folder, or is not portable.

    Examples:
        >>> safe_file_name("dive-443/07-03-27-40.png")
        'dive-443/07-03-27-40.png'
        >>> safe_file_name("../secrets.png")
        Traceback (most recent call last):
        ValueError: '../secrets.png' leaves the images' folder through '..'
    """
    if PLAIN_PATH.fullmatch(name):
        return name
    for breaks_rule, problem in _FILE_NAME_RULES:
        if breaks_rule(name):
            raise ValueError(f"{name[:80]!r} {problem}")
    return name


def folded_name(name: str) -> str:
    """A file's name as a file system takes it that ignores case and the forms of Unicode.

    Examples:
        >>> folded_name("Caf\u00e9.PNG") == folded_name("cafe\u0301.png")
        True
    """
    return normalize("NFC", name).casefold()


def web_url(url: str | None) -> str | None:
    """An http(s) URL, or None where the file gives none.

    Raises:
        ValueError: the text is not a complete http(s) URL, or carries a user name or password.

    Examples:
        >>> web_url("https://fathomnet.org/static/a.png")
        'https://fathomnet.org/static/a.png'
        >>> web_url("ftp://host.org/a")
        Traceback (most recent call last):
        ValueError: 'ftp://host.org/a' is not an http or https URL (without user and password)
    """
    url = (url or "").strip()
    if not url:
        return None
    if not _WEB_URL.fullmatch(url):
        shown = _LOGIN.sub("//…@", url)[:80]  # who reads the message may not know the password
        raise ValueError(f"{shown!r} is not an http or https URL (without user and password)")
    if not url.isprintable():
        raise ValueError(f"{url[:80]!r} holds unprintable characters")
    return url


def is_no_url(text: str) -> bool:
    r"""Whether a text does not even begin as a URL does, such as a path that stands in its place.

    Examples:
        >>> is_no_url("./images/a.png"), is_no_url("C:\\reef\\a.png"), is_no_url("s3://reef/a.png")
        (True, True, False)
    """
    return not _SCHEME.match(text.strip())


def gives_away(url: str) -> bool:
    """Whether a URL carries a signature or a token, and so gives its holder somebody's rights.

    Examples:
        >>> gives_away("https://host.org/a.png?X-Goog-Signature=5f1c")
        True
        >>> gives_away("https://host.org/a.png?width=9")
        False
    """
    if "?" not in url and "#" not in url:
        return False
    parameters = "&".join(_QUERY.split(url)[1:])
    return any(_SECRET.search(name) for name, _ in parse_qsl(parameters, keep_blank_values=True))


def lasting_url(url: str) -> str:
    """A URL as a dataset may keep it: without a query that carries a secret.

    A dataset may have other readers than the annotations have.

    Examples:
        >>> lasting_url("https://host.org/a.png?sig=5f1c")
        'https://host.org/a.png'
        >>> lasting_url("https://host.org/a.png?width=9")
        'https://host.org/a.png?width=9'
    """
    return _QUERY.split(url)[0] if gives_away(url) else url
