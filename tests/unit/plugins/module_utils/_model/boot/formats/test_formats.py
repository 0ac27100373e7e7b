# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where in each kind of file arguments stand, and that what is put in comes out without a trace."""

from __future__ import annotations

import random
import subprocess

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.arguments import in_force
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.editing import Edit, Wanted, edited, restored
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.bls_entry import (
    is_of_a_kernel,
    without_count,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.formats import FORMATS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.grub_config import (
    has_blscfg,
    is_whole,
    linux_lines,
    lost_word,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.grub_defaults import (
    formats_in_effect,
    has_words_for_init,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.grub_environment import variable
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.unified_image import (
    command_line,
    is_signed,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.fake_programs import portable_executable

A = Wanted(("a=1",))


@pytest.mark.parametrize(
    ("form", "before", "after"),
    [
        ("cmdline", b"root=x", b"root=x a=1"),
        ("cmdline", b"root=x\n", b"root=x a=1\n"),
        ("cmdline", b"root=x \r\n", b"root=x  a=1\r\n"),
        ("cmdline", b"root=x\n# c\nquiet\n\n", b"root=x\n# c\nquiet a=1\n\n"),
        ("cmdline", b"a=10 ba=1\n", b"a=10 ba=1 a=1\n"),
        ("cmdline", b"", b"a=1\n"),
        ("cmdline", b"# c", b"# c\na=1\n"),
        ("cmdline", b"root=x\0\0", b"root=x a=1\0\0"),
        ("first_line", b"root=x\nquiet\n", b"root=x a=1\nquiet\n"),
        ("first_line", b"root=x\na=1\n", b"root=x a=1\na=1\n"),
        ("first_line", b"\nquiet\n", b"a=1\nquiet\n"),
        ("entry", b"linux /l\noptions root=x\n", b"linux /l\noptions root=x a=1\n"),
        ("entry", b"options\troot=x\noptions  b\nlinux /l", b"options\troot=x\noptions  b a=1\nlinux /l"),
        ("entry", b"options    b systemd.machine_id=4f \n", b"options    b a=1 systemd.machine_id=4f \n"),
        ("entry", b"options  systemd.machine_id=4f\n", b"options  systemd.machine_id=4f a=1\n"),
        ("entry", b"options $kernelopts\r\nx y\r\n", b"options $kernelopts a=1\r\nx y\r\n"),
        ("entry", b"linux /l\n", b"linux /l\noptions    a=1\n"),
        ("entry", b"linux /l", b"linux /l\noptions    a=1"),
        ("entry", b"linux /l\r\n", b"linux /l\r\noptions    a=1\r\n"),
        ("entry", b"linux /l\noptions\n", b"linux /l\noptions a=1\n"),
        ("entry", b"#options b\noptionsx c\n", b"#options b\noptionsx c\noptions    a=1\n"),
        ("grub_defaults", b'GRUB_CMDLINE_LINUX=""\n', b'GRUB_CMDLINE_LINUX="a=1"\n'),
        ("grub_defaults", b"GRUB_CMDLINE_LINUX=\n", b'GRUB_CMDLINE_LINUX="a=1"\n'),
        ("grub_defaults", b"GRUB_CMDLINE_LINUX='b  '\n", b"GRUB_CMDLINE_LINUX='b   a=1'\n"),
        ("grub_defaults", b"GRUB_CMDLINE_LINUX=b # c\n", b'GRUB_CMDLINE_LINUX=b" a=1" # c\n'),
        ("grub_defaults", b"GRUB_CMDLINE_LINUX=b\"c\"'d'\n", b"GRUB_CMDLINE_LINUX=b\"c\"'d a=1'\n"),
        ("grub_defaults", b'GRUB_CMDLINE_LINUX="b \\"c\\" d"\n', b'GRUB_CMDLINE_LINUX="b \\"c\\" d a=1"\n'),
        ("grub_defaults", b'GRUB_CMDLINE_LINUX="b \\\n c"\n', b'GRUB_CMDLINE_LINUX="b \\\n c a=1"\n'),
        ("grub_defaults", b"export GRUB_CMDLINE_LINUX=b;x\n", b'export GRUB_CMDLINE_LINUX=b" a=1";x\n'),
        ("grub_defaults", b'GRUB_CMDLINE_LINUX+=" b"\n', b'GRUB_CMDLINE_LINUX+=" b a=1"\n'),
        (
            "grub_defaults",
            b'GRUB_CMDLINE_LINUX="b"\n# GRUB_CMDLINE_LINUX="c"\n',
            b'GRUB_CMDLINE_LINUX="b a=1"\n# GRUB_CMDLINE_LINUX="c"\n',
        ),
        (
            "grub_defaults",
            b"#GRUB_CMDLINE_LINUX=b",
            b'#GRUB_CMDLINE_LINUX=b\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX a=1"\n',
        ),
        (
            "grub_defaults",
            b'GRUB_CMDLINE_LINUX="old a=1"\nGRUB_CMDLINE_LINUX="new"\n',
            b'GRUB_CMDLINE_LINUX="old a=1"\nGRUB_CMDLINE_LINUX="new a=1"\n',
        ),
        (
            "grub_defaults",
            b'GRUB_CMDLINE_LINUX="b"\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX c"\n',
            b'GRUB_CMDLINE_LINUX="b"\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX c a=1"\n',
        ),
        (
            "grub_defaults",
            b'GRUB_CMDLINE_LINUX="$(cat "/x y" || echo a)"\n',
            b'GRUB_CMDLINE_LINUX="$(cat "/x y" || echo a)"\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX a=1"\n',
        ),
        ("grub_defaults_suse", b'GRUB_CMDLINE_LINUX_DEFAULT="b"\n', b'GRUB_CMDLINE_LINUX_DEFAULT="b a=1"\n'),
        ("cmdline", b"root=x -- single\n", b"root=x a=1 -- single\n"),
        ("cmdline", b"root=x -- a=1\nmore", b"root=x a=1 -- a=1\nmore"),
        ("cmdline", b"root=x --\0", b"root=x a=1 --\0"),
        ("first_line", b"root=x\nquiet b=2 a=1\n", b"root=x a=1\nquiet b=2 a=1\n"),
        ("entry", b"options root=x\n# b a=1\n", b"options root=x a=1\n# b a=1\n"),
        ("cmdline", b"root=x --b=1\n", b"root=x --b=1 a=1\n"),
        ("first_line", b"-- single\n", b"a=1 -- single\n"),
        ("entry", b"options b -- c systemd.machine_id=1\n", b"options b a=1 -- c systemd.machine_id=1\n"),
        ("entry", b"options b --\noptions c\n", b"options b a=1 --\noptions c\n"),
        ("grub_defaults", b'GRUB_CMDLINE_LINUX="b -- single"\n', b'GRUB_CMDLINE_LINUX="b a=1 -- single"\n'),
        ("grub_defaults", b"GRUB_CMDLINE_LINUX=--\n", b'GRUB_CMDLINE_LINUX="a=1 "--\n'),
        (
            "grub_defaults",
            b'GRUB_CMDLINE_LINUX_DEFAULT="b -- c"\nGRUB_CMDLINE_LINUX="d"\n',
            b'GRUB_CMDLINE_LINUX_DEFAULT="b -- c"\nGRUB_CMDLINE_LINUX="d a=1"\n',
        ),
        (
            "grub_defaults_suse",
            b'GRUB_CMDLINE_LINUX_DEFAULT="b"\nGRUB_CMDLINE_LINUX="d -- c"\n',
            b'GRUB_CMDLINE_LINUX_DEFAULT="b"\nGRUB_CMDLINE_LINUX="d a=1 -- c"\n',
        ),
        ("grub_environment", b"# G\nkernelopts=b -- c\n".ljust(1024, b"#"), None),
        ("grub_environment", b"# G\nkernelopts=b \nx=1\n".ljust(1024, b"#"), None),
        ("grub_environment", b"# G\nx=1\n".ljust(1024, b"#"), None),
    ],
)
def test_an_argument_is_put_in_and_taken_out(form, before, after):
    new, edit = edited(FORMATS[form], before, A)
    assert new == after or (after is None and len(new) == 1024 and new != before)
    assert edit.added == ("a=1",)
    assert edited(FORMATS[form], new, A) == (new, Edit())
    assert restored(FORMATS[form], new, edit) == before


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("cmdline", b"a=1"),
        ("cmdline", b"a=1 root=x\nb\n"),
        ("first_line", b"root=x a=1\n"),
        ("entry", b"options b a=1 c\n"),
        ("grub_defaults", b'GRUB_CMDLINE_LINUX_DEFAULT="b a=1"\nGRUB_CMDLINE_LINUX="c"\n'),
        ("grub_defaults", b'GRUB_CMDLINE_LINUX="a=1"\nGRUB_CMDLINE_LINUX="b $GRUB_CMDLINE_LINUX"\n'),
        ("grub_defaults", b"GRUB_CMDLINE_LINUX='a=1'\nGRUB_CMDLINE_LINUX=\"b ${GRUB_CMDLINE_LINUX}\"\n"),
        ("grub_environment", b"kernelopts=b a=1\n".ljust(1024, b"#")),
    ],
)
def test_what_is_there_is_left(form, data):
    assert edited(FORMATS[form], data, A) == (data, Edit())


@pytest.mark.parametrize("line", [b"root=x a=10", b"root=x a=1,b", b"root=x xa=1", b"root=x"])
def test_what_others_have_put_in_place_of_ours_stays(line):
    assert restored(FORMATS["cmdline"], line, Edit(("a=1",), (), b" a=1")) == line
    assert restored(FORMATS["cmdline"], line, Edit(("a=1",), (), b"a=1")) == line


_LETTERS = [
    "root=x",
    "a=1",
    "b",
    " ",
    "  ",
    "\t",
    "$kernelopts",
    "hugepagesz=1G",
    "hugepages=4",
    "a=10",
    "xa=1",
    "x=off",
    "--",
]
_FRAMES = {
    "cmdline": ("", "\n"),
    "first_line": ("", "\nquiet\n"),
    "entry": ("title T\noptions ", "\r\nlinux /l\r\n"),
    "grub_defaults": ('X="1"\nGRUB_CMDLINE_LINUX="', '" # c\n'),
    "grub_defaults_suse": ("GRUB_CMDLINE_LINUX_DEFAULT='", "'"),
}


@pytest.mark.parametrize("form", _FRAMES)
def test_whatever_a_line_has_comes_back(form):
    """Also where others have put words before and behind ours."""
    chance = random.Random(f"lines of {form}")
    wanted = Wanted(("a=1", "hugepagesz=1G hugepages=4", "x=on"), replace=True)
    start, end = _FRAMES[form]
    for _number in range(500):
        line = " ".join(chance.choice(_LETTERS) for _number in range(chance.randrange(7)))
        before = f"{start}{line}{end}".encode()
        after, edit = edited(FORMATS[form], before, wanted)
        assert restored(FORMATS[form], after, edit) == before, (before, after)
        if edit.inserted and not edit.replaced:
            place = after.rfind(edit.inserted)
            more = b" more" if edit.inserted.startswith(b" ") else b"more "
            theirs = after[:place] + more + after[place:]
            assert restored(FORMATS[form], theirs, edit) == before[:place] + more + before[place:], (before, after)


_PIECES = [
    *(b"GRUB_CMDLINE_LINUX=", b"GRUB_CMDLINE_LINUX_DEFAULT=", b"export ", b"$GRUB_CMDLINE_LINUX", b"${X:-1}", b"$(x)"),
    *(b'"', b"'", b"\\", b"`", b"#", b";", b" ", b"\t", b"\n", b"\n", b"\r\n", b"\0", b"\xff", b"a=1", b"x=off", b"b"),
    *(b"options ", b"options", b"linux /l", b"systemd.machine_id=1", b"kernelopts=", b"hugepagesz=1G hugepages=4"),
]


@pytest.mark.parametrize("form", FORMATS)
def test_whatever_bytes_a_file_has_come_back(form):
    chance = random.Random(f"bytes of {form}")
    wanted = Wanted(("a=1", "x=on", "hugepagesz=1G hugepages=4"), replace=True)
    refused = 0
    for _number in range(3000):
        before = b"".join(chance.choice(_PIECES) for _number in range(chance.randrange(14)))
        if form == "grub_environment":
            before = (before.rstrip(b"#") + b"\n").ljust(1024, b"#")
        try:
            after, edit = edited(FORMATS[form], before, wanted)
        except HostdevError:
            assert form.startswith("grub_defaults")  # quotes that are never closed
            refused += 1
            continue
        assert restored(FORMATS[form], after, edit) == before, (before, after, edit)
        assert edited(FORMATS[form], after, wanted)[1] == Edit()
    assert refused < 1000


_OF_PAGES = [
    *("hugepages=512", "hugepages=4", "hugepagesz=1G hugepages=4", "hugepagesz=1G  hugepages=8", "quiet", "x=off"),
    *("hugepagesz=2M\thugepages=8", "default_hugepagesz=2M", "hugepagesz=1G", "--"),
]


@pytest.mark.parametrize("form", _FRAMES)
def test_whatever_pages_a_line_has_come_back_and_ours_are_in_force(form):
    chance = random.Random(f"pages of {form}")
    wanted = Wanted(("default_hugepagesz=1G", "hugepagesz=1G hugepages=16"), replace=True)
    start, end = _FRAMES[form]
    for _number in range(500):
        line = " ".join(chance.choice(_OF_PAGES) for _number in range(chance.randrange(5)))
        before = f"{start}{line}{end}".encode()
        after, edit = edited(FORMATS[form], before, wanted)
        assert restored(FORMATS[form], after, edit) == before, (before, after)
        words = FORMATS[form].lines(after).words(after)
        assert all(in_force(argument, words) for argument in wanted.arguments), (before, after)


def test_the_shell_reads_what_was_put_in():
    values = [
        "",
        "b",
        "'b c'",
        '"b  c"',
        'b"c d"',
        "'b'\"c\"",
        '"b \\"q\\" c"',
        "$OTHER",
        '"$OTHER x"',
        '"b \\\n c"',
        "b\\ c",
    ]
    for value in values:
        data = f"OTHER=o\nGRUB_CMDLINE_LINUX={value}\n".encode()
        after, _edit = edited(FORMATS["grub_defaults"], data, A)
        read = [
            subprocess.run(
                ["sh", "-ec", f'{text.decode()}\nprintf %s "$GRUB_CMDLINE_LINUX"'], check=True, capture_output=True
            )
            for text in (data, after)
        ]
        assert read[1].stdout == (read[0].stdout + b" a=1").lstrip() or not read[0].stdout, value
        assert read[1].stdout.endswith(b"a=1")


@pytest.mark.parametrize("variable", ["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"])
@pytest.mark.parametrize(
    "script",
    [
        "V+=' cryptdevice=x'",
        "V='b'\nV+=' c'",
        "T=5; V='cryptdevice=x'",
        "V='b'\nT=5; V='cryptdevice=x'",
        "[ -z '' ] && V='cryptdevice=x'",
        "declare -x V='cryptdevice=x'",
        ": ${V:='cryptdevice=x'}",
        ": ${V='cryptdevice=x'}",
        "eval V=b",
        ". /dev/stdin <<< V=b",
        "V='b'\nif true; then\n  V='c'\nfi",
        "V='b'\nif false; then\n  V='c'\nfi",
        "if true; then V='c'; else\n\tV='d'\nfi",
        "T=5",
        "",
    ],
)
def test_a_value_stays_however_a_script_comes_to_it(variable, script):
    """Without it a host may not boot."""
    form = FORMATS["grub_defaults" if variable == "GRUB_CMDLINE_LINUX" else "grub_defaults_suse"]
    before = f"{script}\n".replace("V", variable).encode()
    after, edit = edited(form, before, A)
    assert restored(form, after, edit) == before
    old, new = (
        subprocess.run(
            ["bash", "-ec", f'{text.decode()}\nprintf %s "${variable}"'], check=True, capture_output=True, text=True
        ).stdout.split()
        for text in (before, after)
    )
    assert new == [*old, "a=1"]


def test_of_files_that_are_read_one_after_another_the_last_assignment_counts():
    files = [
        b'GRUB_CMDLINE_LINUX="one"\nGRUB_CMDLINE_LINUX_DEFAULT="two"\n',
        b'GRUB_CMDLINE_LINUX_DEFAULT="three"\n',
        b'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX four"\n',
    ]
    read = [form.lines(data).words(data) for form, data in zip(formats_in_effect(files), files)]
    assert read == [["one"], ["three"], ["$GRUB_CMDLINE_LINUX", "four"]]


def test_words_for_init_of_files_that_are_read_one_after_another():
    files = [b'GRUB_CMDLINE_LINUX="one -- single"\n', b'GRUB_CMDLINE_LINUX_DEFAULT="two -- three"\n']
    assert has_words_for_init(files)
    assert has_words_for_init([*files, b'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX four"\n'])
    assert not has_words_for_init([*files, b'GRUB_CMDLINE_LINUX="four"\n'])
    assert not has_words_for_init(files[1:])


def test_kernels_of_a_grub_configuration():
    data = (
        b"### BEGIN /etc/grub.d/10_linux ###\nmenuentry 'A' {\n\tlinux\t/vmlinuz-1 root=x ro  quiet\n}\n"
        b"menuentry 'A (recovery mode)' $menuentry_id_option 'gnulinux-1-recovery-x' {\n"
        b"\tlinux /vmlinuz-1 root=x ro single\n}\n### END /etc/grub.d/10_linux ###\n"
        b"### BEGIN /etc/grub.d/30_os-prober ###\n\tlinux /other root=y\n### END /etc/grub.d/30_os-prober ###\n"
    )
    assert [(line.kernel, line.arguments, line.recovery) for line in linux_lines(data)] == [
        ("/vmlinuz-1", ["root=x", "ro", "quiet"], False),
        ("/vmlinuz-1", ["root=x", "ro", "single"], True),
    ]
    assert is_whole(data)
    assert not any(is_whole(data[:cut]) for cut in range(len(data) - 1) if data[cut - 1 : cut] != b"\n")
    assert not is_whole(data[: data.index(b"### END")])
    for_init = linux_lines(b"linux /k root=z -- single")[0]
    assert (for_init.arguments, for_init.for_init, for_init.recovery) == (["root=z"], ["--", "single"], False)
    assert linux_lines(b"linux16 /k root=z\nlinuxefi /k root=z")[1].arguments == ["root=z"]
    assert has_blscfg(b"insmod blscfg\n  blscfg\n")
    assert not has_blscfg(b"insmod blscfg\n# blscfg\nblscfgx\n")


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        ("root=x ro quiet", "root=x ro quiet a=1", None),
        ("root=x ro cryptdevice=y", "root=x ro a=1", "cryptdevice=y"),
        ("root=x console=tty0 console=ttyS0", "root=x console=tty0", "console=ttyS0"),
        ("root=x ours=1 replaced=off", "root=x", None),
        ("root=x rootflags=subvol=a ro", "root=y rootflags=subvol=b rw", None),
        ("root=x rootflags=subvol=a ro", "root=x ro", "rootflags=subvol=a"),
        ("root=x ro", "ro", "root=x"),
    ],
)
def test_a_word_that_a_new_configuration_would_lose(old, new, lost):
    may_go = frozenset({"ours=1", "replaced=off"})

    def configuration(line: str, *others: str) -> bytes:
        lines = "".join(f"menuentry 'x' {{\n\tlinux {other}\n}}\n" for other in (f"/vmlinuz-1 {line}", *others))
        return f"### BEGIN /etc/grub.d/10_linux ###\n{lines}### END /etc/grub.d/10_linux ###\n".encode()

    new_one = configuration(new, "/vmlinuz-3 root=x")
    expected = None if lost is None else ("/vmlinuz-1", lost)
    assert lost_word(configuration(old, "/vmlinuz-2 of=old kernel"), new_one, may_go) == expected
    assert lost_word(f"linux /vmlinuz-1 {old}\n".encode(), new_one, may_go) == expected  # by hand
    assert lost_word(configuration(old)[:-5], new_one, may_go) is None  # cut off
    assert lost_word(b"", new_one, may_go) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/e/x.conf", "/e/x.conf"),
        ("/e/x+3.conf", "/e/x.conf"),
        ("/e/x+2-1.conf", "/e/x.conf"),
        ("/e/6.1.0+deb12.conf", "/e/6.1.0+deb12.conf"),
        ("/e/6.1.0+1-amd64.conf", "/e/6.1.0+1-amd64.conf"),
    ],
)
def test_the_tries_in_a_name(path, name):
    assert without_count(path) == name


