"""Names of the invented companies: syllables that mean nothing together, and the words of 20 sectors."""

from __future__ import annotations

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

SECTORS = (
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
"""Of each sector its name, and two words, Korean and English, with which its companies' names end."""

SECTOR_COUNT = len(SECTORS)


def company_name(index: int, sector: int) -> tuple[str, str]:
    """Korean and English: one of 15 x 10 x 8 stems, then one of the two words of its sector."""
    korean, english = stem(index)
    word = SECTORS[sector][1 + index // 1_200 % 2]
    return korean + word[0], f"{english} {word[1]}"


def stem(index: int) -> tuple[str, str]:
    """The part of a name that tells companies apart, Korean and English."""
    line, place = divmod(index, 15)
    first, second, third = _FIRST[place], _SECOND[(line + place) % 10], _THIRD[line // 10 % 8]
    return first[0] + second[0] + third[0], f"{first[1]}{second[1]}{third[1]}"
