"""Files of vectors that were made elsewhere: Parquet, NPZ and NPY.

A row has a vector and says whose it is: in a Parquet file by columns, in an NPZ by arrays of the
same length, beside an NPY by a file of ids. Nothing here needs FiftyOne.
"""

import io
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import Fault, InputError
from ..files import FaultList, SourceFile, decode, read_source
from ..files.other_formats import other_format
from ..files.places import is_there, place
from ..files.reading import LARGEST, LONGEST_REASON, PARQUET_MARK, parquet_of
from ..prediction_files.layout import PATHS
from ..text import listed, shortened

VECTORS: Final = ("embedding", "embeddings", "vector", "vectors", "features", "feature")
"""Names of the column or array of vectors, where there are several that could be."""
IDS: Final = ("ids", "id", "keys", "names")
"""Arrays, and the column of a file of ids, that do not say what kind of id they hold."""
SPLIT: Final = "split"
IMAGE_ID: Final = "image_id"
FILE_NAME: Final = "file_name"
NAMING: Final = ("annotation_id", "sample_id", "label_id", "external_id", *PATHS, *IDS)
"""Columns by which a row may say whose its vector is."""
BESIDE: Final = (SPLIT, IMAGE_ID, FILE_NAME)
"""Columns that are held against the image of whatever a row names."""

_DAMAGED: Final = (OSError, ValueError, EOFError, MemoryError)
"""What a damaged array ends in; out of memory where its header promises more than there is."""
WIDEST: Final = 65_536
MOST_NUMBERS: Final = LARGEST // 4

ADVICE: Final = (
    "Expected is a Parquet file with a column of vectors and one of annotation_id, sample_id, path "
    "or external_id, an NPZ with such arrays, or an NPY with its ids beside it."
)


@dataclass(frozen=True, slots=True)
class VectorTable:
    """Vectors as they stand in a file, each of which is a finite one of the same length.

    Attributes:
        subject: the file, for messages.
        sha256: of its bytes.
        columns: cells of each column of ``NAMING`` and ``BESIDE`` that the file has, by name.
        matrix: (N, D).
    """

    subject: str
    sha256: str
    columns: Mapping[str, Sequence[object]]
    matrix: npt.NDArray[np.float32]


def read_vector_file(path: str) -> VectorTable:
    """Reads a file of vectors, of this machine or of a bucket, and checks every number of it.

    Raises:
        InputError: it is no such file, a vector has another length than the others, or holds NaN,
            infinity or zeros alone; every such row is named.
    """
    source = read_source(path)
    content = source.content
    if content.startswith(PARQUET_MARK):
        columns, matrix = _read_parquet(source)
    elif content.startswith(b"PK\x03\x04"):
        columns, matrix = _read_npz(source)
    elif content.startswith(b"\x93NUMPY"):
        columns, matrix = _read_npy(source)
    else:
        other = other_format(content)
        kind = other.name if other else "neither a Parquet file nor one of NumPy's"
        raise _refused(source, "file", f"is {kind}")
    if not len(matrix):
        raise _refused(source, "file", "holds no vectors")
    return VectorTable(source.subject, source.sha256, columns, _usable(source, matrix))


def _read_parquet(source: SourceFile) -> tuple[dict[str, Sequence[object]], Any]:
    with parquet_of(source, ADVICE) as file:
        header = file.schema_arrow.names
        groups = [file.metadata.row_group(at) for at in range(file.metadata.num_row_groups)]
        numbers = sum(
            group.column(column).num_values
            for group in groups
            for column in range(group.num_columns)
        )
        if numbers > MOST_NUMBERS:
            raise _refused(source, "file", f"holds {numbers:,} values, at most {MOST_NUMBERS:,}")
        names = [name.strip().lower() for name in header]
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise _refused(source, "columns", f"more than one is named {listed(twice)}")
        table = file.read().rename_columns(names)
        table.validate(full=True)
    columns = {name: table.column(name).to_pylist() for name in names if name in (*NAMING, *BESIDE)}
    kinds = {name: table.schema.field(name).type for name in names if name not in columns}
    lists = [name for name, kind in kinds.items() if _is_vector(kind)]
    if lists:
        name = _the_vectors(source, lists)
        return columns, _from_lists(source, table.column(name).combine_chunks())
    wide = [name for name, kind in kinds.items() if pa.types.is_floating(kind)]
    if len(wide) < 2:
        raise _refused(source, "columns", f"no vectors among {listed(header)}")
    return columns, np.column_stack([table.column(name).to_numpy() for name in wide])


def _is_vector(kind: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_kind(kind) for is_kind in tests):
        return False
    return bool(pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type))


def _from_lists(source: SourceFile, lists: Any) -> npt.NDArray[Any]:
    """A column of lists as a matrix; every list that is absent or has another length is named."""
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    width = int(Counter(lengths.tolist()).most_common(1)[0][0]) if len(lengths) else 0
    faults = FaultList()
    for row in np.flatnonzero(lengths != width).tolist():
        problem = f"has a vector of {lengths[row]:,} numbers, most have {width:,}"
        faults.add(f"row {row + 1:,}", problem, kind="length")
    faults.raise_if_any(source.subject, ADVICE)
    values = lists.flatten()
    if values.null_count:
        row = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0]) // width
        raise _refused(source, f"row {row + 1:,}", "has a vector with a number missing")
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(len(lengths), width)


