// So many callers at once, each one eval after another, measured inside Node; the last line printed is the sample.
// Arguments: MODULES CODE CALLERS THREADS TASKS SECONDS WARM_UP (TASKS: how many a thread takes at a time).
import { createRequire } from "node:module";

const [modules, code, ...numbers] = process.argv.slice(2);
const [callers, threads, tasks, seconds, warmUp] = numbers.map(Number);
const { Piscina } = createRequire(`${modules}/package.json`)("piscina");
const pool = new Piscina({
  filename: new URL("worker.mjs", import.meta.url).href,
  minThreads: threads,
  maxThreads: threads,
  concurrentTasksPerWorker: tasks,
});

async function caller(end, latencies) {
  for (let started = performance.now(); started < end;) {
    if (await pool.run(code) !== 3) throw new Error("a wrong result");
    const finished = performance.now();
    latencies.push(finished - started);
    started = finished;
  }
}

async function run(duration) {
  const latencies = [];
  const started = performance.now();
  await Promise.all(Array.from({ length: callers }, () => caller(started + duration * 1000, latencies)));
  return { latencies, took: (performance.now() - started) / 1000 };
}

await run(warmUp);
const before = process.cpuUsage();
const { latencies, took } = await run(seconds);
const spent = process.cpuUsage(before);
latencies.sort((a, b) => a - b);
console.log(JSON.stringify({
  rate: latencies.length / took,
  p50: latencies[Math.floor(latencies.length / 2)] * 1000,
  p99: latencies[Math.floor(latencies.length * 0.99)] * 1000,
  cpu: { node: (spent.user + spent.system) / latencies.length },
}));
await pool.destroy();
