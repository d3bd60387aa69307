"""The invented companies: their codes, names, markets and sectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralph.market.symbol import Symbol
from ralph.simulator.draws import Draws, FloatArray

COMPANIES_MAX = 2_400  # beyond it names could repeat

# A stem is made of three of these syllables; what follows names the trade. Together they mean nothing.
_FIRST = (
    ("가", "Ga"), ("호", "Ho"), ("다", "Da"), ("루", "Ru"), ("메", "Me"), ("바", "Ba"), ("소", "So"), ("주", "Ju"),
    ("제", "Je"), ("카", "Ka"), ("테", "Te"), ("페", "Pe"), ("하", "Ha"), ("미", "Mi"), ("베", "Be"),
)  # fmt: skip
_SECOND = (
    ("롬", "rom"), ("벨", "bel"), ("준", "jun"), ("리", "ri"), ("센", "sen"), ("람", "ram"), ("쿤", "kun"),
    ("도", "do"), ("퓨", "pyu"), ("텐", "ten"),
)  # fmt: skip
_THIRD = (
    ("스", "s"), ("엘", "el"), ("나", "na"), ("릭", "rik"), ("비", "vi"), ("트", "t"), ("모", "mo"), ("언", "eon"),
)  # fmt: skip

_SECTORS = (
    ("반도체", ("반도체", "Semicon"), ("실리콘", "Silicon")),
    ("전자부품", ("전자", "Electronics"), ("디바이스", "Devices")),
    ("소프트웨어", ("소프트", "Software"), ("데이터", "Data")),
    ("인터넷", ("넷", "Net"), ("플랫폼", "Platform")),
    ("게임", ("게임즈", "Games"), ("플레이", "Play")),
    ("제약", ("제약", "Pharm"), ("파마", "Pharma")),
    ("바이오", ("바이오", "Bio"), ("셀", "Cell")),
    ("의료기기", ("메디칼", "Medical"), ("헬스", "Health")),
    ("화학", ("화학", "Chemical"), ("케미칼", "Chem")),
    ("2차전지", ("에너지", "Energy"), ("배터리", "Battery")),
    ("철강", ("철강", "Steel"), ("금속", "Metal")),
    ("기계", ("기계", "Machinery"), ("로봇", "Robotics")),
    ("조선", ("조선", "Shipbuilding"), ("중공업", "Heavy Industries")),
    ("자동차", ("모터스", "Motors"), ("모빌리티", "Mobility")),
    ("건설", ("건설", "Construction"), ("이앤씨", "E&C")),
    ("운송", ("해운", "Shipping"), ("로지스", "Logistics")),
    ("유통", ("유통", "Retail"), ("마트", "Mart")),
    ("음식료", ("식품", "Foods"), ("에프앤비", "F&B")),
    ("금융", ("금융", "Financial"), ("캐피탈", "Capital")),
    ("엔터테인먼트", ("엔터", "Entertainment"), ("미디어", "Media")),
)
SECTOR_COUNT = len(_SECTORS)


@dataclass(frozen=True, eq=False)
class Companies:
    """What does not change about each company; every array has one element a company.

    price     at its first Session, won; shares listed
    beta      how far it follows the market, and its sector
    calm      its daily deviation in calm times, ratio; turnover: shares traded on a usual day, ratio of those listed
    """

    symbols: tuple[Symbol, ...]
    names: tuple[str, ...]
    names_en: tuple[str, ...]
    markets: tuple[str, ...]
    sectors: tuple[str, ...]
    sector: NDArray[np.int64]
    price: NDArray[np.int64]
    shares: NDArray[np.int64]
    market_beta: FloatArray
    sector_beta: FloatArray
    calm: FloatArray
    turnover: FloatArray

    def __len__(self) -> int:
        return len(self.symbols)


def invent(seed: int, count: int) -> Companies:
    """The companies of a seed, codes S00001 and up: no real code begins with that letter."""
    assert 0 < count <= COMPANIES_MAX, f"1 to {COMPANIES_MAX} companies"
    draws = Draws(seed, "companies", count)
    sector = draws.below(SECTOR_COUNT)
    large = draws.uniform() < 0.36
    size = draws.uniform()
    names = [_name(index, int(kind)) for index, kind in enumerate(sector)]
    # Prices from 1,000 to 200,000 won, most of them low: products of even draws lean to the left.
    price = 1_000 + (draws.uniform() * draws.uniform() * draws.uniform() * 200_000 * (1 + large)).astype(np.int64)
    worth = (0.03 + 20.0 * size * size * size * size * size * size * (1 + 4 * large)) * 1e12
    return Companies(
        symbols=tuple(Symbol(f"S{index + 1:05d}") for index in range(count)),
        names=tuple(korean for korean, _ in names),
        names_en=tuple(english for _, english in names),
        markets=tuple("KOSPI" if is_large else "KOSDAQ" for is_large in large),
        sectors=tuple(_SECTORS[kind][0] for kind in sector),
        sector=sector,
        price=price,
        shares=(worth / price).astype(np.int64),
        market_beta=0.5 + draws.uniform() * 0.9,
        sector_beta=0.4 + draws.uniform() * 0.8,
        calm=(0.012 + draws.uniform() * 0.016) * np.where(large, 0.85, 1.1),
        turnover=0.0005 + draws.uniform() * draws.uniform() * 0.008,
    )


def _name(index: int, sector: int) -> tuple[str, str]:
    """Korean and English: one of 15 x 10 x 8 stems, then one of the two words of its sector."""
    line, place = divmod(index, 15)
    first, second, third = _FIRST[place], _SECOND[(line + place) % 10], _THIRD[line // 10 % 8]
    word = _SECTORS[sector][1 + line // 80 % 2]
    return first[0] + second[0] + third[0] + word[0], f"{first[1]}{second[1]}{third[1]} {word[1]}"
