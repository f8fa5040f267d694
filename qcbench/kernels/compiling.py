"""How kernels are compiled: once for each machine, cached on disk, without reference counts.

Numba counts references to every array that is taken out of a tuple, with locked instructions that
cost more than a whole decision; kernels allocate nothing, so there is nothing to count.

It compiles a function once for each combination of types that it is called with. So what is read
from a short field is made a long number where it is read, and a place does not begin as a constant.

Numba compiles a function anew when its own file changes, but not when a file does whose functions
it calls. So all sources of a track are part of the key under which its functions are cached.
"""

import hashlib
import sys
from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from threading import Lock
from typing import Any, TypeVar, cast

import numpy as np
from numba import config, njit, typeof
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.extending import register_jitable

from qcbench.caches import private_folder
from qcbench.policies import twins
from qcbench.tracks import TRACKS

Function = TypeVar("Function", bound=Callable[..., Any])
LARGE = 2**63
_SPARING = Lock()


def kernel(function: Function) -> Function:
    """Compile a function that allocates nothing; division by zero gives infinity as in NumPy."""
    return _compiled(function, error_model="numpy", _nrt=False)


def kernel_beside_others(function: Function) -> Function:
    """Compile a kernel during which other threads of Python go on."""
    return _compiled(function, error_model="numpy", _nrt=False, nogil=True)


def inlined(function: Function) -> Function:
    """Compile a function into those that call it, and keep nothing of its own on disk.

    What most parts of a kernel are given costs more to pass than they take. Called from Python it
    is the plain function: to make it callable from there takes Numba a fifth of the whole time.
    """
    return cast(Function, _registered(function, _nrt=False, **INLINED))


def drawing_inlined(function: Function) -> Function:
    """Compile a function that draws from a NumPy generator into those that call it."""
    return cast(Function, _registered(function, **INLINED))


def called(function: Function) -> Function:
    """Let compiled code call a plain function; it is compiled where it is called."""
    return cast(Function, _registered(function, _nrt=False, **PART))


