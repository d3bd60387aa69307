"""/api/v1/board, /quotes and /feed: the live market as it stands, and how its feed does."""

from __future__ import annotations

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ralph.api.problems import PROBLEMS
from ralph.live.pages import BoardPage, FeedState, QuotePage
from ralph.live.running import LiveMarket


@get("/", operation_id="getBoard", tags=["live"], responses=PROBLEMS, sync_to_thread=False)
def show_board(live_market: NamedDependency[LiveMarket]) -> Response[BoardPage]:
    """All quotes now, by symbol, and the indices. 503 until the first Session is played."""
    return Response(live_market.board(), media_type="application/json")  # type: ignore[arg-type]


@get("/{code:str}", operation_id="getQuote", tags=["live"], responses=PROBLEMS, sync_to_thread=False)
def show_quote(code: FromPath[str], live_market: NamedDependency[LiveMarket]) -> QuotePage:
    """One symbol now."""
    return live_market.quote(code)


@get("/", operation_id="getFeed", tags=["live"], responses=PROBLEMS, sync_to_thread=False)
def show_feed(live_market: NamedDependency[LiveMarket]) -> FeedState:
    """How the feed does: what it plays, how far it is behind, and whether it is recorded."""
    return live_market.state()


routers = [
    Router("/board", route_handlers=[show_board]),
    Router("/quotes", route_handlers=[show_quote]),
    Router("/feed", route_handlers=[show_feed]),
]
