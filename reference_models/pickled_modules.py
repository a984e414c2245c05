"""Published files that hold a pickled module: its tensors, read without unpickling.

Conventions: a pickle is a program that imports names and calls them. Here it is followed as data: names stay names, a
call or an instance is only noted, and nothing is made but tensors, of the bytes that the file keeps for them. What
modules are not made of is refused, as are claims that the file's own size does not cover.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from reference_models.errors import CheckpointError

__all__ = ["read_pickled_module"]

_MOST_PROGRAM = 8 * 2**20
_MOST_RECORDS = 100_000
_MOST_MODULES = 10_000
_DEEPEST = 64
_LONGEST_NAME = 256
_MOST_AXES = 16

_STORAGES = {
    "FloatStorage": torch.float32, "DoubleStorage": torch.float64, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}
_LITERALS = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE")
_MAPPINGS = ("collections OrderedDict",)
_COLLECTIONS = ("__builtin__ set", "builtins set")
_TENSOR, _PARAMETER = "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"
# Plain values that modules have among their attributes; they are passed over.
_PASSED_OVER = (
    "torch device", "torch Size", "_codecs encode", "numpy dtype", "numpy.core.multiarray scalar",
    "numpy._core.multiarray scalar",
)  # fmt: skip
_CALLED = (*_MAPPINGS, *_COLLECTIONS, _TENSOR, _PARAMETER, *_PASSED_OVER)
_MODULES = ("torch.nn", "torch._C._nn")


@dataclass(frozen=True)
class _Name:
    """A class or function, as the pickle names it: ``"module name"``."""

    text: str


@dataclass(eq=False)
class _Instance:
    """What would be an object of a class; its attributes, as far as it has any."""

    state: Any = None


def read_pickled_module(
    file: Path, *, modules: Collection[str], flags: Collection[str] = ()
) -> dict[str, Tensor] | None:
    """The tensors of a pickled module, by the keys that its ``state_dict()`` would have.

    Args:
        file: A file of ``torch.save(module, …)`` of torch 1.6 or later.
        modules: Python modules whose classes it is made of, beside those of `torch.nn`: ``"models"`` is ``models`` and
            all that is in it.
        flags: Plain attributes of modules that are read too, where they are there: True and False become tensors of no
            dimensions.

    Returns:
        The tensors; None if the file is none of ``torch.save``, or what it holds is no module.

    Raises:
        CheckpointError: If the file is damaged, names what no module is made of, or claims more than it holds.
    """
    if not zipfile.is_zipfile(file):
        return None
    try:
        with zipfile.ZipFile(file) as archive:
            records = _Records(archive, file)
            if records.program is None:
                return None
            root = _Reading(records, modules).followed(records.program)
    except CheckpointError:
        raise
    except Exception as error:  # whatever a damaged file makes of the readers is an answer about the file
        raise CheckpointError(f"{file} cannot be read as a pickled module: {error}. Copy it again.") from None
    return _tensors(root, flags, file) if isinstance(root, _Instance) else None


class _Records:
    """The records of a file of ``torch.save``: the pickle, and the bytes of tensors."""

    def __init__(self, archive: zipfile.ZipFile, file: Path) -> None:
        self._archive, self.file = archive, file
        self._left = file.stat().st_size
        self._storages: dict[str, Tensor] = {}
        names = archive.namelist()
        pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        self._folder = pickles[0].removesuffix("data.pkl") if pickles else ""
        self.program = None
        if len(pickles) == 1 and len(names) <= _MOST_RECORDS:
            self.program = self._read("data.pkl", _MOST_PROGRAM)
            if f"{self._folder}byteorder" in names and self._read("byteorder", 6) != b"little":
                self.refuse("holds numbers of another byte order than little")

    def storage(self, key: str, dtype: torch.dtype, count: int) -> Tensor:
        """(count,) numbers; views of one storage share them."""
        found = self._storages.get(key)
        if found is None:
            size = count * dtype.itemsize
            content = bytearray(self._read(f"data/{key}", size))
            if len(content) != size:
                self.refuse(f"claims {size:,} bytes for the storage {key!r} that has {len(content):,}")
            found = torch.frombuffer(content, dtype=dtype) if count else torch.empty(0, dtype=dtype)
            self._storages[key] = found
        if found.dtype != dtype or len(found) != count:
            self.refuse(f"describes the storage {key!r} in two ways")
        return found

    def refuse(self, what: str) -> NoReturn:
        """Say what is wrong with the file."""
        raise CheckpointError(
            f"{self.file} {what}, so it is damaged, or made to do harm. Only tensors of a pickled module are read; if "
            "you trust the file, load it elsewhere and save its state dict alone."
        )

    def _read(self, name: str, most: int) -> bytes:
        """A record, which is no larger than said, and with all others no larger than the file."""
        entry = self._archive.getinfo(self._folder + name)
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > min(most, self._left):
            self.refuse(f"claims {entry.file_size:,} bytes for {name!r}, more than there can be")
        self._left -= entry.file_size
        return self._archive.read(entry)


class _Reading:
    """Follows a pickle's program, on a stack and with a memory as the pickle expects."""

    def __init__(self, records: _Records, modules: Collection[str]) -> None:
        self._records, self._modules = records, (*_MODULES, *modules)
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memory: dict[int, Any] = {}

    def followed(self, program: bytes) -> Any:
        """What the program leaves."""
        for opcode, argument, _ in pickletools.genops(program):
            self._step(opcode.name, argument)
        return self._stack.pop()

    def _step(self, code: str, argument: Any) -> None:
        push = self._stack.append
        match code:
            case "PROTO" | "STOP":
                pass
            case "BINPUT" | "LONG_BINPUT":
                self._memory[argument] = self._stack[-1]
            case "BINGET" | "LONG_BINGET":
                push(self._memory[argument])
            case "MARK":
                self._marks.append(len(self._stack))
            case _ if code in _CONSTANTS:
                push(_CONSTANTS[code])
            case _ if code in _LITERALS:
                push(argument)
            case _ if code in _EMPTY:
                push(_EMPTY[code]())
            case _:
                self._make(code, argument)

    def _make(self, code: str, argument: Any) -> None:
        """Steps that would import, call or construct."""
        push, pop = self._stack.append, self._stack.pop
        match code:
            case "GLOBAL":
                push(self._named(argument))
            case "BINPERSID":
                push(self._storage(pop()))
            case "REDUCE":
                arguments = pop()
                push(self._called(pop(), arguments))
            case "NEWOBJ":
                pop()
                push(self._instance(pop()))
            case "BUILD":
                self._give(pop())
            case _:
                self._contain(code)

    def _contain(self, code: str) -> None:
        """Steps that make tuples of what is there, and fill lists and dicts."""
        match code:
            case "TUPLE":
                self._stack.append(tuple(self._since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self._stack.append(tuple(self._last(int(code[-1]))))
            case "APPEND" | "APPENDS":
                items = self._last(1) if code == "APPEND" else self._since_mark()
                self._on_top(list).extend(items)
            case "SETITEM" | "SETITEMS":
                items = self._last(2) if code == "SETITEM" else self._since_mark()
                self._fill(self._on_top(dict), items)
            case _:
                self._records.refuse(f"has the step {code}, which no pickled module has")

    def _since_mark(self) -> list[Any]:
        return self._last(len(self._stack) - self._marks.pop())

    def _last(self, count: int) -> list[Any]:
        place = len(self._stack) - count
        if place < 0 or count < 0:
            self._records.refuse("takes more than it has")
        items = self._stack[place:]
        del self._stack[place:]
        return items

    def _on_top(self, kind: type) -> Any:
        if type(self._stack[-1]) is not kind:
            self._records.refuse(f"fills what is no {kind.__name__}")
        return self._stack[-1]

    def _fill(self, mapping: dict[Any, Any], items: list[Any]) -> None:
        keys = items[::2]
        # The hash of nested tuples can take forever.
        if len(items) % 2 or not all(isinstance(key, (str, int, _Name)) for key in keys):
            self._records.refuse("has keys that no module has")
        mapping.update(zip(keys, items[1::2], strict=True))

    def _named(self, text: str) -> _Name:
        module = text.partition(" ")[0]
        known = any(module == each or module.startswith(f"{each}.") for each in self._modules)
        if not known and text not in _CALLED and text.removeprefix("torch ") not in _STORAGES:
            self._records.refuse(f"names {text.replace(' ', '.')[:_LONGEST_NAME]!r}, which no such module is made of")
        return _Name(text)

    def _instance(self, of: Any) -> _Instance:
        if not isinstance(of, _Name) or of.text in _CALLED:
            self._records.refuse("makes an object of what is no class of a module")
        return _Instance()

    def _called(self, function: Any, arguments: Any) -> Any:
        name = function.text if isinstance(function, _Name) else ""
        if name not in _CALLED or not isinstance(arguments, tuple):
            self._records.refuse(f"calls {name.replace(' ', '.') or 'what is no name'!r}")
        if name == _TENSOR:
            return self._tensor(*arguments[:4])
        if name == _PARAMETER:
            return arguments[0]
        if name in _MAPPINGS:
            return {}
        return list(arguments[0]) if name in _COLLECTIONS and arguments else _Instance()

    def _give(self, state: Any) -> None:
        """Attributes for what is on top of the stack; only those of a module count."""
        if isinstance(self._stack[-1], _Instance):
            self._stack[-1].state = state
        elif type(self._stack[-1]) is not dict:
            self._records.refuse("gives attributes to what has none")

    def _storage(self, identity: Any) -> Tensor:
        _, kind, key, _, count = identity
        dtype = _STORAGES.get(kind.text.removeprefix("torch ")) if isinstance(kind, _Name) else None
        if dtype is None or type(key) is not str or type(count) is not int or count < 0:
            self._records.refuse("describes a storage as torch does not")
        return self._records.storage(key, dtype, count)

    def _tensor(self, storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
        """A view of a storage that lies within it and repeats nothing."""
        if not isinstance(storage, Tensor) or not isinstance(size, tuple) or not isinstance(stride, tuple):
            self._records.refuse("makes a tensor of no storage")
        numbers = (offset, *size, *stride)
        whole = len(numbers) <= _MOST_AXES * 2 and all(type(each) is int and each >= 0 for each in numbers)
        if not whole or len(size) != len(stride):
            self._records.refuse("makes a tensor of a size that cannot be")
        last = offset + sum((each - 1) * step for each, step in zip(size, stride, strict=True))
        if prod(size) > len(storage) or (prod(size) and last >= len(storage)):
            self._records.refuse(f"makes a tensor of size {list(size)[:8]} of a storage of {len(storage):,} numbers")
        return storage.as_strided(size, stride, offset)


def _tensors(root: _Instance, flags: Collection[str], file: Path) -> dict[str, Tensor]:
    """Tensors and flags of a module and all in it, by key."""
    found: dict[str, Tensor] = {}
    open_modules, seen = [("", 0, root)], 0
    while open_modules:
        prefix, depth, module = open_modules.pop()
        state, seen = _attributes(module), seen + 1
        if seen > _MOST_MODULES or depth > _DEEPEST or len(found) > _MOST_RECORDS:
            raise CheckpointError(f"{file} holds modules within modules without end, so it is made to do harm.")
        tensors = {**_mapping(state, "_parameters"), **_mapping(state, "_buffers")}
        found |= {
            prefix + name: value
            for name, value in tensors.items()
            if isinstance(value, Tensor) and name not in _passing(state)
        }
        found |= {prefix + flag: torch.tensor(state[flag]) for flag in flags if isinstance(state.get(flag), bool)}
        inner = [(name, each) for name, each in _mapping(state, "_modules").items() if isinstance(each, _Instance)]
        open_modules += [(f"{prefix}{name}.", depth + 1, each) for name, each in reversed(inner)]
    return found


def _attributes(module: _Instance) -> Mapping[Any, Any]:
    return module.state if isinstance(module.state, dict) else {}


def _passing(state: Mapping[Any, Any]) -> list[Any]:
    """Names of buffers that are not part of the state."""
    held = state.get("_non_persistent_buffers_set")
    return [name for name in held if type(name) is str] if isinstance(held, list) else []


def _mapping(state: Mapping[Any, Any], name: str) -> dict[str, Any]:
    """What a module keeps by name, without names that are none."""
    held = state.get(name)
    items = held.items() if isinstance(held, dict) else ()
    return {key: value for key, value in items if type(key) is str and len(key) <= _LONGEST_NAME}
