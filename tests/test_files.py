"""Reading bars from files: what is understood, and that anything else is a BadFile of one line."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ralph.brokers.files import read_bars, read_symbols
from ralph.errors import BadFile, BadParameter
from ralph.market.rules import FileBars

TODAY = date(2026, 5, 29)
HEADER = "symbol,date,open,high,low,close,volume"
ROW = "005930,2026-05-28,100,110,90,105,10"


def write(folder: Path, content: str | bytes, name: str = "bars.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read(folder: Path, content: str | bytes, encoding: str = "utf-8") -> FileBars:
    return read_bars(write(folder, content, encoding=encoding), today=TODAY)


def frame(**columns: object) -> pl.DataFrame:
    known: dict[str, object] = {"symbol": ["005930"], "date": [date(2026, 5, 28)]}
    known.update({name: [100.0] for name in ("open", "high", "low", "close")}, volume=[10])
    return pl.DataFrame({**known, **columns})


def parquet(folder: Path, **columns: object) -> Path:
    path = folder / "bars.parquet"
    frame(**columns).write_parquet(path)
    return path


KOREAN = (
    "종목코드,종목명,시장구분,일자,종가,시가,고가,저가,거래량,거래대금\n"
    "005930,삼성전자,KOSPI,20260528,105,100,110,90,10,1050\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_korean_files_are_read_in_any_encoding_and_separator(
    tmp_path: Path, encoding: str, separator: str, newline: str
) -> None:
    bars = read(tmp_path, KOREAN.replace(",", separator).replace("\n", newline), encoding)
    listing = bars.columns.listings[0]
    assert (listing.symbol, listing.name, listing.market) == ("005930", "삼성전자", "KOSPI")
    assert bars.columns.day.tolist() == [date(2026, 5, 28)]
    names = ("open", "high", "low", "close", "volume", "value")
    assert [getattr(bars.columns, name).tolist() for name in names] == [[100], [110], [90], [105], [10], [1050]]
    assert bars.encoding == encoding
    assert bars.mapping["close"] == "종가"


@pytest.mark.parametrize(
    "day", ["2026-05-28", "20260528", "2026/05/28", "2026.05.28", " 2026-05-28 ", "2026-05-28 00:00:00"]
)
def test_dates_are_read_in_the_usual_forms(tmp_path: Path, day: str) -> None:
    assert read(tmp_path, f"{HEADER}\n005930,{day},100,110,90,105,10\n").columns.day.tolist() == [date(2026, 5, 28)]


@pytest.mark.parametrize("day", ["", "28.05.2026", "05/28/2026", "26-05-28", "2026-02-30", "soon", "2026-05-28 09:00"])
def test_other_dates_are_rejected(tmp_path: Path, day: str) -> None:
    bars = read(tmp_path, f"{HEADER}\n{ROW}\n005930,{day},100,110,90,105,10\n")
    assert [(reject.line, reject.field, reject.value) for reject in bars.rejects] == [(3, "date", day)]


@pytest.mark.parametrize(
    ("text", "number"),
    [('"1,234"', 1234), (" 105 ", 105), ('"105.5"', 105.5), ("1e3", 1000), ("+7", 7), ('" 1,234,567.5 "', 1234567.5)],
)
def test_numbers_may_be_grouped_spaced_or_quoted(tmp_path: Path, text: str, number: float) -> None:
    bars = read(tmp_path, f"{HEADER}\n005930,2026-05-28,{text},9000000,1,{text},10\n")
    assert bars.columns.close.tolist() == [number]


@pytest.mark.parametrize("text", ["", "-", "NaN", '"1,23"', "₩5", "5k", "inf", "0x10", "٣"])
def test_other_texts_are_no_numbers(tmp_path: Path, text: str) -> None:
    bars = read(tmp_path, f"{HEADER}\n005930,2026-05-28,100,110,90,{text},10\n")
    assert (bars.rejected, bars.rejects[0].field, bars.rejects[0].value) == (1, "close", text.strip('"'))


def test_codes_stay_text(tmp_path: Path) -> None:
    bars = read(tmp_path, f'{HEADER}\n"=""000020""",2026-05-28,1,1,1,1,1\n00104k,2026-05-28,1,1,1,1,1\n{ROW}\n')
    assert [listing.symbol for listing in bars.columns.listings] == ["000020", "00104K", "005930"]


def test_codes_that_became_numbers_get_their_zeros_back_and_it_is_said(tmp_path: Path) -> None:
    bars = read_bars(parquet(tmp_path, symbol=[5930]), today=TODAY)
    assert bars.columns.listings[0].symbol == "005930"
    assert "six digits" in bars.notes[0]


