"""The house rules: layers, sizes, names, nothing unused, every error mapped, pins that agree."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ralph import errors, indicators
from ralph.config import Config
from ralph.indicators.card import CATEGORIES, UNITS
from ralph.telemetry import Metrics

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "ralph").rglob("*.py"))
PYTHON = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
PURE = ("market", "kernels", "indicators", "screens", "scanners", "signals", "backtest", "portfolio", "tape")
NOT_PURE = {"asyncio", "asyncpg", "redis", "arq", "httpx", "litestar", "opentelemetry", "logging"}
FORBIDDEN_NAMES = {"manager", "helper", "helpers", "util", "utils", "common", "core", "base", "data", "info", "process"}
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
PARAMETERS_MAX = 6
KERNEL_PARAMETERS_MAX = 10
WELL_KNOWN = (
    *("adx", "aroon", "atr", "bb", "cci", "cmf", "donchian", "ema", "hma", "ichimoku"),
    *("kama", "kc", "linreg", "macd", "rsi", "sma", "stoch", "dist_52w", "historical_volatility", "beta"),
)
PRESETS_LEAST = 3  # of each of these


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_packages_import_only_downwards() -> None:
    """The layers of the house hold, for every package there is."""
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parts[len(ROOT.parts) + 1] in PURE], ids=relative)
def test_the_pure_part_does_no_io(path: Path) -> None:
    """Modules that take values and return values import nothing that waits, logs or talks to a server."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])
    assert not imported & NOT_PURE


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_files_and_functions_fit_on_a_screen(path: Path) -> None:
    """At most 400 lines a file, 60 a function, 6 parameters (10 for a kernel)."""
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX
    most = KERNEL_PARAMETERS_MAX if "kernels" in path.parts else PARAMETERS_MAX
    for function in functions(path):
        assert function.end_lineno is not None
        assert function.end_lineno - function.lineno + 1 <= FUNCTION_LINES_MAX, f"{function.name} is too long"
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        count = len([argument for argument in arguments if argument.arg not in ("self", "cls")])
        assert count <= most or is_boundary(path, function), f"{function.name} takes {count} parameters"


