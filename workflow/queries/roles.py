"""The roles there are: those the lifecycle files name and the installation's own; what each is called, and which are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Case
from workflow.definition.values.edition import Definition
from workflow.definition.values.labels import Label
from workflow.definition.values.people import Held
from workflow.definition.values.people import Role as Declared
from workflow.operations.deeds import Role
from workflow.words import LANGUAGES, label_text, say
from workflow.world import editions_in_use


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRole:
    """What is to be known of a role whose name stands in a grant."""

    label: Label
    lifecycles: tuple[Label, ...]
    """The lifecycles whose files name it."""
    is_given: bool
    """Whether somebody can be given it. A duty is not, nor what an earlier edition named and no living case follows."""
    on_a_unit: bool
    """Whether it means nothing without a unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Every role there is or was: the installation's own, then those the files add, each lifecycle in turn."""

    known: Mapping[str, KnownRole]
    several: bool
    """Whether more than one lifecycle is published, so that a role is told with the one it belongs to."""

    @property
    def given(self) -> tuple[str, ...]:
        """The roles somebody can be given."""
        return tuple(name for name, role in self.known.items() if role.is_given)

    def label(self, name: str, language: str) -> str:
        """What a role is called; the name itself where nobody says."""
        return label_text(self.known[name].label, language) if name in self.known else name

    def text(self, name: str, language: str) -> str:
        """The same with the lifecycles it belongs to, where there are several to confuse."""
        of = self.known[name].lifecycles if self.several and name in self.known else ()
        label = self.label(name, language)
        return say("explain.role_of", language, role=label, lifecycles=of) if of else label


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What one edition says of a role."""

    edition: Definition
    role: Declared
    is_followed: bool = True
    """Whether new cases follow the edition, or a living one does."""

    @property
    def is_given(self) -> bool:
        return self.is_followed and (self.role.held is Held.GRANT or self._opens)

    @property
    def on_a_unit(self) -> bool:
        return self.role.of is not None or self._opens

    @property
    def _opens(self) -> bool:
        """Whoever opens a case holds the role on a unit, by grant, before they have the duty."""
        return self.role.name == self.edition.opens


def roles_of(session: Session) -> Roles:
    """Read the roles of the installation and of every edition in use."""
    editions = editions_in_use(session)
    present = {edition.name: edition for edition in editions.values()}
    said: dict[str, list[_Said]] = {str(role): [] for role in Role}
    for edition in present.values():
        for role in edition.roles.values():
            said.setdefault(role.name, []).append(_Said(edition=edition, role=role))
    for one in _left_out(session, editions, present):
        said.setdefault(one.role.name, []).append(one)
    return Roles(known={name: _known(name, found) for name, found in said.items()}, several=len(present) > 1)


def _left_out(
    session: Session, editions: Mapping[str, Definition], present: Mapping[str, Definition]
) -> Iterable[_Said]:
    """What earlier editions say of roles their lifecycle names no more, the latest first."""
    for key, edition in reversed(list(editions.items())):
        left = [role for name, role in edition.roles.items() if name not in present[edition.name].roles]
        if left:
            is_followed = _is_followed(session, key)
            yield from (_Said(edition=edition, role=role, is_followed=is_followed) for role in left)


def _is_followed(session: Session, edition_id: str) -> bool:
    """Whether a case that is not over follows an edition."""
    living = select(Case.id).where(Case.edition_id == edition_id, Case.closed_at.is_(None))
    return session.execute(living.limit(1)).first() is not None


def _known(name: str, said: Sequence[_Said]) -> KnownRole:
    """What the editions make of a role; what it is called, the first of them says, or the installation."""
    given = [one for one in said if one.is_given]
    return KnownRole(
        label=said[0].role.label
        if said
        else Label(**{tongue: say(f"role.{name}", tongue) for tongue in LANGUAGES}),
        lifecycles=tuple({one.edition.name: one.edition.label for one in said}.values()),
        is_given=bool(given) or name in list(Role),
        on_a_unit=bool(given) and all(one.on_a_unit for one in given),
    )
