-- What wrk sends, by the first argument, and its outcome as JSON (times in microseconds) in the last line.
local bodies = {
  trivial = '{"code":"1 + 2"}',
  computing = '{"code":"(() => { const end = performance.now() + 1; while (performance.now() < end); return 3 })()"}',
  waiting = '{"code":"new Promise((resolve) => setTimeout(resolve, 20, 3))"}',
  large = '{"code":"\'' .. string.rep("x", 65536) .. '\'"}',
}

-- Requests that differ: `header` gets another value in each, made by `value` from the number of the request.
local function varied(header, value)
  wrk.headers[header] = "@"
  local before, after = wrk.format():match("^(.-: )@(\r\n.*)$")
  local number = 0
  function request()
    number = number + 1
    return before .. value(number) .. after
  end
end

local keys = 10000
local kinds = {
  -- Every key once in 10,000 requests, but not in their order: the step has no factor in common with that.
  keys = function() varied("Tyrex-Key", function(number) return "user-" .. (number * 7919) % keys end) end,
  traces = function()
    varied("traceparent", function(number) return string.format("00-%032x-%016x-01", number, number) end)
  end,
  ids = function() varied("X-Request-Id", function(number) return string.format("%032x", number) end) end,
}

function init(arguments)
  local kind = arguments[1] or "trivial"
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = bodies[kind] or bodies.trivial
  if kinds[kind] then kinds[kind]() end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "duration": %d, "p50": %.1f, "p99": %.1f, "errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
