"""A program as straight code for one more bar of some columns, WIDE of them after another.

What the bar reads of a column stands together (see `kernels.live`): it is turned around into rows of WIDE columns,
worked on, and where the bars are closed turned back. What the next bar reads is then mostly what this one read, one
bar further back; the rest comes out of the rings.
"""

from __future__ import annotations

from typing import NamedTuple

from ralph.kernels import opcodes as oc
from ralph.kernels.opcodes import BASE, MASK, WIDE
from ralph.kernels.straight.body import Body, Listing, Part
from ralph.kernels.straight.lines import DECLARED, VECTOR, Lines
from ralph.kernels.straight.windows import Row

NAME, ARGUMENTS = "bar", 8
HALF = WIDE // 2
QUARTER = f"<{HALF} x double>"
LANES, COUNT, AHEAD, RINGS, WIDTH, FIELDS, OUT, CLOSED = (
    *("%lanes", "%count", "%ahead", "%rings", "%width"),
    *("%fields", "%out", "%closed"),
)
RING, ROW_KEPT, RING_KEPT = range(3)


class Move(NamedTuple):
    """See `kernels.live`."""

    kind: int
    slot: int
    back: int


def written(listing: Listing, moves: list[Move]) -> str:
    """The function, in LLVM's language: columns' numbers `lanes` [count], of which there are a multiple of WIDE; what
    they know `ahead` [columns, moves + 1] and `rings` [rows of memory, width]; the bars' fields, each [count]; results
    out [results, count]; whether the bars are closed. The number of moves and one more is a multiple of half of WIDE.
    """
    return _Bar(listing, moves).text()


