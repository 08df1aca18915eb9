"""Asks WoRMS, the World Register of Marine Species, where names stand on the tree of life.

``refresh`` compares the pinned concepts with FathomNet's copy of it, through fathomnet-py.
``Register`` asks its own service (https://www.marinespecies.org/rest), which knows more of each
name than the copy: spellings that are near, several taxa of one name, where a taxon lives.
"""

import importlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from yarl import URL

from ..errors import Fault, InputError, SetupError
from ..files.network import LOGINS, TRUST, proxy_for, read_logins
from ..files.places import Place
from ..files.reading import read_source
from ..files.writing import write_whole
from ..names import RANKS
from ..progress import Progress, silent
from ..resources import DISTRIBUTION, installed_version
from ..text import shortened
from .table import COLUMNS, Taxon, write_table
from .tree import Taxonomy, load_taxonomy

TIMEOUT_SECONDS: Final = 30.0
INSTALL: Final = "pip install 'fathomnet-voxel51[worms]'"


@dataclass(frozen=True, slots=True)
class WormsRecord:
    """WoRMS's answer about one concept.

    Attributes:
        concept: the name that was asked about.
        accepted_name: the name that WoRMS prefers today, which differs if the concept has become a
            synonym; None if WoRMS does not know the concept.
        taxon: the concept, under its own name, at the accepted name's place in the tree; None if
            WoRMS does not know it.
    """

    concept: str
    accepted_name: str | None
    taxon: Taxon | None


@dataclass(frozen=True, slots=True)
class Drift:
    """One cell in which the pinned taxonomy and WoRMS differ.

    Attributes:
        concept: the pinned concept.
        column: the table's column; ``concept`` if the accepted name has changed.
        pinned: what the pinned table says; None for an empty slot.
        fresh: what WoRMS says; None for an empty slot or, in the column ``concept``, for a
            concept that WoRMS does not know.
    """

    concept: str
    column: str
    pinned: str | None
    fresh: str | None


def refresh(write: Path | None = None, progress: Progress = silent) -> tuple[Drift, ...]:
    """Compares the pinned taxonomy with WoRMS.

    Args:
        write: where to write the fresh table; None writes nothing. Concepts keep their names,
            and those that WoRMS does not know keep their lineages. The pinned table is only
            rewritten if this is its path.
        progress: called with the share done and a label.

    Raises:
        SetupError: fathomnet-py is not installed, or WoRMS cannot be reached.
        InputError: the folder of ``write`` does not exist, or the fresh lineages do not make a
            valid table; nothing was written.
    """
    if write is not None and not write.parent.is_dir():
        fault = Fault(str(write.parent), "is not a folder")
        raise InputError(str(write), [fault], "Create the folder first.")
    pinned = load_taxonomy()
    records = fetch_lineages(pinned.concepts, progress)
    if write is not None:
        fresh = (record.taxon or pinned.taxon(record.concept) for record in records)
        write_table(write, [taxon for taxon in fresh if taxon])
    return drift(pinned, records)


def fetch_lineages(concepts: Sequence[str], progress: Progress = silent) -> tuple[WormsRecord, ...]:
    """Asks WoRMS for the lineage of each concept, through FathomNet's copy of it.

    Set ``FATHOMNET_WORMS_API_URL`` to ask another server with the same API.

    Raises:
        SetupError: fathomnet-py is not installed, or WoRMS cannot be reached.
    """
    try:
        # By name at run time: its package has the name of this package's own folder, and a type
        # checker would take an import statement for this package.
        client = importlib.import_module("fathomnet.api.worms")
    except ImportError as error:
        raise SetupError(f"fathomnet-py is not installed ({error}): {INSTALL}") from error
    records = []
    for done, concept in enumerate(concepts):
        progress(done / len(concepts), f"asking WoRMS {done:,}/{len(concepts):,}: {concept}")
        path = _path(client, concept)
        if path and path[-1].acceptedAphiaId not in (None, path[-1].aphiaId):
            # The name is a synonym: its lineage is that of the accepted taxon, if that is known.
            endpoint = f"names/aphiaid/{path[-1].acceptedAphiaId}"
            accepted = _ask(client, endpoint, client.WormsNames)
            path = _path(client, accepted.name) if accepted else path
        records.append(_record(concept, path))
    progress(1.0, f"asked WoRMS about {len(concepts):,} concepts")
    return tuple(records)


