"""Hashers of some types of scipy, xarray, networkx and Pillow, by qualified name.

    scipy.sparse   format, shape, and what is stored, as it is stored; of DOK, by place
    xarray         names, dimensions, coordinates, attributes, encoding, content
    networkx       nodes, edges and attributes in their order; not what is cached
    PIL.Image      mode, size, palette, format, info and pixels; not the file it came from

Nothing is imported here: a value that is met has its library loaded.
"""

from __future__ import annotations

import xxhash

from dumbo.arguments.instances import cached_names, dict_of
from dumbo.arguments.registry import Entry, Node, Token, foreign, leaf, register
from dumbo.arguments.typed import node
from dumbo.errors import UnhashableArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# scipy.sparse


def _compressed(value: Any) -> Node:
    stored = int(value.indptr[-1]) if len(value.indptr) else 0
    parts = (value.indptr, value.indices[:stored], value.data[:stored])
    return _sparse(value, *parts)


def _coordinates(value: Any) -> Node:
    places = value.coords if hasattr(value, "coords") else (value.row, value.col)
    return _sparse(value, *places, value.data)


def _diagonals(value: Any) -> Node:
    return _sparse(value, value.offsets, value.data)


def _lists(value: Any) -> Node:
    return _sparse(value, value.dtype, value.rows, value.data)


def _by_place(value: Any) -> Node:
    items = sorted((tuple(map(int, _as_tuple(at))), held) for at, held in value.items())
    return _sparse(value, value.dtype, [at for at, _ in items], [held for _, held in items])


def _as_tuple(place: Any) -> tuple[Any, ...]:
    return place if type(place) is tuple else (place,)


def _sparse(value: Any, *parts: object) -> Node:
    shape = tuple(map(int, value.shape))
    return node("scipy", value, value.format, shape, *parts, internal=_SPARSE)


_SPARSE = frozenset(
    {
        "_shape", "maxprint", "indices", "indptr", "data", "coords", "row", "col", "offsets",
        "rows", "_dict", "dtype", "_has_sorted_indices", "_has_canonical_format",
        "has_canonical_format", "_maxprint",
    }
)  # fmt: skip


# xarray


def _variable(value: Any) -> Node:
    parts = (value.dims, value.attrs, value.encoding, value.data)
    return node("xarray", value, *parts, internal=_XARRAY)


def _data_array(value: Any) -> Node:
    coords = list(value.coords)
    variables = [value.coords[name].variable for name in coords]
    return node("xarray", value, value.name, value.variable, coords, *variables, internal=_XARRAY)


def _dataset(value: Any) -> Node:
    names = list(value.variables)
    variables = [value.variables[name] for name in names]
    order = [list(value.data_vars), list(value.coords)]
    parts = (value.attrs, value.encoding, names, order, *variables)
    return node("xarray", value, *parts, internal=_XARRAY)


_XARRAY = frozenset(
    {
        "_attrs", "_cache", "_close", "_coord_names", "_coords", "_data", "_dims", "_encoding",
        "_indexes", "_name", "_variable", "_variables",
    }
)  # fmt: skip


# networkx


def _graph(value: Any) -> Node:
    left_out = cached_names(type(value)) | {"__networkx_cache__"}
    fields = dict_of(value) or {}
    names = sorted(name for name in fields if type(name) is str and name not in left_out)
    parts = [part for name in names for part in (name, fields[name])]
    return node("networkx", value, *parts, internal=frozenset(fields))


# Pillow


def _image(value: Any) -> Node:
    if getattr(value, "n_frames", 1) > 1:
        raise UnhashableArgument("an image of several frames: give them one by one")
    value.load()
    palette = value.palette
    colours = (palette.mode, bytes(palette.tobytes())) if palette is not None else None
    parts = (value.mode, value.size, value.format, colours, value.info, _pixels(value))
    return node("PIL", value, *parts, internal=frozenset(dict_of(value) or ()))


def _pixels(value: Any) -> Token:
    state = xxhash.xxh3_128()
    width, height = value.size
    rows = max(1, (1 << 20) // max(1, 4 * width))
    if width and height:
        for top in range(0, height, rows):
            state.update(value.crop((0, top, width, min(height, top + rows))).tobytes())
    return Token(leaf(b"pixels", state.digest()))


def _register() -> None:
    for name, hasher in (
        ("csr", _compressed),
        ("csc", _compressed),
        ("bsr", _compressed),
        ("coo", _coordinates),
        ("dia", _diagonals),
        ("lil", _lists),
        ("dok", _by_place),
    ):
        for form in ("matrix", "array"):
            register(f"scipy.sparse._{name}:{name}_{form}", Entry(foreign(hasher), "whole"))
    core = "xarray.core"
    for name, hasher in (
        ("variable:Variable", _variable),
        ("dataarray:DataArray", _data_array),
        ("dataset:Dataset", _dataset),
    ):
        register(f"{core}.{name}", Entry(foreign(hasher), "whole"))
    register("networkx.classes.graph:Graph", Entry(foreign(_graph), "whole"))
    register("PIL.Image:Image", Entry(foreign(_image), "whole"))


_register()
