"""Meetings over the API: convened, who is there, all rows voted on in one request, closed, and the minutes taken out."""

from __future__ import annotations

from collections.abc import Callable, Collection

from flask import Response, request

from web import door, pages
from web.api import deeds, wording
from web.api.acts import answered
from web.api.each import row_by_row
from web.api.problems import Refused
from web.api.reading import read_upload
from web.api.routing import Call, Desk, Reply, operation
from web.api.shapes.deeds import Deed
from web.api.shapes.meetings import (
    Closing,
    ClosingView,
    MeetingBrief,
    MeetingPage,
    MeetingView,
    Member,
    NewMeeting,
    OfBody,
    PaperVotes,
    Presence,
    Row,
    RowAhead,
    RowSeen,
    RowVote,
    ScanAside,
    Votable,
    VotableList,
    Votes,
)
from web.api.shapes.parts import KeyPaging, Named
from web.api.shapes.problems import Kind
from web.api.shapes.together import Results
from web.api.tongue import t
from web.documents import disposition
from web.meetings.minutes import file_name, taken, written_down
from web.meetings.scans import left_aside, named_by
from web.meetings.showing import (
    Sight,
    choice_text,
    majority_text,
    motion_text,
    quorum_text,
    result_name,
    sight_of,
    waiting_for,
)
from web.meetings.voting import following
from workflow import gather, routes
from workflow.blockers import Blocker, Fault
from workflow.errors import BadInput, NotFound
from workflow.operations import Receipt, Refusal
from workflow.operations.bodies import bodies, body_label, offices
from workflow.operations.deeds import Done
from workflow.operations.meetings import cast, close_meeting, close_row, convene, enter_paper, note_attendance
from workflow.operations.open_round import planned
from workflow.operations.papers import note_taken
from workflow.operations.rounds import closing
from workflow.operations.transcribing import SCAN
from workflow.plan import Form, probe
from workflow.queries import meetings as asked
from workflow.queries.meetings import Agendum, concerned_with_meetings
from workflow.uploads import WORD, checked


def _concerned(desk: Desk, *, roles: Collection[str] | None = None) -> None:
    """Raises Refused for whoever the pages do not let in, or who holds none of the roles that are named."""
    allowed = concerned_with_meetings(desk.session) if roles is None else roles
    if not desk.rights.roles & {*allowed}:
        raise Refused(Kind.NOT_ALLOWED)


def _body(desk: Desk, role: str | None) -> str:
    """The body that is named, or the only one the caller convenes. Raises BadInput where that is not one."""
    mine = [known for known, keepers in bodies(desk.session).items() if keepers & desk.rights.roles]
    if not mine:
        raise Refused(Kind.NOT_ALLOWED)
    if role is None and len(mine) == 1:
        return mine[0]
    if role is None or role not in bodies(desk.session):
        raise BadInput((Fault(field="role", code="unknown_choice"),))
    return role


def _sight(call: Call, desk: Desk, meeting_id: str) -> Sight:
    """A meeting as the caller may see it. Raises NotFound, Refused."""
    _concerned(desk)
    look = pages.Look(session=desk.session, ctx=desk.ctx, rights=desk.rights, language=call.language)
    return sight_of(look, meeting_id)


# ───────────────────────────── Looking


@operation("GET", "/meetings", answer=MeetingPage, query=KeyPaging, guarded=True)
def list_meetings(call: Call, *, query: KeyPaging) -> MeetingPage:
    with call.reading() as desk:
        _concerned(desk)
        found = asked.meetings_page(desk.session, after=query.after, before=query.before)
        roles = {
            role: wording.called(role, body_label(desk.session, role))
            for role in {row["role"] for row in found.rows}
        }
    return MeetingPage(
        items=[MeetingBrief(**{**row, "role": roles[row["role"]]}) for row in found.rows],
        newer=found.newer,
        older=found.older,
    )


