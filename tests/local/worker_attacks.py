"""Evals that leave a Worker behind which opens the descriptors of its process, and writes or reads there."""

import json

OPEN = r"""
import process from "node:process";
const { Pipe, constants } = process.binding("pipe_wrap");
const { WriteWrap } = process.binding("stream_wrap");
const pipes = [];
for (let fd = 3; fd < 64; fd++) {
    const pipe = new Pipe(constants.SOCKET);
    try { if (pipe.open(fd) === 0) pipes.push(pipe) } catch {}
}
const write = (text) => {
    for (const pipe of pipes) {
        const request = new WriteWrap();
        request.oncomplete = () => {};
        try { pipe.writeUtf8String(request, text) } catch {}
    }
};
"""

WRITER = (
    OPEN
    + r"""
self.onmessage = ({ data: { shared, text } }) => {
    const flag = new Int32Array(shared);
    self.postMessage(pipes.length);
    setTimeout(() => { Atomics.wait(flag, 0, 0); write(text) }, 5);
};
"""
)

READER = (
    OPEN
    + r"""
self.onmessage = () => {
    self.postMessage(pipes.length);
    setTimeout(() => { for (const pipe of pipes) { pipe.onread = () => {}; try { pipe.readStart() } catch {} } }, 5);
};
"""
)


def leave_writer(text: str, grown: int) -> str:
    """An eval that leaves a Worker which writes `text` once, when the heap of the main thread has grown by so much."""
    return f"""(() => {{
        const shared = new SharedArrayBuffer(4), flag = new Int32Array(shared);
        const worker = new Worker({json.dumps(_url(WRITER))}, {{type: "module"}});
        return new Promise((done) => {{
            worker.onmessage = (event) => {{
                done(event.data);
                let least = Infinity;
                setInterval(() => {{
                    const used = Deno.memoryUsage().heapUsed;
                    least = Math.min(least, used);
                    if (used - least > {grown}) {{ Atomics.store(flag, 0, 1); Atomics.notify(flag, 0) }}
                }}, 1);
            }};
            worker.postMessage({{shared, text: {json.dumps(text)}}});
        }});
    }})()"""


def leave_reader() -> str:
    """An eval that leaves a Worker which reads whatever comes on the descriptors of its process."""
    return f"""(() => {{
        const worker = new Worker({json.dumps(_url(READER))}, {{type: "module"}});
        return new Promise((done) => {{ worker.onmessage = (event) => done(event.data); worker.postMessage(0) }});
    }})()"""


def _url(source: str) -> str:
    escaped = "".join(f"%{byte:02x}" for byte in source.encode())
    return f"data:application/javascript,{escaped}"
