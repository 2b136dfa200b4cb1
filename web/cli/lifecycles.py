"""Check lifecycle files, draw them, and publish editions."""

from __future__ import annotations

import sys
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

import click

from web.cli.desk import Desk, as_json
from workflow.check import check as check_file
from workflow.check import draw, shortage_text
from workflow.definition import load, problems
from workflow.definition.values.edition import Definition
from workflow.errors import EditionConflict
from workflow.operations.editions import publish as publish_edition
from workflow.queries.staffing import shortages
from workflow.words import say

pass_desk = click.make_pass_decorator(Desk)


def _shipped() -> Path:
    return Path(str(files("workflow").joinpath("lifecycles", "base.toml")))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--diagram", is_flag=True, help="Print the state diagram as Mermaid text. 输出状态图。")
@click.option(
    "--people", is_flag=True, help="Who is missing for its steps in this database. 检查各步骤是否有人办理。"
)
@click.option("--json", "json_wanted", is_flag=True)
@pass_desk
def check(desk: Desk, file: Path | None, diagram: bool, people: bool, json_wanted: bool) -> None:
    """Check a lifecycle FILE (the shipped one by default): every problem with its path. 检查规则文件。"""
    file = file or _shipped()
    checked = check_file(file.read_bytes(), file=file.name)
    if people and checked.definition is not None:
        sys.exit(_staffed(desk, checked.definition, json_wanted=json_wanted))
    if json_wanted:
        as_json(checked.as_json())
    elif diagram and checked.definition is not None:
        click.echo(draw(checked.definition, desk.language))
    else:
        click.echo(checked.text(desk.language))
    sys.exit(0 if checked.good else 1)


def _staffed(desk: Desk, definition: Definition, *, json_wanted: bool) -> int:
    """Say which steps the people there are cannot take; 1 when there are any."""
    with desk.database.reading() as session:
        found = shortages(session, definition, today=desk.context(session).today)
    if json_wanted:
        as_json({"good": not found, "shortages": [asdict(one) for one in found]})
    else:
        for one in found:
            click.echo(shortage_text(one, definition, desk.language))
        click.echo(say("check.people.bad" if found else "check.people.good", desk.language, count=len(found)))
    return 1 if found else 0


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@pass_desk
def publish(desk: Desk, file: Path) -> None:
    """Publish FILE as an edition; new cases follow it. 发布规则文件。"""
    source = file.read_bytes()
    found = problems(source, file=file.name)
    if found:
        for problem in found:
            click.echo(problem.line(desk.language), err=True)
        sys.exit(1)
    try:
        with desk.database.transaction() as session:
            _, new = publish_edition(session, source, ctx=desk.context(session))
    except EditionConflict as conflict:
        desk.warn(
            "edition_conflict",
            label=conflict.params["label"],
            published=conflict.params["published"][:12],
            offered=conflict.params["offered"][:12],
        )
        sys.exit(1)
    definition = load(source)
    desk.tell(
        "published" if new else "published_before", label=definition.edition, sha256=definition.sha256[:12]
    )


COMMANDS = (check, publish)
