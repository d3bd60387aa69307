"""The dashboard's pages and files, the metrics, and what the API documentation needs to work offline."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import FromQuery
from litestar.static_files import create_static_files_router

from ralph.api.access import COOKIE, SESSION_LIFE, Access
from ralph.api.problems import on_http_error
from ralph.telemetry import Metrics

DASHBOARD = Path(__file__).parent.parent / "web" / "dist"
PATHS = ["/", "/screener", "/symbols", "/symbols/{code:str}", "/signals", "/live", "/system", "/help"]
"""What the dashboard shows under addresses of its own; it reads them by itself."""
LINK_USED = "This link was used or is too old. Run `ralph login` for a new one. · 새 링크: ralph login"
NOT_BUILT = (
    "The dashboard is not built: run `uv run python ops/dashboard.py build`. Everything else works: /schema/swagger · "
    "화면이 아직 만들어지지 않았습니다."
)
HTML = "text/html; charset=utf-8"
FOR_EVER = CacheControlHeader(
    public=True, max_age=31_536_000, immutable=True
)  # a built file of other contents has another name


@get(PATHS, operation_id="dashboard", include_in_schema=False)
async def dashboard(
    request: Request[Any, Any, Any], access: NamedDependency[Access], t: FromQuery[str | None] = None
) -> Response[bytes]:
    """The dashboard; with `?t=` a one-time link is exchanged for a session cookie first."""
    if t is None:
        return page()
    token = await access.open_session(t)
    if token is None:
        return Response(LINK_USED.encode(), status_code=401, media_type="text/plain; charset=utf-8")
    answer = Response(b"", status_code=303, headers={"Location": "/", "Cache-Control": "no-store"})
    secure = request.url.scheme == "https"
    life_s = int(SESSION_LIFE.total_seconds())
    answer.set_cookie(COOKIE, token, max_age=life_s, path="/", httponly=True, samesite="lax", secure=secure)
    return answer


def page(status: int = 200) -> Response[bytes]:
    """The one document of the dashboard, for any of its addresses and for one it does not know."""
    document = DASHBOARD / "index.html"
    if not document.is_file():
        return Response(NOT_BUILT.encode(), status_code=503, media_type="text/plain; charset=utf-8")
    return Response(document.read_bytes(), status_code=status, media_type=HTML, headers={"Cache-Control": "no-cache"})


def on_not_found(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """A browser that asks for a page nobody knows gets the dashboard, which says so; programs get a problem."""
    is_ours = request.url.path.startswith(("/api/", "/assets/", "/static/", "/schema"))
    if request.method == "GET" and not is_ours and "text/html" in request.headers.get("accept", ""):
        return page(404)
    return on_http_error(request, error)


@get("/sw.js", operation_id="offlineWorker", include_in_schema=False, sync_to_thread=False)
def offline_worker() -> Response[bytes]:
    """The script by which a browser keeps the dashboard's files; it is looked at anew on each visit."""
    script = DASHBOARD / "sw.js"
    if not script.is_file():
        return Response(NOT_BUILT.encode(), status_code=503, media_type="text/plain; charset=utf-8")
    return Response(script.read_bytes(), media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@get("/metrics", operation_id="metrics", tags=["health"], sync_to_thread=False, media_type="text/plain; version=0.0.4")
def metrics_page(metrics: NamedDependency[Metrics]) -> bytes:
    """All metrics in Prometheus' text format."""
    return metrics.exposition()


def routes() -> list[Any]:
    """The pages, and routers for their files and those of Swagger UI, served from this machine."""
    spec = importlib.util.find_spec("swagger_ui")  # found, not imported: only its files are wanted
    assert spec is not None
    assert spec.origin is not None
    swagger = Path(spec.origin).parent / "static"
    assets = DASHBOARD / "assets"
    files = [create_static_files_router("/static/swagger", directories=[swagger], include_in_schema=False, name="docs")]
    if assets.is_dir():
        made = create_static_files_router(
            "/assets", directories=[assets], include_in_schema=False, name="assets", cache_control=FOR_EVER
        )
        files.append(made)
    return [dashboard, offline_worker, *files]


def openapi(version: str) -> OpenAPIConfig:
    """The OpenAPI document under /schema, with Swagger UI from our own files."""
    swagger = SwaggerRenderPlugin(
        js_url="/static/swagger/swagger-ui-bundle.js",
        css_url="/static/swagger/swagger-ui.css",
        standalone_preset_js_url="/static/swagger/swagger-ui-standalone-preset.js",
        favicon='<link rel="icon" href="data:,">',
    )
    return OpenAPIConfig(
        title="Ralph",
        version=version,
        description="Stock analysis, self-hosted. Errors are RFC 9457 problems; numbers that do not exist are null.",
        path="/schema",
        render_plugins=[swagger, JsonRenderPlugin()],
        components=Components(security_schemes={"owner": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"owner": []}],
        use_handler_docstrings=True,
    )