class _Bar:
    def __init__(self, listing: Listing, moves: list[Move]) -> None:
        self.listing, self.moves, self.lines = listing, moves, Lines()
        self.place = {(m.slot, m.back): at for at, m in enumerate(moves) if m.kind != ROW_KEPT}
        self.rows = {m.slot: at for at, m in enumerate(moves) if m.kind == ROW_KEPT}
        self.stride = len(moves) + 1
        assert self.stride % HALF == 0

    def text(self) -> str:
        lines = self.lines
        pointers = ", ".join(
            f"{'i64' if name in (COUNT, WIDTH, CLOSED) else 'ptr'} {name}"
            for name in (LANES, COUNT, AHEAD, RINGS, WIDTH, FIELDS, OUT, CLOSED)
        )
        lines.say(f"define void @{NAME}({pointers}) {{")
        lines.label("entry")
        lines.say(f"  %buffer = alloca [{self.stride} x {VECTOR}], align 64")
        self.fields = self._fields()
        lines.say("  br label %group")
        lines.label("group")
        lines.say("  %i = phi i64 [ 0, %entry ], [ %i_next, %group_end ]")
        numbers = [self._lane("%i", at) for at in range(WIDE)]
        self._turn(numbers)
        self._bodies()
        lines.label("kept")
        lines.say(f"  br i1 {lines.make(f'icmp ne i64 {CLOSED}, 0')}, label %close, label %group_end")
        lines.label("close")
        self._close(numbers)
        lines.say("  br label %group_end")
        lines.label("group_end")
        lines.say(f"  %i_next = add i64 %i, {WIDE}")
        lines.say(f"  br i1 {lines.make(f'icmp slt i64 %i_next, {COUNT}')}, label %group, label %done")
        lines.label("done")
        lines.say("  ret void")
        return "\n".join((*DECLARED, *lines.text, "}"))

    def _fields(self) -> dict[int, str]:
        lines = self.lines
        read = sorted({int(one) for one in self.listing.code[:, oc.FIELD] if one >= 0})
        return {
            one: lines.make(f"load ptr, ptr {lines.make(f'getelementptr ptr, ptr {FIELDS}, i64 {one}')}")
            for one in read
        }

    def _lane(self, first: str, at: int) -> str:
        place = self.lines.whole("add", first, at)
        return self.lines.make(f"load i64, ptr {self.lines.moved(LANES, place)}")

    def _known(self, lane: str) -> str:
        """Where a column's numbers stand together."""
        return self.lines.moved(AHEAD, self.lines.whole("mul", lane, self.stride))

    def row(self, at: str | int) -> str:
        """A row of the buffer."""
        return self.lines.moved("%buffer", self.lines.whole("mul", at, WIDE))

    # Turning columns into rows and back

    def _turn(self, numbers: list[str]) -> None:
        lines = self.lines
        last = lines.whole("sub", COUNT, WIDE)
        ahead = lines.whole("add", "%i", WIDE)
        ahead = lines.make(f"select i1 {lines.make(f'icmp slt i64 {ahead}, {last}')}, i64 {ahead}, i64 {last}")
        known = [self._known(lane) for lane in numbers]
        later = [self._known(self._lane(ahead, at)) for at in range(WIDE)]
        m, end = self._loop_begin()
        for column in later:
            lines.say(f"  call void @llvm.prefetch.p0(ptr {lines.moved(column, m)}, i32 0, i32 3, i32 1)")
        columns = [lines.make(f"load {QUARTER}, ptr {lines.moved(one, m)}, align 8") for one in known]
        left, right = self._transposed(columns[:HALF]), self._transposed(columns[HALF:])
        for place, (one, other) in enumerate(zip(left, right, strict=True)):
            order = ", ".join(f"i32 {at}" for at in range(WIDE))
            both = lines.make(f"shufflevector {QUARTER} {one}, {QUARTER} {other}, <{WIDE} x i32> <{order}>")
            lines.store(both, self.row(lines.whole("add", m, place)))
        self._loop_end(m, end)

    def _turn_back(self, numbers: list[str]) -> None:
        lines = self.lines
        known = [self._known(lane) for lane in numbers]
        m, end = self._loop_begin()
        rows = [lines.load(self.row(lines.whole("add", m, place))) for place in range(HALF)]
        for side in (0, HALF):
            order = ", ".join(f"i32 {side + at}" for at in range(HALF))
            part = [
                lines.make(f"shufflevector {VECTOR} {one}, {VECTOR} poison, <{HALF} x i32> <{order}>") for one in rows
            ]
            for column, value in zip(known[side : side + HALF], self._transposed(part), strict=True):
                lines.say(f"  store {QUARTER} {value}, ptr {lines.moved(column, m)}, align 8")
        self._loop_end(m, end)

    def _transposed(self, x: list[str]) -> list[str]:
        """Four by four."""

        def mix(one: str, other: str, order: str) -> str:
            return self.lines.make(f"shufflevector {QUARTER} {one}, {QUARTER} {other}, <4 x i32> <{order}>")

        even, odd = "i32 0, i32 4, i32 2, i32 6", "i32 1, i32 5, i32 3, i32 7"
        pairs = [mix(x[0], x[1], even), mix(x[0], x[1], odd), mix(x[2], x[3], even), mix(x[2], x[3], odd)]
        low, high = "i32 0, i32 1, i32 4, i32 5", "i32 2, i32 3, i32 6, i32 7"
        lower = [mix(pairs[0], pairs[2], low), mix(pairs[1], pairs[3], low)]
        return [*lower, mix(pairs[0], pairs[2], high), mix(pairs[1], pairs[3], high)]

    def _loop_begin(self) -> tuple[str, str]:
        lines = self.lines
        before, body = lines.fresh("before_"), lines.fresh("turn_")
        lines.say(f"  br label %{before}")
        lines.label(before)
        lines.say(f"  br label %{body}")
        lines.label(body)
        m = lines.fresh("%m")
        lines.say(f"  {m} = phi i64 [ 0, %{before} ], [ {m}_next, %{body} ]")
        return m, body

    def _loop_end(self, m: str, body: str) -> None:
        lines = self.lines
        lines.say(f"  {m}_next = add i64 {m}, {HALF}")
        after = lines.fresh("after_")
        lines.say(f"  br i1 {lines.make(f'icmp slt i64 {m}_next, {self.stride}')}, label %{body}, label %{after}")
        lines.label(after)

    # The bar

    def _bodies(self) -> None:
        """In the hope that nothing is missing, and with care where something is."""
        lines = self.lines
        quick = _Column(self, careful=False)
        lines.say(f"  br i1 {quick.write_in_hope()}, label %quick, label %careful")
        lines.label("quick")
        quick.keep()
        lines.say("  br label %kept")
        lines.label("careful")
        careful = _Column(self, careful=True)
        careful.write()
        careful.keep()
        lines.say("  br label %kept")

    # What is known after it

    def _close(self, numbers: list[str]) -> None:
        lines = self.lines
        bars = lines.load(self.row(self.stride - 1))
        wholes = lines.make(f"fptosi {VECTOR} {bars} to <{WIDE} x i64>")
        first = lines.make(f"extractelement <{WIDE} x i64> {wholes}, i64 0")
        together = "true"
        for at in range(1, WIDE):
            bar = lines.make(f"extractelement <{WIDE} x i64> {wholes}, i64 {at}")
            beside = lines.make(f"icmp eq i64 {numbers[at]}, {lines.whole('add', numbers[0], at)}")
            same = lines.make(f"icmp eq i64 {bar}, {first}")
            both = lines.make(f"and i1 {beside}, {same}")
            together = lines.make(f"and i1 {together}, {both}")
        lines.say(f"  br i1 {together}, label %together, label %apart")
        lines.label("together")
        self._shift(numbers[0], first, "%buffer", VECTOR)
        lines.say("  br label %turn_back")
        lines.label("apart")
        self._one_by_one()
        lines.label("turn_back")
        lines.store(lines.make(f"fadd {VECTOR} {bars}, splat (double 1.0)"), self.row(self.stride - 1))
        self._turn_back(numbers)

    def _one_by_one(self) -> None:
        lines = self.lines
        lines.say("  br label %one")
        lines.label("one")
        lines.say("  %on = phi i64 [ 0, %apart ], [ %on_next, %one ]")
        place = lines.whole("add", "%i", "%on")
        lane = lines.make(f"load i64, ptr {lines.moved(LANES, place)}")
        column = lines.moved("%buffer", "%on")
        bars = lines.make(f"load double, ptr {lines.moved(column, (self.stride - 1) * WIDE)}")
        self._shift(lane, lines.make(f"fptosi double {bars} to i64"), column, "double")
        lines.say("  %on_next = add i64 %on, 1")
        more = lines.make(f"icmp slt i64 %on_next, {WIDE}")
        lines.say(f"  br i1 {more}, label %one, label %turn_back")

    def _shift(self, lane: str, bar: str, column: str, kind: str) -> None:
        """What this bar made goes into the rings; what the next reads takes its place."""
        lines = self.lines

        def ring(slot: int, back: int) -> str:
            base, mask = (int(self.listing.slots[slot, one]) for one in (BASE, MASK))
            row = lines.whole("add", lines.whole("and", lines.whole("sub", bar, back), mask), base)
            start = lines.moved(RINGS, lines.whole("mul", row, WIDTH))
            return lines.moved(start, lane)

        def here(at: int) -> str:
            return lines.moved(column, at * WIDE)

        def carry(source: str, to: str) -> None:
            value = lines.make(f"load {kind}, ptr {source}, align 8")
            lines.say(f"  store {kind} {value}, ptr {to}, align 8")

        for move in self.moves:
            if move.kind == RING_KEPT:
                carry(here(self.place[move.slot, 0]), ring(move.slot, 0))
        for at, move in reversed(list(enumerate(self.moves))):
            if move.kind == RING:
                before = self.place.get((move.slot, move.back - 1))
                carry(ring(move.slot, move.back - 1) if before is None else here(before), here(at))


