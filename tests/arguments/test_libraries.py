"""Objects of libraries: told apart by content, not by layout, chunks or caches."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from dumbo.arguments.hashing import digest
from dumbo.errors import UnhashableArgument

np = pytest.importorskip("numpy")


def key(value: object) -> tuple[bytes, list[int]]:
    data, roots = digest(value)
    return data, [id(root) for root in roots]


def kept(value: Any) -> None:
    """Copies and pickles of *value* keep its key, and it adds no code."""
    assert digest(value)[1] == ()
    assert key(copy.deepcopy(value)) == key(value)
    assert key(pickle.loads(pickle.dumps(value))) == key(value)


def apart(*values: Any) -> None:
    keys = [(data, tuple(roots)) for data, roots in map(key, values)]
    assert len(set(keys)) == len(keys)


# -- scipy.sparse ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csr", "csc", "bsr", "coo", "dia", "lil", "dok"])
def test_sparse_matrices_are_what_they_store(form: str) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.array([[0, 1.0, 0], [2, 0, 3], [0, 0, 0]])
    other, moved = dense.copy(), dense.T.copy()
    other[0, 1] = 9
    make = getattr(sparse, f"{form}_matrix")
    kept(make(dense))
    array = getattr(sparse, f"{form}_array")
    apart(make(dense), make(other), make(moved), make(dense.astype("f4")), array(dense), dense)
    assert key(make(dense)) == key(make(dense.copy()))


def test_what_a_sparse_matrix_knows_of_itself_does_not_count() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.csr_matrix(np.eye(3))
    before = key(matrix)
    assert matrix.has_sorted_indices
    assert matrix.has_canonical_format
    assert key(matrix) == before


def test_a_sparse_matrix_of_the_users_class_adds_its_class_and_fields() -> None:
    sparse = pytest.importorskip("scipy.sparse")

    class Mine(sparse.csr_matrix):  # type: ignore[misc]
        tag = ""

    a, b = Mine(np.eye(3)), Mine(np.eye(3))
    assert digest(a)[1] == (Mine,)
    assert key(a) == key(b)
    b.tag = "x"
    assert key(a) != key(b)


# -- polars ------------------------------------------------------------------------------------


def test_polars_frames_and_series() -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": [1, None, 3], "s": ["x", "yz", None], "f": [0.5, -0.0, None]})
    kept(frame)
    kept(frame["s"])
    apart(
        frame,
        frame.rename({"a": "b"}),
        frame.select("s", "a", "f"),
        frame.head(2),
        frame.fill_null(0),
        frame.with_columns(pl.col("a").cast(pl.Int32)),
        frame.with_columns(pl.Series("s", ["xy", "z", None])),
        frame.with_columns(pl.Series("f", [0.5, 0.0, None])),
        frame["a"],
        frame["s"],
    )
    in_chunks = pl.concat([frame.head(1), frame.tail(2)], rechunk=False)
    assert in_chunks.n_chunks() == 2
    assert key(in_chunks) == key(frame)
    assert key(frame["a"].sort()) == key(pl.Series("a", [None, 1, 3]))  # known to be sorted


def test_polars_types() -> None:
    pl = pytest.importorskip("polars")
    import datetime

    day = datetime.datetime(2024, 1, 1)  # noqa: DTZ001 - a case
    columns = [
        pl.Series("a", [day], dtype=pl.Datetime("us")),
        pl.Series("a", [day], dtype=pl.Datetime("ns")),
        pl.Series("a", [day]).dt.replace_time_zone("UTC"),
        pl.Series("a", [day.date()]),
        pl.Series("a", [[1, 2], [], None]),
        pl.Series("a", [[1], [2], None]),
        pl.Series("a", [{"x": 1, "y": None}]),
        pl.Series("a", [{"x": 1, "y": "b"}]),
        pl.Series("a", ["x", "y"], dtype=pl.Categorical),
        pl.Series("a", ["x", "y"], dtype=pl.Enum(["x", "y"])),
        pl.Series("a", ["x", "y"], dtype=pl.Enum(["y", "x"])),
        pl.Series("a", ["x", "y"]),
        pl.Series("a", [True, False]),
        pl.Series("a", [True, True]),
        pl.Series("a", [b"x"]),
        pl.Series("a", [1], dtype=pl.Decimal(10, 2)),
        pl.Series("a", [2], dtype=pl.Decimal(10, 2)),
        pl.Series("a", [], dtype=pl.Int8),
        pl.Series("a", [], dtype=pl.String),
    ]
    apart(*columns)
    for column in columns:
        assert key(column) == key(copy.deepcopy(column))
    apart(pl.Datetime("us"), pl.Datetime("ns"), pl.Int64, pl.Int32, pl.List(pl.Int8))


def test_plans_of_polars_have_no_key() -> None:
    pl = pytest.importorskip("polars")
    for plan in (pl.DataFrame({"a": [1]}).lazy(), pl.col("a") + 1):
        with pytest.raises(UnhashableArgument, match="collect"):
            digest(plan)


# -- pyarrow -----------------------------------------------------------------------------------


def test_arrow_tables() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": [1, None, 3], "s": ["x", "yz", None]})
    kept(table)
    kept(table.to_batches()[0])
    kept(table.schema)
    apart(
        table,
        table.rename_columns(["b", "s"]),
        table.select(["s", "a"]),
        table.slice(1),
        table.replace_schema_metadata({"k": "v"}),
        table.to_batches()[0],
        table["a"],
        table.schema,
        table.schema.field("a"),
    )
    in_chunks = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert in_chunks["a"].num_chunks == 2
    assert key(in_chunks) == key(table)


def test_arrow_arrays() -> None:
    pa = pytest.importorskip("pyarrow")
    arrays = [
        pa.array([1, 2]),
        pa.array([1, None]),
        pa.array([1, 0]),
        pa.array([1, 2], pa.int8()),
        pa.array([1, 2], pa.timestamp("us")),
        pa.array([1, 2], pa.timestamp("us", tz="UTC")),
        pa.array([1.0, 2.0]),
        pa.array([0.0]),
        pa.array([-0.0]),
        pa.array([True, False]),
        pa.array([True, True]),
        pa.array(["ab", "c"]),
        pa.array(["a", "bc"]),
        pa.array(["ab", "c"], pa.large_string()),
        pa.array([b"ab", b"c"]),
        pa.array(["a", "b"]).dictionary_encode(),
        pa.array(["a", "a"]).dictionary_encode(),
        pa.array([[1], [2, 3], None]),
        pa.array([[1, 2], [3], None]),
        pa.array([{"x": 1}, {"x": None}]),
        pa.array([{"x": 1}, None]),
        pa.array([None, None]),
        pa.array([None]),
        pa.array([1, 2], pa.decimal128(5, 1)),
        pa.array([]),
        pa.scalar(1),
        pa.scalar(2),
        pa.py_buffer(b"a"),
        pa.py_buffer(b"b"),
        pa.int64(),
        pa.int32(),
    ]
    apart(*arrays)
    for array in arrays:
        assert digest(array)[1] == ()
        if isinstance(array, pa.Array):
            padded = pa.concat_arrays([array[:1], array])
            assert key(padded.slice(len(array[:1]))) == key(array)


def test_what_lies_under_a_null_does_not_count() -> None:
    pa = pytest.importorskip("pyarrow")
    valid = pa.py_buffer(bytes([0b101]))
    one, two = (
        pa.Array.from_buffers(pa.int8(), 3, [valid, pa.py_buffer(bytes([1, n, 3]))]) for n in (7, 8)
    )
    assert one.to_pylist() == two.to_pylist()
    assert key(one) == key(two)


# -- torch -------------------------------------------------------------------------------------


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    base = torch.arange(6.0).reshape(2, 3)
    for tensor in (base, base.T, torch.ones((), dtype=torch.bfloat16), base.to_sparse()):
        kept(tensor)
    apart(
        base,
        base + 1,
        base.reshape(3, 2),
        base.double(),
        base.T,
        base.to_sparse(),
        base.clone().requires_grad_(),
        torch.nn.Parameter(base.clone()),
        base.numpy(),
        torch.zeros(0, 3),
        torch.zeros(3, 0),
        torch.float32,
        torch.device("cpu"),
        torch.Size([2, 3]),
        (2, 3),
    )
    assert key(base.T) == key(base.T.contiguous())
    assert key(base[:, ::2]) == key(base[:, ::2].clone())
    big = torch.arange(3_000_000).reshape(2, -1)
    assert key(big.T) == key(big.T.contiguous())
    conj = torch.tensor([1 + 2j]).conj()
    assert key(conj) == key(conj.resolve_conj())


def test_tensors_with_gradients() -> None:
    torch = pytest.importorskip("torch")
    a = torch.ones(2, requires_grad=True)
    before = key(a)
    result = (a * 2).sum()
    with pytest.raises(UnhashableArgument, match="detach"):
        digest(result)
    result.backward()
    assert key(a) != before
    assert digest(result.detach())[1] == ()


def test_modules_and_generators() -> None:
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 2)

    net = Net()
    other = copy.deepcopy(net)
    assert key(net) == key(other)
    assert Net in digest(net)[1]
    with torch.no_grad():
        other.layer.weight[0, 0] += 1
    apart(net, other)
    first, second = (torch.Generator().manual_seed(seed) for seed in (1, 2))
    apart(first, second)
    before = key(first)
    torch.rand(1, generator=first)
    assert key(first) != before


# -- xarray, networkx, Pillow, scikit-learn ----------------------------------------------------


def test_xarray() -> None:
    xr = pytest.importorskip("xarray")
    array = xr.DataArray(np.ones(3), dims="x", coords={"x": [1, 2, 3]}, name="a", attrs={"u": "m"})
    data = xr.Dataset({"a": array, "b": ("y", [1, 2])})
    kept(array)
    kept(data)
    apart(
        array,
        array + 1,
        array.rename("b"),
        array.rename(x="z"),
        array.assign_coords(x=[1, 2, 4]),
        array.assign_attrs(u="s"),
        array.variable,
        data,
        data.drop_vars("b"),
        data.set_coords("b"),
        data.assign_attrs(k=1),
    )
    before = key(data)
    data.dims, data.sizes, data.indexes  # caches
    assert key(data) == before


def test_graphs() -> None:
    nx = pytest.importorskip("networkx")
    graph, other = nx.path_graph(4), nx.path_graph(4)
    kept(graph)
    graph.adj, graph.nodes, graph.edges, graph.degree  # cached
    assert key(graph) == key(other)
    other.add_edge(0, 3)
    named = nx.path_graph(4)
    named.nodes[0]["name"] = "a"
    apart(graph, other, named, nx.path_graph(4, nx.DiGraph), nx.path_graph(4, nx.MultiGraph))


def test_images() -> None:
    image = pytest.importorskip("PIL.Image")
    grey = image.fromarray(np.arange(16, dtype="u1").reshape(4, 4))
    other = image.fromarray(np.arange(1, 17, dtype="u1").reshape(4, 4))
    kept(grey)
    indexed = grey.convert("P")
    swapped = indexed.copy()
    swapped.putpalette([*range(255, -1, -1)] * 3)
    apart(grey, other, grey.resize((2, 8)), grey.convert("RGB"), indexed, swapped)
    noted = grey.copy()
    noted.info["dpi"] = (1, 1)
    apart(grey, noted)


def test_an_image_from_a_file_is_its_pixels(tmp_path: Any) -> None:
    image = pytest.importorskip("PIL.Image")
    for name in ("a.png", "b.png"):
        image.fromarray(np.zeros((3, 3), dtype="u1")).save(tmp_path / name)
    with image.open(tmp_path / "a.png") as a, image.open(tmp_path / "b.png") as b:
        assert key(a) == key(b)


def test_estimators() -> None:
    pytest.importorskip("sklearn")
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    x = np.random.default_rng(0).random((20, 3))
    y = (x[:, 0] > 0.5).astype(int)
    makers: list[Callable[[], Any]] = [
        lambda: LogisticRegression(),
        lambda: LogisticRegression().fit(x, y),
        lambda: LogisticRegression(C=2).fit(x, y),
        lambda: RandomForestClassifier(3, random_state=0).fit(x, y),
        lambda: RandomForestClassifier(3, random_state=1).fit(x, y),
    ]
    apart(*[make() for make in makers])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for make in makers:
            made = make()
            assert key(made) == key(make()) == key(pickle.loads(pickle.dumps(made)))


# -- records -----------------------------------------------------------------------------------


def test_classes_of_attrs() -> None:
    attrs = pytest.importorskip("attrs")

    @attrs.define
    class Slotted:
        x: int
        y: list[int] = attrs.field(factory=list, eq=False)

    @attrs.frozen(cache_hash=True)
    class Frozen:
        x: int

    @attrs.frozen(cache_hash=True, slots=False)
    class Open:
        x: int

    apart(Slotted(1), Slotted(2), Slotted(1, [1]))
    for kind in (Frozen, Open):
        used = kind(1)
        hash(used)
        assert key(used) == key(kind(1))
        apart(used, kind(2))


def test_models_of_pydantic() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):  # type: ignore[misc]
        x: int
        y: str = "a"
        _secret: int = pydantic.PrivateAttr(default=0)

    hidden = Model(x=1)
    hidden._secret = 1
    assert key(Model(x=1)) == key(Model(x=1))
    apart(Model(x=1), Model(x=2), hidden, Model(x=1, y="b"))


def test_structs_of_msgspec() -> None:
    msgspec = pytest.importorskip("msgspec")

    class Struct(msgspec.Struct, dict=True):  # type: ignore[misc, call-arg]
        x: int
        y: list[int] = []

    more = Struct(1)
    more.z = 1
    assert key(Struct(1)) == key(Struct(1))
    apart(Struct(1), Struct(2), Struct(1, [1]), more)


# -- what an object says of itself -------------------------------------------------------------


class Told:
    def __init__(self, x: object) -> None:
        self.x = x
        self.open = iter([1])  # without that protocol: no key

    def __dask_tokenize__(self) -> object:
        return ("told", self.x)


def test_an_object_may_say_what_counts_as_dask_asks_it() -> None:
    assert key(Told(1)) == key(Told(1))
    assert digest(Told(1))[1] == (Told,)
    apart(Told(1), Told(2), ("told", 1))
    with pytest.raises(UnhashableArgument, match="cannot be read"):
        digest(Told(ZeroDivisionError).__class__.__new__(Told))  # it has no x


def test_hash_tables_that_no_process_orders_alike_are_hashed_by_what_is_in_them() -> None:
    rpds = pytest.importorskip("rpds")
    both = [("a", 1), ("b", [2])]
    assert digest(rpds.HashTrieMap(both)) == digest(rpds.HashTrieMap(both[::-1]))
    assert digest(rpds.HashTrieMap(both)) != digest(rpds.HashTrieMap(both[:1]))
    # Each has an order of its own, also within one process.
    many = [rpds.HashTrieSet([str(n) for n in range(50)]) for _ in range(5)]
    assert len({digest(each)[0] for each in many}) == 1
