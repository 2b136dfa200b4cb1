"""An act with every check, beside its rows written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from models import Database
from tests.bench.clients import ENGINE, RAW, Crew, Job, Spec, Turn, crew
from tests.bench.pairs import Options, Ratio, interleaved, middle, middles
from tests.bench.places import LABELS, PARTNER, Copy, Places, copies, university
from tests.university import University


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An act, the person who carries it out, the case just before it, and its form; both with some partner."""

    act: str
    who: str
    case: Callable[[University, str], str]
    form: Callable[[University, str, str], Mapping[str, Any]]
    outcome: str | None = None
    name: str = ""
    """What it is called in the table, where the act's own name does not tell."""
    founded: Callable[[Database], University] = University.founded


SCENES: Mapping[str, Scene] = {
    scene.act: scene
    for scene in (
        # Every base passes these three. The first two draw from a counter that all cases share.
        Scene(
            act="submit",
            who="leader",
            case=lambda here, partner: here.open(),
            form=lambda here, case_id, partner: here.proposal(case_id, partner=partner),
        ),
        Scene(
            act="approve",
            who="member",
            case=lambda here, partner: here.proposed(partner=partner),
            form=lambda here, case_id, partner: {},
        ),
        Scene(
            act="sign_agreement",
            who="office",
            case=lambda here, partner: here.approved(partner=partner),
            form=lambda here, case_id, partner: here.agreement(case_id),
        ),
    )
}


EARLIER = "东昌第二纺织厂"
"""The partner of the case that has been through the act before."""


@dataclass(slots=True)
class Supply:
    """Cases nobody has acted upon yet, handed out one by one."""

    spec: Spec
    people: Mapping[str, str]
    who: str
    version: int
    waiting: list[Copy]
    taken: int = 0

    def jobs(self, count: int) -> list[Job]:
        self.taken += count
        return [
            Job(
                copy=self.waiting.pop(),
                version=self.version,
                key=f"k{self.taken}-{i}",
                person=self.people[self.who],
            )
            for i in range(count)
        ]


def supply(url: str, scene: Scene, *, count: int) -> Supply:
    """A university with `count` cases just before the act, which has happened once before."""
    database = Database(url)
    here = university(database, scene.founded)
    earlier = scene.case(here, EARLIER)
    here.done(earlier, scene.act, scene.who, outcome=scene.outcome, **scene.form(here, earlier, EARLIER))
    case_id = scene.case(here, PARTNER)
    made = copies(here, case_id, scene.form(here, case_id, PARTNER), count)
    version = here.case(case_id).version
    settled(database)
    database.dispose()
    spec = Spec(
        url=url,
        lifecycle=here.definition.name,
        act=scene.act,
        outcome=scene.outcome,
        at=here.at,
    )
    return Supply(spec=spec, people=here.people, who=scene.who, version=version, waiting=made)


def settled(database: Database) -> None:
    """Let the planner know the tables, as it does on a server that has run for a day."""
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")


# ───────────────────────────── Measuring


@dataclass(slots=True)
class Side:
    """The turns of one side."""

    crew: Crew
    supply: Supply
    side: str
    count: int
    turns: list[Turn] = field(default_factory=list)

    def __call__(self) -> float:
        """Carry out one turn; return acts a second."""
        turn = self.crew.turn(self.side, self.supply.jobs(self.count))
        self.turns.append(turn)
        return self.count / (turn.ended - turn.began)

    @property
    def cpu(self) -> float:
        """The client's CPU per act, in milliseconds; the unmeasured first turn left out."""
        return median(turn.cpu / self.count for turn in self.turns[1:]) * 1000

    @property
    def slowest(self) -> float:
        """The 99th percentile of an act's time, in seconds."""
        return quantiles((second for turn in self.turns[1:] for second in turn.each), n=100)[98]


def beside_raw(
    places: Places, kind: str, scene: Scene, *, clients: int, turn: int, options: Options
) -> tuple[list[tuple[float, float]], Side, Side]:
    """Acts a second of the engine and of the raw statements, pair by pair."""
    count = turn * clients
    with places.database(kind) as url:
        cases = supply(url, scene, count=2 * count * (options.pairs + 1))
        with crew(cases.spec, size=clients) as team:
            engine, raw = Side(team, cases, ENGINE, count), Side(team, cases, RAW, count)
            return interleaved(engine, raw, pairs=options.pairs), engine, raw


def act_ratios(
    places: Places,
    kind: str,
    scene: Scene,
    *,
    clients: int,
    turn: int,
    must: float | None,
    aim: float | None,
    options: Options,
) -> Iterator[Ratio]:
    measured, engine, raw = beside_raw(places, kind, scene, clients=clients, turn=turn, options=options)
    rates = middles(measured)
    name = (
        f"{scene.name or 'act ' + scene.act} · {LABELS[kind]} · {clients} client{'s' if clients > 1 else ''}"
    )
    yield Ratio(
        name=name,
        ratio=middle(measured),
        must=must,
        aim=aim,
        pairs=options.pairs,
        note=f"{rates[0]:.0f}/s beside {rates[1]:.0f}/s; CPU {engine.cpu:.2f} beside {raw.cpu:.2f} ms an act",
    )
    if kind == "sqlite" and clients > 1:
        yield Ratio(
            name=f"{name} · p99 cost",
            ratio=engine.slowest / raw.slowest,
            must=2.0,
            aim=None,
            pairs=options.pairs,
            note=f"{engine.slowest * 1000:.0f} beside {raw.slowest * 1000:.0f} ms",
        )


def bench_act(places: Places, options: Options) -> Iterator[Ratio]:
    """Every act on both databases with one client; with eight on PostgreSQL."""
    turn = 20 if options.quick else 40
    few = 5 if options.quick else 15
    for scene in SCENES.values():
        yield from act_ratios(
            places, "postgresql", scene, clients=1, turn=turn, must=0.5, aim=0.75, options=options
        )
        yield from act_ratios(
            places, "postgresql", scene, clients=8, turn=few, must=0.6, aim=0.9, options=options
        )
        yield from act_ratios(
            places, "sqlite", scene, clients=1, turn=turn, must=0.4, aim=0.5, options=options
        )
    yield from writers(places, options)


def writers(places: Places, options: Options) -> Iterator[Ratio]:
    """Eight writers on SQLite, which takes one at a time: no lock error, little lost to waiting, no long tail."""
    scene = SCENES["approve"]
    turn = 5 if options.quick else 15
    yield from act_ratios(places, "sqlite", scene, clients=8, turn=turn, must=None, aim=None, options=options)
    count = 8 * turn
    with places.database("sqlite") as url:
        cases = supply(url, scene, count=2 * count * (options.pairs + 1))
        with crew(cases.spec, size=8) as eight, crew(cases.spec, size=1) as one:
            many, single = Side(eight, cases, ENGINE, count), Side(one, cases, ENGINE, count)
            measured = interleaved(many, single, pairs=options.pairs)
    rates = middles(measured)
    yield Ratio(
        name="act approve · SQLite · 8 writers beside one",
        ratio=middle(measured),
        must=0.8,
        aim=None,
        pairs=options.pairs,
        note=f"{rates[0]:.0f}/s beside {rates[1]:.0f}/s",
    )
