# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""An API of AWX of our own making, on the loopback interface: it keeps what is registered, and runs nothing.

Its answers have the form of those of AWX 24.6.1, as far as the modules of awx.awx look at them. It refuses what AWX
refuses: names that are taken, numbers of what is not there, a playbook that the project does not have or has not
synchronized, a survey that is none, a second credential of a type.
"""

from __future__ import annotations

import json
import re
import threading
import typing as t
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .made_objects import ASSOCIATED, FIELDS, REFERS, ROLES, UNIFIED, UNIQUE, Object, refusal, survey_refusal

TOKEN = "made-up-token"
_BASE = "/api/v2"
_PATH = re.compile(rf"{_BASE}/(?P<kind>\w+)/(?:(?P<id>\d+)/(?:(?P<part>\w+)/)?)?")


class Answer(t.NamedTuple):
    status: int
    content: t.Any = None


class MadeAwx:
    """What is registered. `changes` are the requests that would change something: method, path and what was sent."""

    def __init__(self, playbooks: t.Collection[str]) -> None:
        self.changes: list[tuple[str, str, t.Any]] = []
        self._playbooks = playbooks
        self._objects: dict[str, dict[int, Object]] = {kind: {} for kind in (*FIELDS, "roles", "project_updates")}
        self._surveys: dict[int, t.Any] = {}
        self._lists: dict[tuple[str, int, str], list[int]] = {}

    def add(self, kind: str, /, **values: t.Any) -> int:
        """What is there before anybody registers something."""
        answer = self._create(kind, values)
        assert answer.status == 201, answer
        return int(answer.content["id"])

    def all(self, kind: str) -> list[Object]:
        """The objects of a kind."""
        return [self._shown(kind, number) for number in self._objects[kind]]

    def named(self, kind: str, name: str) -> Object:
        """The object of a name."""
        (found,) = [one for one in self.all(kind) if one.get("name") == name]
        return found

    def survey(self, name: str) -> t.Any:
        """The survey of the template of a name, of a job or a workflow."""
        (found,) = [
            one for kind in ("job_templates", "workflow_job_templates") for one in self.all(kind) if one["name"] == name
        ]
        return self._surveys.get(found["id"], {})

    def listed(self, kind: str, number: int, part: str) -> list[Object]:
        """Others that an object has, such as the labels of a job template."""
        other = ASSOCIATED[kind][part]
        return [self._shown(other, one) for one in self._lists.get((kind, number, part), [])]

    def answer(self, method: str, url: str, sent: t.Any) -> Answer:
        """The answer to a request."""
        path, _mark, query = url.partition("?")
        if method != "GET":
            self.changes.append((method, path, sent))
        match = _PATH.fullmatch(path)
        if match is None or match["kind"] not in (*self._objects, "unified_job_templates"):
            return Answer(404, {"detail": "Not found."})
        kind = match["kind"]
        if match["id"] is None:
            return self._list(kind, query) if method == "GET" else self._create(kind, sent)
        number = int(match["id"])
        if number not in self._of(kind):
            return Answer(404, {"detail": "Not found."})
        if match["part"]:
            return self._part(method, kind, number, match["part"], sent)
        return {"GET": self._get, "PATCH": self._change, "DELETE": self._delete}[method](kind, number, sent)

    def _of(self, kind: str) -> dict[int, Object]:
        if kind == "unified_job_templates":
            return {number: one for part in UNIFIED for number, one in self._objects[part].items()}
        return self._objects[kind]

    def _kind_of(self, number: int) -> str:
        return next(kind for kind in UNIFIED if number in self._objects[kind])

    def _list(self, kind: str, query: str) -> Answer:
        asked = urllib.parse.parse_qsl(query, keep_blank_values=True)
        either = [(key[4:], value) for key, value in asked if key.startswith("or__")]
        every = [(key, value) for key, value in asked if not key.startswith("or__")]
        shown = [self._shown(kind, number) for number in self._of(kind)]
        found = [
            one
            for one in shown
            if all(_fits(one, key, value) for key, value in every)
            and (not either or any(_fits(one, key, value) for key, value in either))
        ]
        return Answer(200, {"count": len(found), "next": None, "previous": None, "results": found})

    def _get(self, kind: str, number: int, _sent: t.Any) -> Answer:
        shown = self._shown(kind, number)
        if kind == "project_updates":  # it is finished when it is asked for the second time
            self._objects[kind][number]["status"] = "successful"
        return Answer(200, shown)

    def _create(self, kind: str, sent: Object) -> Answer:
        number = max([0, *(self._of("unified_job_templates") if kind in UNIFIED else self._of(kind))]) + 1
        values = {**FIELDS[kind], **self._known(kind, sent)}
        wrong = self._wrong(kind, number, values)
        if wrong:
            return Answer(400, wrong)
        self._objects[kind][number] = values
        if kind == "projects" and values["scm_type"]:
            update = len(self._objects["project_updates"]) + 1
            self._objects["project_updates"][update] = {"status": "running", "project": number}
            values["__update"] = update
        for role in ROLES.get(kind, ()):
            made = len(self._objects["roles"]) + 1
            self._objects["roles"][made] = {"name": role}
            values.setdefault("__roles", {})[role] = {"id": made, "name": role}
        return Answer(201, self._shown(kind, number))

    def _change(self, kind: str, number: int, sent: Object) -> Answer:
        values = {**self._objects[kind][number], **self._known(kind, sent)}
        wrong = self._wrong(kind, number, values)
        if wrong:
            return Answer(400, wrong)
        self._objects[kind][number] = values
        return self._get(kind, number, None)

    def _delete(self, kind: str, number: int, _sent: t.Any) -> Answer:
        if kind == "credential_types" and any(one["credential_type"] == number for one in self.all("credentials")):
            return Answer(403, {"detail": "Credential types that are in use cannot be deleted."})
        del self._objects[kind][number]
        self._surveys.pop(number, None)
        for other, field in (
            ("schedules", "unified_job_template"),
            ("workflow_job_template_nodes", "workflow_job_template"),
        ):
            gone = [one for one, values in self._objects[other].items() if values[field] == number and kind in UNIFIED]
            for one in gone:
                del self._objects[other][one]
        return Answer(204)

    def _part(self, method: str, kind: str, number: int, part: str, sent: t.Any) -> Answer:
        if part == "survey_spec" and kind in ("job_templates", "workflow_job_templates"):
            return self._survey(method, number, sent)
        if part == "create_approval_template" and kind == "workflow_job_template_nodes" and method == "POST":
            made = self._create("workflow_approval_templates", sent)
            self._objects[kind][number]["unified_job_template"] = made.content["id"]
            return made
        if part not in ASSOCIATED.get(kind, {}):
            return Answer(404, {"detail": "Not found."})
        if method == "GET":
            found = self.listed(kind, number, part)
            return Answer(200, {"count": len(found), "next": None, "previous": None, "results": found})
        return self._associate(kind, number, part, sent)

    def _survey(self, method: str, number: int, sent: t.Any) -> Answer:
        if method == "GET":
            return Answer(200, self._surveys.get(number, {}))
        wrong = survey_refusal(sent)
        if wrong:
            return Answer(400, {"error": wrong})
        self._surveys[number] = sent
        return Answer(200)

    def _associate(self, kind: str, number: int, part: str, sent: Object) -> Answer:
        there = self._lists.setdefault((kind, number, part), [])
        other = ASSOCIATED[kind][part]
        if sent["id"] not in self._objects[other]:
            return Answer(400, {"detail": f"no {other} {sent['id']}"})
        if sent.get("disassociate"):
            there.remove(sent["id"])
            return Answer(204)
        if part == "credentials":
            new = self._objects[part][sent["id"]]["credential_type"]
            if any(self._objects[part][one]["credential_type"] == new for one in there):
                return Answer(400, {"error": "Cannot assign multiple credentials of one type."})
        there.append(sent["id"])
        return Answer(204)

    def _known(self, kind: str, sent: Object) -> Object:
        """What was sent of fields that there are; a null where the default is a text is that."""
        known = {key: value for key, value in sent.items() if key in FIELDS[kind]}
        return {key: "" if value is None and FIELDS[kind][key] == "" else value for key, value in known.items()}

    def _wrong(self, kind: str, number: int, values: Object) -> Object | None:
        for field, other in REFERS.items():
            if values.get(field) is not None and values[field] not in self._of(other):
                return {field: [f'Invalid pk "{values[field]}" - object does not exist.']}
        same = UNIQUE.get(kind, ("name", "organization"))
        for one, others in self._objects[kind].items():
            if one != number and same and all(others[field] == values[field] for field in same):
                return {"__all__": [f"{kind} with this {', '.join(same)} already exists."]}
        if kind == "job_templates" and not self._has_playbook(values):
            return {"playbook": ["Playbook not found for project."]}
        return refusal(kind, values)

    def _has_playbook(self, values: Object) -> bool:
        update = self._objects["projects"].get(values["project"], {}).get("__update")
        synchronized = update and self._objects["project_updates"][update]["status"] == "successful"
        return bool(synchronized) and values["playbook"] in self._playbooks

    def _shown(self, kind: str, number: int) -> Object:
        """As the API shows it, with the references that modules follow."""
        if kind == "unified_job_templates":
            kind = self._kind_of(number)
        values = self._of(kind)[number]
        url = f"{_BASE}/{kind}/{number}/"
        related: Object = {"survey_spec": f"{url}survey_spec/"} if kind in ROLES else {}
        summary: Object = {"object_roles": values["__roles"]} if "__roles" in values else {}
        if kind == "workflow_job_template_nodes" and values["unified_job_template"]:
            started = values["unified_job_template"]
            related["unified_job_template"] = f"{_BASE}/{self._kind_of(started)}/{started}/"
        if "__update" in values:
            related["update"] = f"{url}update/"
            if self._objects["project_updates"][values["__update"]]["status"] != "successful":
                summary["current_update"] = {"id": values["__update"], "status": "pending"}
        own = {key: value for key, value in values.items() if not key.startswith("__")}
        one = "inventory" if kind == "inventories" else kind.removesuffix("s")
        return {"id": number, "type": one, "url": url, "related": related, "summary_fields": summary, **own}


def _fits(one: Object, key: str, value: str) -> bool:
    field, _mark, how = key.partition("__")
    text = str(one.get(field))
    return text.startswith(value) if how == "startswith" else text == value


class Server:
    """It, on a free port of the loopback interface for the time of a `with` block; `url` is where."""

    def __init__(self, awx: MadeAwx) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(awx))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Server:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(awx: MadeAwx) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = json.loads(self.rfile.read(length)) if length else None
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._send(Answer(401, {"detail": "Authentication credentials were not provided."}))
                return
            with lock:
                answer = awx.answer(self.command, self.path, sent)
            self._send(answer)

        do_GET = do_POST = do_PATCH = do_DELETE = do_any  # noqa: N815 (names of http.server)

        def _send(self, answer: Answer) -> None:
            body = b"" if answer.content is None else json.dumps(answer.content).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-API-Product-Name", "AWX")
            self.send_header("X-API-Product-Version", "24.6.1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: t.Any) -> None:
            """Nothing: what was asked is in the playbook's own output."""

    return Handler
