"""The SQL that stores listed shares, flows and index bars: `ralph/store/dated.py` is its one caller."""

from __future__ import annotations

from dataclasses import dataclass

from ralph.market.dated import DatedKind


@dataclass(frozen=True)
class Statements:
    """The SQL of a kind: the table rows are staged in, and the merge of what is staged.

    A number the file does not have leaves the stored one. Rows equal to the stored ones are not touched.

    table      where rows of Symbols stay; continues asks whether none of a Symbol is stored from a day on. Both are
               empty for kinds with few rows, which are always merged.
    """

    stage: str
    merge: str
    table: str = ""
    continues: str = ""


_SHARES = Statements(
    stage="""
    CREATE TEMP TABLE staged_dated (
        key integer NOT NULL, session_on date NOT NULL,
        shares double precision NOT NULL, market_cap double precision NOT NULL
    ) ON COMMIT DROP
    """,
    merge="""
      WITH given AS (
               SELECT key, s.session_on, COALESCE(NULLIF(s.shares, 'NaN'), o.shares, 'NaN') AS shares,
                      COALESCE(NULLIF(s.market_cap, 'NaN'), o.market_cap, 'NaN')          AS market_cap
                 FROM staged_dated s
            LEFT JOIN symbol_shares o ON o.symbol_id = s.key AND o.session_on = s.session_on
           ), written AS (
               INSERT INTO symbol_shares AS o (symbol_id, session_on, shares, market_cap, source_id)
                    SELECT given.*, source.id
                      FROM given
                      JOIN sources source ON source.name = $1
               ON CONFLICT (symbol_id, session_on)
                 DO UPDATE SET shares = EXCLUDED.shares, market_cap = EXCLUDED.market_cap,
                               source_id = EXCLUDED.source_id
                         WHERE (o.shares, o.market_cap) <> (EXCLUDED.shares, EXCLUDED.market_cap)
                 RETURNING o.session_on, xmax = 0 AS is_new
           )
    SELECT count(*) FILTER (WHERE is_new) AS stored, count(*) FILTER (WHERE NOT is_new) AS updated,
           min(session_on) AS since
      FROM written
    """,
    table="symbol_shares",
    continues="""
    SELECT NOT EXISTS (SELECT
                         FROM unnest($1::integer[], $2::date[]) AS given (key, first_on)
                   CROSS JOIN LATERAL (SELECT
                                         FROM symbol_shares
                                        WHERE symbol_id = key AND session_on >= first_on
                                       OFFSET 0) AS stored)
    """,
)