class _Column(Body):
    """One bar of WIDE columns."""

    def __init__(self, bar: _Bar, *, careful: bool) -> None:
        count = len(bar.listing.code)
        super().__init__(bar.lines, bar.listing, Part(0, count, count), careful=careful)
        self.bar = bar

    def write(self) -> None:
        for k in self.active:
            self.operate(k, 0)
        for number, (slot, back) in enumerate(self.listing.results.tolist()):
            at = self.lines.whole("add", self.lines.whole("mul", COUNT, number), "%i")
            self.lines.store(self.value(slot, back, 0), self.lines.moved(OUT, at))

    def kept(self, slot: int, by: str | int) -> str:
        return self.bar.row(self.bar.place[slot, -int(by)])

    def memory(self, row: str | int) -> str:
        return self.bar.row(self.bar.rows[int(row)])

    def field(self, field: int, on: int) -> str:
        return self.read(self.lines.moved(self.bar.fields[field], "%i"))

    def shown(self, value: str, on: int, oldest: int) -> str:
        return value

    def source(self, line: list[int], operand: tuple[int, int], on: int) -> Row:
        slot, away = operand

        def row(back: str | int) -> str:
            return self.bar.row(self.lines.whole("add", self.bar.place[line[slot], line[away]], back))

        return row
