"""The rules of the house, as tests: what a reader may rely on anywhere in the source."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from workflow.operations.deeds import Role

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("models", "workflow", "schedules", "web")
AGREED = {
    "workflow", "web", "models", "schedules", "tests", "docs",
    "setup.cfg", "pyproject.toml", "Makefile", "README.md", "CHANGELOG.md", "LICENSE",
}  # fmt: skip
LIFECYCLE = ROOT / "workflow" / "lifecycles" / "base.toml"
KNOWS_THE_REGULATION = ("guards", "effects")
HOMONYMS = {
    ("workflow/definition/names.py", "certified"),  # a family of states, by its look
    ("workflow/definition/names.py", "revoked"),  # likewise
    ("workflow/operations/papers.py", "draft"),  # what somebody typed and has not sent
    ("workflow/log.py", "withdrawn"),  # the kind of the entry that takes a proposal back
    ("workflow/explain/entries.py", "withdrawn"),  # the kind of the entry that takes a proposal back
    ("workflow/operations/acts.py", "withdrawn"),  # the status of a proposal waiting for a second person
}
MEANS_A_ROLE = {
    *(
        ("workflow/operations/deeds.py", role) for role in Role
    ),  # the closed list of what a person may be granted
    ("workflow/effects.py", "partner_contact"),  # the effect is named for it
    ("workflow/operations/ledger_import.py", "partner_contact"),  # a column of the office's ledger
    ("workflow/snapshot.py", "partner_contact"),  # what that effect keeps, read back as a field
    ("workflow/definition/names.py", "project_leader"),  # a word of the format: whom a ban may bind
    ("workflow/barring.py", "project_leader"),  # likewise, kept on the ban
}
ROLES = ROOT / "workflow" / "operations" / "deeds.py"
"""The closed list of what a person may be granted, and who of them keeps the installation."""
CLOCKS = {
    ROOT / "workflow" / "clock.py",
    ROOT / "models" / "types.py",  # an identifier carries the moment it was made, and nothing reads it
}
SPELLS_CHINESE = {ROOT / "workflow" / "words.py", ROOT / "workflow" / "identity.py"}
"""Chinese numerals and article marks, and the signs by which two names are the same."""
MAY_SAY_WORDS = {
    ROOT / "workflow" / "ledger",  # how an office writes days and amounts
    ROOT / "web" / "cli",  # the help of a command stands beside its option, in both languages
    ROOT / "workflow" / "packet",  # what an auditor runs on its own carries its words with it
    ROOT / "web" / "demo",  # made-up names of made-up bases
}
COMMITTER = ROOT / "models" / "database.py"
ASKS_THE_TIME = {
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
}
CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
CHINESE_WORD = re.compile(r"[\u3400-\u9fff]{2}")
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)|<style\b|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:", re.IGNORECASE
)


def _sources(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def _templates() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).glob("templates/**/*.*"))]


def _place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def _calls(path: Path) -> Iterator[tuple[ast.Attribute, int, bool]]:
    """The method calls of a module: what is called, where, and whether anything is given to it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func, node.lineno, bool(node.args or node.keywords)


def _words(path: Path) -> Iterator[tuple[str, int]]:
    """The text constants of a module, its docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value, node.lineno


def _ignored() -> list[str]:
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    return [line.rstrip("/") for line in lines]


def test_top_level_holds_only_what_was_agreed() -> None:
    seen = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}

    strangers = {name for name in seen - AGREED if not any(fnmatch(name, pattern) for pattern in _ignored())}

    assert strangers == set(), "the top level is fixed; put it into one of the packages or docs/"


def test_engine_knows_no_state_and_no_lifecycle_by_name() -> None:
    lifecycle = tomllib.loads(LIFECYCLE.read_text(encoding="utf-8"))
    names = {lifecycle["lifecycle"]["name"], *lifecycle["states"]}
    engine = [
        path
        for path in _sources("workflow", "schedules")
        if path.relative_to(ROOT).with_suffix("").parts[1] not in KNOWS_THE_REGULATION
    ]

    known = [
        f"{_place(path, line)} {word!r}"
        for path in engine
        for word, line in _words(path)
        if word in names and (str(path.relative_to(ROOT)), word) not in HOMONYMS
    ]

    assert known == [], (
        "what belongs to one lifecycle goes into its file, or into a guard or an effect it names"
    )


def test_engine_knows_no_role_of_a_lifecycle_by_name() -> None:
    roles = tomllib.loads(LIFECYCLE.read_text(encoding="utf-8"))["roles"].keys()

    known = [
        f"{_place(path, line)} {word!r}"
        for path in _sources("workflow", "schedules")
        for word, line in _words(path)
        if word in roles and (str(path.relative_to(ROOT)), word) not in MEANS_A_ROLE
    ]

    assert known == [], "who a role is, the lifecycle file says: take it from the definition"


def test_only_the_keepers_of_the_installation_are_known_as_roles() -> None:
    """Who votes, who is the office and who sees what is for each lifecycle file to say."""
    known = [
        f"{_place(path, node.lineno)} {node.attr}"
        for path in _sources("workflow", "web", "schedules")
        if path != ROLES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) == "Role"
        and node.attr.isupper()
        and node.attr not in ("ADMINISTRATOR", "AUDITOR")
    ]

    assert known == [], "take the role from the definition: its votes, its import, its opening"


def test_only_the_transaction_commits() -> None:
    commits = [
        _place(path, line)
        for path in _sources(*PACKAGES)
        if path != COMMITTER
        for call, line, is_given in _calls(path)
        if call.attr == "commit" and not is_given
    ]

    assert commits == [], "write inside `with database.transaction()`; it commits all or nothing"


def test_only_the_clock_asks_what_time_it_is() -> None:
    asks = [
        _place(path, line)
        for path in _sources(*PACKAGES)
        if path not in CLOCKS
        for call, line, _ in _calls(path)
        if (ast.unparse(call.value).rsplit(".", maxsplit=1)[-1], call.attr) in ASKS_THE_TIME
    ]

    assert asks == [], "take the instant from the context, or from workflow.clock; time.monotonic is free"


def test_engine_imports_its_own_at_the_top_of_a_module() -> None:
    hidden = [
        _place(path, node.lineno)
        for path in _sources("models", "workflow")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.col_offset
        if (node.module or "").partition(".")[0] in PACKAGES
    ]

    assert hidden == [], (
        "an import inside a function hides a circle: move what both need to where both may import it"
    )


def test_templates_hold_no_script_and_no_style_of_their_own() -> None:
    inline = [
        _place(path, number)
        for path in _templates()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if INLINE.search(line)
    ]

    assert inline == [], "the content security policy stops inline script and style; use web/static/"


def test_templates_hold_no_text_of_their_own() -> None:
    own = [
        str(path.relative_to(ROOT))
        for path in _templates()
        if CHINESE.search(COMMENT.sub("", path.read_text(encoding="utf-8")))
    ]

    assert own == [], 'text comes from the catalogue: t("…")'


def test_code_holds_no_text_for_people() -> None:
    own = [
        f"{_place(path, line)} {word!r}"
        for path in _sources(*PACKAGES)
        if path not in SPELLS_CHINESE and path.parent not in MAY_SAY_WORDS
        for word, line in _words(path)
        if CHINESE_WORD.search(word)
    ]

    assert own == [], "put it into a catalogue, in both languages"
