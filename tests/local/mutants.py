"""Requests that disagree with themselves about where they end, and a strict reading of what each of them says.

The kinds are those of request smuggling: lengths, codings, chunks, line ends and start lines, each a little wrong.
"""

import re
from random import Random
from typing import Final

SMUGGLED: Final = b"GET /v1/explain?key=SMUGGLED HTTP/1.1\r\nHost: localhost\r\n\r\n"
_LENGTHS: Final = (
    "Content-Length: {n}",
    "content-length:{n}",
    "Content-Length:\t{n} ",
    "Content-Length: 0{n}",
    "Content-Length: +{n}",
    "Content-Length: -{n}",
    "Content-Length: 0x{n}",
    "Content-Length: {n}, {n}",
    "Content-Length: {n} {n}",
    "Content-Length: {n};",
    "Content-Length: {n}x",
    "Content-Length: ",
    "Content-Length: 99999999999999999999{n}",
    "Content-Length : {n}",
    "Content-Length\t: {n}",
    " Content-Length: {n}",
    "Content-Length: {n}\r\nContent-Length: {n}",
    "Content-Length: {n}\r\nContent-Length: 0",
    "Content-Length: 0\r\nContent-Length: {n}",
    "Content-Length: 0",
    "X: y\nContent-Length: {n}",
    "X: y\rContent-Length: {n}",
    "X: y\r\n Content-Length: {n}",
    "X: y\0\r\nContent-Length: {n}",
    "Content_Length: {n}",
    "Content-Length: {n}\r\nContent_Length: 0",
    "Content-Length:\r\n {n}",
    "Content-Length: \x0b{n}",
    "Content-Length: {n}\r\nX-Content-Length: 0",
    "Content-Length: {n}.0",
    "Content-Length: 1e3",
    "Content-Length\xa0: {n}",
)
_CODINGS: Final = (
    "Transfer-Encoding: chunked",
    "transfer-encoding:CHUNKED",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunkedx",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: \x0bchunked",
    "Transfer-Encoding: \x0cchunked",
    'Transfer-Encoding: "chunked"',
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t:chunked",
    " Transfer-Encoding: chunked",
    "Transfer_Encoding: chunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: {n}",
    "Content-Length: {n}\r\nTransfer-Encoding: chunked",
    "Content-Length: {n}\r\nTransfer-Encoding: identity",
    "Content-Length: 0\r\nTransfer-Encoding: chunked",
    "X: y\nTransfer-Encoding: chunked",
    "X: y\rTransfer-Encoding: chunked",
    "Content-Length: {n}\r\nTransfer-Encoding : chunked",
    "Transfer-Encoding: ",
    "Transfer-Encoding: chunked\0",
    "Transfer-Encoding: chunke\xe4",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: chunked,",
)
_CHUNKS: Final = (
    "{h}\r\n{b}\r\n0\r\n\r\n",
    "0{h}\r\n{b}\r\n0\r\n\r\n",
    "{h};x=y\r\n{b}\r\n0;z\r\n\r\n",
    "{h} \r\n{b}\r\n0\r\n\r\n",
    "{h}\n{b}\r\n0\r\n\r\n",
    "{h}\r{b}\r\n0\r\n\r\n",
    "{h}\r\n{b}0\r\n\r\n",
    "{h}\r\n{b}\n0\r\n\r\n",
    "+{h}\r\n{b}\r\n0\r\n\r\n",
    "-{h}\r\n{b}\r\n0\r\n\r\n",
    "0x{h}\r\n{b}\r\n0\r\n\r\n",
    " {h}\r\n{b}\r\n0\r\n\r\n",
    "g\r\n{b}\r\n0\r\n\r\n",
    "FFFFFFFFFFFFFFFF{h}\r\n{b}\r\n0\r\n\r\n",
    "{h}\r\n{b}\r\n0\n\n",
    "{h}\r\n{b}\r\n0\r\n\n",
    "{h}\r\n{b}\r\n00\r\n\r\n",
    "{h}\r\n{b}\r\n0\r\nContent-Length: 7\r\nX: y\r\n\r\n",
    "{h}\r\n{b}\r\n0\r\nX y\r\n\r\n",
    "{h};\nx\r\n{b}\r\n0\r\n\r\n",
    "{h}\r\n{b}x\r\n0\r\n\r\n",
    "{h}\r\n{b}\r\n\r\n0\r\n\r\n",
    "\r\n{h}\r\n{b}\r\n0\r\n\r\n",
    "{h}\r\n{b}\r\n0\r\n X: y\r\n\r\n",
    "0\r\n\r\n",
    "{h}\r\n{b}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
)
_STARTS: Final = (
    "POST /v1/eval HTTP/1.1\r\nHost: localhost",
    "\r\nPOST /v1/eval HTTP/1.1\r\nHost: localhost",
    "POST http://localhost/v1/eval HTTP/1.1\r\nHost: localhost",
    "POST /v1/ev%61l HTTP/1.1\r\nHost: localhost",
    "POST  /v1/eval HTTP/1.1\r\nHost: localhost",
    "POST\t/v1/eval HTTP/1.1\r\nHost: localhost",
    "POST /v1/eval HTTP/1.1 \r\nHost: localhost",
    "POST /v1/eval HTTP/1.1\nHost: localhost",
    "POST /v1/eval HTTP/1.1\r\nHost: localhost\r\nHost: localhost",
    "POST /v1/eval HTTP/1.1\r\nHost : localhost",
    "POST /v1/eval HTTP/1.1\r\nX: y",
    "POST /v1/eval HTTP/1.2\r\nHost: localhost",
    "POST /v1/eval\r\nHost: localhost",
    "POST /v1/eval HTTP/1.1\r\nHost: localhost\r\nX:",
    "post /v1/eval HTTP/1.1\r\nHost: localhost",
    "POST /v1/eval?a=b c HTTP/1.1\r\nHost: localhost",
    "GET /v1/eval HTTP/1.1\r\nHost: localhost",
    "POST /v1/eval HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade",
    "POST /v1/eval HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continuex",
)
_BYTES: Final = b"\r\n\t \0:;,5a\x7f\xff"
_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_LINE: Final = re.compile(rb"(?:GET|POST) +(([a-z]+://localhost(?=[:/?]))?/[!-~]*) +HTTP/1\.1")
_FIELD: Final = re.compile(rb"(%b):[ \t]*([\t -~\x80-\xff]*?)[ \t]*" % _TOKEN, re.DOTALL)
_HOST: Final = re.compile(rb"localhost(:[0-9]{0,5})?", re.IGNORECASE)
_ANY_HOST: Final = re.compile(rb"[\w.-]+(:[0-9]{0,5})?", re.ASCII)
_FRAMING: Final = {b"content-length", b"transfer-encoding"}
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t -~\x80-\xff]*)?")


