# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Other serial numbers, MACs, names and addresses in place of a host's own, everywhere the same for the same one."""

from __future__ import annotations

import hmac
import re
import typing as t

# MACs, and longer numbers that are written so: of PCI Express (8 bytes), of InfiniBand (20).
_BYTES = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{2}([:_-])[0-9a-fA-F]{2}(?:\1[0-9a-fA-F]{2}){4,}(?![0-9a-fA-F])")
_OF_MAC = len("00:00:00:00:00:00")
_NO_MACS = ("000000000000", "ffffffffffff")
_UUID = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}([-_])(?:[0-9a-fA-F]{4}\1){3}[0-9a-fA-F]{12}(?![0-9a-fA-F])")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:.])")
# World wide names as the kernel and udev write them (NAA and EUI-64), which are serial numbers too.
_WWN = re.compile(r"(?<![0-9a-zA-Z])(naa\.|eui\.|wwn-0x|nvme\.|uuid\.|t10\.)([^\s/,;]+)")
_WWN_NUMBER = re.compile(r"(0x)([0-9a-f]{16,32})")
# What a renamed text is looked for by its own in all other texts: shorter ones are words that mean something else too.
_SHORTEST = 5
_SHORTEST_NAME = 3
# After so many a text gets longer: there are not enough of its form.
_ATTEMPTS = 100
# Names of interfaces that tell where a port is and no more: the kernel's, and those of systemd.net-naming-scheme.
_PLACES = re.compile(r"(?:eth|wlan|ib)\d+|(?:en|ib|wl|ww|sl)(?:P\d+)?(?:[os]\d+|p\d+s\d+)[a-z0-9]*|lo")


class Same:
    """Leaves all as it is: a recording that is not to be anonymous."""

    anonymous = False

    def serial(self, text: str) -> str:
        return text

    def name(self, _kind: str, text: str) -> str:
        return text

    def interface(self, text: str) -> str:
        return text

    def word(self, text: str) -> str:
        return text

    def text(self, text: str) -> str:
        return text