@operation("GET", "/meetings/votable", answer=VotableList, query=OfBody, guarded=True)
def list_votable(call: Call, *, query: OfBody) -> VotableList:
    with call.reading() as desk:
        _concerned(desk, roles=offices(desk.session))
        try:
            body = _body(desk, query.role)
        except BadInput as bad:
            raise Refused(Kind.BAD_QUERY, faults=wording.faults(bad, None)) from None
        rows = asked.votable(desk.session, body)
    return VotableList(
        items=[
            Votable(
                case_id=row["case_id"],
                base_name=row["base_name"],
                number=row["application_number"] or row["base_number"],
            )
            for row in rows
        ]
    )


@operation("GET", "/meetings/<meeting_id>", answer=MeetingView, guarded=True)
def read_meeting(call: Call, meeting_id: str) -> MeetingView:
    with call.reading() as desk:
        sight = _sight(call, desk, meeting_id)
        rows = [_row(sight, item) for item in sight.agenda]
    meeting = sight.meeting
    return MeetingView(
        id=meeting["id"],
        number=meeting["number"],
        role=Named(name=meeting["role"], text=sight.body),
        held_on=meeting["held_on"],
        place=meeting["place"],
        status=meeting["status"],
        chair_id=meeting["chair_id"],
        chair=meeting["chair"],
        convened_at=meeting["convened_at"],
        closed_at=meeting["closed_at"],
        attendance=[
            Member(person_id=row["person_id"], name=row["name"], present=row["present"])
            for row in sight.attendance
        ],
        rows=rows,
        minutes=None if sight.is_open else f"/api/v1/meetings/{meeting_id}/minutes",
    )


def _row(sight: Sight, item: Agendum) -> Row:
    language = sight.look.language
    mine = next((b for b in item.ballots if b["person_id"] == sight.look.rights.person), None)
    asked_of = mine is None and sight.is_open and sight.is_there and item.is_open
    plan = probe(item.snapshot, item.step.name, sight.look.ctx, on_behalf_of=None) if asked_of else None
    own = plan if plan is not None and plan.on_behalf_of is None else None
    return Row(
        id=item.id,
        place=item.place,
        case_id=item.snapshot.id,
        base_name=item.snapshot.subject.get("base_name"),
        step=wording.called(item.step.name, item.step.label),
        motion=motion_text(item, language),
        version=item.snapshot.case["version"],
        seq=item.snapshot.case["log_seq"],
        open=item.is_open,
        outcomes=_outcomes(item) if own is not None and own.allowed else [],
        blockers=wording.reasons(own.blockers, item.definition) if own is not None else [],
        mine=choice_text(item, mine, language) if mine else None,
        waiting=waiting_for(sight, item),
        quorum=quorum_text(item.count, language),
        majority=majority_text(item.count, language, told=not item.is_open),
        result=_result(item, item.round["result"]),
    )


def _outcomes(item: Agendum) -> list[Named]:
    definition = item.definition
    return [
        wording.called(name, definition.outcomes[name].label)
        for name in definition.acts[item.step.name].outcomes
    ]


def _result(item: Agendum, result: str | None) -> Named | None:
    """What a round came to; of one the case went on without, that it was overtaken."""
    if result is None and item.is_open:
        return None
    name = result_name(result) if result else "overtaken"
    return Named(name=name, text=t(f"meetings.result.{name}"))


# ───────────────────────────── Convening


@operation("POST", "/meetings", answer=Deed, body=NewMeeting, key=True, decides=True, statuses=(200, 201))
def convene_meeting(call: Call, *, body: NewMeeting) -> Reply:
    def work(desk: Desk) -> Done:
        return convene(
            desk.session, role=_body(desk, body.role), held_on=body.held_on, place=body.place, chair=body.chair_id,
            present=body.present, agenda=body.agenda, ctx=desk.ctx,
        )  # fmt: skip

    done = deeds.done(call, ["convene", body.model_dump(mode="json")], work)
    return Reply(
        body=deeds.deed(done),
        status=200 if done.repeated else 201,
        headers={"Location": f"/api/v1/meetings/{done.subject}"},
    )


