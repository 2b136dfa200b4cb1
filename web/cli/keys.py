"""The key that signs the log: make the first, put another in its place, show which there were."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import click

from web.cli.desk import Desk, as_json
from web.words import t
from workflow.clock import machine_time
from workflow.keyfile import KeyFault
from workflow.notes import BadNote, Signer
from workflow.operations.keys import make_key, rotate_key, signer_in_force
from workflow.operations.sealing import public_keys
from workflow.unreadable import told_as_damage

pass_desk = click.make_pass_decorator(Desk)


@click.group()
def key() -> None:
    """The key that signs the log. 日志签名密钥。"""


@key.command()
@click.option("--name", default=None, help="The log's name in every checkpoint. 日志名称。")
@pass_desk
def new(desk: Desk, name: str | None) -> None:
    """Make the first key, for a log that has none. 生成首个密钥。"""
    with _faults(desk):
        make_first(desk, name)


@key.command()
@pass_desk
def rotate(desk: Desk) -> None:
    """Put a new key in the place of the present one. 更换密钥。"""
    with _faults(desk):
        with desk.database.reading() as session:
            ctx = desk.context(session)
        signer = rotate_key(desk.database, desk.config.log_key, ctx=ctx, at=machine_time())
    desk.tell("key_rotated", public=signer.public.text)


@key.command()
@click.option("--json", "json_wanted", is_flag=True)
@pass_desk
def show(desk: Desk, json_wanted: bool) -> None:
    """Show the public keys and what they sign. 查看公钥。"""
    with told_as_damage(), desk.database.reading() as session:
        keys = [
            {"key": known.text, "from": first, "until": last} for known, first, last in public_keys(session)
        ]
    if json_wanted:
        as_json(keys)
        return
    for row in keys:
        desk.tell("key_shown", public=row["key"], first=row["from"], last=row["until"] or "…")
    if not keys:
        desk.tell("key_none")


def make_first(desk: Desk, name: str | None) -> None:
    """Make the log's first key and say so. Raises KeyFault."""
    with desk.database.reading() as session:
        ctx = desk.context(session)
    origin = name or f"{urlsplit(desk.config.base_url).hostname or 'localhost'}/{os.urandom(4).hex()}"
    try:
        signer = make_key(desk.database, desk.config.log_key, origin, ctx=ctx)
    except BadNote:
        raise click.UsageError(desk.say("key_name_bad", name=origin)) from None
    desk.tell("key_made", public=signer.public.text, file=str(desk.config.log_key))


def signer_or_none(desk: Desk) -> Signer | None:
    """The log's key; where it cannot be used that is said, and what it has signed before must do."""
    try:
        with told_as_damage(), desk.database.reading() as session:
            return signer_in_force(session, desk.config.log_key)
    except KeyFault as fault:
        tell_fault(desk, fault)
        return None


@contextmanager
def _faults(desk: Desk) -> Iterator[None]:
    """Say in words what is wrong with a key, and leave with 1."""
    try:
        yield
    except KeyFault as fault:
        tell_fault(desk, fault)
        sys.exit(1)


def tell_fault(desk: Desk, fault: KeyFault) -> None:
    """Say in words what is wrong with a key."""
    click.echo(t(f"key_fault.{fault.code}", desk.language, **fault.params), err=True)


COMMANDS = (key,)