_FLOWS = Statements(
    stage="""
    CREATE TEMP TABLE staged_dated (
        key integer NOT NULL, session_on date NOT NULL,
        foreign_value double precision NOT NULL, institution_value double precision NOT NULL,
        individual_value double precision NOT NULL, foreign_shares double precision NOT NULL,
        institution_shares double precision NOT NULL, individual_shares double precision NOT NULL,
        foreign_held double precision NOT NULL
    ) ON COMMIT DROP
    """,
    merge="""
      WITH given AS (
               SELECT key, s.session_on,
                      COALESCE(NULLIF(s.foreign_value,      'NaN'), o.foreign_value,      'NaN') AS foreign_value,
                      COALESCE(NULLIF(s.institution_value,  'NaN'), o.institution_value,  'NaN') AS institution_value,
                      COALESCE(NULLIF(s.individual_value,   'NaN'), o.individual_value,   'NaN') AS individual_value,
                      COALESCE(NULLIF(s.foreign_shares,     'NaN'), o.foreign_shares,     'NaN') AS foreign_shares,
                      COALESCE(NULLIF(s.institution_shares, 'NaN'), o.institution_shares, 'NaN') AS institution_shares,
                      COALESCE(NULLIF(s.individual_shares,  'NaN'), o.individual_shares,  'NaN') AS individual_shares,
                      COALESCE(NULLIF(s.foreign_held,       'NaN'), o.foreign_held,       'NaN') AS foreign_held
                 FROM staged_dated s
            LEFT JOIN flows_daily o ON o.symbol_id = s.key AND o.session_on = s.session_on
           ), written AS (
               INSERT INTO flows_daily AS o (symbol_id, session_on, foreign_value, institution_value, individual_value,
                                             foreign_shares, institution_shares, individual_shares, foreign_held,
                                             source_id)
                    SELECT given.*, source.id
                      FROM given
                      JOIN sources source ON source.name = $1
               ON CONFLICT (symbol_id, session_on)
                 DO UPDATE SET foreign_value      = EXCLUDED.foreign_value,
                               institution_value  = EXCLUDED.institution_value,
                               individual_value   = EXCLUDED.individual_value,
                               foreign_shares     = EXCLUDED.foreign_shares,
                               institution_shares = EXCLUDED.institution_shares,
                               individual_shares  = EXCLUDED.individual_shares,
                               foreign_held       = EXCLUDED.foreign_held,
                               source_id          = EXCLUDED.source_id
                         WHERE (o.foreign_value, o.institution_value, o.individual_value, o.foreign_shares,
                                o.institution_shares, o.individual_shares, o.foreign_held)
                            <> (EXCLUDED.foreign_value, EXCLUDED.institution_value, EXCLUDED.individual_value,
                                EXCLUDED.foreign_shares, EXCLUDED.institution_shares, EXCLUDED.individual_shares,
                                EXCLUDED.foreign_held)
                 RETURNING o.session_on, xmax = 0 AS is_new
           )
    SELECT count(*) FILTER (WHERE is_new) AS stored, count(*) FILTER (WHERE NOT is_new) AS updated,
           min(session_on) AS since
      FROM written
    """,
    table="flows_daily",
    continues="""
    SELECT NOT EXISTS (SELECT
                         FROM unnest($1::integer[], $2::date[]) AS given (key, first_on)
                   CROSS JOIN LATERAL (SELECT
                                         FROM flows_daily
                                        WHERE symbol_id = key AND session_on >= first_on
                                       OFFSET 0) AS stored)
    """,
)

_INDEX = Statements(
    stage="""
    CREATE TEMP TABLE staged_dated (
        key integer NOT NULL, session_on date NOT NULL,
        open double precision NOT NULL, high double precision NOT NULL, low double precision NOT NULL,
        close double precision NOT NULL, volume double precision NOT NULL, value double precision NOT NULL,
        market_cap double precision NOT NULL
    ) ON COMMIT DROP
    """,
    merge="""
      WITH given AS (
               SELECT key, s.session_on,
                      COALESCE(NULLIF(s.open,       'NaN'), o.open,       'NaN') AS open,
                      COALESCE(NULLIF(s.high,       'NaN'), o.high,       'NaN') AS high,
                      COALESCE(NULLIF(s.low,        'NaN'), o.low,        'NaN') AS low,
                      s.close,
                      COALESCE(NULLIF(s.volume,     'NaN'), o.volume,     'NaN') AS volume,
                      COALESCE(NULLIF(s.value,      'NaN'), o.value,      'NaN') AS value,
                      COALESCE(NULLIF(s.market_cap, 'NaN'), o.market_cap, 'NaN') AS market_cap
                 FROM staged_dated s
            LEFT JOIN index_bars o ON o.index_id = s.key AND o.session_on = s.session_on
           ), written AS (
               INSERT INTO index_bars AS o (index_id, session_on, open, high, low, close, volume, value, market_cap,
                                            source_id)
                    SELECT given.*, source.id
                      FROM given
                      JOIN sources source ON source.name = $1
               ON CONFLICT (index_id, session_on)
                 DO UPDATE SET open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close,
                               volume = EXCLUDED.volume, value = EXCLUDED.value, market_cap = EXCLUDED.market_cap,
                               source_id = EXCLUDED.source_id
                         WHERE (o.open, o.high, o.low, o.close, o.volume, o.value, o.market_cap)
                            <> (EXCLUDED.open, EXCLUDED.high, EXCLUDED.low, EXCLUDED.close, EXCLUDED.volume,
                                EXCLUDED.value, EXCLUDED.market_cap)
                 RETURNING o.session_on, xmax = 0 AS is_new
           )
    SELECT count(*) FILTER (WHERE is_new) AS stored, count(*) FILTER (WHERE NOT is_new) AS updated,
           min(session_on) AS since
      FROM written
    """,
)

