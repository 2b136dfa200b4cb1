"""The minutes of a closed meeting as a Word file, taken out through a logged export."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

from flask import Response

from web import door, pages
from web.documents import disposition
from web.meetings import blueprint
from web.meetings.showing import Sight, majority_text, motion_text, quorum_text, result_text, sight_of
from web.words import t
from workflow.errors import NotFound
from workflow.operations.papers import note_taken
from workflow.uploads import WORD
from workflow.words import written

LATIN, CHINESE = "Times New Roman", "SimSun"
"""A run names a font for each of the two; without the second Word would choose one of its own for Chinese."""


@blueprint.post("/<uuid:meeting_id>/minutes")
def minutes(meeting_id: UUID) -> Response:
    """The minutes; taking them leaves one entry. Before the meeting is closed there are none."""
    with pages.looking() as look:
        sight = sight_of(look, str(meeting_id))
    if sight.is_open:
        raise NotFound("no_such_page")
    content = written_down(sight)
    door.act(lambda session, ctx: note_taken(session, kind="export", content=taken(sight), ctx=ctx))
    answer = Response(content, content_type=WORD)
    answer.headers["Content-Disposition"] = disposition(file_name(sight))
    return answer


def taken(sight: Sight) -> dict[str, str]:
    """What the log says of minutes taken out."""
    return {"act": "export", "meeting": sight.meeting["number"], "file": "docx"}


def file_name(sight: Sight) -> str:
    return t("meetings.file_name", sight.look.language, number=sight.meeting["number"]) + ".docx"


def written_down(sight: Sight) -> bytes:
    """Who was there, each row with its count, formula and result, and room for the signatures."""
    from docx import Document

    language, paper = sight.look.language, Document()
    _fonts(paper)
    paper.add_heading(t("meetings.minutes_of", language, number=sight.meeting["number"]), level=0)
    for name, value in _facts(sight):
        paper.add_paragraph(t("meetings.fact", language, name=name, value=value))
    paper.add_heading(t("meetings.agenda", language), level=1)
    for item in sight.agenda:
        _row(paper, sight, item)
    paper.add_heading(t("meetings.signatures", language), level=1)
    for name in ("chair", "clerk", "date"):
        paper.add_paragraph(t(f"meetings.sign_{name}", language))
    out = io.BytesIO()
    paper.save(out)
    return out.getvalue()


def _fonts(paper: Any) -> None:
    """Set both fonts on every style that has a text, headings included."""
    from docx.oxml.ns import qn

    for style in paper.styles:
        if not hasattr(style, "font"):
            continue
        style.font.name = LATIN
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{theme}"), None)
        fonts.set(qn("w:eastAsia"), CHINESE)


def _facts(sight: Sight) -> list[tuple[str, str]]:
    language, meeting = sight.look.language, sight.meeting
    there = [row["name"] for row in sight.attendance if row["present"]]
    away = [row["name"] for row in sight.attendance if not row["present"]]
    none = t("meetings.nobody", language)
    return [
        (t("meetings.held_on", language), written(meeting["held_on"], language)),
        (t("meetings.place", language), meeting["place"]),
        (t("meetings.chair", language), meeting["chair"]),
        (t("meetings.convener", language), meeting["convener"]),
        (t("meetings.present", language), written(there, language) if there else none),
        (t("meetings.absent", language), written(away, language) if away else none),
    ]


def _row(paper: Any, sight: Sight, item: Any) -> None:
    language, subject = sight.look.language, item.snapshot.subject
    name = subject.get("base_name") or t("bases.unnamed", language)
    number = subject.get("base_number") or subject.get("application_number") or ""
    paper.add_heading(
        t("meetings.minutes_row", language, place=item.place, name=name, number=number), level=2
    )
    for text in (
        motion_text(item, language),
        quorum_text(item.count, language),
        majority_text(item.count, language, told=True),
        *_on_paper(sight, item),
    ):
        paper.add_paragraph(text)
    result = paper.add_paragraph()
    result.add_run(t("meetings.outcome", language, result=result_text(item, language))).bold = True


def _on_paper(sight: Sight, item: Any) -> list[str]:
    """The votes that were entered from paper, each with the member and whoever entered it."""
    language = sight.look.language
    entered = [ballot for ballot in item.ballots if ballot["cast_by"] != ballot["person_id"]]
    return [
        t(
            "meetings.entered_by",
            language,
            member=sight.names.person(ballot["person_id"]),
            clerk=sight.names.person(ballot["cast_by"]),
        )
        for ballot in entered
    ]
