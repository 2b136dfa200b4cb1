"""The packet an auditor takes away, of the log as it is filtered."""

from __future__ import annotations

import tempfile
from urllib.parse import urlencode
from uuid import uuid4

from flask import flash, redirect, request, send_file, url_for
from werkzeug.wrappers import Response as Answer

from web import door
from web.audit import blueprint
from web.audit.filters import as_address, wanted
from web.words import t
from workflow.clock import machine_time
from workflow.keyfile import KeyFault
from workflow.notes import Signer
from workflow.operations.keys import signer_in_force
from workflow.packet.taking import take_packet
from workflow.packet.writing import PacketFault, Scope
from workflow.periods import beijing_day
from workflow.unreadable import told_as_damage

IN_MEMORY = 4 * 1024 * 1024
"""Bytes of a packet beyond which it waits on the disk for its reader."""


@blueprint.post("/audit/packet")
def packet() -> Answer:
    """A packet of the filtered base, unit and days, with or without the documents; taking it leaves one entry in it."""
    chosen, language = wanted(), door.language()
    scope = Scope(case=chosen.case or None, unit=chosen.unit or None, since=chosen.since, until=chosen.until)
    with door.database().reading() as session:
        ctx = door.context(session, key=str(uuid4()))
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 — the answer closes it when it is sent
    try:
        take_packet(
            door.database(), file, signer=_signer(), ctx=ctx, at=machine_time(), scope=scope,
            with_documents=request.form.get("documents") == "yes",
        )  # fmt: skip
    except PacketFault as fault:
        file.close()
        flash(t(f"packet_fault.{fault.code}", language, **fault.params), "warning")
        return redirect(f"{url_for('audit.index')}?{urlencode(as_address(chosen))}")
    except Exception:
        file.close()
        raise
    file.seek(0)
    name = f"{t('audit.packet_name', language)}-{beijing_day(ctx.at).isoformat()}.zip"
    return send_file(file, mimetype="application/zip", as_attachment=True, download_name=name)


def _signer() -> Signer | None:
    """The log's key where this process may read it; otherwise the packet reaches as far as the last checkpoint."""
    try:
        with told_as_damage(), door.database().reading() as session:
            return signer_in_force(session, door.config().log_key)
    except KeyFault:
        return None