_MARKET_FLOWS = Statements(
    stage="""
    CREATE TEMP TABLE staged_dated (
        key integer NOT NULL, session_on date NOT NULL,
        individual_value double precision NOT NULL, foreign_value double precision NOT NULL,
        institution_value double precision NOT NULL, other_corp_value double precision NOT NULL,
        fin_invest_value double precision NOT NULL, insurance_value double precision NOT NULL,
        trust_value double precision NOT NULL, bank_value double precision NOT NULL,
        other_fin_value double precision NOT NULL, pension_value double precision NOT NULL
    ) ON COMMIT DROP
    """,
    merge="""
      WITH given AS (
               SELECT key, s.session_on,
                      COALESCE(NULLIF(s.individual_value,  'NaN'), o.individual_value,  'NaN') AS individual_value,
                      COALESCE(NULLIF(s.foreign_value,     'NaN'), o.foreign_value,     'NaN') AS foreign_value,
                      COALESCE(NULLIF(s.institution_value, 'NaN'), o.institution_value, 'NaN') AS institution_value,
                      COALESCE(NULLIF(s.other_corp_value,  'NaN'), o.other_corp_value,  'NaN') AS other_corp_value,
                      COALESCE(NULLIF(s.fin_invest_value,  'NaN'), o.fin_invest_value,  'NaN') AS fin_invest_value,
                      COALESCE(NULLIF(s.insurance_value,   'NaN'), o.insurance_value,   'NaN') AS insurance_value,
                      COALESCE(NULLIF(s.trust_value,       'NaN'), o.trust_value,       'NaN') AS trust_value,
                      COALESCE(NULLIF(s.bank_value,        'NaN'), o.bank_value,        'NaN') AS bank_value,
                      COALESCE(NULLIF(s.other_fin_value,   'NaN'), o.other_fin_value,   'NaN') AS other_fin_value,
                      COALESCE(NULLIF(s.pension_value,     'NaN'), o.pension_value,     'NaN') AS pension_value
                 FROM staged_dated s
            LEFT JOIN market_flows_daily o ON o.market_id = s.key AND o.session_on = s.session_on
           ), written AS (
               INSERT INTO market_flows_daily AS o (market_id, session_on,
                                                    individual_value, foreign_value, institution_value,
                                                    other_corp_value, fin_invest_value, insurance_value, trust_value,
                                                    bank_value, other_fin_value, pension_value,
                                                    source_id)
                    SELECT given.*, source.id
                      FROM given
                      JOIN sources source ON source.name = $1
               ON CONFLICT (market_id, session_on)
                 DO UPDATE SET individual_value  = EXCLUDED.individual_value,
                               foreign_value     = EXCLUDED.foreign_value,
                               institution_value = EXCLUDED.institution_value,
                               other_corp_value  = EXCLUDED.other_corp_value,
                               fin_invest_value  = EXCLUDED.fin_invest_value,
                               insurance_value   = EXCLUDED.insurance_value,
                               trust_value       = EXCLUDED.trust_value,
                               bank_value        = EXCLUDED.bank_value,
                               other_fin_value   = EXCLUDED.other_fin_value,
                               pension_value     = EXCLUDED.pension_value,
                               source_id = EXCLUDED.source_id
                         WHERE (o.individual_value, o.foreign_value, o.institution_value, o.other_corp_value,
                                o.fin_invest_value, o.insurance_value, o.trust_value, o.bank_value,
                                o.other_fin_value, o.pension_value)
                            <> (EXCLUDED.individual_value, EXCLUDED.foreign_value, EXCLUDED.institution_value,
                                EXCLUDED.other_corp_value, EXCLUDED.fin_invest_value, EXCLUDED.insurance_value,
                                EXCLUDED.trust_value, EXCLUDED.bank_value, EXCLUDED.other_fin_value,
                                EXCLUDED.pension_value)
                 RETURNING o.session_on, xmax = 0 AS is_new
           )
    SELECT count(*) FILTER (WHERE is_new) AS stored, count(*) FILTER (WHERE NOT is_new) AS updated,
           min(session_on) AS since
      FROM written
    """,
)

KINDS: dict[DatedKind, Statements] = {
    "shares": _SHARES,
    "flows": _FLOWS,
    "index": _INDEX,
    "market-flows": _MARKET_FLOWS,
}
