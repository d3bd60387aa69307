"""Ralph: a self-hosted stock-analysis server, Korean market first.

In reading order, pure first:

market       Symbols, bars, the calendar, ticks and taxes, timeframes, the Panel (a whole market as columns)
kernels      numba over arrays
indicators   one file each, and `series` to compute any of them
scanners     charts in position: VCP, day-trading, closing bet; the market gate and breadth
screens      the condition language: parse, plan, evaluate, explain, score; and the presets
signals      Setups with a grade, prices and a size, followed until they are closed
brokers      where bars come from, for now files; and the writing of files
store        Postgres: migrations, bars, import runs, exports, the Panel's cache
embedded     Postgres and Redis for a local start
simulator    a deterministic exchange of invented companies: bars, flows, indices, and the truth about them
telemetry    logs and metrics
jobs         the kinds of long work, and the worker that does what the ledger in Postgres holds
api          HTTP handlers, one file a resource
web          the dashboard (TypeScript, Svelte), built by `ops/dashboard.py` when Ralph is installed
app          puts the parts together and runs them
cli          the command `ralph`
"""

__version__ = "0.1.0"
