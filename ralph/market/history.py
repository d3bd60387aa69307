"""What was said of a Symbol, folded into what held when. Values in, values out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from ralph.market.kinds import kind_of
from ralph.market.symbol import Listing, Past, Span, Symbol

FIELDS = ("name", "name_en", "market", "kind", "sector", "industry", "isin", "state")
"""The fields of a Listing that have a history."""

_DAY = timedelta(days=1)


class Version(NamedTuple):
    """A value of a field: first seen on `since`, last on `seen`; it holds until the next one's `since`."""

    value: str
    since: date
    seen: date


class Record(msgspec.Struct, frozen=True):
    """All that is known of a Symbol: its listings, oldest first, and the versions of each field.

    passing  values that a file of bars named in passing: they count until a source of Symbols says something
    """

    spans: tuple[Span, ...] = ()
    facts: Mapping[str, tuple[Version, ...]] = {}
    passing: Mapping[str, str] = {}

    def value(self, field: str) -> str | None:
        """The newest value of a field."""
        versions = self.facts.get(field)
        return versions[-1].value if versions else self.passing.get(field)


def observe(versions: Sequence[Version], value: str, on: date) -> tuple[Version, ...]:
    """The versions of a field once it was seen to have this value on a day.

    What was seen on other days stays; of two values for one day the later statement counts. In between, a value holds
    until another one is seen. Neighbours differ, and days ascend.
    """
    place = sum(version.since <= on for version in versions) - 1
    before, after = list(versions[: max(place, 0)]), list(versions[place + 1 :])
    middle = [Version(value, on, on)]
    if place >= 0:
        held = versions[place]
        if held.since < on:
            middle.insert(0, held._replace(seen=min(held.seen, on - _DAY)))
        if held.seen > on:
            middle.append(held._replace(since=on + _DAY))
    return _joined([*before, *middle, *after])


def _joined(versions: Sequence[Version]) -> tuple[Version, ...]:
    joined: list[Version] = []
    for version in versions:
        if joined and joined[-1].value == version.value:
            joined[-1] = joined[-1]._replace(seen=version.seen)
        else:
            joined.append(version)
    return tuple(joined)


def set_back(versions: tuple[Version, ...], value: str, on: date) -> tuple[Version, ...]:
    """Makes room on a day for another value of a source without dates: what was first seen that very day is taken to
    have held on the day before, unless another value was seen then."""
    last = versions[-1] if versions else None
    if last is None or last.value == value or not last.since == last.seen == on:
        return versions
    earlier = versions[:-1]
    if earlier and earlier[-1].seen >= on - _DAY:
        return versions
    return (*earlier, Version(last.value, on - _DAY, on - _DAY))


def relist(spans: tuple[Span, ...], given: Span) -> tuple[Span, ...]:
    """The listings of a code once a source states one: the newest that it overlaps is restated, else it is another.
    Listings of one code never overlap."""
    if given == Span():
        return spans
    same = [span for span in spans if _overlap(span, given)]
    if same:
        span = same[-1]
        given = Span(given.listed_on or span.listed_on, given.delisted_on or span.delisted_on)
    others = (span for span in spans if not _overlap(span, given))
    return tuple(sorted((*others, given), key=lambda span: span.delisted_on or date.max))


def _overlap(span: Span, other: Span) -> bool:
    return (span.listed_on or date.min) <= (other.delisted_on or date.max) and (other.listed_on or date.min) <= (
        span.delisted_on or date.max
    )


def learn(record: Record, said: Listing, on: date, *, is_dated: bool) -> Record:
    """The record once a source has said this about the Symbol as of a day; an empty field says nothing.

    is_dated  whether the source itself says of which day it speaks
    """
    day = min(on, said.delisted_on) if said.delisted_on else on
    facts = dict(record.facts)
    for field in FIELDS:
        value = getattr(said, field) if field != "kind" else _kind(record, said)
        if value is not None:
            known = facts.get(field, ())
            facts[field] = observe(known if is_dated else set_back(known, value, day), value, day)
    span = Span(said.listed_on, said.delisted_on)
    if said.market is not None and said.listed_on is not None:
        facts["market"] = _moved(facts["market"], said.market, said.listed_on)
        changes = {version.since for version in facts["market"][1:]}
        if said.listed_on in changes and any(_overlap(known, span) and known.listed_on for known in record.spans):
            span = Span(None, said.delisted_on)  # the listing on another market goes on
    return Record(relist(record.spans, span), facts, record.passing)


def _kind(record: Record, said: Listing) -> str | None:
    """A kind that was said stays; one that was derived follows the name: a SPAC becomes what it merges with."""
    if said.kind is not None:
        return kind_of(said.symbol, said.name, said.kind)
    if said.name is None and record.value("kind") is not None:
        return None
    held, name = record.value("kind"), record.value("name")
    if held is not None and held != kind_of(said.symbol, name):
        return None
    return kind_of(said.symbol, said.name or name)


def _moved(versions: tuple[Version, ...], market: str, listed_on: date) -> tuple[Version, ...]:
    """The Korea Exchange restarts the listing date of a Symbol that moves to another market: where it lies between two
    markets seen, that is the day of the move."""
    for index in range(1, len(versions)):
        if versions[index].value == market and versions[index - 1].seen < listed_on < versions[index].since:
            moved = versions[index]._replace(since=listed_on)
            return (*versions[:index], moved, *versions[index + 1 :])
    return versions


def listing_of(symbol: Symbol, record: Record) -> Listing:
    """What holds now, and what held before."""
    current = record.spans[-1] if record.spans else Span()
    return Listing(
        symbol,
        **{field: record.value(field) for field in FIELDS},
        listed_on=current.listed_on,
        delisted_on=current.delisted_on,
        earlier=record.spans[:-1],
        past=tuple(
            Past(field, version.value, version.since, following.since - _DAY)
            for field in FIELDS
            for version, following in itertools.pairwise(record.facts.get(field, ()))
        ),
    )
