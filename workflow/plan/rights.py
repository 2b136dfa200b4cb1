"""Who may act: by a role, by a seat in the open round, for themselves or as somebody's delegate; and who must stand aside."""

from __future__ import annotations

from collections.abc import Iterator

from workflow import routes
from workflow.blockers import Blocker, Rank
from workflow.conflicts import conflict_of
from workflow.context import Actor
from workflow.definition.values.acts import Act, ActKind
from workflow.definition.values.routes import Choice, Step, StepKind
from workflow.guards.view import View
from workflow.snapshot import Row, Snapshot, held_roles, lent_roles
from workflow.standing_in import is_linked, stand_ins


def rights(view: View, actor: Actor, confirmer: Actor | None) -> Iterator[Blocker]:
    """The actor may; a confirmer holds the second role and is somebody else; nobody judges their own."""
    act, snapshot = view.act, view.snapshot
    if actor.system is not None:
        if not act.by_timer and actor.system != "demonstration":
            yield Blocker(code="not_by_timer", basis=act.by_basis, rank=Rank.ROLE)
        return
    if act.kind is ActKind.BALLOT or (act.by_turn and _is_at_a_round(snapshot)):
        yield from _seated(view, actor)
    else:
        yield from _entitled(view, actor, deciders(snapshot, act))
    if confirmer is not None:
        second = act.second or snapshot.definition.import_.by
        if confirmer.person == actor.person:
            yield _other(second)
        elif second not in held_roles(snapshot, confirmer.person):
            yield _only("local", (second,))
        else:
            yield from _conflict(snapshot, confirmer.person, (second,))


def deciders(snapshot: Snapshot, act: Act) -> tuple[str, ...]:
    """The roles that may carry out an act here: of a motion those of its step, of what is done in turn those of the step."""
    here = routes.standing(snapshot)
    step = here.step
    if step is not None and (act.by_turn or (is_motion(snapshot, act) and act.name in step.choices.values())):
        return step.by
    if act.by_turn and here.route is not None and here.route.then is not None:
        return snapshot.definition.acts[here.route.then].by
    return act.by


def is_motion(snapshot: Snapshot, act: Act) -> bool:
    """Whether the act, in this state, is only moved, and later steps decide on it."""
    here = routes.standing(snapshot)
    return (
        here.route is not None
        and here.route.is_moved
        and here.step is not None
        and here.step.kind is StepKind.DECIDE
        and act.name in here.step.choices.values()
    )


def route_open(view: View) -> Iterator[Blocker]:
    """A transition that the route decides on is nobody's while the route is at another step, or came to something else."""
    here = routes.standing(view.snapshot)
    if here.route is None or not here.route.has_ballots or view.act.kind is not ActKind.TRANSITION:
        return
    if view.act.name not in here.route.governed or view.act.by_turn:
        return
    if here.step is None:
        yield from _not_concluded(view, here.route.basis)
        return
    if here.step.kind is StepKind.DECIDE and view.act.name in here.step.choices.values():
        return
    yield Blocker(
        code="route_open",
        basis=here.step.basis,
        rank=Rank.TIME,
        params={"step": here.step.name},
        mend=here.step.by,
    )


def _not_concluded(view: View, basis: str) -> Iterator[Blocker]:
    """Once the route is over only what it came to may be carried out; another wants the route reopened by the office."""
    found = routes.conclusion(view.snapshot)
    office = view.snapshot.definition.import_.by
    if found is None:
        yield Blocker(code="no_conclusion", basis=basis, rank=Rank.TIME, mend=(office,))
        return
    is_other = view.outcome is not None and found.outcome is not None and view.outcome != found.outcome
    if found.act != view.act.name or is_other:
        params = {"transition": found.act}
        yield Blocker(code="not_concluded", basis=basis, rank=Rank.TIME, params=params, mend=(office,))


# ───────────────────────────── By a role


def _entitled(view: View, actor: Actor, roles: tuple[str, ...]) -> Iterator[Blocker]:
    act, snapshot = view.act, view.snapshot
    if not roles:
        yield Blocker(code="only_by_timer", basis=act.by_basis, rank=Rank.ROLE)
        return
    used = _roles_used(view, actor)
    held = used & set(roles)
    if not held:
        yield _unlinked(snapshot, roles, used) or _only(act.by_basis, roles)
        return
    for person in dict.fromkeys((view.on_behalf_of or actor.person, actor.person)):
        yield from _conflict(snapshot, person, tuple(sorted(held)))


def _roles_used(view: View, actor: Actor) -> frozenset[str]:
    if view.on_behalf_of is None:
        return held_roles(view.snapshot, actor.person)
    return lent_roles(view.snapshot, actor.person).get(view.on_behalf_of, frozenset())


def _conflict(snapshot: Snapshot, person: str | None, roles: tuple[str, ...]) -> Iterator[Blocker]:
    found = conflict_of(snapshot, person, roles)
    if found is not None:
        yield Blocker(
            code="conflict",
            basis=found.basis,
            rank=Rank.ROLE,
            params={"conflict": found.name, "who_is": found.who_is},
        )


