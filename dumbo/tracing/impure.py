"""What makes a function give another result for the same arguments: a table of names.

    random       the global generators of random, numpy.random and torch
    entropy      the system's own randomness, and generators that are seeded by it
    clock        the time
    environment  environment variables, and what else a process is born with
    network      connections
    stream       what is read from a file, a socket or a database that was open before
    order        of a set of texts, which another process has otherwise; only remarked on

Things are known by what they are, not by what they are called: whatever name leads to
`time.time` leads to it. A module that is not loaded is reached by nothing.

Some are pure if they are given enough: `random.Random(42)` is, `random.Random()` is not.

Knows the names of libraries' functions; must not know who calls them, nor what is done about it.
"""

from __future__ import annotations

import sys

from dumbo.tracing.lookup import is_class, is_module, module_namespace, mro, namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["KINDS", "ORDER", "READING", "STREAM", "Source", "sources"]

ORDER = "order"
STREAM = "stream"
# Methods of what `contents` calls a resource: what they give hangs on who has read before.
READING = frozenset(
    """
    read read1 readline readlines readinto readinto1 recv recvfrom recvmsg recv_into recvfrom_into
    execute fetchone fetchmany fetchall communicate
    """.split()
)
KINDS = {
    "random": "random numbers",
    "entropy": "the system's randomness",
    "clock": "the clock",
    "environment": "the environment",
    "network": "the network",
    STREAM: "an open stream",
    ORDER: "the order of a set",
}

_NAMES = {
    "entropy": """
        os.urandom os.getrandom uuid.uuid1 uuid.uuid4 uuid.uuid6 uuid.uuid7 random.SystemRandom
        secrets.token_bytes secrets.token_hex secrets.token_urlsafe secrets.randbelow
        secrets.randbits secrets.choice torch.seed torch.random.seed
    """,
    "clock": """
        time.time time.time_ns time.monotonic time.monotonic_ns time.perf_counter
        time.perf_counter_ns time.process_time time.process_time_ns time.thread_time
        time.thread_time_ns time.clock_gettime time.clock_gettime_ns datetime.datetime.now
        datetime.datetime.utcnow datetime.datetime.today datetime.date.today
        pandas.Timestamp.now pandas.Timestamp.today pandas.Timestamp.utcnow
    """,
    "environment": """
        os.environ os.environb os.getenv os.getenvb os.getcwd os.getcwdb os.getpid os.getppid
        os.getlogin os.cpu_count os.process_cpu_count os.uname platform.node platform.uname
        sys.argv sys.orig_argv sys.getrecursionlimit sys.getswitchinterval
        os.getuid os.geteuid os.getgid os.getegid os.getloadavg os.get_terminal_size
        shutil.get_terminal_size locale.getlocale locale.localeconv locale.getpreferredencoding
        gc.get_count gc.get_objects gc.get_stats
        getpass.getuser socket.gethostname tempfile.gettempdir
    """,
    "network": """
        socket.socket socket.create_connection socket.create_server socket.getaddrinfo
        socket.gethostbyname socket.gethostbyname_ex socket.gethostbyaddr socket.getfqdn
        urllib.request.urlopen urllib.request.urlretrieve urllib.request.Request.open
        urllib.request.build_opener http.client.HTTPConnection http.client.HTTPSConnection
        ftplib.FTP smtplib.SMTP smtplib.SMTP_SSL imaplib.IMAP4 poplib.POP3 xmlrpc.client.ServerProxy
        requests.get requests.post requests.put requests.patch requests.delete requests.head
        requests.options requests.request requests.Session requests.session
        httpx.get httpx.post httpx.put httpx.patch httpx.delete httpx.head httpx.options
        httpx.request httpx.stream httpx.Client httpx.AsyncClient
        urllib3.PoolManager urllib3.request aiohttp.ClientSession aiohttp.request
        websockets.connect
    """,
    STREAM: "builtins.input sys.stdin",
    "random": """
        numpy.random.seed
        torch.rand torch.randn torch.randint torch.randperm torch.rand_like torch.randn_like
        torch.randint_like torch.normal torch.bernoulli torch.multinomial torch.poisson
        torch.manual_seed torch.random.manual_seed
    """,
}