@operation(
    "POST", "/meetings/<meeting_id>/present", answer=Deed, body=Presence, key=True, decides=True, guarded=True
)
def note_present(call: Call, meeting_id: str, *, body: Presence) -> Reply:
    def work(desk: Desk) -> Done:
        _concerned(desk)
        return note_attendance(desk.session, meeting_id, present=body.present, ctx=desk.ctx)

    return Reply(body=deeds.deed(deeds.done(call, ["present", meeting_id, body.present], work)))


# ───────────────────────────── Voting


@operation("POST", "/meetings/<meeting_id>/votes", answer=Results, body=Votes, key=True, guarded=True)
def cast_ballots(call: Call, meeting_id: str, *, body: Votes) -> Results:
    with call.reading() as desk:
        items = {item.id: item for item in _sight(call, desk, meeting_id).agenda}
    rows = {row.item_id: row for row in body.rows}.values()

    def work(mine: Call, row: RowVote) -> Reply:
        def voted(desk: Desk) -> Receipt | Refusal:
            form = Form(outcome=row.outcome)
            return cast(desk.session, meeting_id, row.item_id, form=form, version=row.version, ctx=desk.ctx)

        return _on_row(mine, items.get(row.item_id), voted)

    what = ["votes", meeting_id, body.model_dump(mode="json")]
    return row_by_row(call, what, rows, named=lambda row: row.item_id, work=work)


# ───────────────────────────── Paper votes


@operation(
    "POST", "/meetings/<meeting_id>/scans", answer=ScanAside, upload=True, guarded=True, statuses=(201,)
)
def set_scan_aside(call: Call, meeting_id: str) -> Reply:
    """Take a scan in; it is kept with the ballots that name it, and nothing is entered yet."""
    with call.reading() as desk:
        _kept_by(call, desk, meeting_id)
    limit = door.config().upload_limit
    place, name, content = read_upload(limit)
    try:
        if place != SCAN:
            raise BadInput((Fault(field=place, code="unknown_field"),))
        scan = checked(field=SCAN, name=name, content=content, limit=limit)
    except BadInput as bad:
        raise Refused(Kind.BAD_INPUT, faults=wording.faults(bad, None)) from None
    return Reply(body=ScanAside(scan=left_aside(scan)), status=201)


@operation("POST", "/meetings/<meeting_id>/papers", answer=Results, body=PaperVotes, key=True, guarded=True)
def enter_papers(call: Call, meeting_id: str, *, body: PaperVotes) -> Results:
    """Enter a member's paper ballots, each row by itself, its scan kept with it or not at all."""
    with call.reading() as desk:
        items = {item.id: item for item in _kept_by(call, desk, meeting_id).agenda}
    scan = named_by(body.scan)
    rows = {row.item_id: row for row in body.rows}.values()

    def work(mine: Call, row: RowVote) -> Reply:
        def entered(desk: Desk) -> Receipt | Refusal:
            return enter_paper(
                desk.session, meeting_id, row.item_id, body.person_id, choice=row.outcome, scan=scan,
                version=row.version, ctx=desk.ctx,
            )  # fmt: skip

        return _on_row(mine, items.get(row.item_id), entered)

    what = ["papers", meeting_id, body.model_dump(mode="json")]
    return row_by_row(call, what, rows, named=lambda row: row.item_id, work=work)


def _kept_by(call: Call, desk: Desk, meeting_id: str) -> Sight:
    """A meeting of whose body the caller is the office. Raises NotFound, Refused."""
    sight = _sight(call, desk, meeting_id)
    if not sight.is_office:
        raise Refused(Kind.NOT_ALLOWED)
    return sight


# ───────────────────────────── Closing


