-- Sends the requests of a file in turn, and prints what came of it as one line of JSON.
-- Its argument is the file, each request of which follows a line with its length.
local prepared, thread = {}, nil

-- wrk asks for one request beforehand, which it does not send. A global one, because `done` runs in
-- another interpreter than `request`, and asks for it.
sent = -1

function setup(only)
  thread = only
end

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  while true do
    local length = file:read("*n")
    if not length then break end
    file:read(1)
    prepared[#prepared + 1] = file:read(length)
  end
  file:close()
end

function request()
  sent = sent + 1
  return prepared[(sent - 1) % #prepared + 1]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "sent": %d, "seconds": %.6f, "p50": %.6f, "p99": %.6f, "refused": %d, "broken": %d}\n',
    summary.requests, thread:get("sent"), summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