def _only(basis: str, roles: tuple[str, ...]) -> Blocker:
    return Blocker(
        code="not_your_role", basis=basis, rank=Rank.ROLE, params={"roles": list(roles)}, mend=roles
    )


def _unlinked(snapshot: Snapshot, roles: tuple[str, ...], used: frozenset[str]) -> Blocker | None:
    """To whoever is asked in the stead of a duty: whose act it is, and that nobody is linked as them. None to others."""
    empty = [
        name
        for name in roles
        if used & stand_ins(snapshot.definition, name) and not is_linked(snapshot, name)
    ]
    if not empty:
        return None
    office = snapshot.definition.import_.by
    return Blocker(
        code="duty_unlinked", basis="local", rank=Rank.ROLE, params={"roles": empty}, mend=(office,)
    )


def _other(role: str) -> Blocker:
    return Blocker(
        code="confirm_by_another", basis="local", rank=Rank.ROLE, params={"roles": [role]}, mend=(role,)
    )


# ───────────────────────────── By a seat


def _is_at_a_round(snapshot: Snapshot) -> bool:
    return routes.standing(snapshot).round is not None


def _seated(view: View, actor: Actor) -> Iterator[Blocker]:
    """The round of the step is open, the voter has a seat in it, has not used it, and it is their turn."""
    snapshot, act = view.snapshot, view.act
    here = routes.standing(snapshot)
    voter = view.on_behalf_of or actor.person
    if here.step is None or here.round is None or (act.kind is ActKind.BALLOT and here.step.name != act.name):
        yield _closed(view, here)
        return
    is_lent = view.on_behalf_of is not None
    own_hand = here.step.kind is StepKind.SCORE  # a sheet is the judgement of the expert who was named
    if is_lent and (own_hand or not set(here.step.by) & _roles_used(view, actor)):
        yield Blocker(
            code="not_delegated", basis="local", rank=Rank.ROLE, params={"roles": list(here.step.by)}
        )
        return
    cast = routes.ballot_of(snapshot, here.round, voter)
    if cast is not None:
        yield Blocker(
            code="already_cast",
            basis="local",
            rank=Rank.FINAL,
            params={"day": cast["cast_on"], "step": act.name},
        )
    elif all(seat.person != voter for seat in routes.seats(snapshot, here.step, here.round)):
        yield from _no_seat(view, here.step.by, voter, actor)
    elif all(seat.person != voter for seat in routes.in_turn(snapshot, here.step, here.round)):
        yield Blocker(
            code="not_your_turn", basis=here.step.basis, rank=Rank.TIME, params={"step": here.step.name}
        )
    elif view.on_behalf_of:
        yield from _conflict(snapshot, actor.person, here.step.by)
    elif view.outcome != Choice.RECUSE and not _has_declared(snapshot, here.step, here.round, voter):
        params = {"step": here.step.name}
        yield Blocker(code="not_declared", basis="local", rank=Rank.MATERIAL, params=params)


def _has_declared(snapshot: Snapshot, step: Step, row: Row, voter: str | None) -> bool:
    """Whether an expert said first that they have no conflict of interest; others are not asked."""
    if step.kind is not StepKind.SCORE:
        return True
    return any(
        seat["round_id"] == row["id"] and seat["person_id"] == voter and seat["declared_seq"] is not None
        for seat in snapshot.living("seats")
    )


def _closed(view: View, here: routes.Standing) -> Blocker:
    """Why nobody can take part: the step is over, or its turn has not come."""
    over = any(row["step"] == view.act.name for row in routes.rounds(view.snapshot))
    params = {"step": view.act.name, "now": here.step.name if here.step else None}
    return Blocker(
        code="round_closed" if over else "step_not_yet",
        basis=view.act.basis,
        rank=Rank.FINAL if over else Rank.TIME,
        params=params,
    )


def _no_seat(view: View, roles: tuple[str, ...], voter: str | None, actor: Actor) -> Iterator[Blocker]:
    held = held_roles(view.snapshot, voter) | _roles_used(view, actor)
    found = conflict_of(view.snapshot, voter, tuple(sorted(held & set(roles)))) if held & set(roles) else None
    if found is not None:
        yield from _conflict(view.snapshot, voter, tuple(sorted(held & set(roles))))
    else:
        yield _only(view.act.by_basis, roles)


def lender_for(snapshot: Snapshot, act: Act, actor: Actor) -> str | None:
    """For whom somebody acts who has no right of their own: the first whose delegated role serves; None: for themselves."""
    lent = lent_roles(snapshot, actor.person)
    if not lent:
        return None
    here = routes.standing(snapshot)
    if act.kind is ActKind.BALLOT or act.by_turn:
        if here.step is None or here.round is None or here.step.kind is StepKind.SCORE:
            return None
        waiting = [seat.person for seat in routes.in_turn(snapshot, here.step, here.round)]
        if actor.person in waiting:
            return None
        return next(
            (person for person, roles in lent.items() if person in waiting and roles & set(here.step.by)),
            None,
        )
    roles = set(deciders(snapshot, act))
    if held_roles(snapshot, actor.person) & roles:
        return None
    return next((person for person, own in lent.items() if own & roles), None)