def drift(pinned: Taxonomy, fresh: Iterable[WormsRecord]) -> tuple[Drift, ...]:
    """Every cell in which WoRMS differs from the pinned taxonomy.

    Args:
        pinned: the taxonomy to compare with.
        fresh: answers about its concepts; the lineage of any other name is not compared.

    Returns:
        The cells, ordered as the answers and, within a concept, as the table's columns.
    """
    cells = []
    for record in fresh:
        concept = record.concept
        if record.accepted_name != concept:
            cells.append(Drift(concept, "concept", concept, record.accepted_name))
        old, new = pinned.taxon(concept), record.taxon
        if old is not None and new is not None:
            slots = zip((old.rank, *old.lineage), (new.rank, *new.lineage), strict=True)
            cells += [
                Drift(concept, column, was, is_now)
                for column, (was, is_now) in zip(COLUMNS[1:], slots, strict=True)
                if was != is_now
            ]
    return tuple(cells)


def describe(drifts: Sequence[Drift]) -> str:
    """The drift as text, one line per cell."""
    if not drifts:
        return "WoRMS agrees with the pinned taxonomy on every concept."
    concepts = {cell.concept for cell in drifts}
    lines = [f"{len(concepts):,} concepts drifted in {len(drifts):,} places (pinned -> WoRMS):"]
    for cell in drifts:
        column = "accepted name" if cell.column == "concept" else cell.column
        fresh = cell.fresh or ("unknown to WoRMS" if cell.column == "concept" else "(empty)")
        lines.append(f"  {cell.concept}: {column} {cell.pinned or '(empty)'} -> {fresh}")
    return "\n".join(lines)


def _path(client: Any, name: str) -> list[Any]:
    """The nodes from the root of life down to a name; empty if it is unknown."""
    node = _ask(client, f"taxa/ancestors/{quote(name, safe='')}", client.WormsNode)
    nodes = []
    while node:
        nodes.append(node)
        node = node.children[0] if node.children else None
    return nodes


def _ask(client: Any, endpoint: str, model: Any) -> Any | None:
    """One answer of the service, parsed; None if it does not know the name.

    The library's own functions may wait for ever, so this calls the function below them, which
    takes a timeout. That raises ValueError for every HTTP error, with the status and the body in
    its message. The service also answers 404 while it starts, so only the body tells an unknown
    name.
    """
    try:
        answer = model.from_dict(client.Worms.get(endpoint, timeout=TIMEOUT_SECONDS))
    except OSError as error:  # the base of every error of requests
        raise _unreachable(client, str(error)) from error
    except (ValueError, TypeError) as error:
        if "(404)" in str(error) and "Unable to find" in str(error):
            return None
        # What follows the first comma or line is the whole exchange, headers included.
        raise _unreachable(client, re.split("[,\n]", str(error))[0]) from error
    if not answer.name:
        raise _unreachable(client, f"{endpoint} holds no name")
    return answer


def _unreachable(client: Any, problem: str) -> SetupError:
    advice = "Check the network and FATHOMNET_WORMS_API_URL, then run it again."
    return SetupError(f"WoRMS at {client.Worms.ROOT} gave no usable answer: {problem}\n{advice}")


def _record(concept: str, path: Sequence[Any]) -> WormsRecord:
    if not path:
        return WormsRecord(concept, None, None)
    slots = {str(node.rank).lower(): node.name for node in path}
    accepted, rank = path[-1].name, str(path[-1].rank).lower()
    if rank in RANKS:
        slots[rank] = concept
    return WormsRecord(concept, accepted, Taxon(concept, rank, tuple(map(slots.get, RANKS))))


