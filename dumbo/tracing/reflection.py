"""Models of what looks at objects, names and code: `getattr`, `type`, `super`, `eval`, imports.

Knows names that are values; must not know containers or iteration.
"""

from __future__ import annotations

from types import CodeType

from dumbo.tracing import given, truth
from dumbo.tracing.attributes import SWAPPED, attribute, special
from dumbo.tracing.calls import (
    Arguments,
    build_class,
    construct_bare,
    escape_all,
    invoke,
    out_of_sight,
)
from dumbo.tracing.class_hooks import finish_by_type
from dumbo.tracing.containers import (
    add,
    instance_of,
    make_heap,
    make_tuple,
    text_like,
    text_of,
)
from dumbo.tracing.escapes import escape
from dumbo.tracing.frame import Frame
from dumbo.tracing.loads import import_module, make_super, read_cell, read_global
from dumbo.tracing.looks import look, read_text
from dumbo.tracing.lookup import globals_of, is_class, is_module
from dumbo.tracing.namespaces import ANY, by_pattern, computed_module, listed, live_names, names_of
from dumbo.tracing.registry import model
from dumbo.tracing.storing import rebind, store_attribute
from dumbo.tracing.uses import by_made
from dumbo.tracing.values import UNKNOWN, Builtin, Cell, Instance, Known, Value, each


@model("builtins:object.__new__", "builtins:type.__new__", "builtins:object")
def _new(frame: Frame, args: Arguments) -> Value:
    if len(args.positional) == 4:  # `type.__new__(cls, name, bases, namespace)`
        finish_by_type(frame, *args.positional[2:])
    if len(args.positional) >= 1:
        return construct_bare(frame, args.positional[0])
    return frame.unknown_value("an object")


@model("builtins:super")
def _super(frame: Frame, args: Arguments) -> Value | None:
    if len(args.positional) >= 2:
        return make_super(frame, args.positional[0], args.positional[1])
    cell = frame.cells.get("__class__")
    receiver = frame.receiver
    if isinstance(cell, Cell) and receiver is not None:
        owner = read_cell(frame, cell)
        return make_super(frame, owner, receiver) if owner is not None else None
    return frame.unresolved("super() outside of a method")


@model("builtins:type")
def _type(frame: Frame, args: Arguments) -> Value:
    if len(args.positional) != 1:
        if len(args.positional) == 3:
            finish_by_type(frame, *args.positional[1:])
        escape_all(frame, args)
        return frame.unknown_value("a class made by type()")
    found: Value | None = None
    for member in each(args.positional[0]):
        if isinstance(member, Instance):
            swapped = frame.analysis.read(SWAPPED, "elem", frame, frame.index)
            found = frame.pool.join(found, member.cls, swapped)
        elif isinstance(member, Known):
            cls = frame.analysis.get("type", member.ref, None)
            found = frame.pool.join(found, frame.touch(cls, "type"))
        elif isinstance(like := text_like(frame, member), Instance):
            found = frame.pool.join(found, frame.touch(like.cls, "type"))
        else:
            found = frame.pool.join(found, frame.unknown_value("a type"))
    return found or UNKNOWN


@model("builtins:getattr")
def _getattr(frame: Frame, args: Arguments) -> Value | None:
    if len(args.positional) < 2:
        return out_of_sight(frame, args, "getattr with spread arguments")
    target, name, *default = args.positional
    found: Value | None = None
    is_sure = True
    for wanted in each(name):
        text = text_of(wanted)
        if text is not None:
            found = frame.pool.join(found, attribute(frame, target, text))
            is_sure = is_sure and all(truth.has(frame, one, text) for one in each(target))
        else:
            found = frame.pool.join(found, by_pattern(frame, target, wanted))
            is_sure = False
    return found if is_sure else frame.pool.join(found, *default)


@model("builtins:setattr")
def _setattr(frame: Frame, args: Arguments) -> Value:
    if len(args.positional) == 3:
        target, name, value = args.positional
        text = text_of(name)
        if text is not None:
            store_attribute(frame, target, text, value)
        else:
            for member in each(target):
                if isinstance(member, Instance):
                    frame.write(member.site, ("attr", None), value)
                elif isinstance(member, Known) and is_class(member.obj):
                    rebind(frame, member, None, value)
                else:
                    if isinstance(member, Known) and is_module(member.obj):
                        site = ("global", id(globals_of(member.obj)))
                        frame.write(site, None, value)
                    escape(frame, value)
    return frame.pool.const(None)


@model("inspect:getmro")
def _getmro(frame: Frame, args: Arguments) -> Value | None:
    if len(args.positional) != 1:
        return out_of_sight(frame, args, "inspect.getmro()")
    return attribute(frame, args.positional[0], "__mro__")


@model("builtins:globals")
def _globals(frame: Frame, args: Arguments) -> Value:
    made: Value = frame.pool.make(Builtin, "globals()", UNKNOWN)
    return made


