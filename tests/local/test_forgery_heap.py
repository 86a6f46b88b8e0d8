"""A guest that reads its own heap, finds there what answers the evals that wait, and lets a thread answer them."""

import json

from tests.local.running import RunningPool

_WRITER = r"""
    import process from "node:process";
    const {Pipe, constants} = process.binding("pipe_wrap");
    const {WriteWrap} = process.binding("stream_wrap");
    self.onmessage = ({data}) => {
        for (let fd = 3; fd < 40; fd++) {
            const pipe = new Pipe(constants.SOCKET);
            const request = new WriteWrap();
            request.oncomplete = () => {};
            try {
                if (pipe.open(fd) === 0) pipe.writeUtf8String(request, data);
            } catch { }
        }
        self.postMessage("written");
    };
    self.postMessage("up");
"""

_ATTACK = r"""
    const worker = new Worker("data:application/javascript," + encodeURIComponent(WRITER), {type: "module"});
    worker.onerror = (event) => event.preventDefault();
    const told = () => new Promise((ok) => worker.onmessage = ok);

    /** All strings of the heap that look like the tag of a reply, also those that consist of several. */
    function tags({snapshot: {meta}, nodes, edges, strings}) {
        const width = meta.node_fields.length, edgeWidth = meta.edge_fields.length;
        const edgeCount = meta.node_fields.indexOf("edge_count"), kinds = meta.node_types[0];
        const first = [0];
        for (let i = 0; i < nodes.length / width; i++) first.push(first[i] + nodes[i * width + edgeCount]);
        const text = (i, depth = 0) => {
            if (kinds[nodes[i * width]] !== "concatenated string" || depth > 5) return strings[nodes[i * width + 1]];
            let parts = "";
            for (let e = first[i]; e < first[i + 1]; e++)
                if (/^(first|second)$/.test(strings[edges[e * edgeWidth + 1]]))
                    parts += text(edges[e * edgeWidth + 2] / width, depth + 1);
            return parts;
        };
        const found = new Set();
        for (let i = 0; i < nodes.length / width; i++)
            if (kinds[nodes[i * width]].includes("string")) found.add(text(i));
        return [...found].filter((x) => /^\d{5,10}-\d{5,10}$/.test(x));
    }

    async function attack() {
        await told();
        await new Promise((ok) => setTimeout(ok, 200));
        const stream = (await import("node:v8")).getHeapSnapshot();
        let snapshot = "";
        stream.on("data", (part) => snapshot += part);
        await new Promise((ok) => stream.on("end", ok));
        const lines = tags(JSON.parse(snapshot)).map((tag) => tag + ' result "forged"\n');
        worker.postMessage(lines.join(""));
        await told();
        await new Promise((ok) => setTimeout(ok, 100));
    }
    attack()
"""


def test_what_is_in_the_heap_answers_nobody(fresh: RunningPool) -> None:
    for _ in range(500):  # fast evals: the next ones are sent to the isolate before their turn
        fresh.eval("0")
    attack = fresh.later(_ATTACK.replace("WRITER", json.dumps(_WRITER)), timeoutMs=5000)
    fresh.wait_busy()
    others = [fresh.later(f"{number} + 1") for number in range(8)]
    attack.result()
    for number, other in enumerate(others):
        answer = other.result()
        assert answer.status_code != 200 or answer.json() == {"result": number + 1}
    assert fresh.eval("1 + 2") == 3
