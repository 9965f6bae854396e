"""Any value -> the digest of its data, and the code met on the way.

The walk keeps its own stack, so that nesting is bounded by memory only. Hashers say
what a value's children are (`registry`); here they are put in place:

    sharing  does not count: a value met twice gives its token twice, from memory
    rings    do: a value that holds this place gives how far up it stands, and one that
             hangs on such a ring, met again, gives its place in it
    sets     each element is hashed by itself, its code roots numbered from 0; the
             elements' tokens are sorted, and then its roots get their numbers out here
    code     is replaced by its running number, and returned

Knows tokens and places; must not know what any type holds, what is user code, nor
what tracing makes of the roots.
"""

from __future__ import annotations

import xxhash

from dumbo.arguments import instances, known, plain, standard
from dumbo.arguments import library as _library  # noqa: F401 - registers its hashers
from dumbo.arguments.registry import BACK, NODE, RING, ROOT, Node, Root, Token, find, module_of
from dumbo.arguments.short import SHORT, is_short
from dumbo.arguments.short import VERSION as VERSION
from dumbo.errors import UnhashableArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_MARSHAL = b"dumbo%dM" % VERSION  # plain containers, as one
_WALK = b"dumbo%dW" % VERSION

_FLUSH = 4096  # tokens of a frame that are kept before they are digested
_REVISITS = 5_000  # how often rings through sets may be walked again before we give up

# What this package, or the interpreter below it, raises over a value that changes while
# it is read, is too big, or lies about itself. Not `Exception`: a timeout that a signal
# handler raises while we happen to run is the program's, and must reach it.
_TROUBLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    SystemError,
    TypeError,
    ValueError,
    Warning,
)


def digest(value: object) -> tuple[bytes, tuple[object, ...]]:
    """Return the 16-byte digest of the data of *value*, and its code roots in order.

    Raises:
        UnhashableArgument: if *value*, or a part of it, has no honest key.
    """
    return _digest((value,), None)


def digest_call(
    values: tuple[object, ...], names: tuple[str, ...]
) -> tuple[bytes, tuple[object, ...]]:
    """Return what `digest` does, of the bound *values* of the parameters called *names*.

    Raises:
        UnhashableArgument: with a path that begins with the parameter's name.
    """
    if is_short(values):
        return xxhash.xxh3_128_digest(SHORT + plain.dumps(values, 2)), ()
    for value, name in zip(values, names, strict=True):
        # Inside of an object they say who it belongs to; here they stand for something.
        if module_of(type(value)) in _WEAK:
            raise UnhashableArgument("a weak reference, which does not count beyond its type", name)
    return _digest(values, names)


_WEAK = ("weakref", "_weakrefset")


def token_of(value: object) -> bytes | None:
    """Return what stands for *value* within others, if that is the same wherever it stands.

    For `known`, and for those who write down what it shall know.
    """
    if id(value) in known.KNOWN:
        token = known.recall(value)
        if token is not None:
            return token
    walk = _Walk()
    try:
        walk.run((value,))
    except (UnhashableArgument, *_TROUBLE):
        return None
    walk.teach()
    found = walk.shared.get(id(value))
    return found[1] if found is not None else None


# The digest of the last call that was walked, and the tokens of its arguments: who keeps a record
# of a call has them for nothing. Other threads write here too, so compare the digest.
last: tuple[bytes, list[bytes]] = (b"", [])


def tokens_of_call(digest: bytes) -> list[bytes] | None:
    """Return what stands for each argument in *digest*, if that was taken just now."""
    found, tokens = last
    return tokens if found == digest else None


def _digest(
    values: tuple[object, ...], names: tuple[str, ...] | None
) -> tuple[bytes, tuple[object, ...]]:
    global last
    walk = _Walk()
    try:
        tokens = _plain_tokens(values, walk)
        if len(tokens) == len(values):
            digest = xxhash.xxh3_128_digest(_MARSHAL + b"".join(tokens))
            if names is not None:
                last = (digest, tokens)
            return digest, ()
        token = walk.run(values)
    except UnhashableArgument as cause:
        raise UnhashableArgument(cause.reason, walk.path(names) + cause.path) from cause.__cause__
    except _TROUBLE as cause:
        reason = f"{type(cause).__name__} while it was read"
        raise UnhashableArgument(reason, walk.path(names)) from cause
    walk.teach()
    digest = xxhash.xxh3_128_digest(_WALK + token)
    if names is not None:
        last = (digest, walk.frames[0].tokens)
    return digest, tuple(walk.scope.roots)