@model("builtins:vars")
def _vars(frame: Frame, args: Arguments) -> Value | None:
    if len(args.positional) == 1:
        return attribute(frame, args.positional[0], "__dict__")
    return frame.unknown_value("vars()")


@model("builtins:dir")
def _dir(frame: Frame, args: Arguments) -> Value:
    for value in args.positional:
        for method in special(frame, value, "__dir__"):
            invoke(frame, method, ())
        for member in each(value):
            cls = member.cls if isinstance(member, Instance) else member
            if isinstance(cls, Known) and not is_module(cls.obj):
                listed(frame, cls, whole=True)
            names_of(frame, member, ANY)
    if not args.positional:
        live_names(frame, frame.home, ANY)
    made = make_heap(frame, "list", ())
    add(frame, made, instance_of(frame, str))
    return made


@model("inspect:getmembers", "inspect:getmembers_static")
def _getmembers(frame: Frame, args: Arguments) -> Value:
    made = make_heap(frame, "list", ())
    for value in args.positional[:1]:
        member = by_pattern(frame, value, UNKNOWN)
        for predicate in args.positional[1:]:
            invoke(frame, predicate, (member or UNKNOWN,))
        add(frame, made, make_tuple(frame, (instance_of(frame, str), member or UNKNOWN)))
    return made


@model("builtins:eval", "builtins:exec")
def _eval(frame: Frame, args: Arguments) -> Value:
    """The names in a text that is known; else whatever the module defines."""
    escape_all(frame, args, by_made(frame.module))
    text = text_of(args.positional[0]) if args.positional else None
    if len(args.positional) > 1 or "globals" in args.named:
        # It runs in namespaces that it is given, and reaches nothing else.
        if text is None:
            return frame.unresolved("code that is made while the program runs")
        return frame.unknown_value("the result of eval()")
    for value in frame.locals.values():
        escape(frame, value)
    for name in _names_in(text):
        if name in frame.locals or name not in globals_of(frame.home.obj):
            continue
        escape(frame, read_global(frame, name))
    if text is None:
        for name in live_names(frame, frame.home, ("", "")):
            escape(frame, read_global(frame, name))
        return frame.unresolved("code that is made while the program runs")
    return frame.unknown_value("the result of eval()")


def _names_in(text: str | None) -> list[str]:
    if text is None:
        return []
    try:
        todo = [compile(text.strip(), "<text>", "exec", dont_inherit=True)]
    except (SyntaxError, ValueError):
        return []
    found: dict[str, None] = {}
    while todo:
        code = todo.pop()
        found.update(dict.fromkeys(code.co_names))
        todo += [const for const in code.co_consts if isinstance(const, CodeType)]
    return list(found)


@model("builtins:__build_class__")
def _build_class(frame: Frame, args: Arguments) -> Value:
    return build_class(frame, args)


@model("importlib:import_module")
def _import(frame: Frame, args: Arguments) -> Value | None:
    wanted = (*args.positional, *args.named.values())
    if len(wanted) == 1:
        return _import_each(frame, wanted[0], args)
    name = text_of(wanted[0]) if wanted else None
    package = text_of(wanted[1]) if len(wanted) > 1 else None
    if name is not None and name.startswith(".") and package is not None:
        level = len(name) - len(name.lstrip("."))
        home = package.split(".")
        name = ".".join([*home[: len(home) - level + 1], name[level:]])
    if name is None or name.startswith("."):
        return computed_module(frame, args)
    return import_module(frame, name, whole=True)


def _import_each(frame: Frame, wanted: Value, args: Arguments) -> Value | None:
    """The module of a name that stands in the code, or is a string of the call."""
    found: Value | None = None
    for member in each(wanted):
        text = text_of(member)
        names = given.every(frame, member) if text is None else [text]
        if names is None or any(name.startswith(".") for name in names):
            return computed_module(frame, args)
        found = frame.pool.join(
            found, *[import_module(frame, name, whole=True) for name in names if name]
        )
    return found


@model("builtins:__import__")
def _import_name(frame: Frame, args: Arguments) -> Value | None:
    name = text_of(args.positional[0]) if len(args.positional) == 1 else None
    if name is None:
        return computed_module(frame, args)
    return import_module(frame, name, whole=False)


@model("importlib.util:find_spec")
def _find_spec(frame: Frame, args: Arguments) -> Value:
    """Whether a module is there; what is in it counts, too."""
    name = text_of(args.positional[0]) if len(args.positional) == 1 and not args.named else None
    if name is None or name.startswith("."):
        return out_of_sight(frame, args, "whether there is a module of a computed name")
    import_module(frame, name, whole=True)
    return frame.unknown_value("where a module is")


@model(
    "inspect:findsource",
    "inspect:getcomments",
    "inspect:getsource",
    "inspect:getsourcelines",
)
def _source(frame: Frame, args: Arguments) -> Value:
    for value in args.all():
        look(frame, value)
    read_text(frame, "inspect")
    return instance_of(frame, str)
