"""What the SDK works out anew for each request although it always comes to the same: here it is worked out once.

Nothing of what is sent or understood changes: tests hold each part against the SDK's own. Retries, redirections, the
clock's offset, refreshed credentials and connections stay the SDK's. A client of another build than ours keeps its own
ways: each part looks for what it stands in for, and does nothing where that is not found.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Final

from botocore.context import get_context
from botocore.parsers import ResponseParserFactory
from botocore.utils import parse_timestamp
from urllib3.util.url import parse_url

MOST_PLACES: Final = 4_096
"""Endpoints that one client remembers: where buckets are, for the larger accounts."""

_UTC_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)
"""How nearly all services spell a time that is not a number."""
_LATEST: Final = 2**32
"""In seconds since 1970; beyond 2106 the SDK knows how to go on."""


def make_lean(made: Any) -> None:
    """Let a client remember how it names itself, where its endpoints are and what its events are called."""
    _name_once(made)
    _resolve_once(made)
    _find_once(made)
    _alias_once(made)
    made.meta.events.register("before-sign", _tell_host)


class Parsers(ResponseParserFactory):  # type: ignore[misc]  # the SDK has no types
    """Gives the SDK the parser of each protocol, one for all answers: it keeps nothing of them.

    The SDK makes two for each answer, and reads times with a parser of natural language.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set_parser_defaults(timestamp_parser=read_time)
        self._made: dict[str, Any] = {}

    def create_parser(self, protocol_name: str) -> Any:
        """Return the parser of a protocol."""
        if protocol_name not in self._made:
            self._made[protocol_name] = super().create_parser(protocol_name)
        return self._made[protocol_name]

    def set_parser_defaults(self, **defaults: Any) -> None:
        """Take what each parser is made with from now on, as the SDK does."""
        super().set_parser_defaults(**defaults)
        self._made = {}


def read_time(value: Any) -> datetime:
    """Read a time as the SDK does, the usual spellings in compiled code; it is always aware.

    Raises:
        ValueError: it is no time, in the SDK's words.
    """
    if isinstance(value, str):
        if _UTC_TIME.fullmatch(value):
            return _read_utc(value)
    elif isinstance(value, int | float) and 0 <= value < _LATEST:
        return datetime.fromtimestamp(value, UTC)
    read: datetime = parse_timestamp(value)
    return read


def _read_utc(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:  # such as an hour 24
        read: datetime = parse_timestamp(value)
        return read


def _name_once(made: Any) -> None:
    """Let a client spell its ``User-Agent`` once for each set of features, not twice for each request.

    The SDK puts it together from what it knows of machine and settings, which stays, and from the features that a
    request uses.
    """
    creator = getattr(made, "_user_agent_creator", None)
    spell = getattr(creator, "to_string", None)
    if creator is None or spell is None:
        return
    known: dict[frozenset[str], str] = {}

    def to_string() -> str:
        features = frozenset(getattr(get_context(), "features", ()))
        if features not in known:
            known[features] = spell()
        return known[features]

    creator.to_string = to_string


def _resolve_once(made: Any) -> None:
    """Let a client work each endpoint out once.

    What the SDK's rules say depends on nothing but their parameters. It remembers a hundred endpoints of all clients
    together, so that in an account with more buckets each call to each of them went through the rules again, which was
    a ninth of the CPU time.
    """
    provider = getattr(getattr(made, "_ruleset_resolver", None), "_provider", None)
    work_out = getattr(getattr(type(provider), "_resolve_endpoint", None), "__wrapped__", None)
    if work_out is None:
        return
    known = lru_cache(maxsize=MOST_PLACES)(partial(work_out, provider))

    def resolve(**given: Any) -> Any:
        return known(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})

    vars(provider)["_resolve_endpoint"] = resolve


def _find_once(made: Any) -> None:
    """Let a client take a URL apart once for each host, to find the pool of its connections.

    Only the pool's key is remembered. The pool itself is looked up each time: of many hosts, the HTTP library closes
    those that were not asked for longest.
    """
    sender: Any = getattr(getattr(made, "_endpoint", None), "http_session", None)
    manager: Any = getattr(sender, "_manager", None)
    if not all(hasattr(manager, name) for name in ("connection_from_url", "connection_from_pool_key")):
        return
    find: Callable[..., Any] = manager.connection_from_url

    @lru_cache(maxsize=MOST_PLACES)
    def place(start: str) -> tuple[Any, dict[str, Any]]:
        url = parse_url(start)
        context = {**manager.connection_pool_kw, "scheme": url.scheme, "host": url.host}
        context["port"] = url.port or _PORTS[str(url.scheme)]
        return manager.key_fn_by_scheme[url.scheme](context), context

    def connection_from_url(url: str, pool_kwargs: dict[str, Any] | None = None) -> Any:
        start = _PLACE.match(url)
        if pool_kwargs is not None or start is None:
            return find(url, pool_kwargs)
        key, context = place(start[0])
        return manager.connection_from_pool_key(key, request_context=dict(context))

    manager.connection_from_url = connection_from_url


def _tell_host(*, request: Any, **_: Any) -> None:
    """Say for which host a request is, which the SDK works out twice for each signature where it is not said."""
    place = _PLACE.match(request.url)
    if place is not None and "Host" not in request.headers:
        scheme, host, port = place.groups()
        request.headers["Host"] = host if port is None or int(port) == _PORTS[scheme] else f"{host}:{port}"


_PLACE: Final = re.compile(r"(https?)://([a-z0-9.-]+)(?::(\d{1,5}))?(?=[/?]|\Z)", re.ASCII)
"""Scheme, host and port of a URL in the one spelling that nothing has to be done to."""
_PORTS: Final = {"http": 80, "https": 443}


def _alias_once(made: Any) -> None:
    """Let all clients whose events have the same aliases share what each event is called."""
    aliaser: Any = getattr(getattr(made, "meta", None), "events", None)
    aliases = getattr(aliaser, "_event_aliases", None)
    if isinstance(aliases, dict) and hasattr(aliaser, "_alias_name_cache"):
        aliaser._alias_name_cache = _aliased(tuple(aliases.items()))  # noqa: SLF001 - the SDK has no public way


@lru_cache(maxsize=4)
def _aliased(_aliases: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {}