SERVICE_VARIABLE: Final = "FATHOMNET_WORMS_REST_URL"
"""Environment variable: another server that answers as WoRMS's own service does."""
SERVICE: Final = "https://www.marinespecies.org/rest"
NAMES_A_QUESTION: Final = 50
"""WoRMS answers about no more at once."""
_LONGEST_QUESTION: Final = 6_000
"""Characters of the names of a question; servers refuse addresses of more than 8 KiB."""
_LARGEST_ANSWER: Final = 16 << 20
PAUSE_SECONDS: Final = 0.2
"""Between two questions: the service is everybody's."""
ANSWER_SECONDS: Final = 60.0
"""For an answer to be there whole."""
TRIES: Final = 5
FIRST_WAIT_SECONDS: Final = 1.0
"""After the first try; twice as long after each further one."""
LONGEST_WAIT_SECONDS: Final = 60.0
_BUSY: Final = (408, 425, 429)
_OF_SERVICE: Final = (*_BUSY, 401, 407, 502, 503, 504)
"""Statuses that say nothing of the question: others would be answered alike."""
_SOUND: Final = ("Animalia", 2)
"""A name and a number that WoRMS has: where it answers about these, a question was at fault."""

T = TypeVar("T")


class AphiaRecord(BaseModel):
    """What WoRMS knows of one name, as it says it.

    Attributes:
        aphia_id: its number.
        name: without its authority; None where the record is no name any more.
        authority: who has given the name, and when.
        status: ``accepted``, ``unaccepted``, ``nomen dubium`` and so on.
        reason: why it is not accepted.
        rank: with a capital letter.
        valid_id: number of the accepted name; its own where it is accepted itself.
        parent_id: number of the taxon directly above.
        kingdom: at the top.
        is_marine: None where nobody has said.
        is_brackish: likewise.
        match: how what was asked fits: ``exact...``, or how near it is.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    aphia_id: int = Field(alias="AphiaID")
    name: str | None = Field(None, alias="scientificname")
    authority: str | None = None
    status: str | None = None
    reason: str | None = Field(None, alias="unacceptreason")
    rank: str | None = None
    valid_id: int | None = Field(None, alias="valid_AphiaID")
    parent_id: int | None = Field(None, alias="parentNameUsageID")
    kingdom: str | None = None
    is_marine: bool | None = Field(None, alias="isMarine")
    is_brackish: bool | None = Field(None, alias="isBrackish")
    match: str | None = Field(None, alias="match_type")

    @property
    def accepted_id(self) -> int:
        """Number of the taxon that the name stands for today."""
        return self.valid_id or self.aphia_id


class AphiaNode(BaseModel):
    """A taxon on the tree.

    Attributes:
        name: without its authority.
        rank: as WoRMS writes it; empty where it says none.
        parent: number of the taxon directly above; None at the top.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    rank: str = ""
    parent: int | None = None


class _Classification(BaseModel):
    """The way down to a taxon, as WoRMS nests it."""

    aphia_id: int = Field(alias="AphiaID", ge=1)
    rank: str | None = None
    name: str = Field(alias="scientificname", min_length=1)
    child: "_Classification | None" = None


class Answers(BaseModel):
    """What WoRMS has answered, as it is kept on disk.

    Attributes:
        service: the server that was asked.
        names: by the name that was asked about.
        numbers: by the AphiaID that was asked about; None where there is no such record.
        nodes: the taxa on the way to any that was asked about.
        written: SHA-256 of the label maps that were made of them.
    """

    model_config = ConfigDict(extra="forbid")

    service: str
    names: dict[str, tuple[AphiaRecord, ...]] = {}
    numbers: dict[int, AphiaRecord | None] = {}
    nodes: dict[int, AphiaNode] = {}
    written: list[str] = []

    @classmethod
    def read(cls, file: Place) -> "Answers":
        """The answers of earlier runs; none where there is no such file.

        Raises:
            InputError: the file is something else, or holds what another server has answered.
            SetupError: the server that is to be asked has no address.
        """
        service = (os.environ.get(SERVICE_VARIABLE, "").strip() or SERVICE).rstrip("/")
        if not re.fullmatch(r"https?://[^/@?#\s]+(/[^@?#\s]*)?", service):
            # It is not shown: somebody may have put a password there.
            problem = f"{SERVICE_VARIABLE} names no address, or one with a login or a query"
            advice = f"set it to one such as {SERVICE}; {LOGINS} says logins"
            raise SetupError(f"{problem}\n{advice}")
        if not file.exists():
            return cls(service=service)
        source = read_source(file)
        advice = "Name another folder, or delete the file: all names are then asked about anew."
        try:
            found = cls.model_validate_json(source.content)
        except ValidationError:
            problem = "holds no answers of WoRMS as this project keeps them"
            raise InputError(source.subject, [Fault("file", problem)], advice) from None
        if found.service != service:
            problem = f"holds the answers of {found.service}, and {service} is to be asked"
            raise InputError(source.subject, [Fault("service", problem)], advice)
        return found


