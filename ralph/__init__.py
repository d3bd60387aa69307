"""Ralph: a self-hosted stock-analysis server, Korean market first.

In reading order, pure first:

market       Symbols, bars, the calendar, ticks and taxes, timeframes, the Panel (a whole market as columns)
kernels      numba over arrays
indicators   one file each, and `series` to compute any of them
scanners     charts in position: VCP, day-trading, closing bet; the market gate and breadth
screens      the condition language: parse, plan, evaluate, explain, score; and the presets
signals      Setups with a grade, prices and a size, followed until they are closed
tape         the live state of a Session: board, minute bars, triggers, watched screens, scans
brokers      where bars come from, for now files; and the writing of files
store        Postgres: migrations, bars, import runs, exports, the Panel's cache
stream       topics, mailboxes and the hub: what browsers are told as it happens
embedded     Postgres and Redis for a local start
simulator    a deterministic exchange of invented companies: bars, flows, indices, and the truth about them
telemetry    logs, metrics and traces; the kernel thread
live         the pump from a feed to the stream, recordings, and stored days played again
jobs         the kinds of long work, what runs by itself, and the worker that does what the ledger in Postgres holds
backup       sealed copies of the database and its log, and the way back
api          HTTP handlers, one file a resource
web          the dashboard (TypeScript, Svelte), built by `ops/dashboard.py` when Ralph is installed
app          puts the parts together and runs them
cli          the command `ralph`
"""

__version__ = "0.1.0"