def is_boundary(path: Path, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Doors whose parameters are the user's options: commands of the CLI, HTTP handlers, and the published `series`."""
    named = {ast.unparse(decorator).split("(")[0] for decorator in function.decorator_list}
    in_door = "cli" in path.parts or "api" in path.parts
    return (in_door and bool(named & {"command", "click.command", "get", "post", "put", "patch", "delete"})) or (
        path.parent.name == "indicators" and function.name == "series"
    )


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_modules_say_their_subject_and_have_a_proper_name(path: Path) -> None:
    """Every module has a docstring; no module or class is called manager, helper, util and the like."""
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "no docstring"
    names = {path.stem.lower()} | {node.name.lower() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    assert not names & FORBIDDEN_NAMES
    assert not {name for name in names if name.endswith(("manager", "helper", "util"))}


def all_errors(kind: type[errors.RalphError] = errors.RalphError) -> Iterator[type[errors.RalphError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from all_errors(child)


def test_every_error_is_mapped() -> None:
    """Each error has a code of its own, a status that fits what the caller can do, and stands in the drawn tree."""
    kinds = list(all_errors())
    assert len({kind.code for kind in kinds}) == len(kinds)
    tree = (errors.__doc__ or "").replace("├", " ").replace("└", " ")
    for kind in kinds:
        assert kind.exit_code in {1, 2, 3, 4, 5}
        if issubclass(kind, errors.BadRequest):
            assert 400 <= kind.status < 500
        elif issubclass(kind, errors.Unavailable):
            assert kind.status == 503
        else:
            assert kind.status == 500
        assert re.search(rf"\b{kind.__name__}\b", tree), f"{kind.__name__} is not in the drawn tree"


def test_errors_live_in_one_file() -> None:
    """No exception class of our own is defined anywhere else."""
    for path in SOURCES:
        if path.name == "errors.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).split(".")[-1] for base in node.bases}
                assert not {base for base in bases if base.endswith(("Error", "Exception"))}, f"{path}: {node.name}"


def all_code(without: str) -> str:
    return "\n".join(path.read_text() for path in SOURCES if without not in (path.name, path.parent.name))


def config_fields(kind: type[msgspec.Struct]) -> Iterator[str]:
    for field in msgspec.structs.fields(kind):
        if isinstance(field.default, msgspec.Struct):
            yield from config_fields(type(field.default))
        else:
            yield field.name


def test_every_setting_and_metric_is_used() -> None:
    """A setting that nothing reads, or a metric that nothing moves, is a lie to the operator."""
    code = all_code("config")
    for name in config_fields(Config):
        assert re.search(rf"\.{name}\b", code), f"the setting {name} is never read"
    code = all_code("metrics.py")
    for name in vars(Metrics("test")):
        if name != "registry":
            assert re.search(rf"\.{name}\b", code), f"the metric {name} is never moved"


def test_pins_agree() -> None:
    """The hashed runtime set and the constraints carry the same versions, and no index address."""
    text = (ROOT / "ops" / "requirements.txt").read_text()
    assert "http://" not in text
    assert "https://" not in text
    runtime = set(re.findall(r"^([A-Za-z0-9._-]+==[^\s;\\]+)", text, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    constraints = {pin.split(" ;")[0] for pin in project["tool"]["uv"]["constraint-dependencies"]}
    assert runtime
    assert runtime <= constraints
    declared = {re.split(r"[><=\[;! ]", entry)[0] for entry in project["project"]["dependencies"]}
    assert declared <= {pin.split("==")[0] for pin in runtime}


def test_no_machine_paths_or_registry_hosts() -> None:
    """Nothing tracked names a path of the machine it was written on or the host of a package registry."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if (
            path != Path(__file__)
            and path.suffix in {".py", ".md", ".toml", ".txt", ".sql", ".json", ".yaml", ".html", ".js", ".css"}
            and path.exists()
        ):
            text = path.read_text()
            assert not re.search(r"/work/(main|shared)|/root/|/home/\w+/", text), name
            assert "files.pythonhosted" not in text, name
    assert not (ROOT / "poetry.lock").exists()


def test_one_module_knows_arq() -> None:
    """It is in maintenance and may have to go: only the doorbell imports it."""
    knowing = [path for path in SOURCES if re.search(r"^\s*(from|import) arq\b", path.read_text(), re.MULTILINE)]
    assert [path.name for path in knowing] == ["bell.py"]


def test_every_module_can_be_imported_alone() -> None:
    """No module depends on another having been imported first."""
    for path in SOURCES:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name != "ralph.__main__":
            importlib.import_module(name)


def test_kernels_are_compiled_one_way() -> None:
    """By `kernel` of `ralph.kernels.jit`, which lets other threads run, and for kernels to call by `by_address`, which
    knows of no interpreter; `fastmath` is asked for nowhere, so that NaN tests stay and one Symbol alone is what it is
    among many. What is written in LLVM's language carries no flag that would let it be anything but IEEE."""
    compilers = {"njit", "jit", "vectorize", "guvectorize", "stencil", "cfunc"}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword):
                assert node.arg not in ("fastmath", "parallel"), relative(path)
            if isinstance(node, ast.Attribute | ast.Name):
                name = node.attr if isinstance(node, ast.Attribute) else node.id
                assert name not in compilers or path.name == "jit.py", relative(path)
    made = [
        node
        for node in ast.walk(ast.parse((ROOT / "ralph" / "kernels" / "jit.py").read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in compilers
    ]
    ways = {ast.unparse(node.func): {ast.unparse(keyword) for keyword in node.keywords} for node in made}
    assert len(made) == len(ways) == 2
    assert "nogil=True" in ways["numba.njit"]
    assert all("error_model='numpy'" in keywords for keywords in ways.values())
    flags = re.compile(r"\b(fadd|fsub|fmul|fdiv|fcmp|call)\s+(fast|nnan|ninf|nsz|arcp|contract|afn|reassoc)\b")
    for path in (ROOT / "ralph" / "kernels" / "straight").glob("*.py"):
        assert not flags.search(path.read_text()), relative(path)


@pytest.mark.parametrize("name", indicators.load())
def test_an_indicator_introduces_itself(name: str) -> None:
    """In English and Korean, with its category, its units, the source of its formula, and parameters that people use:
    at least one set where there is anything to set, three for the indicators that everybody knows."""
    indicator = indicators.load()[name]
    assert indicator.en.isascii()
    assert not indicator.ko.isascii()
    assert indicator.formula_source
    assert indicator.category in CATEGORIES
    assert {indicator.unit_of(output) for output in indicator.outputs} <= set(UNITS)
    least = PRESETS_LEAST if name in WELL_KNOWN else 1
    assert len(indicator.presets) >= (least if indicator.params else 0)
    assert all(preset.en and preset.ko for preset in indicator.presets)