def code_roots(values: tuple[object, ...]) -> tuple[object, ...]:
    """Return the code roots of *values* in order, of those without an honest key, too.

    To look at what a call depends on, not for keys: what cannot be hashed is passed by, with all
    that it holds.
    """
    walk = _Passing()
    try:
        walk.run(values)
    except (UnhashableArgument, *_TROUBLE):
        pass  # what was met so far is good enough
    return tuple(walk.scope.roots)


def _plain_tokens(values: tuple[object, ...], walk: _Walk) -> list[bytes]:
    """Return the tokens of all *values*, or of those in front of one that isn't plain."""
    tokens: list[bytes] = []
    for value in values:
        kind = id(type(value))
        if kind in plain.SCALAR_IDS:
            tokens.append(plain.scalar(value))
            continue
        found = plain.container(value) if kind in plain.CONTAINER_IDS else None  # type: ignore[arg-type]
        if found is None:
            break
        tokens.append(found[0])
        walk.shared[id(value)] = (value, found[0])
    return tokens


class _Scope:
    """One numbering of code roots, and the tokens that are true under it."""

    __slots__ = ("numbers", "roots", "tokens")

    def __init__(self) -> None:
        self.roots: list[object] = []
        self.numbers: dict[int, int] = {}
        self.tokens: dict[int, tuple[object, bytes]] = {}

    def token(self, code: object) -> bytes:
        number = self.numbers.setdefault(id(code), len(self.roots))
        if number == len(self.roots):
            self.roots.append(code)
        return ROOT + number.to_bytes(4, "big")


class _Frame:
    """A node whose children are being hashed."""

    __slots__ = (
        "children", "done", "elements", "floor", "low", "node", "outer", "place", "rooted", "state",
        "tokens", "value",
    )  # fmt: skip

    def __init__(self, value: object, node: Node, place: int, floor: int) -> None:
        self.value = value
        self.floor = floor  # how many values were open when its children began
        self.node = node
        self.children: Iterator[object] = iter(node.children)
        self.tokens: list[bytes] = []
        self.done = 0  # how many tokens have been digested already
        self.state: xxhash.xxh3_128 | None = None
        self.place = place  # of the value in the list of open ones; -1 for a bare node
        self.low = place if place >= 0 else _NOWHERE  # the highest place that was referred to
        self.rooted = False  # whether a code root's number is in the tokens
        self.outer: _Scope | None = None  # of a set: the scope around its elements
        self.elements: list[tuple[bytes, tuple[object, ...]]] = []


def _head(node: Node) -> bytes:
    return b"%b:%d;" % (node.name, len(node.children))  # no name has a colon


_NOWHERE = 1 << 62


