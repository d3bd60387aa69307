"""LLVM's language, line by line: arithmetic on WIDE columns side by side, exactly as the machine's own kernels do it.

Nothing here may be contracted or reordered: no line carries a fast-math flag, as no kernel does.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from ralph.kernels.opcodes import WIDE

VECTOR, FLAGS = f"<{WIDE} x double>", f"<{WIDE} x i1>"
DECLARED = (
    f"declare {VECTOR} @llvm.fabs.v{WIDE}f64({VECTOR})",
    f"declare {VECTOR} @llvm.sqrt.v{WIDE}f64({VECTOR})",
    f"declare {VECTOR} @llvm.log.v{WIDE}f64({VECTOR})",
    f"declare i1 @llvm.vector.reduce.and.v{WIDE}i1({FLAGS})",
    f"declare double @llvm.vector.reduce.fmax.v{WIDE}f64({VECTOR})",
    "declare i64 @llvm.smax.i64(i64, i64)",
    "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)",
)


def splat(value: float) -> str:
    """A number in every column."""
    return f"splat (double 0x{struct.pack('>d', value).hex().upper()})"


HOPED, BOUND_MAX = 100, 1_000  # powers of two: prices, volumes and their sums are far less; 1,023 would be infinite
STEPS_MAX = 150  # from what is read to a result of which something is known
SUMS = 4  # of sizes side by side: one addition need not wait for the one before
NAN, ZERO, ONE = splat(float("nan")), splat(0.0), splat(1.0)


def _sum(one: int, other: int) -> int:
    return max(one, other) + 1


class Hopes:
    """What is hoped of values that are read, so that missing ones need no care: that they are numbers or, where more is
    made of them, that their sizes are less than 2 ** HOPED; what a few additions and multiplications make of such is a
    number too. What is hoped for is added up. Where the sums are numbers, and small enough, in the end, every hope was
    right; where they are not, the work is done again with care.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._bounds: dict[str, int | None] = {}  # powers of two that sizes are less than
        self._numbers: set[str] = set()
        self._read: set[str] = set()
        self._made: dict[str, tuple[tuple[str, ...], Callable[[int, int], int]]] = {}
        self._chosen: dict[str, tuple[str, ...]] = {}
        self._steps: dict[str, int] = {}
        self._sizes, self._sums = [ZERO] * SUMS, [ZERO] * SUMS

    def may_be_hoped(self, value: str) -> None:
        """A value that has been read: nothing is hoped of it until that helps."""
        self._read.add(value)

    def made_of(self, result: str, x: tuple[str, ...], together: Callable[[int, int], int]) -> None:
        """How the size of a result follows from those of what it is made of."""
        if self._is_near(result, x):
            self._made[result] = x, together

    def one_of(self, result: str, x: tuple[str, ...]) -> None:
        """A result that is always one of these."""
        if self._is_near(result, x):
            self._chosen[result] = x

    def _is_near(self, result: str, x: tuple[str, ...]) -> bool:
        """Whether what a result is made of is looked through: not without end."""
        self._steps[result] = 1 + max(self._steps.get(one, 0) for one in x)
        return self._steps[result] <= STEPS_MAX

    def is_number(self, value: str) -> bool:
        """Whether a value is one, or hoped to be one."""
        if value not in self._numbers and self._is_number(value):
            self._numbers.add(value)
        return value in self._numbers

    def _is_number(self, value: str) -> bool:
        if value in self._read and self._bounds.get(value) is None:
            self.is_there(value)
            return True
        if value in self._chosen:
            return all(self.is_number(one) for one in self._chosen[value])
        return self.bound(value) is not None

    def until_the_end(self, value: str) -> None:
        """A value that is missing where the same operation's before it is: the last is asked about all."""
        self._numbers.add(value)

    def is_there(self, value: str) -> None:
        """That it is a number."""
        self._sums.append(self._lines.make(f"fadd {VECTOR} {self._sums.pop(0)}, {value}"))

    def hope(self, value: str) -> None:
        """That its size is less than 2 ** HOPED."""
        if self.bound(value) is None:
            self._bounds[value] = HOPED
            size = self._lines.make(f"call {VECTOR} @llvm.fabs.v{WIDE}f64({VECTOR} {value})")
            self._sizes.append(self._lines.make(f"fadd {VECTOR} {self._sizes.pop(0)}, {size}"))

    def bound(self, value: str) -> int | None:
        """The power of two that its size is less than; None where that is not known."""
        if value.startswith("splat"):
            number = struct.unpack(">d", bytes.fromhex(value[-17:-1]))[0]
            return math.frexp(number)[1] if math.isfinite(number) else None
        if value not in self._bounds:
            self._bounds[value] = None
            if value in self._read:
                self.hope(value)
            elif value in self._made:
                x, together = self._made[value]
                known = [one for one in map(self.bound, x) if one is not None]
                if len(known) == len(x) and together(known[0], known[-1]) < BOUND_MAX:
                    self._bounds[value] = together(known[0], known[-1])
            elif value in self._chosen:
                known = [one for one in map(self.bound, self._chosen[value]) if one is not None]
                self._bounds[value] = max(known) if len(known) == len(self._chosen[value]) else None
        return self._bounds[value]

    def came_true(self) -> str:
        """Where all of it did."""
        sizes, sums = self._added(self._sizes), self._added(self._sums)
        return self._lines.every(self._lines.flag("olt", sizes, splat(2.0**HOPED)), self._lines.there(sums))

    def _added(self, parts: list[str]) -> str:
        total = parts[0]
        for one in parts[1:]:
            total = self._lines.make(f"fadd {VECTOR} {total}, {one}")
        return total