def mutant(chance: Random, number: int) -> bytes:
    """A request to evaluate code that says `number`, with SMUGGLED in its body; wrong in one or two places."""
    code = b"'body-%d' /*" % number + SMUGGLED * chance.randrange(1, 3) + b"*/"
    chunked = chance.random() < 0.5
    starts = _STARTS if chance.random() < 0.3 else _STARTS[:1]
    kinds = _CODINGS if chunked else _LENGTHS
    framing = kinds[0] if chance.random() < 0.3 else kinds[chance.randrange(len(kinds))]
    start = starts[chance.randrange(len(starts))]
    head = f"{start}\r\nContent-Type: text/javascript\r\n{framing}\r\n\r\n".replace("{n}", str(len(code)))
    body = code
    if chunked:
        shape = _CHUNKS[chance.randrange(len(_CHUNKS))] if chance.random() < 0.5 else _CHUNKS[0]
        body = shape.encode().replace(b"{h}", b"%x" % len(code)).replace(b"{b}", code)
    data = head.encode("latin-1") + body
    return _bent(chance, data) if chance.random() < 0.3 else data


def _bent(chance: Random, data: bytes) -> bytes:
    """One byte of the head is replaced, left out, or joined by another one."""
    at = chance.randrange(data.index(b"\r\n\r\n") + 4)
    other = _BYTES[(start := chance.randrange(len(_BYTES))) : start + 1]
    return (
        data[:at] + chance.sample([b"", other, data[at : at + 1] * 2, other + data[at : at + 1]], 1)[0] + data[at + 1 :]
    )


class Refused(Exception):
    """Not a request, or one whose end is not clear."""


def reading(data: bytes) -> tuple[list[bytes], bool]:
    """The targets of the requests in `data`, by the letter of RFC 9112, and whether something else follows them."""
    targets = []
    try:
        while data := data.lstrip(b"\r\n"):
            target, data = _request(data)
            targets.append(target)
    except Refused:
        return targets, True
    return targets, False


def _request(data: bytes) -> tuple[bytes, bytes]:
    head, data = _until(data, b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    line = _LINE.fullmatch(first)
    fields = _fields(lines)
    if line is None or len(fields.get(b"host", [])) != 1:
        raise Refused
    if not (_HOST if line[2] is None else _ANY_HOST).fullmatch(fields[b"host"][0]):
        raise Refused
    lengths, codings = fields.get(b"content-length", []), fields.get(b"transfer-encoding", [])
    if len(lengths) + len(codings) > 1:
        raise Refused
    if codings:
        if codings[0].lower() != b"chunked":
            raise Refused
        return line[1], _after_chunks(data)
    if not lengths:
        return line[1], data
    if not lengths[0].isdigit() or int(lengths[0]) > len(data):
        raise Refused
    return line[1], data[int(lengths[0]) :]


def _fields(lines: list[bytes]) -> dict[bytes, list[bytes]]:
    fields: dict[bytes, list[bytes]] = {}
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise Refused
        fields.setdefault(found[1].lower(), []).append(found[2])
    return fields


def _after_chunks(data: bytes) -> bytes:
    while True:
        line, data = _until(data, b"\r\n")
        found = _SIZE.fullmatch(line)
        if found is None:
            raise Refused
        size = int(found[1], 16)
        if size == 0:
            break
        if data[size : size + 2] != b"\r\n":
            raise Refused
        data = data[size + 2 :]
    if data.startswith(b"\r\n"):
        return data[2:]
    trailers, data = _until(data, b"\r\n\r\n")
    if _fields(trailers.split(b"\r\n")).keys() & _FRAMING:
        raise Refused
    return data


def _until(data: bytes, mark: bytes) -> tuple[bytes, bytes]:
    before, found, after = data.partition(mark)
    if not found:
        raise Refused
    return before, after
