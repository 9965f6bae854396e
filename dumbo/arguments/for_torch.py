"""Hashers of torch: dtype, shape, device, whether gradients are wanted, and content.

How a tensor lies in memory does not count: strides, offsets, shared storage. One that belongs
to a graph of automatic differentiation has no key, for a function may go back along that graph.
Imported when the first value of torch is met, so torch is loaded already.
"""

from __future__ import annotations

import sys

import xxhash

from dumbo.arguments.instances import dict_of
from dumbo.arguments.registry import Entry, Node, Token, foreign, leaf, register
from dumbo.arguments.typed import node
from dumbo.errors import UnhashableArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

torch: Any = sys.modules["torch"]

_CHUNK = 1 << 20  # elements of a strided tensor that are copied at once


def _tensor(value: Any) -> Node:
    tensor = torch.Tensor
    if value.grad_fn is not None:
        raise UnhashableArgument("a tensor that belongs to a graph of gradients: detach() it")
    data = tensor.detach(value)
    if type(data) is not tensor:
        data = data.as_subclass(tensor)
    if data.is_meta or data.is_quantized or data.is_nested:
        raise UnhashableArgument("a tensor without plain content (meta, quantized or nested)")
    grad = value.grad if value.requires_grad else None
    fields = dict_of(value) or {}
    names = sorted(name for name in fields if type(name) is str)
    rest = [part for name in names for part in (name, fields[name])]
    return node(
        "torch", value, str(data.dtype), tuple(data.shape), str(data.device), value.requires_grad,
        grad, *_content(data), *rest, internal=frozenset(names),
    )  # fmt: skip


def _content(data: Any) -> tuple[object, ...]:
    layout = str(data.layout)
    if layout == "torch.strided":
        return (Token(leaf(b"buffer", _digest(data))),)
    if layout == "torch.sparse_coo":
        return (layout, data.is_coalesced(), data._indices(), data._values())
    if layout in ("torch.sparse_csr", "torch.sparse_bsr"):
        return (layout, data.crow_indices(), data.col_indices(), data.values())
    if layout in ("torch.sparse_csc", "torch.sparse_bsc"):
        return (layout, data.ccol_indices(), data.row_indices(), data.values())
    raise UnhashableArgument(f"a tensor of layout {layout}")


def _digest(data: Any) -> bytes:
    state = xxhash.xxh3_128()
    _update(state, data.resolve_conj().resolve_neg())
    return state.digest()


def _update(state: Any, data: Any) -> None:
    if data.numel() == 0:
        return
    if data.is_contiguous() or data.numel() <= _CHUNK:
        flat = data.cpu().contiguous().reshape(-1).view(torch.uint8)
        state.update(flat.numpy())
        return
    row = data.numel() // data.shape[0]
    step = max(1, _CHUNK // row)
    for start in range(0, data.shape[0], step):
        piece = data[start : start + step]
        _update(state, piece if step > 1 else piece[0])


def _generator(value: Any) -> Node:
    return node("torch", value, str(value.device), value.get_state())


def _size(value: Any) -> Node:
    return node("torch", value, tuple.__getitem__(value, slice(None)))


def _by_text(value: Any) -> Node:
    return node("torch", value, str(value))


def _register() -> None:
    register(torch.Tensor, Entry(foreign(_tensor), "whole"))
    register(torch.Generator, Entry(foreign(_generator), "whole"))
    register(torch.Size, Entry(foreign(_size), "whole"))
    for kind in (torch.dtype, torch.device, torch.layout, torch.memory_format):
        register(kind, Entry(foreign(_by_text), "whole"))


_register()
