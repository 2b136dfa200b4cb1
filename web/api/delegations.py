"""Delegations: those the caller gave and was given, giving one, and ending one."""

from __future__ import annotations

from web.api import deeds
from web.api.routing import Call, Desk, Reply, operation
from web.api.shapes.deeds import Deed, Revocation
from web.api.shapes.delegations import DelegationPage, DelegationView, NewDelegation
from web.api.shapes.parts import KeyPaging, Named, Unit
from web.api.tongue import language
from workflow.operations.deeds import Done
from workflow.operations.delegations import give_delegation, revoke_delegation
from workflow.queries.delegations import delegations_page
from workflow.queries.roles import Roles, roles_of
from workflow.snapshot import Row


@operation("GET", "/delegations", answer=DelegationPage, query=KeyPaging)
def list_delegations(call: Call, *, query: KeyPaging) -> DelegationPage:
    with call.reading() as desk:
        found = delegations_page(
            desk.session, person=desk.rights.person, after=query.after, before=query.before
        )
        roles = roles_of(desk.session)
    return DelegationPage(
        items=[_delegation(row, roles) for row in found.rows], newer=found.newer, older=found.older
    )


def _delegation(row: Row, roles: Roles) -> DelegationView:
    return DelegationView(
        id=row["id"],
        person_id=row["person_id"],
        person=row["name"],
        delegate_id=row["delegate_id"],
        delegate=row["delegate_name"],
        role=Named(name=row["role"], text=roles.label(row["role"], language())),
        unit=Unit(id=row["unit_id"], name=row["unit"]) if row["unit_id"] else None,
        from_on=row["from_on"],
        until_on=row["until_on"],
        reason=row["reason"],
        granted_at=row["granted_at"],
        revoked_at=row["revoked_at"],
    )


@operation(
    "POST", "/delegations", answer=Deed, body=NewDelegation, key=True, decides=True, statuses=(200, 201)
)
def add_delegation(call: Call, *, body: NewDelegation) -> Reply:
    def work(desk: Desk) -> Done:
        return give_delegation(
            desk.session, person_id=body.person_id or desk.rights.person, delegate_id=body.delegate_id, role=body.role,
            unit_id=body.unit, from_on=body.from_on, until_on=body.until_on, reason=body.reason, ctx=desk.ctx,
        )  # fmt: skip

    done = deeds.done(call, ["delegate", body.model_dump(mode="json")], work)
    return Reply(
        body=deeds.deed(done),
        status=200 if done.repeated else 201,
        headers={"Location": "/api/v1/delegations"},
    )


@operation(
    "POST", "/delegations/<delegation_id>/revoke", answer=Deed, body=Revocation, key=True, decides=True
)
def end_delegation(call: Call, delegation_id: str, *, body: Revocation) -> Reply:
    def work(desk: Desk) -> Done:
        return revoke_delegation(desk.session, delegation_id, reason=body.reason, ctx=desk.ctx)

    return Reply(body=deeds.deed(deeds.done(call, ["revoke_delegation", delegation_id, body.reason], work)))