def test_lines_are_those_of_the_file_through_blank_lines_and_quoted_line_ends(tmp_path: Path) -> None:
    text = f'name,{HEADER}\n\n"a\nb",{ROW}\n\r\nc,000020,x,1,1,1,1,1\n"d","000030",2026-05-28,1,1,1,-1,1'
    bars = read(tmp_path, text)
    assert bars.rows_read == 3
    assert bars.lines.tolist() == [3]
    assert [(reject.line, reject.field, reject.value) for reject in bars.rejects] == [
        (6, "date", "x"),
        (7, "close", "-1"),
    ]


def test_a_large_file_is_read_in_blocks_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{code},2026-05-{day:02d},100,110,90,{close},10" for code in ("000020", "005930") for day in range(1, 29)
            for close in (105, 105, 106)]  # fmt: skip
    text = f'{HEADER}\n"000010",2026-05-28,1,1,1,1,1\n' + "\n".join(rows)
    whole = read(tmp_path, text)
    monkeypatch.setattr("ralph.brokers.files.text.BLOCK_BYTES", 100)
    monkeypatch.setattr("ralph.brokers.files.text.SCAN_BYTES", 61)
    pieces = read(tmp_path, text)
    assert (pieces.rows_read, pieces.duplicates, pieces.rejected) == (169, 56, 56)
    assert (whole.rejects, whole.lines.tolist()) == (pieces.rejects, pieces.lines.tolist())
    assert np.array_equal(whole.columns.close, pieces.columns.close)
    assert whole.columns.listings == pieces.columns.listings


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("date", ["2026-05-28"]),
        ("date", [20260528]),
        ("date", [datetime(2026, 5, 28, 15, 30)]),  # noqa: DTZ001 - files hold naive times
        ("close", ["100"]),
        ("symbol", pl.Series(["005930"], dtype=pl.Categorical)),
        ("volume", pl.Series([10], dtype=pl.UInt8)),
    ],
)
def test_parquet_columns_may_have_any_fitting_type(tmp_path: Path, column: str, values: object) -> None:
    bars = read_bars(parquet(tmp_path, **{column: values}), today=TODAY)
    assert (len(bars.columns), bars.columns.day.tolist(), bars.lines.tolist()) == (1, [date(2026, 5, 28)], [2])


@pytest.mark.parametrize(
    ("column", "values"),
    [("close", [True]), ("close", [[1.0]]), ("date", [1.5]), ("symbol", [1.5]), ("symbol", [b"x"])],
)
def test_a_parquet_column_of_another_type_is_named(tmp_path: Path, column: str, values: object) -> None:
    with pytest.raises(BadFile, match=column):
        read_bars(parquet(tmp_path, **{column: values}), today=TODAY)


def test_minute_bars_are_not_taken_for_daily_ones(tmp_path: Path) -> None:
    minutes = [datetime(2026, 5, 28, 9, minute) for minute in range(3)]  # noqa: DTZ001 - files hold naive times
    path = tmp_path / "bars.parquet"
    pl.concat([frame(date=[minute]) for minute in minutes]).write_parquet(path)
    with pytest.raises(BadFile, match="daily bars are wanted"):
        read_bars(path, today=TODAY)


def test_a_column_can_be_chosen_or_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEADER},adj_close,value\n{ROW},52.5,x\n")
    assert read_bars(path, today=TODAY).rejects[0].field == "value"
    bars = read_bars(path, {"close": "adj_close", "value": ""}, today=TODAY)
    assert (bars.columns.close.tolist(), bars.mapping["close"], "value" in bars.mapping) == ([52.5], "adj_close", False)


