"""One page with every component on it, in a bare Flask application: the shell is looked at without the rest."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, Flask, g, render_template_string

from web.words import t

WEB = Path(__file__).resolve().parents[2] / "web"
PLACES = {
    "inbox": ("index",),
    "bases": ("index",),
    "calendar": ("index",),
    "audit": ("index",),
    "admin": ("index",),
    "auth": ("login", "logout"),
    "preferences": ("set",),
    "demo": ("clock",),
}

PAGE = """
{% extends "base.html" %}
{% from "macros/acts.html" import acts %}
{% from "macros/consequences.html" import consequences %}
{% from "macros/cycle.html" import cycle %}
{% from "macros/empty.html" import empty %}
{% from "macros/errors.html" import errors %}
{% from "macros/field.html" import field %}
{% from "macros/paging.html" import paging %}
{% from "macros/receipt.html" import receipt %}
{% from "macros/state_badge.html" import state_badge %}
{% from "macros/table.html" import cell, plain, table %}
{% from "macros/timeline.html" import timeline %}
{% from "macros/time.html" import deadline %}
{% block title %}{{ lang }}{% endblock %}
{% block main %}
<h1>某某公司基地</h1>
<p>{% for family, word in families %}{{ state_badge(family, word) }} {% endfor %}</p>
<p>{{ deadline(today, "还剩3天") }}</p>
{{ acts(allowed, refused) }}
{{ cycle(bar) }}
<form method="post" enctype="multipart/form-data" data-unsaved>
{{ errors(fields) }}
{% for it in fields %}{{ field(it) }}{% endfor %}
<div class="buttons"><button class="btn btn-primary">去核对</button><a class="btn btn-outline-secondary" href="#">返回修改</a></div>
</form>
{{ plain("期限", columns, rows) }}
{% call(row, columns) table("基地", columns, rows) %}
{{- cell(columns[0], row.name, heads=true) }}{{ cell(columns[1], row.day) }}{{ cell(columns[2], row.count) -}}
{% endcall %}
{{ paging("?before=1", "?after=2", 50) }}
{{ consequences(following) }}
{{ receipt(paper) }}
{{ empty("没有待办事项。", "/", "看全部基地") }}
{{ timeline(groups) }}
{% endblock %}
"""

FAMILIES = (
    ("neutral", "草稿"),
    ("moving", "中期考核中"),
    ("active", "建设中（中期已考核）"),
    ("certified", "在库（授牌）"),
    ("attention", "限期整改"),
    ("revoked", "撤销资格"),
    ("ended", "取消资格（协议到期未续签）"),
)
OPTIONS = [{"value": "a", "label": "材料科学与工程学院"}, {"value": "b", "label": "计算机学院"}]
ITEMS = [
    {"name": "standing", "label": "行业代表性与经费项目支撑", "basis": "〔办法第六条（一）〕", "now": "甲"},
    {"name": "projects", "label": "联合项目", "basis": "〔办法第六条（二）〕", "now": ""},
]
TYPES = (
    "line", "text", "date", "document", "choice", "yes_no", "count", "money", "person", "partner", "unit", "units",
    "checklist", "sheet", "reasons", "fact",
)  # fmt: skip
VALUES: dict[str, Any] = {
    "line": "<某某>&基地",
    "yes_no": "no",
    "choice": "b",
    "units": ["a"],
    "unit": "a",
    "partner": {"name": "某某公司", "credit_code": "91371500MA3C0000XX", "kind": "b"},
    "checklist": {"standing": {"met": "yes", "note": "见附件"}},
    "sheet": {"standing": {"mark": "85", "remark": "很好"}},
    "document": {"id": "d1", "name": "合作计划.pdf", "href": "/documents/d1"},
    "fact": {"name": "standing", "value": "乙"},
    "reasons": {"projects": "请补充"},
}
REASON = {
    "text": "建设周期届满日（2029年11月23日）尚未届满",
    "basis": "〔办法第十七条〕",
    "mend": "",
    "from_on": "最早可于2029年11月24日办理",
}
MILESTONE = {"label": "中期考核启动", "on": date(2028, 5, 23), "left": "还剩3天", "basis": "〔研究生处设定〕"}
MILESTONES = [(0, "done"), (50, "done"), (56, "overdue"), (92, "next"), (97, "held"), (100, "coming")]


def _field(name: str) -> dict[str, Any]:
    return {
        "name": f"field_{name}",
        "type": name,
        "label": f"字段{name}",
        "hint": "当日24时届满" if name == "date" else "",
        "basis": "〔办法第五条〕",
        "required": name != "money",
        "errors": ["日期无法识别"] if name in ("date", "units") else [],
        "value": VALUES.get(name),
        "options": [] if name == "person" else OPTIONS,
        "items": ITEMS,
        "longest": 100,
    }


def contents() -> dict[str, Any]:
    """Everything the page shows, as its macros want it."""
    at = datetime(2026, 11, 23, 2, 32, tzinfo=UTC)
    entry = {
        "number": 12, "at": at, "effective_on": date(2026, 11, 20), "who": "王某（领导小组成员）", "what": "批准立项",
        "from_state": "已申报", "to_state": "确定立项（待签协议）", "basis": "〔办法第七条〕", "note": "",
        "changes": [{"name": "基地编号", "old": "—", "new": "LP2026-001"}], "hash": "3fa9c0de12ab", "href": "/entries/12",
    }  # fmt: skip
    return {
        "families": FAMILIES,
        "today": date(2026, 11, 23),
        "allowed": [{"label": "登记协议签订", "href": "/act", "note": "期限2027年2月21日（含当日）"}],
        "refused": [
            {
                "label": "评定结项考核",
                "reasons": [
                    REASON,
                    {**REASON, "from_on": "", "mend": "可由项目负责人办理"},
                    {**REASON, "href": "/x"},
                ],
            }
        ],
        "bar": {
            "sentence": "建设周期第二年，下一步是2028年5月23日启动中期考核。",
            "starts_on": date(2026, 11, 23),
            "ends_on": date(2029, 11, 22),
            "done": 58.5,
            "today": 58.5,
            "agreement": {"at": 86, "on": date(2029, 6, 30)},
            "milestones": [
                {**MILESTONE, "at": place, "state": state} for place, state in MILESTONES
            ],
        },
        "fields": [_field(name) for name in TYPES],
        "columns": [
            {"name": "name", "label": "名称"},
            {"name": "day", "label": "期限"},
            {"name": "count", "label": "天数", "figure": True},
        ],
        "rows": [{"name": "进展报告", "day": "2028-05-22", "count": "30"}, {"name": "结项报告", "day": "2029-11-22", "count": "3"}],
        "following": {
            "from_state": {"family": "moving", "word": "已申报"},
            "to_state": {"family": "moving", "word": "确定立项（待签协议）"},
            "proposes": "",
            "brings": ["此项使“形式审查”结束：同意。"],
            "changes": [{"name": "基地编号", "old": "—", "new": "LP2026-001"}],
            "deadlines": [
                {"label": "签订协议", "on": date(2027, 2, 21), "basis": "〔研究生处设定〕", "ends": False},
                {"label": "进展报告", "on": date(2026, 12, 9), "basis": "〔研究生处设定〕", "ends": False, "suspended": True},
                {"label": "修改", "on": date(2026, 12, 7), "basis": "〔研究生处设定〕", "ends": True},
            ],
            "notices": [{"who": "李某（项目负责人）", "what": "站内、邮件"}],
            "final": ["建设周期自今日起算。"],
        },
        "paper": {
            "sentence": "某某公司基地已批准立项。", "number": 12, "at": at, "hash": "3fa9c0de12ab" * 5,
            "lines": ["已通知3人"], "href": "/", "action": "返回待办",
        },
        "groups": [
            {"routine": False, "label": "", "entries": [entry]},
            {"routine": True, "label": "2条提醒", "entries": [entry, entry]},
        ],
    }  # fmt: skip


def gallery(language: str, *, signed_in: bool = True) -> Flask:
    """Build the application; its only real page is `/`, every other address answers nothing."""
    app = Flask("web", root_path=str(WEB), template_folder="templates", static_folder="static")
    app.secret_key = "only for looking"
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["t"] = lambda key, **params: t(key, g.language, **params)
    app.jinja_env.globals["csrf_token"] = lambda: "token"
    for place, names in PLACES.items():
        blueprint = Blueprint(place, __name__, url_prefix=f"/{place}")
        for name in names:
            blueprint.add_url_rule(f"/{name}", name, lambda: "", methods=["GET", "POST"])
        app.register_blueprint(blueprint)

    @app.before_request
    def speak() -> None:
        g.language = language

    @app.context_processor
    def surroundings() -> dict[str, Any]:
        user = SimpleNamespace(is_authenticated=signed_in, name="王某")
        shown = SimpleNamespace(at=datetime(2027, 1, 1, 0, 30, tzinfo=UTC))
        return {"lang": language, "current_user": user, "demonstration": shown}

    @app.get("/")
    def every_component() -> str:
        return render_template_string(PAGE, **contents())

    return app