def called_by_itself(function: Function) -> Function:
    """Let compiled code call a plain function, which is optimised before its callers."""
    options = {"error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}
    return cast(Function, _registered(function, **options))


@cache
def _registered(function: Callable[..., Any], **options: Any) -> Any:
    """Make a plain function known to Numba once: it takes one that is made known twice for two."""
    return register_jitable(**options)(function)


class _NoMachineCode:
    """What takes the environments of parts, which raise nothing and need none."""

    def set_env(self, name: str, env: object) -> None:
        """Keep nothing: a part that comes from the cache has none either."""


class _PartLibrary(JITCodeLibrary):
    """The code of a part: optimised, and made machine code of, with those that it is part of.

    Numba would do both for every function by itself with all that it calls, though nobody calls it
    but compiled code: a kernel's innermost parts as many times as calls are nested.
    """

    codegen = _NoMachineCode()

    def get_pointer_to_function(self, name: str) -> int:  # noqa: ARG002 - Numba's
        """Return that there is none."""
        return 0

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class PartCompiler(Compiler):
    """Compiles what is only ever part of a kernel."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile a function into a library of its own kind."""
        self.state.library = _PartLibrary(self.state.targetctx.codegen(), func.__qualname__)
        return super().compile_extra(func)


PART = {"error_model": "numpy", "no_cfunc_wrapper": True, "pipeline_class": PartCompiler}
INLINED = PART | {"forceinline": True}


def drawing(function: Function) -> Function:
    """Compile a function that draws from a NumPy generator, which allocates, or one above it."""
    return _compiled(function, error_model="numpy")


def compiled_for(function: Function, arguments: Iterable[object], kind: Any = None) -> Function:
    """Return what a kernel was compiled to for the types of these arguments.

    It does not look at types any more, which takes ten times as long as a short call: arguments
    must be of the same kinds, see `kind_of`, whenever it is called.

    Args:
        kind: whatever is the same for arguments of the same kinds alone; found where None.
    """
    made = getattr(function, "compile", None)  # NUMBA_DISABLE_JIT leaves functions as they are
    if made is None:
        return function
    given = tuple(arguments)
    key = (function, kind_of(given) if kind is None else kind)
    found = _COMPILED.get(key)
    if found is None:
        found = _COMPILED[key] = made(tuple(map(typeof, given)))
    return cast(Function, found)


_COMPILED: dict[Any, Any] = {}
"""Functions for kinds of arguments, whose types it takes Numba a millisecond to find out."""
_NUMBERS: dict[Any, int] = {}


def number_of(kind: Any) -> int:
    """Return a number that stands for a kind: to compare long ones takes longer than a call."""
    return _NUMBERS.setdefault(kind, len(_NUMBERS))


def kind_of(value: Any) -> Any:
    """Return what Numba's type of a value follows from, memory layout included."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.ndim, value.flags.num
    if isinstance(value, tuple):
        return value.__class__, *map(kind_of, value)
    if isinstance(value, np.random.Generator):
        return value.__class__, value.bit_generator.__class__
    if value.__class__ is int:
        return int, -LARGE <= value < LARGE
    return value.__class__ if value.__class__ in (float, bool, type(None)) else typeof(value)


def _compiled(function: Function, **options: Any) -> Function:
    """Compile a function, from the cache where there is one: beside it, or in the user's folder.

    Where neither can be written (an installation of somebody else, a home that is not there) the
    cache is in a folder below that of temporary files.
    """
    for _ in range(2):
        try:
            return _keyed(_forgiving(njit(cache=True, **options)(function)), function)
        except (RuntimeError, OSError):  # "no locator available", or a folder that cannot be made
            config.CACHE_DIR = str(private_folder() / "numba")
    return cast(Function, njit(**options)(function))


def _forgiving(compiled: Any) -> Any:
    """Let a cache that is full, forbidden or torn cost time, and not the result."""
    kept = getattr(compiled, "_cache", None)
    for name in ("load_overload", "save_overload"):
        method = getattr(kept, name, None)
        if method is not None:
            setattr(kept, name, _or_nothing(method))
    return compiled


def _or_nothing(method: Callable[..., Any]) -> Callable[..., Any]:
    def tried(*arguments: Any) -> Any:
        _spare_linear_algebra()
        try:
            return method(*arguments)
        except (OSError, EOFError, UnpicklingError):
            return None

    return tried


def _spare_linear_algebra() -> None:
    """Let Numba not load SciPy's linear algebra only to see that it is there.

    That takes as long as all else of Numba that a kernel from the cache needs. Functions that
    multiply matrices look for it again when they are compiled.
    """
    with _SPARING:
        if "numba.np.arraymath" in sys.modules or find_spec("scipy") is None:
            return
        from numba.np import linalg  # noqa: PLC0415 - with the first kernel that is called

        look = getattr(linalg, "ensure_blas", None)
        if look is None:  # another Numba looks elsewhere
            return
        linalg.ensure_blas = lambda: None
        try:
            from numba.np import arraymath  # noqa: PLC0415

            arraymath.ensure_blas = look
        finally:
            linalg.ensure_blas = look


def _keyed(compiled: Any, function: Function) -> Function:
    """Make the sources that are compiled together part of the key of the cache."""
    index = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if index is not None:  # NUMBA_DISABLE_JIT leaves functions as they are
        room = [*function.__module__.split("."), "", ""][2]
        index._source_stamp = (index._source_stamp, _sources(room))
    return cast(Function, compiled)


@cache
def _sources(room: str) -> str:
    """Hash the sources that kernels of a track are made of, on every floor that has some of them.

    Rooms of the other tracks are left out.
    """
    top = Path(__file__).parents[1]
    others = {name for name in TRACKS if name != room}
    files = [
        path
        for floor in ("cloud", "policies", "kernels", "envs")
        for path in sorted((top / floor).rglob("*.py"))
        if not others & set(path.relative_to(top).parts)
    ]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


offset: Any = inlined(twins.offset)