# How many arguments, None not counted, make it pure; by keyword the one that counts.
_NEEDS = {
    "random.Random": (1, "x"),
    "numpy.random.default_rng": (1, "seed"),
    "numpy.random.RandomState": (1, "seed"),
    "numpy.random.SeedSequence": (1, "entropy"),
    "numpy.random.PCG64": (1, "seed"),
    "numpy.random.PCG64DXSM": (1, "seed"),
    "numpy.random.MT19937": (1, "seed"),
    "numpy.random.Philox": (1, "seed"),
    "numpy.random.SFC64": (1, "seed"),
    "time.localtime": (1, ""),
    "time.gmtime": (1, ""),
    "time.ctime": (1, ""),
    "time.asctime": (1, ""),
    "time.strftime": (2, ""),
}
# What leaves the global generator alone if it is given one.
_GIVEN = "generator"

# Modules whose functions are methods of one generator: module, and where that is.
_GLOBAL = (("random", "random", "_inst"), ("numpy.random", "numpy.random.mtrand", "_rand"))

_MODULES = sorted(
    {module for module, _, _ in _GLOBAL}
    | {name.rpartition(".")[0] for names in _NAMES.values() for name in names.split()}
    | {name.rpartition(".")[0] for name in _NEEDS}
)


class Source:
    """One thing that a result may change with.

    Attributes:
        kind: see the module's docstring.
        name: as people write it, such as ``time.time``.
        needs: how many arguments make it pure; 0: it never is.
        keyword: the name of the one that does.
        thing: the object itself.
    """

    __slots__ = ("keyword", "kind", "name", "needs", "thing")

    @property
    def always(self) -> bool:
        """Whether it is impure however it is called."""
        return not self.needs and not self.keyword

    def __init__(self, kind: str, name: str, thing: Any, needs: int = 0, keyword: str = "") -> None:
        self.kind = kind
        self.name = name
        self.thing = thing
        self.needs = needs
        self.keyword = keyword


_found: dict[tuple[str, ...], dict[int, Source]] = {}


def sources() -> dict[int, Source]:
    """All that is loaded of them, by the ids of the things."""
    loaded = tuple([name for name in _MODULES if name in sys.modules])
    known = _found.get(loaded)
    if known is None:
        _found.clear()
        known = _found[loaded] = {id(source.thing): source for source in _all()}
    return known


def _all() -> Iterator[Source]:
    for module, home, name in _GLOBAL:
        generator = _of_module(home, name)
        for held in _names_of(module):
            thing = _of_module(module, held)
            if generator is not None and getattr(thing, "__self__", None) is generator:
                yield Source("random", f"{module}.{held}", thing)
    for kind, names in _NAMES.items():
        for name in names.split():
            thing = _resolve(name)
            if thing is not None:
                given = name.startswith("torch.") and not name.endswith("seed")
                yield Source(kind, name, thing, 0, _GIVEN if given else "")
    for name, (needs, keyword) in _NEEDS.items():
        thing = _resolve(name)
        if thing is not None:
            kind = "clock" if name.startswith("time.") else "entropy"
            yield Source(kind, name, thing, needs, keyword)


def _names_of(module: str) -> list[str]:
    found = sys.modules.get(module)
    return list(module_namespace(found)) if found is not None and is_module(found) else []


def _of_module(module: str, name: str) -> Any:
    found = sys.modules.get(module)
    if found is None or not is_module(found):
        return None
    return module_namespace(found).get(name)


def _resolve(dotted: str) -> Any:
    """What *dotted* leads to, through a module and perhaps a class of it; runs nothing."""
    module, _, name = dotted.rpartition(".")
    if module in sys.modules:
        return _of_module(module, name)
    home, _, cls = module.rpartition(".")
    found: Any = _of_module(home, cls) if home else None
    if not is_class(found):
        return None
    return next((namespace(base)[name] for base in mro(found) if name in namespace(base)), None)
