"""What reference counting did not free: rings of objects that wait for the garbage collector, and its pauses."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import BuiltinMethodType, FunctionType, MethodType, ModuleType


@contextmanager
def no_rings(package: str = "splitter.") -> Iterator[None]:
    """What happens inside leaves no ring with an object of this package in it.

    What was there before is set aside for good: the collector looks at what was made inside alone, and is done at once.

    Raises:
        AssertionError: with the kinds of objects that are left.
    """
    gc.disable()
    gc.freeze()
    try:
        yield
        found = left(package)
    finally:
        gc.enable()
    assert not found, f"left to the garbage collector: {dict(found.most_common(12))}"


def left(package: str) -> Counter[str]:
    """Objects of a package that only the collector frees, by class."""
    flags = gc.get_debug()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        names = Counter(f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in gc.garbage)
    finally:
        gc.set_debug(flags)
        gc.garbage.clear()
    return Counter({name: count for name, count in names.items() if name.startswith(package)})


_NONE = (type, ModuleType, FunctionType, MethodType, BuiltinMethodType, int, float)


def held_by(thing: object) -> int:
    """How many objects it keeps alive: those of the package and plain containers are followed; code and numbers are none.

    What is there again after something is over, or does not grow with what strangers do, is shown by this without a look
    at how it is kept.
    """
    seen, found = {id(thing)}, [thing]
    for one in found:  # grows meanwhile
        for other in gc.get_referents(one):
            if id(other) not in seen and not isinstance(other, _NONE):
                seen.add(id(other))
                found += [other] if _followed(other) else []
    return len(seen)


def _followed(thing: object) -> bool:
    kind = type(thing)
    return kind.__module__ in ("builtins", "collections") or kind.__module__.startswith("splitter.")
