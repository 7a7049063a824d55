"""Sizes, names, words: what keeps the code readable, as numbers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, Function, Source, sources, tracked

FILE_LINES, SERVICE_LINES, FUNCTION_LINES = 300, 120, 50
NOTHING_NAMES = {"utils", "util", "helper", "helpers", "common", "manager", "misc", "tools", "info"}
ALL = sources()
SQL_WORDS = re.compile(r"\b(SELECT .+ FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b")


def by_name(source: Source) -> str:
    return source.name


@pytest.mark.parametrize("source", ALL, ids=by_name)
def test_files_and_functions_are_short(source: Source) -> None:
    """A file fits in the head, a function on the screen, a service.py on two pages."""
    lines = source.text.count("\n")
    assert lines <= (SERVICE_LINES if source.path.name == "service.py" else FILE_LINES), f"{lines} lines"
    long = {f.name: f.end_lineno - f.lineno + 1 for f in source.functions() if f.end_lineno}  # type: ignore[operator]
    assert not {name: n for name, n in long.items() if n > FUNCTION_LINES}


@pytest.mark.parametrize("source", ALL, ids=by_name)
def test_everything_public_says_what_it_is(source: Source) -> None:
    """Modules, classes, functions, methods: one docstring each."""
    silent = [name for name, node in public(source.tree) if ast.get_docstring(node) is None]
    assert not silent
    if source.text.strip():
        assert ast.get_docstring(source.tree), "a module says what it is for"


@pytest.mark.parametrize("source", ALL, ids=by_name)
def test_every_function_says_what_it_returns(source: Source) -> None:
    """Public or not."""
    assert not [function.name for function in source.functions() if function.returns is None]


def public(tree: ast.AST, prefix: str = "") -> list[tuple[str, ast.ClassDef | Function]]:
    found: list[tuple[str, ast.ClassDef | Function]] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found += [(prefix + node.name, node), *public(node, f"{node.name}.")]
        elif isinstance(node, Function) and not node.name.startswith("_"):
            found.append((prefix + node.name, node))
    return found


@pytest.mark.parametrize("source", ALL, ids=by_name)
def test_nothing_is_called_by_a_name_that_says_nothing(source: Source) -> None:
    """A module called utils is a drawer."""
    assert not set(source.name.removesuffix(".py").split("/")) & NOTHING_NAMES


@pytest.mark.parametrize("source", ALL, ids=by_name)
def test_no_error_is_swallowed(source: Source) -> None:
    """No bare except; ``except Exception: pass`` neither; a broad one says why."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{source.name}:{node.lineno} is bare"
            broad = isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
            empty = all(isinstance(statement, ast.Pass) for statement in node.body)
            assert not (broad and empty), f"{source.name}:{node.lineno} swallows"


@pytest.mark.parametrize("source", ALL, ids=by_name)
def test_nothing_sleeps_in_a_use_case_and_nothing_prints_in_a_service(source: Source) -> None:
    """Back-off is a parameter; logs are structured."""
    calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    if source.name.startswith("services/"):
        assert not [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
    if source.name.endswith("cases.py"):
        assert not [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "sleep"]


@pytest.mark.parametrize("source", [s for s in ALL if s.name.startswith("services/")], ids=by_name)
def test_sql_is_written_in_adapters_only(source: Source) -> None:
    """Where a table is read and written can be seen from the folder."""
    if "/adapters/" not in source.name:
        texts = [n.value for n in ast.walk(source.tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        assert not [text for text in texts if SQL_WORDS.search(text)]


@pytest.mark.parametrize("source", sources("tests/unit", "tests/contract", "tests/architecture"), ids=by_name)
def test_a_tests_name_is_a_sentence_and_its_docstring_the_law(source: Source) -> None:
    """At least four words, and a docstring."""
    if not source.path.name.startswith("test_"):
        return
    tests = [node for node in ast.walk(source.tree) if isinstance(node, Function) and node.name.startswith("test_")]
    assert not [test.name for test in tests if test.name.count("_") < 4]
    assert not [test.name for test in tests if ast.get_docstring(test) is None]


# ---- the repository


def test_the_lock_names_no_host() -> None:
    """Dependencies are pinned by hash; where they come from is the installer's business."""
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    pinned = [line for line in lock.splitlines() if re.match(r"^[a-z0-9]", line, re.IGNORECASE)]
    assert pinned
    assert all("==" in line for line in pinned)
    assert lock.count("--hash=sha256:") >= len(pinned)


OUTSIDE = re.compile("|".join(["/work/" + "main", "/work/" + "shared", r"\." + "library", "/root/" + r"\.pyenv"]))


def test_nothing_refers_to_a_machine_it_was_written_on() -> None:
    """The repository stands alone."""
    for path in tracked():
        if (
            path.suffix in {".py", ".md", ".toml", ".sh", ".yaml", ".yml", ".json", ".sql", ".lock", ""}
            and path.stat().st_size < 2**20
        ):
            text = path.read_text("utf-8", errors="replace")
            assert not OUTSIDE.search(text), path.relative_to(ROOT)


def test_no_secret_and_no_photo_of_a_stranger_lies_in_the_repository() -> None:
    """Keys are generated at set-up; private keys and databases have no place here."""
    for path in tracked():
        assert path.suffix not in {".pem", ".key", ".p12", ".sqlite", ".db", ".dump"}, path
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".json"} and path != Path(__file__):
            assert "BEGIN PRIVATE KEY" not in path.read_text("utf-8", errors="replace")
