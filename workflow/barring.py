"""Whom a ban binds and who is held for a person to look at (Art. 18; the subject and the kinship are local readings).

The banned partner itself, under its present name or code, is bound. Whoever may be the same legal person is held: under
a similar name, under a name from before, or in its line of succession; so is a college in the line of a banned one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from workflow.identity import Kinship, kinship
from workflow.lineage import FormerName, Lineage
from workflow.snapshot import Row


class Tie(StrEnum):
    """How an act is tied to a ban; the value is the code of the reason."""

    BANNED = "banned"
    NEAR = "ban_near"
    FORMER_NAME = "ban_former_name"
    SUCCESSION = "ban_succession"
    COLLEGE = "ban_college"


HELD = frozenset(Tie) - {Tie.BANNED}
"""The ties a person must look at; they do not block by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """Who proposes: the partner, the colleges taking part, the project leaders."""

    partner: Row | None
    colleges: frozenset[str]
    leaders: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A tie with what its text says besides the ban."""

    tie: Tie
    params: Mapping[str, Any] = field(default_factory=dict)


def tie_to(bar: Row, applicant: Applicant, lineage: Lineage) -> Found | None:
    """Say how an applicant is tied to a ban, None when not at all. Whom it binds was kept on it when it was imposed."""
    if bar["subject"] == "project_leader":
        return Found(tie=Tie.BANNED) if bar["person_id"] in applicant.leaders else None
    shared = bool(applicant.colleges & frozenset(bar["college_ids"]))
    if bar["subject"] == "any_college":
        return Found(tie=Tie.BANNED) if shared else _of_college(bar, applicant, lineage)
    partner = applicant.partner
    if partner is None or bar["partner_id"] is None:
        return None
    if partner["id"] == bar["partner_id"] or partner["name_identity"] == bar["partner_name_identity"]:
        if shared or bar["subject"] == "partner":
            return Found(tie=Tie.BANNED)
        return _of_college(bar, applicant, lineage) or Found(tie=Tie.NEAR)
    return _of_partner(bar, partner, lineage)


def _of_college(bar: Row, applicant: Applicant, lineage: Lineage) -> Found | None:
    """A college that followed one of the banned base's, or went before it."""
    for banned in bar["college_ids"]:
        for college in sorted(lineage.relatives(banned) & applicant.colleges):
            names = {"college": lineage.names[college], "other_college": lineage.names[banned]}
            return Found(tie=Tie.COLLEGE, params=names)
    return None


def _of_partner(bar: Row, partner: Row, lineage: Lineage) -> Found | None:
    """A partner that may be the banned one: by its name, a name of before, or its line."""
    relatives = lineage.relatives(bar["partner_id"])
    if partner["id"] in relatives:
        return _succession(partner["name"])
    names = tuple(_names_of(bar, relatives, lineage))
    found = _closest(partner["name"], names)
    if found is not None:
        return found
    for borne in lineage.names_before(partner["id"]):
        if _closest(borne.name, names) is not None:
            return _former_name(borne)
    return None


def _closest(written: str, names: Iterable[tuple[str, Found]]) -> Found | None:
    """What it means to meet these names: the very name, wherever it stands, says more than a similar one."""
    near = None
    for name, found in names:
        match kinship(written, name):
            case Kinship.SAME:
                return found
            case Kinship.NEAR:
                near = near or found
    return near


def _names_of(bar: Row, relatives: frozenset[str], lineage: Lineage) -> Iterator[tuple[str, Found]]:
    """Every name by which the banned partner may be known, with what it means to meet it."""
    yield bar["partner_name"], Found(tie=Tie.NEAR)
    for borne in lineage.names_before(bar["partner_id"]):
        yield borne.name, _former_name(borne)
    for relative in sorted(relatives):
        yield lineage.names[relative], _succession(lineage.names[relative])
        for borne in lineage.names_before(relative):
            yield borne.name, _succession(borne.name)


def _former_name(borne: FormerName) -> Found:
    return Found(tie=Tie.FORMER_NAME, params={"former": borne.name, "until": borne.until_on})


def _succession(name: str) -> Found:
    return Found(tie=Tie.SUCCESSION, params={"relative": name})