def _read_npz(source: SourceFile) -> tuple[dict[str, Sequence[object]], Any]:
    arrays: dict[str, npt.NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(source.content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise _refused(source, "file", f"unpacks to {size:,} bytes, at most {LARGEST:,}")
        with np.load(io.BytesIO(source.content), allow_pickle=False) as file:
            for name in file.files:
                # Members that are no arrays come as bytes.
                if isinstance(array := file[name], np.ndarray):
                    arrays[name.strip().lower()] = array
    except (*_DAMAGED, zipfile.BadZipFile, KeyError) as error:
        raise _unreadable(source, error) from None
    tables = [name for name, array in arrays.items() if _is_matrix(array)]
    if not tables:
        raise _refused(
            source, "arrays", f"no vectors, (N, D) numbers, among {listed(arrays) or 'none'}"
        )
    matrix = arrays[_the_vectors(source, tables)]
    columns: dict[str, Sequence[object]] = {}
    for name, array in arrays.items():
        if name in (*NAMING, *BESIDE) and array.ndim == 1:
            if len(array) != len(matrix):
                problem = f"has {len(array):,} entries for {len(matrix):,} vectors"
                raise _refused(source, f"array {name}", problem)
            columns[name] = _cells(array)
    return columns, matrix


def _read_npy(source: SourceFile) -> tuple[dict[str, Sequence[object]], Any]:
    try:
        matrix = np.load(io.BytesIO(source.content), allow_pickle=False)
    except _DAMAGED as error:
        raise _unreadable(source, error) from None
    if not _is_matrix(matrix):
        raise _refused(source, "file", f"holds {matrix.dtype} of shape {matrix.shape}, not (N, D)")
    stem = source.name.rpartition(".")[0]
    beside = [place(source.subject).with_name(f"{stem}_ids{end}") for end in (".npy", ".txt")]
    there = next((file for file in beside if is_there(file)), None)
    if there is None:
        problem = f"says not whose its vectors are: put {beside[0].name} or {beside[1].name}"
        raise _refused(source, "file", f"{problem}, an id a line, beside it")
    named = read_source(there)
    if there.suffix == ".npy":
        try:
            ids = np.load(io.BytesIO(named.content), allow_pickle=False)
        except _DAMAGED as error:
            raise _unreadable(named, error) from None
        cells: Sequence[object] = _cells(ids) if ids.ndim == 1 else []
    else:
        cells = decode(named).splitlines()
    if len(cells) != len(matrix):
        problem = f"has {len(cells):,} ids for {len(matrix):,} vectors of {source.name}"
        raise _refused(named, "file", problem)
    return {IDS[0]: cells}, matrix


def _cells(array: npt.NDArray[Any]) -> Sequence[object]:
    """The ids in an array; those that are bytes as texts."""
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    return list(array.tolist())


def _is_matrix(array: npt.NDArray[Any]) -> bool:
    return array.ndim == 2 and array.dtype.kind in "fiu" and array.shape[1] > 0


def _the_vectors(source: SourceFile, names: Sequence[str]) -> str:
    """The column or array of vectors among those that could be."""
    found = [name for name in names if name in VECTORS] if len(names) > 1 else list(names)
    if len(found) != 1:
        problem = f"more than one may be the vectors: {listed(names)}"
        raise _refused(source, "columns", f"{problem}; call the right one {VECTORS[0]}")
    return found[0]


def _usable(source: SourceFile, matrix: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The vectors in single precision; refused if no distance can be measured to one of them."""
    if matrix.shape[1] > WIDEST:
        problem = f"has vectors of {matrix.shape[1]:,} numbers, at most {WIDEST:,} are read"
        raise _refused(source, "file", problem)
    with np.errstate(over="ignore"):
        single = matrix.astype(np.float32, copy=False)
    faults = FaultList()
    finite = np.isfinite(single).all(axis=1)
    for row in np.flatnonzero(~finite).tolist():
        problem = "holds NaN" if np.isnan(single[row]).any() else "holds infinity"
        faults.add(f"row {row + 1:,}", problem, kind="not finite")
    for row in np.flatnonzero(finite & ~single.any(axis=1)).tolist():
        faults.add(f"row {row + 1:,}", "is zeros alone, which have no direction", kind="zeros")
    faults.raise_if_any(source.subject, "Leave such rows out of the file.")
    return np.ascontiguousarray(single)


def _unreadable(source: SourceFile, error: Exception) -> InputError:
    if "pickle" in str(error):
        problem = "holds Python objects, which may run code and are never loaded; save plain arrays"
        return _refused(source, "file", problem)
    reason = shortened(str(error).partition("\n")[0], LONGEST_REASON)
    return _refused(source, "file", f"is damaged or cut off ({reason})")


def _refused(source: SourceFile, where: str, problem: str) -> InputError:
    return InputError(source.subject, [Fault(where, problem)], ADVICE)
