"""Which edition says what the names in an entry mean: that of its case, or that of the lifecycle it speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from workflow.definition.values.edition import Definition
from workflow.explain.names import act_label
from workflow.world import editions_in_use


@dataclass(frozen=True, slots=True, kw_only=True)
class Editions:
    """Every published edition."""

    by_id: Mapping[str, Definition]

    @property
    def present(self) -> dict[str, Definition]:
        """The present edition of each lifecycle by its name, the first published first."""
        return {edition.name: edition for edition in self.by_id.values()}

    def of_row(self, row: Mapping[str, Any]) -> Definition:
        """The edition of an entry's case; of an entry of no case, that of the lifecycle that knows its act."""
        return self.by_id.get(row["edition_id"]) or self.knowing(row["act"])

    def of_body(self, body: Mapping[str, Any]) -> Definition:
        """The edition an entry's text names; else that of the lifecycle it speaks of, or that knows its act."""
        digest = (body.get("edition") or {}).get("sha256")
        named = next((one for one in self.by_id.values() if one.sha256 == digest), None)
        spoken_of = (self.present[name] for name in _lifecycles(body) if name in self.present)
        return named or next(spoken_of, None) or self.knowing(body.get("act"))

    def knowing(self, name: str | None) -> Definition:
        """The present edition of the first lifecycle with an act or timer of this name, or of the first of all."""
        return next(self._with_act(name), None) or next(iter(self.present.values()))

    def act_labels(self, name: str, language: str) -> list[str]:
        """What the lifecycles call an act or timer, each word once."""
        known = list(self._with_act(name)) or [self.knowing(name)]
        return list(dict.fromkeys(act_label(one, name, language) for one in known))

    def _with_act(self, name: str | None) -> Iterator[Definition]:
        return (one for one in self.present.values() if name in one.acts or name in one.timers)


def editions_of(session: Session) -> Editions:
    return Editions(by_id=editions_in_use(session))


def _lifecycles(body: Mapping[str, Any]) -> Iterator[str]:
    """The lifecycles that rows and filters in an entry's text name."""
    for change in body.get("changes") or ():
        yield str((change.get("set") or {}).get("lifecycle"))
    yield str(((body.get("details") or {}).get("filters") or {}).get("lifecycle"))