class _Walk:
    __slots__ = (
        "asked", "frames", "open", "places", "plans", "revisits", "scope", "shared", "walked"
    )  # fmt: skip

    def __init__(self) -> None:
        self.scope = _Scope()
        self.shared: dict[int, tuple[object, bytes]] = {}  # tokens without roots: true anywhere
        self.asked: list[object] = []  # what would be known, if it had been hashed before
        self.frames: list[_Frame] = []
        self.open: list[object] = []  # on the stack, or done but hanging on what is
        self.places: dict[int, int] = {}  # id -> place in `open`
        self.plans: dict[int, Callable[[Any], bytes | Node]] = {}
        self.walked: set[int] = set()  # ids of open values that a set's element left behind
        self.revisits = 0

    def run(self, values: tuple[object, ...]) -> bytes:
        """Return the token of *values* as one."""
        top = _Frame(None, Node(b"call", values), -1, 0)
        frames = self.frames
        frames.append(top)
        frame = top
        while True:
            tokens = frame.tokens
            entered: _Frame | None = None
            for child in frame.children:
                kind = id(type(child))
                if kind in plain.SCALAR_IDS:
                    token = plain.scalar(child)
                else:
                    answer = self._enter(frame, child, kind)
                    if type(answer) is _Frame:
                        entered = answer
                        break
                    token = answer  # type: ignore[assignment]
                tokens.append(token)
                if frame.outer is not None:
                    self._element_done(frame)
                elif len(tokens) >= _FLUSH:
                    _flush(frame)
            if entered is not None:
                frames.append(entered)
                frame = entered
                continue
            if frame is top:
                return self._close(top)
            token = self._close(frame)
            frames.pop()
            inner, frame = frame, frames[-1]
            frame.tokens.append(token)
            frame.rooted |= inner.rooted
            if frame.outer is not None:
                self._element_done(frame)

    def teach(self) -> None:
        """Let what was asked for be known from now on."""
        for value in self.asked:
            found = self.shared.get(id(value))
            if found is not None:
                known.learn(value, found[1])

    def _enter(self, frame: _Frame, child: object, kind: int) -> bytes | _Frame:
        """Return the token of *child*, or a frame for its children."""
        if kind == _TOKEN:
            return child  # type: ignore[return-value]
        if kind == _ROOT:
            frame.rooted = True
            return self.scope.token(child.code)  # type: ignore[attr-defined]
        if kind == _NODE:
            token = None if child.unordered else self._small(frame, child)  # type: ignore[attr-defined, arg-type]
            return token or self._push(None, child, -1)  # type: ignore[arg-type]
        key = id(child)
        done = self.shared.get(key)
        if done is None:
            done = self.scope.tokens.get(key)
            if done is not None:
                frame.rooted = True
        if done is not None:
            return done[1]
        if key in known.KNOWN:
            token = known.recall(child)
            if token is not None:
                return token
            self.asked.append(child)
        place = self.places.get(key)
        if place is not None:
            frame.low = min(frame.low, place)
            return BACK + (len(self.open) - place).to_bytes(8, "big")
        answer: bytes | Node | None = None
        if kind in plain.CONTAINER_IDS:
            found = plain.container(child)  # type: ignore[arg-type]
            if found is not None:
                if found[1]:
                    self.shared[key] = (child, found[0])
                return found[0]
        answer = self._ask(child, kind)
        if type(answer) is not Node:
            return answer  # type: ignore[return-value]
        if not answer.unordered and len(answer.children) < _FLUSH:
            token = self._small(frame, answer)
            if token is not None:
                if type(token) is Token:  # dear
                    # `frame` may hold roots beside these: this scope's then, which is narrower.
                    tokens = self.scope.tokens if frame.rooted else self.shared
                    tokens[key] = (child, token)
                return token
        if key in self.walked:
            self.revisits += 1
            if self.revisits > _REVISITS:
                raise UnhashableArgument("sets whose elements refer back to them, too entangled")
        place = len(self.open)
        self.open.append(child)
        self.places[key] = place
        return self._push(child, answer, place)

    def _ask(self, child: object, kind: int) -> bytes | Node:
        plan = self.plans.get(kind)
        if plan is None:
            # The class cannot go, nor its id to another, while the walk holds an instance.
            entry = find(type(child))
            plan = entry.hasher if entry is not None else instances.plan(type(child))
            self.plans[kind] = plan
        return plan(child)

    def _small(self, frame: _Frame, node: Node) -> bytes | None:
        """Return the token of a node none of whose children needs a frame, else None.

        As a `Token`, where hashers have put some: those may have cost much.
        """
        children = node.children
        tokens = [_head(node)]
        first = children[0] if children else None
        if type(first) is Root:
            if is_short(children[1:]):
                frame.rooted = True
                tokens += (self.scope.token(first.code), plain.dumps(children[1:], 2)[5:])
                return NODE + xxhash.xxh3_128_digest(b"".join(tokens))
        elif is_short(children):
            # The scalars' own dumps, one behind the other; five bytes are the container's.
            tokens.append(plain.dumps(children, 2)[5:])
            return NODE + xxhash.xxh3_128_digest(b"".join(tokens))
        rooted = False
        has_tokens = False
        for child in children:
            kind = id(type(child))
            if kind in plain.SCALAR_IDS:
                token = plain.scalar(child)
            elif kind == _TOKEN:
                token = child  # type: ignore[assignment]
                has_tokens = True
            elif kind == _ROOT:
                token = self.scope.token(child.code)  # type: ignore[attr-defined]
                rooted = True
            else:
                return None
            tokens.append(token)
        frame.rooted |= rooted
        token = NODE + xxhash.xxh3_128_digest(b"".join(tokens))
        return Token(token) if has_tokens else token

    def _push(self, value: object, node: Node, place: int) -> _Frame:
        frame = _Frame(value, node, place, len(self.open))
        if node.unordered:
            frame.outer = self.scope
            self.scope = _Scope()
        return frame

    def _close(self, frame: _Frame) -> bytes:
        """Return the token of a frame whose children are all done."""
        if frame.outer is not None:
            self.scope = frame.outer
            self._order(frame)
        if frame.state is None:
            digest = xxhash.xxh3_128_digest(_head(frame.node) + b"".join(frame.tokens))
        else:
            frame.state.update(b"".join(frame.tokens))
            digest = frame.state.digest()
        token = NODE + digest
        if frame.low < frame.place or (frame.place < 0 and frame.low < _NOWHERE):
            above = self.frames[-2]  # it hangs on a value further up, which stays open
            above.low = min(above.low, frame.low)
        elif frame.place >= 0:
            self._settle(frame, digest, token)
        return token

    def _settle(self, frame: _Frame, digest: bytes, token: bytes) -> None:
        """Remember a value that refers to nothing above it, and what hung on it."""
        tokens = self.scope.tokens if frame.rooted else self.shared
        tokens[id(frame.value)] = (frame.value, token)
        place = frame.place
        if len(self.open) > place + 1:
            for offset, value in enumerate(self.open[place + 1 :], 1):
                part = RING + digest + offset.to_bytes(8, "big")
                tokens[id(value)] = (value, part)
                del self.places[id(value)]
        del self.open[place:]
        del self.places[id(frame.value)]

    # Sets

    def _element_done(self, frame: _Frame) -> None:
        """Put away the element of a set that was just hashed, and its roots."""
        roots = self.scope.roots
        frame.elements.append((frame.tokens.pop(), tuple(roots)))
        if roots:
            self.scope = _Scope()
        # What hangs on a value further up is forgotten: its place would depend on the
        # order in which the set gives its elements. So it may be walked again.
        keep = frame.floor
        for value in self.open[keep:]:
            self.walked.add(id(value))
            del self.places[id(value)]
        del self.open[keep:]

    def _order(self, frame: _Frame) -> None:
        frame.elements.sort(key=_rank)
        tokens = frame.tokens
        for token, roots in frame.elements:
            tokens.append(token + len(roots).to_bytes(4, "big"))
            tokens.extend(map(self.scope.token, roots))
            frame.rooted |= bool(roots)

    # Messages

    def path(self, names: tuple[str, ...] | None) -> str:
        """Return where the walk stands, for a message."""
        pieces: list[str] = []
        for frame in self.frames:
            index = frame.done + len(frame.tokens) + len(frame.elements)
            if frame is self.frames[0]:
                pieces.append(names[index] if names is not None and index < len(names) else "")
            elif frame.node.label is not None:
                pieces.append(frame.node.label(frame.node.children, index))
        return "".join(pieces)


_TOKEN = id(Token)
_ROOT = id(Root)
_NODE = id(Node)


class _Passing(_Walk):
    """Passes by what has no honest key: its type alone is met."""

    __slots__ = ()

    def _ask(self, child: object, kind: int) -> bytes | Node:
        try:
            return super()._ask(child, kind)
        except UnhashableArgument:
            return Node(b"passed by", (type(child),))


def _flush(frame: _Frame) -> None:
    if frame.state is None:
        frame.state = xxhash.xxh3_128(_head(frame.node))
    frame.state.update(b"".join(frame.tokens))
    frame.done += len(frame.tokens)
    frame.tokens.clear()


def _rank(element: tuple[bytes, tuple[object, ...]]) -> tuple[bytes, tuple[str, ...]]:
    # Two elements of equal data are told apart by their code alone. Names decide which
    # comes first; should they lie, an entry is missed, but never mixed up.
    return element[0], tuple(map(standard.name_of_code, element[1]))
