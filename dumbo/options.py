"""What was said at decoration, once it is known to make sense.

Knows the names of the keywords and their defaults; must not know what any of them does.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from dumbo.arguments.matchers import Matcher
    from dumbo.decision.policy import Rule
    from dumbo.decision.worth import Keep
    from dumbo.inputs import Reads
    from dumbo.tracing.tracker import TrackDeps

__all__ = ["HOW", "Options"]

HOW = ("next", "random", "first")  # which sample a call draws

_BY_CONTENT: Mapping[str, Matcher] = {}


class Options:
    """What was said at decoration, checked."""

    __slots__ = (
        "across_python",
        "draw",
        "expires_after",
        "ignore",
        "keep",
        "keep_versions",
        "key",
        "lazy",
        "name",
        "new_parameters",
        "observe",
        "on_impure",
        "on_stale",
        "readonly",
        "rule",
        "reads",
        "recompute_within",
        "samples",
        "seed",
        "track_deps",
        "verbose",
        "version",
    )

    def __init__(
        self,
        track_deps: TrackDeps = True,
        keep: Keep | Rule = "auto",
        ignore: tuple[str, ...] = (),
        name: str | None = None,
        version: str = "",
        verbose: bool = False,
        key: Mapping[str, Matcher] = _BY_CONTENT,
        observe: bool | None = None,
        expires_after: float | None = None,
        keep_versions: int | None = None,
        lazy: bool = False,
        reads: Reads | None = None,
        readonly: bool = False,
        seed: str | None = None,
        samples: int | None = None,
        draw: str = "next",
        new_parameters: Mapping[str, Any] = _BY_CONTENT,
        across_python: bool | None = None,
        on_impure: str | None = None,
        on_stale: str = "",
        recompute_within: float | None = None,
    ) -> None:
        self.on_stale = on_stale
        self.recompute_within = recompute_within  # seconds
        self.new_parameters = new_parameters  # and the values under which they change nothing
        self.across_python = across_python
        self.on_impure = on_impure
        self.seed = seed  # the parameter that is filled in
        self.samples = samples
        self.draw = draw
        self.readonly = readonly
        self.key = key
        self.reads = reads
        self.expires_after = expires_after  # seconds
        self.keep_versions = keep_versions
        self.track_deps: TrackDeps = track_deps
        self.lazy = lazy
        self.observe = observe
        self.rule: Rule | None = None  # in place of a word
        if not isinstance(keep, str):
            self.rule, keep = keep, "auto"
        self.keep: Keep = keep
        self.ignore = ignore
        self.name = name
        self.version = version
        self.verbose = verbose

    def as_dict(self) -> dict[str, Any]:
        known = {name: getattr(self, name) for name in self.__slots__}
        rule = known.pop("rule")
        return known if rule is None else {**known, "keep": rule}