class Lines:
    """A function's lines so far; what makes a value answers its name."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self._names = 0
        self.hopes: Hopes | None = None

    def fresh(self, stem: str) -> str:
        self._names += 1
        return f"{stem}{self._names}"

    def say(self, line: str) -> None:
        self.text.append(line)

    def make(self, expression: str) -> str:
        name = self.fresh("%v")
        self.text.append(f"  {name} = {expression}")
        return name

    def label(self, name: str) -> None:
        self.text.append(f"{name}:")

    # Addresses and whole numbers

    def whole(self, operation: str, left: str | int, right: str | int) -> str:
        return self.make(f"{operation} i64 {left}, {right}")

    def moved(self, pointer: str, by: str | int) -> str:
        """The address so many numbers on."""
        return self.make(f"getelementptr double, ptr {pointer}, i64 {by}")

    def load_whole(self, pointer: str, place: int) -> str:
        return self.make(f"load i64, ptr {self.make(f'getelementptr i64, ptr {pointer}, i64 {place}')}")

    def load(self, pointer: str) -> str:
        return self.make(f"load {VECTOR}, ptr {pointer}, align 8")

    def store(self, value: str, pointer: str) -> None:
        self.say(f"  store {VECTOR} {value}, ptr {pointer}, align 8")

    # Arithmetic

    def add(self, x: str, y: str) -> str:
        return self._known(self.make(f"fadd {VECTOR} {x}, {y}"), (x, y), _sum)

    def sub(self, x: str, y: str) -> str:
        return self._known(self.make(f"fsub {VECTOR} {x}, {y}"), (x, y), _sum)

    def mul(self, x: str, y: str) -> str:
        return self._known(self.make(f"fmul {VECTOR} {x}, {y}"), (x, y), lambda one, other: one + other)

    def div(self, x: str, y: str) -> str:
        return self.make(f"fdiv {VECTOR} {x}, {y}")

    def called(self, name: str, x: str) -> str:
        """fabs, sqrt or log."""
        result = self.make(f"call {VECTOR} @llvm.{name}.v{WIDE}f64({VECTOR} {x})")
        return self._known(result, (x,), max) if name == "fabs" else result

    def _known(self, result: str, x: tuple[str, ...], together: Callable[[int, int], int]) -> str:
        if self.hopes is not None:
            self.hopes.made_of(result, x, together)
        return result

    # Flags

    def flag(self, comparison: str, x: str, y: str) -> str:
        return self.make(f"fcmp {comparison} {VECTOR} {x}, {y}")

    def there(self, x: str) -> str:
        """Where it is a number."""
        return self.flag("ord", x, ZERO)

    def every(self, *flags: str) -> str:
        result = flags[0]
        for one in flags[1:]:
            result = self.make(f"and {FLAGS} {result}, {one}")
        return result

    def either(self, one: str, other: str) -> str:
        return self.make(f"or {FLAGS} {one}, {other}")

    def opposite(self, flag: str) -> str:
        return self.make(f"xor {FLAGS} {flag}, splat (i1 true)")

    def pick(self, flag: str, yes: str, no: str) -> str:
        return self.make(f"select {FLAGS} {flag}, {VECTOR} {yes}, {VECTOR} {no}")

    def pick_flag(self, flag: str, yes: str, no: str) -> str:
        return self.make(f"select {FLAGS} {flag}, {FLAGS} {yes}, {FLAGS} {no}")

    def all_true(self, flag: str) -> str:
        return self.make(f"call i1 @llvm.vector.reduce.and.v{WIDE}i1({FLAGS} {flag})")

    def where_any(self, flag: str, made: Callable[[], str], otherwise: str) -> str:
        """What is made if a flag is set in any column; else the other."""
        before, inside, last, after = (self.fresh(f"{stem}_") for stem in ("before", "inside", "last", "after"))
        self.say(f"  br label %{before}")
        self.label(before)
        none = self.all_true(self.opposite(flag))
        self.say(f"  br i1 {none}, label %{after}, label %{inside}")
        self.label(inside)
        value = made()
        self.say(f"  br label %{last}")
        self.label(last)
        self.say(f"  br label %{after}")
        self.label(after)
        return self.make(f"phi {VECTOR} [ {otherwise}, %{before} ], [ {value}, %{last} ]")

    # What the machine's operations have in common

    def is_number(self, *values: str) -> bool:
        """Whether these are known or hoped to be numbers."""
        return self.hopes is not None and all(self.hopes.is_number(one) for one in values)

    def chosen(self, flag: str, yes: str, no: str) -> str:
        """One of two, of which is known what is known of both."""
        result = self.pick(flag, yes, no)
        if self.hopes is not None:
            self.hopes.one_of(result, (yes, no))
        return result

    def unless_missing(self, x: tuple[str, ...], value: str) -> str:
        """NaN where one of these is."""
        missing = [one for one in x if not self.is_number(one)]
        return self.pick(self.flag("ord", missing[0], missing[-1]), value, NAN) if missing else value

    def for_good(self, now: str, before: str) -> tuple[list[str], list[str]]:
        """The result and the state of what adds to what it knows: once missing, so would be all after it."""
        if self.hopes is not None:
            self.hopes.until_the_end(now)
        return [now], [self.kept_over(now, before)]

    def kept_over(self, now: str, before: str) -> str:
        """What is known after a bar: what was known before where there is no value now."""
        return now if self.is_number(now) else self.pick(self.there(now), now, before)

    def compared(self, comparison: str, x: str, y: str) -> str:
        """1 or 0, NaN where one is missing."""
        return self.unless_missing((x, y), self.chosen(self.flag(comparison, x, y), ONE, ZERO))

    def smaller_of(self, x: str, y: str) -> str:
        return self._one_of("olt", x, y)

    def larger_of(self, x: str, y: str) -> str:
        return self._one_of("ogt", x, y)

    def _one_of(self, comparison: str, x: str, y: str) -> str:
        result = self.chosen(self.flag(comparison, x, y), x, y)
        return result if self.is_number(x) else self.pick(self.flag("uno", x, x), x, result)
