"""A program as straight code for rows of a Panel: no operation is looked up, and what one makes for the next stays in
registers.

A phase is a run of rows along which the same operations are active. Its function works on some rows of WIDE columns
after another; the first time on as many as leave whole such groups. Of columns that may still begin, or whose filters
may still wait for seeds, one row at a time is worked on with care; READY tells of WIDE columns whose filters go on the
youngest's first row, and one more. Once all are under way it is a group in one go, of
which the later rows need not read what the earlier have made, in the hope that no number is missing; where one is, they
are done again with care.
"""

from __future__ import annotations

from ralph.kernels import opcodes as oc
from ralph.kernels.opcodes import WIDE
from ralph.kernels.straight.body import FILTERS, Body, Listing, Part
from ralph.kernels.straight.lines import DECLARED, NAN, VECTOR, Lines
from ralph.kernels.straight.windows import Row

BANK, PANELS, AT, OUT, READY = "%bank", "%panels", "%at", "%out", "%ready"
NAME, ARGUMENTS = "phase", 5


def _lowest_row(listing: Listing, active: list[int]) -> int:
    """The first row at which every window that reads the Panel finds all its bars there."""
    lines = listing.code[active]
    windows = lines[(lines[:, oc.FIELD] >= 0) & (lines[:, oc.OP] != oc.LOAD)]
    return int((windows[:, oc.A_BACK] + windows[:, oc.EXTRA]).max(initial=0))


def written(listing: Listing, part: Part, rows: int, *, publishes: bool) -> str:
    """The function of a phase or a part of one, in LLVM's language."""
    return _Phase(listing, part, rows, publishes).text()


class _Phase:
    def __init__(self, listing: Listing, part: Part, rows: int, publishes: bool) -> None:
        self.listing, self.part, self.rows, self.publishes = listing, part, rows, publishes
        self.active = active = list(range(part.first, part.until))
        self.lines = Lines()
        self.lowest = _lowest_row(listing, active)

    def text(self) -> str:
        lines = self.lines
        arguments = ", ".join(f"ptr {name}" for name in (BANK, PANELS, AT, OUT, READY))
        lines.say(f"define void @{NAME}({arguments}) {{")
        lines.label("entry")
        self.end, self.left, self.width = (lines.load_whole(AT, place) for place in (oc.END, oc.LEFT, oc.WIDTH))
        begin, height = lines.load_whole(AT, oc.ROW), lines.load_whole(AT, oc.HEIGHT)
        self.tail = lines.load_whole(AT, oc.TAIL)
        self.top = lines.whole("sub", height, self.tail)
        self.fields = self._fields()
        odd = lines.whole("urem", lines.whole("sub", lines.whole("sub", self.end, begin), 1), self.rows)
        first = lines.whole("add", odd, 1)
        lines.say("  br label %rows")
        lines.label("rows")
        lines.say(f"  %row = phi i64 [ {begin}, %entry ], [ %row_next, %rows_end ]")
        lines.say(f"  %count = phi i64 [ {first}, %entry ], [ {self.rows}, %rows_end ]")
        lines.say("  br label %lanes")
        lines.label("lanes")
        lines.say("  %i = phi i64 [ 0, %rows ], [ %i_next, %lanes_end ]")
        flag = lines.moved(READY, lines.whole("sdiv", "%i", WIDE))
        ready = lines.make(f"load i64, ptr {flag}")
        is_ready, is_whole = lines.make(f"icmp ne i64 {ready}, 0"), lines.make(f"icmp eq i64 %count, {self.rows}")
        reaches = lines.make(f"icmp sle i64 {ready}, {lines.whole('sub', '%row', self.lowest - 1)}")
        goes = lines.make(f"and i1 {is_ready}, {lines.make(f'and i1 {is_whole}, {reaches}')}")
        lines.say(f"  br i1 {goes}, label %quick, label %careful")
        lines.label("quick")
        body = _Rows(self, "%row", self.rows, careful=False)
        lines.say(f"  br i1 {body.write_in_hope()}, label %keep, label %careful")
        lines.label("keep")
        body.keep()
        lines.say("  br label %lanes_end")
        self._careful(flag)
        self._ends()
        return "\n".join((*DECLARED, *lines.text, "}"))

    def _fields(self) -> dict[int, str]:
        """The block's first column of every field that is read."""
        lines, found = self.lines, {}
        for field in sorted({int(one) for one in self.listing.code[self.active][:, oc.FIELD] if one >= 0}):
            start = lines.make(f"load ptr, ptr {lines.make(f'getelementptr ptr, ptr {PANELS}, i64 {field}')}")
            found[field] = lines.moved(start, self.left)
        return found

    def _careful(self, flag: str) -> None:
        lines = self.lines
        lines.label("careful")
        lines.say("  br label %care")
        lines.label("care")
        lines.say("  %on = phi i64 [ 0, %careful ], [ %on_next, %care_end ]")
        row = lines.whole("add", "%row", "%on")
        body = _Rows(self, row, 1, careful=True)
        body.write()
        body.keep()
        lines.say("  br label %care_end")
        lines.label("care_end")
        lines.say("  %on_next = add i64 %on, 1")
        again = lines.make("icmp slt i64 %on_next, %count")
        lines.say(f"  br i1 {again}, label %care, label %cared")
        lines.label("cared")
        under_way = lines.flag("ole", body.begins, body.number(row))
        for k in self.active:
            line = self.listing.code[k].tolist()
            if oc.NAMES[line[oc.OP]] in FILTERS:
                under_way = lines.every(under_way, lines.there(lines.load(body.memory(line[oc.STATE]))))
        youngest = lines.make(f"call double @llvm.vector.reduce.fmax.v{WIDE}f64({VECTOR} {body.begins})")
        known = lines.whole("add", lines.make(f"fptosi double {youngest} to i64"), 1)
        ready = lines.make(f"select i1 {lines.all_true(under_way)}, i64 {known}, i64 0")
        lines.say(f"  store i64 {ready}, ptr {flag}")
        lines.say("  br label %lanes_end")

    def _ends(self) -> None:
        lines = self.lines
        lines.label("lanes_end")
        lines.say(f"  %i_next = add i64 %i, {WIDE}")
        more = lines.make(f"icmp slt i64 %i_next, {self.listing.lanes}")
        lines.say(f"  br i1 {more}, label %lanes, label %rows_end")
        lines.label("rows_end")
        lines.say("  %row_next = add i64 %row, %count")
        again = lines.make(f"icmp slt i64 %row_next, {self.end}")
        lines.say(f"  br i1 {again}, label %rows, label %done")
        lines.label("done")
        lines.say("  ret void")