@pytest.mark.parametrize(
    ("overrides", "error", "said"),
    [
        ({"close": "no_such"}, BadFile, "no_such.*has: symbol, date"),
        ({"clsoe": "close"}, BadParameter, "did you mean close"),
        ({"close": ""}, BadFile, "no column for close"),
        ({"close": "open"}, BadParameter, "used for"),
    ],
)
def test_a_wrong_choice_is_named(tmp_path: Path, overrides: dict[str, str], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        read_bars(write(tmp_path, f"{HEADER}\n{ROW}\n"), overrides, today=TODAY)


BROKEN: list[tuple[str, bytes, str]] = [
    ("bars.csv", b"", "empty"),
    ("bars.csv", b"\n\n", "blank"),
    ("bars.csv", f"\n{HEADER}\n{ROW}\n".encode(), "first line is empty"),
    ("bars.csv", HEADER.encode(), "no rows"),
    ("bars.csv", f"{HEADER}\n\r\n\n".encode(), "no rows"),
    ("bars.csv", b"symbol,date,open,high,low,volume\n1,2026-05-28,1,1,1,1\n", "no column for close.*--column close"),
    ("bars.csv", f"{HEADER}\n{ROW}\n005930,2026-05".encode(), "cut off: its last line, 3, has 2 of 7 columns"),
    ("bars.csv", f"{HEADER}\n005930,1\n{ROW}\n".encode(), "line 2 has 2 columns where the header has 7"),
    ("bars.csv", f"{HEADER}\n{ROW},1\n".encode(), "line 2 has 8 columns"),
    ("bars.csv", f'{HEADER}\n"{ROW}\n'.encode(), "never closed"),
    ("bars.csv", f'{HEADER}\n"005930"x,2026-05-28,1,1,1,1,1\n'.encode(), "quotation mark"),
    ("bars.csv", f"{HEADER}\n{ROW}\n".encode() + b"\xff\xff,2026-05-28,1,1,1,1,1\n", "neither UTF-8 nor CP949"),
    ("bars.csv", b"\xef\xbb\xbf" + f"{HEADER},name\n{ROW},삼성\n".encode("cp949"), "marked as UTF-8"),
    ("bars.csv", f"{HEADER}\n{ROW}\n".encode("utf-16"), "zero bytes"),
    ("bars.csv", f"{HEADER},close\n{ROW},1\n".encode(), "two columns are named 'close'"),
    ("bars.xlsx", b"PK\x03\x04rest", "workbook is damaged"),
    ("bars.csv.gz", b"\x1f\x8b\x08rest", "gzip file is damaged"),
    ("bars.csv", b"x" * 70_000, "first line is longer"),
    ("bars.csv", f"{HEADER}\n".encode() + b"x" * 1_100_000, "line 2 is longer"),
    ("bars.parquet", b"not parquet at all", "not a Parquet file"),
    ("bars.parquet", b"PAR1", "cut off"),
    ("bars.parquet", b"PAR1" + b"x" * 100 + b"PAR1", "damaged"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "said"), BROKEN)
def test_a_file_that_cannot_be_read_to_its_end_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(BadFile, match=said) as caught:
        read_bars(write(tmp_path, content, name), today=TODAY)
    assert "\n" not in caught.value.message


def test_a_parquet_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    content = parquet(tmp_path).read_bytes()
    for size in (5, 50, len(content) // 2, len(content) - 1):
        with pytest.raises(BadFile, match="cut off"):
            read_bars(write(tmp_path, content[:size], "short.parquet"), today=TODAY)


def test_folders_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="is a folder"):
        read_bars(tmp_path)
    with pytest.raises(BadFile, match=r"there is no file .*none\.csv"):
        read_bars(tmp_path / "none.csv")
    with pytest.raises(BadFile, match="cannot read"):
        read_bars("zero\0byte.csv")


def test_a_traded_value_in_millions_is_not_taken_for_won(tmp_path: Path) -> None:
    bars = read(tmp_path, f"{HEADER},거래대금(백만)\n{ROW},1\n")
    assert np.isnan(bars.columns.value).all()


def check_accounts(path: Path) -> None:
    """Either every row is accounted for, or the file is refused in one line."""
    message = ""
    try:
        bars = read_bars(path, today=TODAY)
    except BadFile as error:
        message = error.message
    else:
        assert bars.rows_read == len(bars.columns) + bars.duplicates + bars.rejected
        assert len(bars.rejects) == bars.rejected
    assert "\n" not in message


CELLS = st.sampled_from(["005930", "2026-05-28", "20260527", "100", "1,000", "-1", "", "NaN", "x", '"', "삼성", "\r"])
LINES = st.lists(st.lists(CELLS | st.text(max_size=5), min_size=0, max_size=9).map(",".join), max_size=12)


@given(LINES, st.booleans())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_with_all_rows_accounted_for_or_is_a_bad_file(
    tmp_path: Path, lines: list[str], has_header: bool
) -> None:
    text = "\n".join([HEADER, *lines] if has_header else lines)
    check_accounts(write(tmp_path, text.encode("utf-8", "surrogatepass")))


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_parquet_file_never_raises_anything_else(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(parquet(tmp_path).read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    check_accounts(write(tmp_path, bytes(content), "damaged.parquet"))


def test_symbols_are_read_with_their_names_and_dates(tmp_path: Path) -> None:
    text = (
        "단축코드,한글종목명,시장구분,업종,상장일\n005930,삼성전자,KOSPI,전자,1975-06-11\n005930,삼성전자,KOSPI,전자,1975/06/11\n"
        "005930,다른이름,KOSPI,,\n000020,,KOSPI,,x\n000030,,,,\n,,,,\n"
    )
    symbols = read_symbols(write(tmp_path, text, encoding="cp949"))
    assert [listing.symbol for listing in symbols.listings] == ["000030", "005930"]
    assert symbols.listings[1].listed_on == date(1975, 6, 11)
    assert (symbols.rows_read, symbols.duplicates, symbols.rejected) == (6, 1, 3)
    assert [(reject.line, reject.field) for reject in symbols.rejects] == [
        (4, "symbol"),
        (5, "listed_on"),
        (7, "symbol"),
    ]
