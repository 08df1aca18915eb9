"""Which file names and URLs of a file may be used, and what a URL gives away."""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl

LARGEST_ID = 2**63 - 1
"""What a whole number of a database and of a table's column can hold."""

LONGEST_SEGMENT = 255
"""Bytes that common file systems accept in a file name."""

_PLAIN = re.compile(rf"[A-Za-z0-9_-][A-Za-z0-9_.-]{{0,{LONGEST_SEGMENT - 1}}}")
_DRIVE = re.compile(r"[A-Za-z]:")
_HOST = r"(?:[\w.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
_WEB_URL = re.compile(rf"https?://{_HOST}(?:[/?#].*)?", re.IGNORECASE)
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
    if _PLAIN.fullmatch(name):
        return name
    for breaks_rule, problem in _FILE_NAME_RULES:
        if breaks_rule(name):
            raise ValueError(f"{name[:80]!r} {problem}")
    return name


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
    if not url or url.isspace():
        return None
    if not _WEB_URL.fullmatch(url):
        raise ValueError(f"{url[:80]!r} is not an http or https URL (without user and password)")
    if not url.isprintable() or url[-1] == " ":
        raise ValueError(f"{url[:80]!r} ends with white space or holds unprintable characters")
    return url


def gives_away(url: str) -> bool:
    """Whether a URL carries a signature or a token, and so gives its holder somebody's rights.

    Examples:
        >>> gives_away("https://host.org/a.png?X-Goog-Signature=5f1c")
        True
        >>> gives_away("https://host.org/a.png?width=9")
        False
    """
    _, *parameters = _QUERY.split(url)
    named = parse_qsl("&".join(parameters), keep_blank_values=True) if parameters else []
    return any(_SECRET.search(name) for name, _ in named)


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