class _Rows(Body):
    """Some rows of WIDE columns from `row` on."""

    def __init__(self, phase: _Phase, row: str, rows: int, *, careful: bool) -> None:
        super().__init__(phase.lines, phase.listing, phase.part, careful=careful)
        self.phase, self.row, self.rows = phase, row, rows
        self.begins = ""

    def write(self) -> None:
        if self.careful:
            self.begins = self.lines.load(self.memory(self.listing.begins))
        for on in range(self.rows):
            for k in self.active:
                self.operate(k, on)
            if self.phase.publishes:
                self._publish(on)

    def memory(self, row: str | int) -> str:
        return self.lines.moved(self.lines.moved(BANK, int(row) * self.listing.lanes), "%i")

    def kept(self, slot: int, by: str | int) -> str:
        """Rings and rows are powers of two long, so that a place in a ring is a few digits of where a row stands."""
        base, mask = self.listing.slots[slot].tolist()
        lanes = self.listing.lanes
        by = by * lanes if isinstance(by, int) else self.lines.whole("mul", by, lanes)
        start = self.lines.whole("mul", self.row, lanes)
        at = self.lines.whole("and", self.lines.whole("add", start, by), mask * lanes)
        turned = self.lines.moved(self.lines.moved(BANK, at), "%i")
        return self.lines.moved(turned, base * lanes)

    def field(self, field: int, on: int) -> str:
        """The rows that come next are sent for."""
        if not self.careful:
            ahead = self._panel(field, on + self.rows)
            self.lines.say(f"  call void @llvm.prefetch.p0(ptr {ahead}, i32 0, i32 3, i32 1)")
        return self.read(self._panel(field, on))

    def _panel(self, field: int, by: str | int) -> str:
        row = self.lines.whole("add", self.row, by)
        start = self.lines.moved(self.phase.fields[field], self.lines.whole("mul", row, self.phase.width))
        return self.lines.moved(start, "%i")

    def number(self, whole: str) -> str:
        """A row's number in every column."""
        lines = self.lines
        one = lines.make(f"sitofp i64 {whole} to double")
        first = lines.make(f"insertelement {VECTOR} poison, double {one}, i64 0")
        return lines.make(f"shufflevector {VECTOR} {first}, {VECTOR} poison, <{WIDE} x i32> zeroinitializer")

    def shown(self, value: str, on: int, oldest: int) -> str:
        if not self.careful:
            return value
        row = self.number(self.lines.whole("add", self.row, on - oldest))
        return self.lines.pick(self.lines.flag("ole", self.begins, row), value, NAN)

    def source(self, line: list[int], operand: tuple[int, int], on: int) -> Row:
        """Rows above the Panel's first are not there: what is made of them is not shown."""
        slot, away = operand
        lines = self.lines

        def row(back: str | int) -> str:
            by = lines.whole("sub", on - line[away], back)
            if slot != oc.A or line[oc.FIELD] < 0:
                return self.kept(line[slot], by)
            if self.careful:
                top = lines.whole("sub", 0, self.row)
                by = lines.make(f"call i64 @llvm.smax.i64(i64 {by}, i64 {top})")
            return self._panel(line[oc.FIELD], by)

        return row

    def _publish(self, on: int) -> None:
        """Results, into out [results, tail, columns]."""
        lines, phase = self.lines, self.phase
        row = lines.whole("sub", lines.whole("add", self.row, on), phase.top)
        for number, (slot, back) in enumerate(self.listing.results.tolist()):
            at = lines.whole("add", lines.whole("mul", phase.tail, number), row)
            to = lines.moved(OUT, lines.whole("mul", at, phase.width))
            lines.store(self.value(slot, back, on), lines.moved(lines.moved(to, phase.left), "%i"))