def test_entries_of_kernels():
    assert is_of_a_kernel(b"title x\nlinux /l\n")
    assert not is_of_a_kernel(b"title linux\nefi /shell.efi\n# linux /l\n")


def test_variables_of_an_environment_block():
    block = b"# GRUB Environment Block\nsaved_entry=a b\nx_saved_entry=c\n####"
    assert variable(block, "saved_entry") == "a b"
    assert variable(block, "next_entry") is None
    assert variable(None, "saved_entry") is None


def test_the_command_line_of_an_image():
    image = portable_executable(b"root=x quiet\0", b"k" * 100)
    assert command_line(image) == b"root=x quiet"
    for cut in range(0, len(image), 7):
        command_line(image[:cut])  # any piece of it is read, or is none
        is_signed(image[:cut])
    assert command_line(b"MZ") is None
    assert command_line(b"") is None
    assert command_line(image.replace(b".cmdline", b".other\0\0")) is None


def test_the_signature_of_an_image():
    header = b"MZ".ljust(0x3C, b"\0") + (0x40).to_bytes(4, "little") + b"PE\0\0" + bytes(20)
    optional = b"\x0b\x02" + bytes(110)
    for size, signed in ((0, False), (1200, True)):
        directories = bytes(4 * 8) + (4096).to_bytes(4, "little") + size.to_bytes(4, "little") + bytes(88)
        assert is_signed(header + optional + directories) is signed
    assert is_signed(portable_executable(b"x")) is False