@operation("GET", "/meetings/<meeting_id>/closing", answer=ClosingView, guarded=True)
def preview_closing(call: Call, meeting_id: str) -> ClosingView:
    with call.reading() as desk:
        _concerned(desk, roles=offices(desk.session))
        sight = _sight(call, desk, meeting_id)
        return ClosingView(
            rows=[ahead for item in sight.agenda if (ahead := _ahead(sight, item)) is not None]
        )


def _ahead(sight: Sight, item: Agendum) -> RowAhead | None:
    steps = planned(item.snapshot, closing, sight.look.ctx) if item.is_open else None
    if steps is None or isinstance(steps, Blocker):
        return None
    result = routes.vote_result(item.snapshot, item.step, item.round)
    return RowAhead(
        item_id=item.id,
        case_id=item.snapshot.id,
        version=item.snapshot.case["version"],
        seq=item.snapshot.case["log_seq"],
        quorum=quorum_text(item.count, sight.look.language),
        majority=majority_text(item.count, sight.look.language, told=True),
        result=Named(name=str(result), text=t(f"meetings.result.{result}")),
        follows=following(steps[1:], item, sight.look.language),
    )


@operation("POST", "/meetings/<meeting_id>/close-rows", answer=Results, body=Closing, key=True, guarded=True)
def close_rows(call: Call, meeting_id: str, *, body: Closing) -> Results:
    """Close rows as they were shown; one on which a ballot came in since stays open."""
    with call.reading() as desk:
        _concerned(desk, roles=offices(desk.session))
        items = {item.id: item for item in _sight(call, desk, meeting_id).agenda}
    rows = {row.item_id: row for row in body.rows}.values()

    def work(mine: Call, row: RowSeen) -> Reply:
        item = items.get(row.item_id)

        def closed(desk: Desk) -> Receipt | Refusal:
            if item is not None:
                _as_it_was(desk, item, row)
            return close_row(desk.session, meeting_id, row.item_id, version=row.version, ctx=desk.ctx)

        return _on_row(mine, item, closed)

    what = ["close_rows", meeting_id, body.model_dump(mode="json")]
    return row_by_row(call, what, rows, named=lambda row: row.item_id, work=work)


def _as_it_was(desk: Desk, item: Agendum, seen: RowSeen) -> None:
    """A ballot cast since leaves the version alone, but not the case's log. Raises Refused where there is one."""
    now = gather.lock(desk.session, item.snapshot.id).row
    if now["version"] == seen.version and now["log_seq"] != seen.seq:
        raise Refused(Kind.STALE, version=seen.version)


def _on_row(call: Call, item: Agendum | None, work: Callable[[Desk], Receipt | Refusal]) -> Reply:
    """Do something about one row of an agenda. Raises NotFound for a row it has not, and Refused."""
    if item is None:
        raise NotFound("no_such_row")
    case_id = item.snapshot.id
    return deeds.answered(lambda: answered(call, case_id, work))


@operation("POST", "/meetings/<meeting_id>/close", answer=Deed, key=True, decides=True, guarded=True)
def end_meeting(call: Call, meeting_id: str) -> Reply:
    def work(desk: Desk) -> Done:
        _concerned(desk)
        return close_meeting(desk.session, meeting_id, ctx=desk.ctx)

    return Reply(body=deeds.deed(deeds.done(call, ["close_meeting", meeting_id], work)))


@operation("GET", "/meetings/<meeting_id>/minutes", answer=None, guarded=True)
def read_minutes(call: Call, meeting_id: str) -> Response:
    """The minutes as a Word file; taking them leaves one entry, looking at the headers alone does not."""
    with call.reading() as desk:
        sight = _sight(call, desk, meeting_id)
        if sight.is_open:
            raise NotFound("no_such_page")
        content = written_down(sight)
    if request.method != "HEAD":
        call.act(lambda desk: note_taken(desk.session, kind="export", content=taken(sight), ctx=desk.ctx))
    answer = Response(content, content_type=WORD)
    answer.headers["Content-Disposition"] = disposition(file_name(sight))
    return answer