class Pseudonyms(Same):
    """Renames by a `key` that is thrown away afterwards, so that nobody finds the first name from the second.

    What is told to `serial`, `interface` or `known` is found in every `text` from then on.
    """

    anonymous = True

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._renamed: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()
        self._known: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def serial(self, text: str) -> str:
        """Of the same form: digits for digits, letters for letters. One that is a MAC or UUID stays one."""
        if _BYTES.fullmatch(text):
            return self._bytes(text)
        if _UUID.fullmatch(text):
            return self._like_form(text)
        world_wide = _WWN.fullmatch(text) or _WWN_NUMBER.fullmatch(text)
        if world_wide:
            return world_wide[1] + self._like_form(world_wide[2])
        if not re.search(r"[0-9A-Za-z]", text):
            return text
        # Udev's serial of a disk has the disk's own in it.
        within = text if ("serial", text) in self._renamed else self._with_known(text)
        made = self._made("serial", text, lambda attempt: self._like(text, attempt) if within == text else within)
        self._know(text, made)
        return made

    def name(self, kind: str, text: str) -> str:
        """KIND and a number, by the order in which they are asked for."""
        if not text:
            return text
        count = sum(known[0] == kind for known in self._renamed)
        return self._made(kind, text, lambda attempt: f"{kind}{count + attempt + 1}")

    def interface(self, text: str) -> str:
        """One that says where its port is stays."""
        if not text or _PLACES.fullmatch(text):
            return text
        made = self.name("net", text)
        self._know(text, made, shortest=1)
        return made

    def word(self, text: str) -> str:
        """Another one for a word of which it is not known what it names."""
        return text if not text or _PLACES.fullmatch(text) else self.name("name", text)

    def known(self, kind: str, text: str) -> None:
        """Have a name (of the host, of a link to a disk) found in every text."""
        if text:
            self._know(text, self.name(kind, text), shortest=_SHORTEST_NAME)

    def text(self, text: str) -> str:
        """The text with all in it renamed that is known, or has the form of a UUID, MAC, WWN or IP address."""
        text = self._with_known(text)
        text = _UUID.sub(lambda match: self._like_form(match[0]), text)
        text = _BYTES.sub(lambda match: self._bytes(match[0]), text)
        text = _WWN.sub(lambda match: match[1] + self._like_form(match[2]), text)
        text = _IPV4.sub(lambda match: self._ipv4(match[0]), text)
        return _IPV6.sub(lambda match: self._ipv6(match[0]), text)

    def _with_known(self, text: str) -> str:
        if self._pattern is None and self._known:
            longest = sorted(self._known, key=len, reverse=True)
            self._pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, longest))})(?![A-Za-z0-9])")
        return text if self._pattern is None else self._pattern.sub(lambda match: self._known[match[0]], text)

    def _know(self, text: str, made: str, *, shortest: int = _SHORTEST) -> None:
        if len(text) < shortest or text in self._known:
            return
        # Libvirt has no other characters in the names of node devices, udev none of these in its links.
        for form in (lambda part: part, _libvirt_form, lambda part: part.replace(" ", "_"), str.lower):
            self._known.setdefault(form(text), form(made))
        self._pattern = None

    def _made(self, kind: str, text: str, make: t.Callable[[int], str]) -> str:
        made = self._renamed.get((kind, text))
        attempt = 0
        while made is None:
            candidate = make(attempt) + (str(attempt) if attempt >= _ATTEMPTS else "")
            if f"{kind} {candidate}" not in self._taken and candidate != text:
                made = candidate
            attempt += 1
        self._taken.add(f"{kind} {made}")
        self._renamed[kind, text] = made
        return made

    def _like_form(self, text: str) -> str:
        """The same for a UUID or WWN however it is written; what was renamed already stays."""
        plain = re.sub(r"[-_:]", "", text.lower())
        if ("done", plain) in self._renamed:
            return text
        digits = iter(self._made("form", plain, lambda attempt: self._like(plain, attempt, hexadecimal=True)))
        made = "".join(letter if letter in "-_:" else next(digits) for letter in text)
        self._renamed["done", re.sub(r"[-_:]", "", made.lower())] = made
        return made

    def _bytes(self, text: str) -> str:
        """Another number for one that is written byte by byte; a MAC may have two letters in front that look alike."""
        if len(text) == _OF_MAC + 3:
            return text[:3] + self._mac(text[3:])
        return self._mac(text) if len(text) == _OF_MAC else self._like_form(text)

    def _mac(self, text: str) -> str:
        """A locally administered one (IEEE 802, bit 1 of the first byte), written as the first is."""
        separator = text[2]
        plain = text.lower().replace(separator, "")
        if plain in _NO_MACS or ("done", plain) in self._renamed:
            return text
        made = self._made("mac", plain, lambda attempt: "02" + self._digest("mac", plain, attempt).hex()[:10])
        self._renamed["done", made] = made
        return separator.join(made[place : place + 2] for place in range(0, 12, 2))

    def _ipv4(self, text: str) -> str:
        """One of a network for benchmarks (RFC 2544)."""
        if text.startswith(("127.", "0.0.0.0", "198.18.", "198.19.")):
            return text
        digest = self._digest("ip", text, 0)
        return f"198.{18 + digest[0] % 2}.{digest[1]}.{digest[2]}"

    def _ipv6(self, text: str) -> str:
        """One of the documentation's network (RFC 3849); what is no address, such as a PCI function, stays."""
        parts = text.split(":")
        if text in ("::", "::1") or text.startswith("2001:db8:"):
            return text
        if "::" not in text and (len(parts) < 8 or all(len(part) == 2 for part in parts)):
            return text
        digits = self._digest("ip", text.lower(), 0).hex()
        return f"2001:db8::{digits[:4]}:{digits[4:8]}"

    def _like(self, text: str, attempt: int, *, hexadecimal: bool = False) -> str:
        made = []
        digest = b""
        hexadecimal = hexadecimal or re.fullmatch(r"[0-9a-f-]*[a-f][0-9a-f-]*", text) is not None
        for place, letter in enumerate(text):
            if place % 32 == 0:
                digest = self._digest("like", f"{place} {text}", attempt)
            byte = digest[place % 32]
            if hexadecimal and letter in "0123456789abcdef":
                made.append("0123456789abcdef"[byte % 16])
            elif letter.isdigit():
                made.append(str(byte % 10))
            elif letter.isalpha():
                alphabet = "abcdefghijklmnopqrstuvwxyz"
                made.append(alphabet[byte % 26].upper() if letter.isupper() else alphabet[byte % 26])
            else:
                made.append(letter)
        return "".join(made)

    def _digest(self, kind: str, text: str, attempt: int) -> bytes:
        return hmac.new(self._key, f"{kind} {attempt} {text}".encode("utf-8", "replace"), "sha256").digest()


def _libvirt_form(text: str) -> str:
    """src/node_device/node_device_udev.c, udevGenerateDeviceName."""
    return re.sub(r"[^A-Za-z0-9]", "_", text)
