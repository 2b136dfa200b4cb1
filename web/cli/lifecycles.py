"""Check lifecycle files, draw them, and publish editions."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import click

from web.cli.desk import Desk, as_json
from workflow.check import check as check_file
from workflow.check import draw
from workflow.definition import load, problems
from workflow.errors import EditionConflict
from workflow.operations.editions import publish as publish_edition

pass_desk = click.make_pass_decorator(Desk)


def _shipped() -> Path:
    return Path(str(files("workflow").joinpath("lifecycles", "base.toml")))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--diagram", is_flag=True, help="Print the state diagram as Mermaid text. 输出状态图。")
@click.option("--json", "json_wanted", is_flag=True)
@pass_desk
def check(desk: Desk, file: Path | None, diagram: bool, json_wanted: bool) -> None:
    """Check a lifecycle FILE (the shipped one by default): every problem with its path. 检查规则文件。"""
    file = file or _shipped()
    checked = check_file(file.read_bytes(), file=file.name)
    if json_wanted:
        as_json(checked.as_json())
    elif diagram and checked.definition is not None:
        click.echo(draw(checked.definition, desk.language))
    else:
        click.echo(checked.text(desk.language))
    sys.exit(0 if checked.good else 1)


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