_RECORDS: Final = TypeAdapter(list[list[AphiaRecord] | None])
_RECORD: Final = TypeAdapter(AphiaRecord)
_WAY: Final = TypeAdapter(_Classification)


class RefusedError(Exception):
    """One question is not answered, while others are; says what came instead."""


class _NoAnswerError(Exception):
    """A question was not answered.

    Attributes:
        may_pass: whether it may be answered later.
        of_service: whether any other question would have ended in the same way.
        is_offline: whether nobody was there at all.
        wait: seconds that the server asks to wait; None where it does not say.
    """

    def __init__(
        self,
        problem: str,
        may_pass: bool,
        of_service: bool = False,
        is_offline: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(problem)
        self.may_pass, self.of_service = may_pass, of_service or is_offline
        self.is_offline, self.wait = is_offline, wait


class Register:
    """WoRMS's own service, asked a question at a time; answers are kept, none is asked for twice.

    Args:
        file: keeps the answers, see ``Answers``; its folder exists.

    Attributes:
        answers: all that is known by now.
        questions: that this run has asked.
        refused: by name what came instead of an answer about it, while others were answered.

    Raises:
        InputError: ``file`` is something else.
        SetupError: the machine's certificates, proxy or logins cannot be used.
    """

    def __init__(self, file: Place) -> None:
        self._file = file
        self.answers = Answers.read(file)
        self.questions = 0
        self.refused: dict[str, str] = {}
        self._free_at = 0.0

    def ask_names(self, names: Iterable[str], progress: Progress = silent) -> None:
        """Asks about those names that nobody has asked about before, many at once.

        Where a question is refused, its halves are asked, so that one name costs no other its
        answer.

        Raises:
            SetupError: there is no usable answer; those before it are kept.
        """
        known = self.answers.names.keys() | self.refused.keys()
        names = [name for name in dict.fromkeys(names) if name not in known]
        waiting, done = list(_questions(names))[::-1], 0
        while waiting:
            some = waiting.pop()
            progress(done / len(names), f"asking WoRMS about {done:,}/{len(names):,} names")
            try:
                found = self._ask(_question(some), _RECORDS.validate_json, len(some))
            except RefusedError as refusal:
                half = len(some) // 2
                if half:
                    waiting += [some[half:], some[:half]]
                    continue
                self.refused[some[0]] = str(refusal)
            else:
                for name, records in zip(some, found or [None] * len(some), strict=True):
                    self.answers.names[name] = tuple(records or ())
                self.keep()
            done += len(some)

    def record(self, aphia_id: int) -> AphiaRecord | None:
        """The record of a number; None where there is none.

        Of a taxon that was on the way to another it has what the tree says.

        Raises:
            RefusedError: this question alone is not answered.
            SetupError: there is no usable answer; those before it are kept.
        """
        node = self.answers.nodes.get(aphia_id)
        if node is not None:
            told = {"aphia_id": aphia_id, "name": node.name, "rank": node.rank}
            return AphiaRecord.model_validate(told)
        if aphia_id not in self.answers.numbers:
            question = f"AphiaRecordByAphiaID/{aphia_id}"
            self.answers.numbers[aphia_id] = self._ask(question, _RECORD.validate_json)
            self.keep()
        return self.answers.numbers[aphia_id]

    def way_to(self, record: AphiaRecord) -> tuple[int, ...]:
        """The numbers of the taxa from the top of the tree down to the accepted one of a record.

        Raises:
            RefusedError: this question alone is not answered.
            SetupError: there is no usable answer; those before it are kept.
        """
        nodes, wanted = self.answers.nodes, record.accepted_id
        if wanted not in nodes:
            if wanted == record.aphia_id and record.parent_id in nodes and record.name:
                # Its neighbour's way says the rest.
                nodes[wanted] = AphiaNode(
                    name=record.name, rank=record.rank or "", parent=record.parent_id
                )
            else:
                self._ask_way(wanted, record)
            self.keep()
        way: list[int] = []
        number: int | None = wanted
        while number is not None and number not in way:
            way.append(number)
            number = nodes[number].parent
        return tuple(reversed(way))

    def keep(self) -> None:
        """Writes the answers to their file, whole."""
        write_whole(self._file, self.answers.model_dump_json(exclude_defaults=True).encode())

    def _ask_way(self, wanted: int, record: AphiaRecord) -> None:
        found = self._ask(f"AphiaClassificationByAphiaID/{wanted}", _WAY.validate_json)
        above: int | None = None
        while found is not None:
            node = AphiaNode(name=found.name, rank=found.rank or "", parent=above)
            above = found.aphia_id
            self.answers.nodes.setdefault(above, node)
            found = found.child
        if wanted not in self.answers.nodes:
            # It has no place on the tree.
            name = record.name if wanted == record.aphia_id else None
            self.answers.nodes[wanted] = AphiaNode(
                name=name or f"AphiaID {wanted}", rank=record.rank or ""
            )

    def _ask(
        self, question: str, parse: Callable[[bytes], T], answers: int | None = None
    ) -> T | None:
        """An answer, parsed; None for none. It is asked again where that may help.

        Raises:
            RefusedError: this question alone is not answered.
            SetupError: no question is.
        """

        def once() -> T | None:
            body = self._answer(question)
            if not body:
                return None
            try:
                parsed = parse(body)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                place = ".".join(map(str, first["loc"])) or "answer"
                problem = f"what it sent is no answer of WoRMS ({place}: {first['msg']})"
                raise _NoAnswerError(shortened(problem, 300), may_pass=True) from None
            if answers is not None and len(parsed) != answers:  # type: ignore[arg-type]  # a list
                raise _NoAnswerError(f"it did not answer for each of {answers} names", True)
            return parsed

        def again(error: BaseException) -> bool:
            # Where nobody has ever answered, waiting hardly helps, and somebody sits there.
            is_out = isinstance(error, _NoAnswerError) and error.is_offline and not self.questions
            return isinstance(error, _NoAnswerError) and error.may_pass and not is_out

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait if isinstance(error, _NoAnswerError) else None
            usual = FIRST_WAIT_SECONDS * 2 ** (state.attempt_number - 1)
            return min(usual if asked is None else asked, LONGEST_WAIT_SECONDS)

        retrying = Retrying(
            retry=retry_if_exception(again),
            stop=stop_after_attempt(TRIES),
            wait=wait,
            reraise=True,
        )
        try:
            return retrying(once)
        except _NoAnswerError as error:
            if not error.of_service and self._is_sound(question, parse):
                raise RefusedError(str(error)) from None
            service, known = self.answers.service, len(self.answers.names)
            advice = f"Check the network and {SERVICE_VARIABLE}, then run it again"
            kept = f": what WoRMS has said of {known:,} names is kept" if known else ""
            problem = f"WoRMS at {service} gave no usable answer: {error}"
            raise SetupError(f"{problem}\n{advice}{kept}.") from None

    def _is_sound(self, question: str, parse: Callable[[bytes], Any]) -> bool:
        """Whether the service answers a question of the same kind, about what it surely has."""
        kind, is_of_names, _ = question.partition("?")
        name, number = _SOUND
        other = _question([name]) if is_of_names else f"{kind.partition('/')[0]}/{number}"
        try:
            body = self._answer(other)
            return not body or bool(parse(body))
        except (_NoAnswerError, ValidationError):
            return False

    def _answer(self, question: str) -> bytes:
        """The body of one answer, asked for once; empty for none."""
        import requests

        session, options = self._session
        time.sleep(max(0.0, self._free_at - time.monotonic()))
        ends = time.monotonic() + ANSWER_SECONDS
        address = f"{self.answers.service}/{question}"
        # A redirect would take the headers of this host to another one.
        options = {**options, "timeout": ANSWER_SECONDS, "stream": True, "allow_redirects": False}
        try:
            with session.get(address, **options) as answer:
                status = answer.status_code
                if problem := _refusal(status):
                    delay = answer.headers.get("Retry-After", "").strip()
                    wait = float(delay) if delay.isdecimal() and len(delay) < 9 else None
                    raise _NoAnswerError(
                        problem,
                        may_pass=status in _BUSY or status >= 500,
                        of_service=status < 400 or status in _OF_SERVICE,
                        wait=wait,
                    )
                body = _body(answer, ends)
        except requests.RequestException as error:
            raise _failure(error) from None
        finally:
            self._free_at = time.monotonic() + PAUSE_SECONDS
        self.questions += 1
        return body

    @cached_property
    def _session(self) -> tuple[Any, dict[str, Any]]:
        """Connections over this machine's certificates, and its proxy and login of the service."""
        import requests

        from ..files.connections import TrustedConnections

        address = URL(self.answers.service)
        proxy = proxy_for(address)
        session = requests.Session()
        session.trust_env = False  # the environment is read here, as everywhere in the project
        session.mount("https://", TrustedConnections(1))
        version = installed_version()
        session.headers["User-Agent"] = f"{DISTRIBUTION}/{version}" if version else DISTRIBUTION
        session.headers["Accept"] = "application/json"
        session.headers.update(read_logins().get(str(address.origin()), {}))
        return session, {"proxies": {address.scheme: str(proxy)} if proxy else {}}


def _question(names: Iterable[str]) -> str:
    """What is asked about names, all at once."""
    asked = "&".join(f"scientificnames%5B%5D={quote(name, safe='')}" for name in names)
    return f"AphiaRecordsByMatchNames?{asked}&marine_only=false&extant_only=false"


def _questions(names: Sequence[str]) -> Iterator[list[str]]:
    """Names in as few questions as WoRMS and its address take."""
    some: list[str] = []
    length = 0
    for name in names:
        letters = len(quote(name, safe="")) + len("&scientificnames%5B%5D=")
        if some and (len(some) == NAMES_A_QUESTION or length + letters > _LONGEST_QUESTION):
            yield some
            some, length = [], 0
        some.append(name)
        length += letters
    if some:
        yield some


def _body(answer: Any, ends: float) -> bytes:
    """The bytes of an answer, if they are there by an instant of the monotonic clock."""
    import requests

    body = bytearray()
    try:
        # Of so few bytes each, because a piece is waited for until it is whole.
        for piece in answer.iter_content(512):
            body += piece
            if len(body) > _LARGEST_ANSWER or time.monotonic() > ends:
                raise _NoAnswerError("the answer does not end", may_pass=True)
    except requests.RequestException:
        raise _NoAnswerError("the answer broke off", may_pass=True) from None
    return bytes(body)


def _failure(error: Exception) -> _NoAnswerError:
    """What a question that got no answer died of, in words: those of the library fill a screen."""
    from requests import exceptions as failures

    if isinstance(error, failures.SSLError):
        problem = f"its certificate is not trusted; {TRUST}"
        return _NoAnswerError(problem, may_pass=False, of_service=True)
    if isinstance(error, failures.ProxyError):
        return _NoAnswerError("the proxy on the way to it does not answer", True, is_offline=True)
    if isinstance(error, failures.ReadTimeout):
        return _NoAnswerError(f"it did not answer within {ANSWER_SECONDS:g} seconds", True)
    if isinstance(error, failures.ConnectionError):
        return _NoAnswerError("there is no connection to it", True, is_offline=True)
    return _NoAnswerError("its address cannot be used", may_pass=False, of_service=True)


def _refusal(status: int) -> str:
    """What a status says where it brings no answer; empty where it brings one, or none is there."""
    if status in (200, 204):
        return ""
    if 300 <= status < 400:
        return f"it sends to another address (HTTP {status})"
    return "it is asked too much (HTTP 429)" if status == 429 else f"it says HTTP {status}"
