# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host posts, to a server on the loopback interface, and what of its token nobody gets to see."""

from __future__ import annotations

import fcntl
import http.client
import http.server
import json
import os
import ssl
import threading

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.events import post as post_module
from ansible_collections.kvm.hostdev.plugins.module_utils._host.events.post import post
from ansible_collections.kvm.hostdev.plugins.module_utils._host.events.sending import send
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.domains import Domains
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.lock_path import LOCK
from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore.main import main
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.paths import SEEN, SETTINGS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.settings import EventSettings
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import LibvirtError
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import expand, picture, recorded

TOKEN = "very-secret"
FACTS = "/etc/ansible/facts.d"
NO_LIBVIRT = (None, "not here")


class Receiver(http.server.ThreadingHTTPServer):
    """Answers with `status`, and keeps what it was sent."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Asked)
        self.status, self.got = 200, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/endpoint?a=b"


class Asked(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, self.headers["Authorization"], json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Location", self.server.url)
        self.end_headers()

    def log_message(self, *_words):
        pass


@pytest.fixture
def receiver():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def host(folder, receiver):
    """A recorded host without a record, that is to post to the receiver."""
    expand(recorded("lab-trixie"), folder)
    write(folder, SETTINGS, EventSettings(receiver.url, "kvm1", 300, "/etc/token").text())
    write(folder, "/etc/token", f"{TOKEN}\n", 0o600)
    return folder


def write(root, path, text, mode=0o644):
    file = root / path[1:]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)


def posted(root):
    return post(FACTS, Tree(str(root)), lambda: NO_LIBVIRT)


def test_a_host_posts_its_state_and_changes_nothing_but_what_it_has_seen(host, receiver):
    before = picture(host)
    assert (posted(host), posted(host)) == (0, 0)
    after = picture(host)
    assert {path for path in after if after[path] != before.get(path)} == {
        "/var",
        "/var/lib",
        "/var/lib/kvm.hostdev",
        SEEN,
    }
    (path, bearer, told), (_path, _bearer, again) = receiver.got
    assert (path, bearer, told["host"], told["libvirt_reason"]) == (
        "/endpoint?a=b",
        f"Bearer {TOKEN}",
        "kvm1",
        "not here",
    )
    assert {**told, "sent_at": ""} == {**again, "sent_at": ""}


def test_a_device_that_is_gone_is_lost_each_time(host, receiver):
    posted(host)
    seen = json.loads((host / SEEN[1:]).read_text())
    seen["devices"].append({**seen["devices"][0], "place": "elsewhere", "address": "0000:7f:00.0"})
    (host / SEEN[1:]).write_text(json.dumps(seen))
    assert (posted(host), posted(host)) == (0, 0)
    lost = [told["lost"] for _path, _bearer, told in receiver.got]
    assert [[device["address"] for device in devices] for devices in lost] == [[], ["0000:7f:00.0"], ["0000:7f:00.0"]]


def damaged(_host, file):
    file.write_text("[" * 100_000)


def truncated(_host, file):
    file.write_bytes(file.read_bytes()[:-10])


def empty(_host, file):
    file.write_text("")


def huge(_host, file):
    os.truncate(file, 1 << 40)  # a hole: nothing reads that much


def linked(host, file):
    """Another file of root, with the right content."""
    file.rename(host / "elsewhere.json")
    file.symlink_to(host / "elsewhere.json")


def linked_to_nothing(host, file):
    file.unlink()
    file.symlink_to(host / "elsewhere.json")


def written_by_all(_host, file):
    file.chmod(0o666)


def a_pipe(_host, file):
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (damaged, "no list of seen devices"),
        (truncated, "no list of seen devices"),
        (empty, "no list of seen devices"),
        (huge, "larger than 4 MiB"),
        (linked, "a symbolic link"),
        (linked_to_nothing, "a symbolic link"),
        (written_by_all, "others may write to it"),
        (a_pipe, "a named pipe"),
    ],
)
def test_a_file_of_seen_devices_that_nobody_can_go_by_is_begun_anew(host, receiver, capsys, harm, words):
    posted(host)
    file = host / SEEN[1:]
    good = file.read_text()
    harm(host, file)
    target = host / "elsewhere.json"
    there = target.exists()
    capsys.readouterr()
    assert posted(host) == 0
    warning = capsys.readouterr().err
    assert (warning.startswith(f"<4>{SEEN}: "), words in warning, warning.count("\n")) == (True, True, 1)
    assert [(told["new"], told["lost"]) for _path, _bearer, told in receiver.got] == [([], [])] * 2
    assert (file.is_symlink(), file.stat().st_mode & 0o777, file.read_text()) == (False, 0o644, good)
    assert (target.exists(), not there or target.read_text() == good) == (there, True)
    assert (posted(host), capsys.readouterr().err) == (0, "")


def test_a_file_of_seen_devices_is_read_once_and_keeps_its_mode(host, receiver, monkeypatch):
    """Its administrator may have it for root alone."""
    posted(host)
    file = host / SEEN[1:]
    file.chmod(0o600)
    seen = json.loads(file.read_text())
    del seen["devices"][0]
    file.write_text(json.dumps(seen))
    opened = []

    def counted(path, *arguments, **options):
        opened.append(str(path))
        return os_open(path, *arguments, **options)

    os_open = os.open
    monkeypatch.setattr(os, "open", counted)
    assert posted(host) == 0
    assert opened.count(str(file)) == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(receiver.got[-1][2]["new"]) == 1


def test_a_folder_in_place_of_the_seen_devices_is_told_and_left(host, receiver, capsys):
    (host / SEEN[1:]).mkdir(parents=True)
    assert posted(host) == 1
    assert [told["host"] for _path, _bearer, told in receiver.got] == ["kvm1"]
    assert f"<3>{SEEN}: Is a directory" in capsys.readouterr().err
    assert (host / SEEN[1:]).is_dir()


def test_where_the_seen_devices_cannot_be_written_the_state_is_posted_all_the_same(host, receiver, capsys):
    write(host, "/var/lib/kvm.hostdev", "")  # a file where the folder would be
    assert posted(host) == 1
    assert [told["host"] for _path, _bearer, told in receiver.got] == ["kvm1"]
    assert SEEN in capsys.readouterr().err


def test_a_host_with_claims_tells_what_differs_and_that_a_task_is_at_work(lab_host, receiver):
    """A claim whose domain is gone, as libvirt tells."""
    root = lab_host.root
    write(root, SETTINGS, EventSettings(receiver.url, "kvm1", 300).text())
    assert lab_host.claim({"name": "nic", "specs": [{"device_type": "type-VF"}]}, persist=False).changed
    domains = Domains(lab_host.libvirt, LibvirtError)

    def told():
        assert post(FACTS, Tree(str(root)), lambda: (domains, "")) == 0
        return receiver.got[-1][2]

    before = told()
    assert (before["differs"], before["changing"], before["libvirt"]) == (False, False, True)
    lab_host.libvirt.remove_all()
    write(root, LOCK, "")
    with open(root / LOCK[1:], "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        after = told()
    assert ([entry["code"] for entry in after["drift"]], after["changing"]) == (["orphan"], True)
    assert told()["changing"] is False


def test_a_record_that_cannot_be_read_is_told(host, receiver):
    write(host, f"{FACTS}/hostdev.fact", "{")
    assert posted(host) == 0
    told = receiver.got[0][2]
    assert "hostdev.fact" in told["trouble"]
    assert told["differs"] is False


@pytest.mark.parametrize("status", [302, 307, 401, 403, 413, 500])
def test_an_answer_that_is_no_yes_is_an_error_without_the_token(host, receiver, capsys, status):
    receiver.status = status
    assert posted(host) == 1
    said = capsys.readouterr().err
    assert said.startswith("<3>")
    assert f"the answer {status}" in said
    assert TOKEN not in said
    assert len(receiver.got) == 1  # no redirect is followed


@pytest.mark.parametrize(
    ("text", "mode", "words"), [(TOKEN, 0o640, "0640"), ("", 0o600, "no token"), ("a\nb", 0o600, "no token")]
)
def test_a_token_that_others_may_read_or_that_is_none_is_not_sent(host, receiver, capsys, text, mode, words):
    write(host, "/etc/token", text, mode)
    assert posted(host) == 1
    said = capsys.readouterr().err
    assert words in said
    assert TOKEN not in said
    assert receiver.got == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/endpoint", f"https://{'a' * 64}.example.org/endpoint"])
def test_where_nobody_listens_the_error_says_where(folder, url):
    settings = EventSettings(url, "kvm1", 300)
    with pytest.raises(HostdevError) as raised:
        send({}, settings, Tree(str(folder)))
    assert (raised.value.code, raised.value.subject) == ("not_posted", settings.url)


def test_without_the_authority_nothing_is_sent(folder):
    settings = EventSettings("https://127.0.0.1:1/endpoint", "kvm1", 300, None, "/etc/ca.pem")
    with pytest.raises(HostdevError) as raised:
        send({}, settings, Tree(str(folder)))
    assert raised.value.subject == "/etc/ca.pem"


@pytest.mark.parametrize(
    ("code", "words"),
    [(10, "host's clock"), (62, "set url"), (64, "set url"), (20, "set ca_file"), (18, "set ca_file")],
)
def test_what_to_do_about_a_certificate_depends_on_what_is_wrong_with_it(folder, monkeypatch, code, words):
    refused = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] (_ssl.c:1029)")
    refused.verify_code, refused.verify_message = code, "as OpenSSL says"

    def connect(_connection):
        raise refused

    monkeypatch.setattr(http.client.HTTPSConnection, "connect", connect)
    with pytest.raises(HostdevError) as raised:
        send({}, EventSettings("https://127.0.0.1:1/endpoint", "kvm1", 300), Tree(str(folder)))
    assert raised.value.found == "its certificate is not accepted: as OpenSSL says"
    assert words in raised.value.remedy


def test_without_settings_it_says_who_makes_them(folder, capsys):
    assert posted(folder) == 1
    assert "host_events" in capsys.readouterr().err


def test_the_program_posts_when_its_unit_says_so(monkeypatch):
    monkeypatch.setattr(post_module, "post", lambda facts: 7 if facts == FACTS else 0)
    assert main(["events"]) == 7
